//! The end of a process by the runtime's own hand: who found that a map is used by two, which map, and with
//! what words. As it is at the first instruction of the fatal function, and later, up to the last signal: in a
//! process that stands still, or in its core.

mod elsewhere;
mod end;
mod map;

use goprogram::Register;
use race::Kind;

use crate::argument;
use crate::frames::UnwoundFrame;
use crate::goroutine;
use crate::memory::{RuntimeAddr, read_bytes};
use crate::registers::ThreadRegisters;
use crate::stack::{self, Pc};
use crate::target::Target;
use crate::threads::{self, kind_of, map_code};

pub use end::{End, Scene, end};
pub use map::{Doomed, Sureness};

/// A goroutine that ends the process because it found a map used by another one at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal {
    /// The kernel's number of the thread.
    pub thread: u32,
    /// The goroutine; `None` where the program doesn't tell how the runtime keeps it.
    pub goroutine: Option<RuntimeAddr>,
    /// Its number.
    pub goid: Option<u64>,
    /// What Go says after `fatal error: `, as `concurrent map writes`; `None` if it can't be read.
    pub message: Option<String>,
    /// What the detecting access is for. A clone reads.
    pub kind: Kind,
    /// The map function that the program called.
    pub function: String,
    /// The goroutine's stack from the fatal function outwards.
    pub stack: Vec<Pc>,
    /// The map; `None` if nothing tells which.
    pub map: Option<Doomed>,
}

/// The functions that end the process, the last one up to Go 1.18 for concurrent maps too.
const FATAL: [&str; 3] = ["internal/runtime/maps.fatal", "runtime.fatal", "runtime.throw"];

/// How each of Go's four messages about concurrent maps begins.
const CONCURRENT: &str = "concurrent map ";

/// No message of the runtime is as long.
const LONGEST_MESSAGE: u64 = 256;

/// The fatal map access that a stopped thread is about to end the process for, or has begun to; `None` if it
/// does something else.
#[must_use]
pub fn of_thread(target: &Target<'_>, thread: &ThreadRegisters) -> Option<Fatal> {
    let (goroutine, frames) = threads::walk(target, thread);
    let depth = fatal_depth(target, &frames)?;
    let message = message(target, &frames, depth);
    let concerns_maps = message.as_ref().is_none_or(|message| message.starts_with(CONCURRENT));
    if !concerns_maps || (message.is_none() && name(target, frames.get(depth)?)? == "runtime.throw") {
        return None;
    }
    let called = called(target, &frames, depth + 1);
    let kind = (depth + 1..=called).rev().find_map(|depth| kind_of(map_code(target, frames.get(depth)?)?.1.kind));
    Some(Fatal {
        thread: thread.tid,
        goroutine,
        goid: goroutine.and_then(|g| goroutine::goid(target, g).ok()),
        message,
        kind: kind.unwrap_or(Kind::Read),
        function: map_code(target, frames.get(called)?)?.0,
        map: map::find(target, &frames, depth + 1..=called),
        stack: frames.get(depth..)?.iter().map(|frame| frame.pc).collect(),
    })
}

/// The same, and where the thread's own stack doesn't tell the map, the stacks of other goroutines may: of a reader,
/// which since Go 1.24 may keep nothing of the map once it has found it being written.
#[must_use]
pub fn of_thread_among(target: &Target<'_>, thread: &ThreadRegisters) -> Option<Fatal> {
    let mut fatal = of_thread(target, thread)?;
    fatal.map = fatal.map.or_else(|| elsewhere::find(target, thread));
    Some(fatal)
}

/// The fatal map access that a process which stands still ends of: of several threads the first that came to it.
#[must_use]
pub fn find(target: &Target<'_>, threads: &[ThreadRegisters]) -> Option<Fatal> {
    of_thread_among(target, end::first(target, threads)?)
}

impl Fatal {
    /// Where the program called the map function.
    #[must_use]
    pub fn caller(&self, target: &Target<'_>) -> Option<Pc> {
        let is_own = |pc: &&Pc| stack::lines(target, **pc).iter().any(|frame| !frame.is_runtime());
        self.stack.iter().find(is_own).copied()
    }
}

/// The depth of the fatal function that map code has called: the outermost if one calls another.
fn fatal_depth(target: &Target<'_>, frames: &[UnwoundFrame]) -> Option<usize> {
    let is_fatal = |frame| name(target, frame).is_some_and(|name| FATAL.contains(&name.as_str()));
    let mut pairs = frames.iter().zip(frames.iter().skip(1));
    pairs.position(|(frame, caller)| is_fatal(frame) && !is_fatal(caller) && map_code(target, caller).is_some())
}

/// The depth of the map function that the program called, given that of one on its stack.
fn called(target: &Target<'_>, frames: &[UnwoundFrame], mut depth: usize) -> usize {
    while frames.get(depth + 1).is_some_and(|frame| map_code(target, frame).is_some()) {
        depth += 1;
    }
    depth
}

/// What the fatal function was called with.
fn message(target: &Target<'_>, frames: &[UnwoundFrame], depth: usize) -> Option<String> {
    let passed = |register| argument::entered_with(target, frames, depth, register);
    let (text, len) = (passed(Register::Rax)?.value, passed(Register::Rbx)?.value);
    let len = usize::try_from(len.min(LONGEST_MESSAGE)).ok()?;
    let in_file = target.program.code(target.bias.to_link(RuntimeAddr(text)), len as u64).map(<[u8]>::to_vec);
    let bytes = in_file.or_else(|| read_bytes(target.memory, RuntimeAddr(text), len).ok())?;
    String::from_utf8(bytes).ok()
}

fn name(target: &Target<'_>, frame: &UnwoundFrame) -> Option<String> {
    Some(target.program.function_at(target.bias.to_link(frame.pc.instruction()))?.name)
}
