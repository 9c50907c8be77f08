//! Threads of a stopped process: which goroutine each runs, and inside which map it is.

use goprogram::{Location, MapFunctionKind, Register};
use race::Kind;

use crate::catch::Registers;
use crate::error::Error;
use crate::frames::{self, UnwoundFrame};
use crate::goroutine;
use crate::memory::RuntimeAddr;
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
    let frames = frames::walk_thread(target, tid, goroutine, pc, sp);
    let stack: Vec<Pc> = frames.iter().map(|frame| frame.pc).collect();
    let innermost = stack.first().and_then(|pc| stack::lines(target, *pc).first().cloned());
    Ok(Thread {
        tid,
        goroutine,
        goid: goroutine.and_then(|g| goroutine::goid(target, g).ok()),
        inside: inside(target, &frames, registers),
        at: stack::caller(target, &stack).or(innermost),
        stack,
    })
}

/// The outermost map function of a stack: the one that the program called.
fn inside(target: &Target<'_>, stack: &[UnwoundFrame], registers: &Registers<'_>) -> Option<Inside> {
    stack.iter().enumerate().rev().find_map(|(depth, frame)| {
        let pc = frame.pc;
        let function = target.program.function_at(target.bias.to_link(pc.instruction()))?.name;
        let kind = kind_of(target.program.map_function(&function)?.kind)?;
        // Only the innermost frame's registers are still its own, and those of one that a signal interrupted.
        let saved = |register| frame.registers.as_ref()?.get(register);
        let registers: &Registers<'_> = if depth == 0 { registers } else { &saved };
        Some(Inside { kind, map: map_of(target, pc, registers), function })
    })
}

/// What the runtime calls a map in the parameters of its map functions: `h` up to Go 1.23, `m` since.
const MAP: [&str; 2] = ["h", "m"];

/// What it calls an iterator, and the types of iterators with their fields that hold the map.
const ITERATOR: &str = "it";
const ITERATORS: [(&str, &str); 2] = [("runtime.hiter", "h"), ("internal/runtime/maps.Iter", "m")];

/// The map that a map function works on, by its parameters.
fn map_of(target: &Target<'_>, pc: Pc, registers: &Registers<'_>) -> Option<RuntimeAddr> {
    if let Some(map) = MAP.iter().find_map(|name| parameter(target, pc, registers, name)) {
        return Some(map);
    }
    let iterator = parameter(target, pc, registers, ITERATOR)?;
    ITERATORS.iter().find_map(|(type_name, field)| {
        let offset = target.program.field_offset(type_name, field).ok()?;
        target.pointer(iterator.plus(offset)).ok()
    })
}

fn parameter(target: &Target<'_>, pc: Pc, registers: &Registers<'_>, name: &str) -> Option<RuntimeAddr> {
    match target.program.parameter_location(target.bias.to_link(pc.instruction()), name).ok()?? {
        Location::Register(register) => registers(register).map(RuntimeAddr),
        Location::FromCfa(offset) => target.pointer(RuntimeAddr(pc.cfa.0.wrapping_add_signed(offset))).ok(),
    }
}
