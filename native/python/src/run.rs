//! The commands that every front end has, run for a debugger.

use std::io::Write;

use command::{Command, Context};
use goprogram::Register;
use gotarget::{FrameContext, Limits, RuntimeAddr, Target, ThreadRegisters};
use pyo3::prelude::*;
use report::Palette;

use crate::guard::Failure;
use crate::memory::registers;
use crate::output::{Output, Pulse};
use crate::session::{GivenThread, describe};

/// Where the user of a debugger stands.
#[derive(FromPyObject)]
pub(crate) struct Scene<'py> {
    /// The selected frame: its program counter, whether that is a return address, and its registers.
    frame: Option<(u64, bool, Bound<'py, PyAny>)>,
    /// The stopped threads, where a command needs them.
    threads: Vec<GivenThread<'py>>,
    /// The selected thread.
    current: u32,
    /// Whether the process runs while it is looked at.
    is_running: bool,
    /// Whether the answer may be coloured.
    colour: bool,
}

/// Reads and runs a command.
pub(crate) fn run(
    target: &Target<'_>,
    words: &[String],
    scene: &Scene<'_>,
    output: &mut Output<'_>,
    pulse: &Pulse<'_>,
) -> Result<(), Failure> {
    let command = match command::parse(words) {
        Ok(command) => command,
        Err(usage) if usage.asked_for => {
            return writeln!(output, "{}", usage.text).and_then(|()| output.flush()).map_err(|error| failure(&error));
        }
        Err(usage) => return Err(Failure::Core(one_line(words, &usage.text))),
    };
    let threads = describe(target, &scene.threads)?;
    let needs_registers = matches!(command, Command::Autopsy(_));
    let all_registers: Vec<ThreadRegisters> = scene
        .threads
        .iter()
        .filter(|_| needs_registers)
        .map(|(tid, callable)| ThreadRegisters::read(*tid, &registers(callable)))
        .collect();
    let registers = scene.frame.as_ref().map(|(_, _, callable)| registers(callable));
    let frame = scene.frame.as_ref().zip(registers.as_ref());
    let context = Context {
        target: *target,
        frame: frame.map(|((pc, is_return, _), registers)| frame_of(target, *pc, *is_return, registers)),
        unstopped: scene.is_running,
        threads: &threads,
        registers: &all_registers,
        signal: None,
        selected: Some(scene.current),
        palette: Palette::new(scene.colour),
        limits: Limits::default(),
        progress: None,
        notes: None,
        interrupted: &|| pulse.is_over(),
    };
    let answered = command.run(&context, output).map_err(|error| failure(&error));
    output.flush().map_err(|error| failure(&error))?;
    // Damage that was found is an answer too.
    answered.map(|_| ())
}

fn failure(error: &dyn std::error::Error) -> Failure {
    Failure::Core(error.to_string())
}

/// The frame that a debugger has unwound to: its stack pointer is good, its other registers only where no
/// call is in between, for Go saves none.
fn frame_of<'a>(
    target: &Target<'_>,
    pc: u64,
    is_return: bool,
    registers: &'a dyn Fn(Register) -> Option<u64>,
) -> FrameContext<'a> {
    let pc = RuntimeAddr(if is_return { pc.wrapping_sub(1) } else { pc });
    let rule = target.program.caller_frame(target.bias.to_link(pc)).ok();
    let cfa = rule.zip(registers(Register::Rsp)).map(|(rule, sp)| sp.wrapping_add_signed(rule.offset_from_sp));
    let registers: &dyn Fn(Register) -> Option<u64> = if is_return { &|_| None } else { registers };
    FrameContext { pc, cfa: cfa.map(RuntimeAddr), registers }
}

/// What clap says of wrong words, which is many lines, in one.
fn one_line(words: &[String], text: &str) -> String {
    let said: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let said = said.join(" ");
    let command = words.first().map_or("gomap", String::as_str);
    format!("{}; see `help gomap {command}`", said.trim_start_matches("error: ").trim())
}
