//! A command on a process: opens it, runs the command, lets it go.

use clap::ColorChoice;
use command::{Command, Context, Status};
use goprogram::Register;
use gotarget::threads::{self, Thread};
use gotarget::{FrameContext, Kind, Limits, LiveMemory, Process, UnwoundFrame, stack};

use crate::arguments::{FrameArgs, ProcessArgs};
use crate::error::Error;
use crate::output::Output;
use crate::progress::Progress;
use crate::{colour, interrupt, say};

/// Runs a command on the process that the user means.
pub(crate) fn run(
    command: &Command,
    args: &ProcessArgs,
    whose: &FrameArgs,
    color: ColorChoice,
) -> Result<Status, Error> {
    let process = args.open()?;
    for warning in process.warnings() {
        say(&format!("note: {warning}"));
    }
    interrupt::listen();
    let stopped = if args.stop { Some(process.stop().map_err(Error::Stop)?) } else { None };
    let is_running = stopped.is_none() && matches!(process.kind(), Kind::Live { .. });
    let target = process.target();
    let frame = whose.goroutine.map(|goroutine| frame(&process, goroutine, whose.frame)).transpose()?;
    let registers = |register: Register| frame.as_ref().and_then(|frame| frame.register(register));
    let frame_context = frame.as_ref().map(|frame| FrameContext {
        pc: frame.pc.instruction(),
        cfa: Some(frame.pc.cfa),
        registers: &registers,
    });
    let threads = if is_running { Vec::new() } else { threads(&process, command)? };
    let registers_of_all = if is_running { Vec::new() } else { process.threads()? };
    let progress = Progress::new();
    let context = Context {
        target,
        frame: frame_context,
        unstopped: is_running,
        threads: &threads,
        registers: &registers_of_all,
        signal: process.signal(),
        selected: None,
        palette: colour::palette(color),
        limits: Limits::default(),
        progress: Some(&|done, of| progress.show(done, of)),
        notes: Some(&|note| say(&note)),
        interrupted: &interrupt::happened,
    };
    let mut output = Output::new(&progress, stopped.is_some());
    let answered = command.run(&context, &mut output);
    progress.clear();
    drop(stopped);
    output.finish()?;
    let status = answered?;
    match process.kind() {
        // What looks like damage is only that it is gone.
        Kind::Live { pid } if status == Status::Found && LiveMemory::of(*pid).is_err() => {
            Err(Error::Ended { pid: *pid })
        }
        _ => Ok(status),
    }
}

impl ProcessArgs {
    fn open(&self) -> Result<Process, gotarget::Error> {
        match (&self.source.core, self.source.pid) {
            (Some(core), _) => Process::core(core, self.exe.as_deref()),
            // One of the two is required.
            (None, pid) => Process::live(pid.unwrap_or_default(), self.exe.as_deref()),
        }
    }
}

/// What each thread is doing, for the commands that tell it.
fn threads(process: &Process, command: &Command) -> Result<Vec<Thread>, Error> {
    if !matches!(command, Command::Check(_) | Command::Goroutines(_) | Command::Autopsy(_)) {
        return Ok(Vec::new());
    }
    let target = process.target();
    // An autopsy tells what it can without debug information.
    if matches!(command, Command::Autopsy(_)) && !target.program.has_dwarf() {
        return Ok(Vec::new());
    }
    let threads = process.threads()?;
    let stopped = threads.iter().filter(|thread| thread.is_stopped());
    Ok(stopped
        .map(|thread| threads::thread(&target, thread.tid, &|register| thread.get(register)))
        .collect::<Result<_, _>>()?)
}

/// A frame of a goroutine: the one with this number, or else the innermost outside the runtime.
fn frame(process: &Process, goroutine: u64, number: Option<usize>) -> Result<UnwoundFrame, Error> {
    let frames = process.frames(goroutine)?;
    let target = process.target();
    let name = |frame: &UnwoundFrame| {
        let lines = stack::lines(&target, frame.pc);
        lines.first().map_or_else(|| frame.pc.addr.to_string(), |line| line.function.clone())
    };
    let chosen = match number {
        Some(number) => number,
        None => frames.iter().position(|frame| !name(frame).starts_with("runtime.")).unwrap_or(0),
    };
    match frames.get(chosen) {
        Some(frame) => Ok(frame.clone()),
        None if frames.is_empty() => Err(Error::NoStack { goroutine }),
        None => {
            let named = frames.iter().enumerate().map(|(number, frame)| format!("{number} ({})", name(frame)));
            Err(Error::NoFrame { goroutine, frame: chosen, frames: named.collect::<Vec<_>>().join(", ") })
        }
    }
}
