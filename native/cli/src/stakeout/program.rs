//! The Go program that a process executes, with breakpoints where it ends because of a race.

use std::path::Path;

use gotarget::{Process, ThreadRegisters};
use trap::{At, Breakpoint, Tracer};

use crate::error::Error;

/// A Go program that is staked out.
pub(crate) struct Program {
    pub(crate) process: Process,
    /// Where the functions begin that end the process.
    fatal: Vec<u64>,
    breakpoints: Vec<Breakpoint>,
}

impl Program {
    /// Sets the breakpoints in all threads of a process, which stand still.
    pub(crate) fn stake_out(process: Process, tracer: &Tracer) -> Result<Self, Error> {
        let target = process.target();
        let functions = target.program.fatal_functions();
        let fatal: Vec<u64> = functions.iter().map(|function| target.bias.to_runtime(function.entry).0).collect();
        if fatal.is_empty() {
            return Err(Error::NoFatalFunction { program: target.program.path().to_owned() });
        }
        let set = |addr: &u64| Breakpoint::set(tracer.pid(), tracer.threads(), At::Instruction(*addr));
        let breakpoints = fatal.iter().map(set).collect::<Result<_, _>>()?;
        Ok(Program { process, fatal, breakpoints })
    }

    /// What the process executes by now, staked out; `None` if it is no Go program, or not the one that is meant.
    pub(crate) fn executed(tracer: &Tracer, exe: Option<&Path>) -> Result<Option<Self>, Error> {
        match Process::live(tracer.pid(), exe) {
            Ok(process) => Program::stake_out(process, tracer).map(Some),
            Err(gotarget::Error::NotGo { .. }) => Ok(None),
            Err(gotarget::Error::WrongProgram { .. }) if exe.is_some() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a thread that has run into a breakpoint stands where the process is ended, and not at one of the
    /// program's own.
    pub(crate) fn is_at_fatal(&self, tracer: &Tracer, tid: i32) -> bool {
        tracer.registers(tid).is_ok_and(|registers| self.fatal.contains(&registers.rip))
    }

    /// Takes the breakpoints away. Whoever has run into one before is still known by where it stands.
    pub(crate) fn give_up(&mut self) {
        self.breakpoints.clear();
    }
}

/// The registers of a thread that stands.
pub(crate) fn registers(tracer: &Tracer, tid: i32) -> Option<ThreadRegisters> {
    tracer.thread(tid).ok().map(|thread| ThreadRegisters::from(&thread))
}
