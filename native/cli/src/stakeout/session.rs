//! A process that is traced while it is staked out: what happens to it, until somebody runs into a trap.

use std::process::Command;
use std::time::{Duration, Instant};

use command::Status;
use gotarget::Process;
use nix::libc::SIGTRAP;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use trap::{At, Breakpoint, End, Event, TRAP_PERF, Tracer};

use super::lines::Lines;
use super::program::Program;
use super::signals::{Relation, Signals};
use super::{StakeoutArgs, Then};
use crate::error::Error;
use crate::say;

/// A process that is staked out.
pub(crate) struct Session<'a> {
    pub(crate) args: &'a StakeoutArgs,
    relation: Relation,
    signals: Signals,
    /// The Go program that it executes; `None` while it is another one. Its breakpoints go first: whoever runs into one
    /// without a tracer dies of it.
    pub(crate) program: Option<Program>,
    pub(crate) tracer: Tracer,
    pub(crate) lines: Lines,
    /// Whether a race was found.
    pub(crate) found: bool,
    has_seen_go: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This thread is about to end the process.
    Fatal(i32),
    /// The process executes another program, and stands before its first instruction.
    Executes,
    /// It has ended.
    Ended(End),
    /// The user wants an end.
    Asked,
    /// Time is up.
    Time,
}

/// How long to wait for threads that won't stop. They wait in the kernel, and so not in a map.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

impl<'a> Session<'a> {
    /// Stakes out a process that runs.
    pub(crate) fn attach(args: &'a StakeoutArgs, pid: i32, signals: Signals, lines: Lines) -> Result<Self, Error> {
        // Whatever there is to say against it is said before it is touched.
        let process = Process::live(pid, args.exe.as_deref())?;
        let tracer = Tracer::attach(pid)?;
        let mut session = Session::new(args, Relation::Other, signals, tracer, lines);
        session.tracer.stop_all(PATIENCE);
        session.program = Some(Program::stake_out(process, &session.tracer)?);
        session.tracer.resume_all();
        say(&format!("waiting for a race in process {pid}; Ctrl-C lets it go"));
        Ok(session)
    }

    /// Starts a program, and stakes it out.
    pub(crate) fn spawn(
        args: &'a StakeoutArgs,
        command: Command,
        signals: Signals,
        lines: Lines,
    ) -> Result<Self, Error> {
        let (tracer, _) = Tracer::spawn(command, signals.before())?;
        let mut session = Session::new(args, Relation::Child, signals, tracer, lines);
        match session.begin() {
            Ok(()) => Ok(session),
            Err(error) => {
                // It has not done anything yet.
                let _ = kill(Pid::from_raw(session.tracer.pid()), Signal::SIGKILL);
                while session.tracer.wait(None).is_some() {}
                Err(error)
            }
        }
    }

    /// Stakes out a program that is about to begin, or makes sure that another one that it executes then can be.
    fn begin(&mut self) -> Result<(), Error> {
        let pid = self.tracer.pid();
        // Unless somebody has ended it already.
        if let Some(Event::Exec { .. }) = self.tracer.wait(None) {
            drop(Breakpoint::set(pid, [pid], At::Instruction(0))?);
            self.program = Program::executed(&self.tracer, self.args.exe.as_deref())?;
            self.tracer.resume(pid, 0);
        }
        Ok(())
    }

    fn new(args: &'a StakeoutArgs, relation: Relation, mut signals: Signals, tracer: Tracer, lines: Lines) -> Self {
        signals.pass_on(relation, tracer.pid(), tracer.waker());
        Session { args, relation, signals, tracer, program: None, lines, found: false, has_seen_go: false }
    }

    /// Follows the process until it ends, or the user wants an end.
    pub(crate) fn follow(mut self) -> Result<Status, Error> {
        self.lines.begin();
        loop {
            match self.next(None) {
                // Somebody is caught: nothing keeps the process from its end any more.
                Next::Fatal(tid) if self.found => self.tracer.resume(tid, 0),
                Next::Fatal(tid) => {
                    let Some(caught) = self.catch(tid) else { continue };
                    self.found = true;
                    if let Some(program) = &mut self.program {
                        program.give_up();
                    }
                    if let Some(end) = self.tracer.end() {
                        return self.ended(end);
                    }
                    match (self.args.then, self.relation) {
                        (Then::Hold, _) => return self.hold(tid),
                        (Then::Die | Then::Core, Relation::Other) => return self.leave(),
                        (Then::Die | Then::Core, Relation::Child) => {
                            caught.held.into_iter().for_each(|tid| self.tracer.resume(tid, 0));
                        }
                    }
                }
                Next::Executes => self.stake_out_again(),
                Next::Ended(end) => return self.ended(end),
                Next::Asked | Next::Time => return self.leave(),
            }
        }
    }

    /// The process has ended.
    fn ended(mut self, end: End) -> Result<Status, Error> {
        self.lines.finish(self.relation)?;
        if self.relation == Relation::Other {
            say(&format!("process {} has ended", self.tracer.pid()));
            return Ok(self.status());
        }
        if !self.has_seen_go {
            let what = match &self.args.exe {
                Some(exe) => format!("nothing was executed that {} is the executable of", exe.display()),
                None => "no Go program was executed".to_owned(),
            };
            say(&format!("{what}: what the command starts is only watched where it executes it itself (exec)"));
        }
        end.pass_on()
    }

    /// The next thing to be decided. All others are dealt with.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Next {
        self.has_seen_go |= self.program.is_some();
        loop {
            if self.signals.wants_end() {
                return Next::Asked;
            }
            if self.tracer.is_paused() {
                self.signals.stop_with(self.tracer.pid());
            }
            match self.tracer.wait(deadline) {
                None if deadline.is_some_and(|deadline| deadline <= Instant::now()) => return Next::Time,
                None => {
                    if let Some(end) = self.tracer.end() {
                        return Next::Ended(end);
                    }
                }
                Some(Event::Paused { .. } | Event::ThreadEnded { .. }) => {}
                Some(Event::Signal { tid, signal }) => self.tracer.resume(tid, signal),
                Some(Event::Born { tid }) => self.tracer.resume(tid, 0),
                Some(Event::Trap { tid, code }) => {
                    let program = self.program.as_ref().filter(|_| code == TRAP_PERF);
                    if program.is_some_and(|program| program.is_at_fatal(&self.tracer, tid)) {
                        return Next::Fatal(tid);
                    }
                    self.tracer.resume(tid, SIGTRAP);
                }
                Some(Event::Exec { .. }) => return Next::Executes,
                Some(Event::Ended(end)) => return Next::Ended(end),
            }
        }
    }

    /// Stakes out the program that the process executes by now.
    pub(crate) fn stake_out_again(&mut self) {
        self.program = None;
        match Program::executed(&self.tracer, self.args.exe.as_deref()) {
            Ok(program) => self.program = program,
            Err(error) => say(&format!("process {} runs on unwatched: {error}", self.tracer.pid())),
        }
        self.tracer.resume(self.tracer.pid(), 0);
    }

    /// Lets the process go.
    fn leave(mut self) -> Result<Status, Error> {
        self.program = None;
        self.lines.finish(self.relation)?;
        let status = self.status();
        self.tracer.detach();
        Ok(status)
    }

    /// Leaves the process stopped, for a debugger, which is told the thread that would end it.
    fn hold(mut self, tid: i32) -> Result<Status, Error> {
        let pid = self.tracer.pid();
        self.tracer.stop_all(PATIENCE);
        // Whoever goes on next stops the others, before an instruction of its own.
        kill(Pid::from_raw(pid), Signal::SIGSTOP)?;
        self.program = None;
        self.lines.finish(self.relation)?;
        let status = self.status();
        let relation = self.relation;
        self.tracer.detach();
        self.signals.stop_alone();
        say(&format!(
            "process {pid} is stopped just before its end, by thread {tid}. Look at it with `gdb -p {pid}` (`thread find \
             {tid}` finds that thread), `lldb -p {pid}` or `dlv attach {pid}`; then let it end with `kill -CONT {pid}`"
        ));
        match relation {
            Relation::Other => Ok(status),
            // Without its parent the kernel would let it go on.
            Relation::Child => End::of_child(pid).pass_on(),
        }
    }

    /// Whether the user wants an end.
    pub(crate) fn wants_end(&self) -> bool {
        self.signals.wants_end()
    }

    fn status(&self) -> Status {
        if self.found { Status::Found } else { Status::Clean }
    }
}
