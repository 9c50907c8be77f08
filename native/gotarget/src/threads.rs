//! Threads of a stopped process: which goroutine each runs, and inside which map it is.

use goprogram::{MapFunction, MapFunctionKind, Register};
use race::Kind;

use crate::argument;
use crate::catch::Registers;
use crate::error::Error;
use crate::frames::{self, UnwoundFrame};
use crate::goroutine;
use crate::memory::RuntimeAddr;
use crate::registers::ThreadRegisters;
use crate::stack::{self, Frame, Pc};
use crate::target::Target;

/// One stopped thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// The kernel's number of the thread.
    pub tid: u32,
    /// The goroutine it runs; `None` on the scheduler's own stack and in C code that Go didn't call.
    pub goroutine: Option<RuntimeAddr>,
    /// That goroutine's number.
    pub goid: Option<u64>,
    /// Its stack, innermost frame first.
    pub stack: Vec<Pc>,
    /// The map function it is inside of.
    pub inside: Option<Inside>,
    /// Where it is outside the runtime, or else where it is at all.
    pub at: Option<Frame>,
}

/// A map function that a thread is inside of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// What the function is for.
    pub kind: Kind,
    /// The function.
    pub function: String,
    /// The map's header; `None` where the compiler no longer keeps its address.
    pub map: Option<RuntimeAddr>,
}

/// What a map function is for, in the judge's terms; `None` for one that is only a part of others.
#[must_use]
pub fn kind_of(kind: MapFunctionKind) -> Option<Kind> {
    match kind {
        MapFunctionKind::Assign => Some(Kind::Assign),
        MapFunctionKind::Delete => Some(Kind::Delete),
        MapFunctionKind::Clear => Some(Kind::Clear),
        MapFunctionKind::Access => Some(Kind::Read),
        MapFunctionKind::Iterate => Some(Kind::Iterate),
        MapFunctionKind::Other => None,
    }
}

/// What a stopped thread is doing.
///
/// # Errors
/// The program has no DWARF.
pub fn thread(target: &Target<'_>, tid: u32, registers: &Registers<'_>) -> Result<Thread, Error> {
    let goroutine = goroutine::of_thread(target, tid, registers(Register::R14).unwrap_or(0))?;
    let pc = RuntimeAddr(registers(Register::Rip).unwrap_or(0));
    let sp = RuntimeAddr(registers(Register::Rsp).unwrap_or(0));
    let mut frames = frames::walk_thread(target, tid, goroutine, pc, sp);
    // The other registers matter only in map code: a debugger takes long to give them.
    if let Some(first) = frames.first_mut().filter(|first| first.pc.addr == pc && map_code(target, first).is_some()) {
        first.registers = Some(ThreadRegisters::read(tid, registers));
    }
    let stack: Vec<Pc> = frames.iter().map(|frame| frame.pc).collect();
    let innermost = stack.first().and_then(|pc| stack::lines(target, *pc).first().cloned());
    Ok(Thread {
        tid,
        goroutine,
        goid: goroutine.and_then(|g| goroutine::goid(target, g).ok()),
        inside: inside(target, &frames),
        at: stack::caller(target, &stack).or(innermost),
        stack,
    })
}

/// The goroutine that a stopped thread runs, where the program tells it, and the frames of both.
pub(crate) fn walk(target: &Target<'_>, thread: &ThreadRegisters) -> (Option<RuntimeAddr>, Vec<UnwoundFrame>) {
    let at = |register| thread.get(register).unwrap_or(0);
    let goroutine = goroutine::of_thread(target, thread.tid, at(Register::R14)).ok().flatten();
    let (pc, sp) = (RuntimeAddr(at(Register::Rip)), RuntimeAddr(at(Register::Rsp)));
    let mut frames = frames::walk_thread(target, thread.tid, goroutine, pc, sp);
    // C code has no Go frames: then the innermost one is a caller.
    if let Some(first) = frames.first_mut().filter(|first| first.pc.addr == pc) {
        first.registers = Some(thread.clone());
    }
    (goroutine, frames)
}

/// The outermost map function of a stack: the one that the program called.
fn inside(target: &Target<'_>, stack: &[UnwoundFrame]) -> Option<Inside> {
    stack.iter().enumerate().rev().find_map(|(depth, frame)| {
        let (function, code) = map_code(target, frame)?;
        Some(Inside { kind: kind_of(code.kind)?, map: argument::map_of(target, stack, depth), function })
    })
}

/// The map function that a frame is of.
pub(crate) fn map_code(target: &Target<'_>, frame: &UnwoundFrame) -> Option<(String, MapFunction)> {
    let function = target.program.function_at(target.bias.to_link(frame.pc.instruction()))?.name;
    let code = target.program.map_function(&function)?;
    Some((function, code))
}

/// Whether the runtime has all goroutines wait, as the garbage collector does now and then for a moment. It takes
/// each thread to stop by itself: one that is held keeps all waiting.
#[must_use]
pub fn world_is_stopped(target: &Target<'_>) -> bool {
    let waits = || {
        let sched = target.bias.to_runtime(target.program.symbol("runtime.sched")?.addr);
        let offset = target.program.field_offset("runtime.schedt", "gcwaiting").ok()?;
        // A byte since Go 1.20, a word before: its first byte tells.
        target.uint(sched.plus(offset), 1).ok()
    };
    waits().is_some_and(|waits| waits != 0)
}
