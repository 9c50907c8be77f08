//! What a process ends of, if it isn't a map.

use std::ops::RangeInclusive;

use goprogram::Register;

use super::{Fatal, message, name, of_thread};
use crate::error::Error;
use crate::expression::{At, Place};
use crate::frames::UnwoundFrame;
use crate::goroutine;
use crate::memory::{Cause, RuntimeAddr, read_bytes};
use crate::registers::ThreadRegisters;
use crate::stack::Pc;
use crate::target::Target;
use crate::threads;
use crate::value::{Limits, Values};

/// How a process comes to its end.
#[derive(Clone, Debug)]
pub enum End {
    /// A map is used by two goroutines.
    Map(Box<Fatal>),
    /// The runtime ends it for another reason.
    Fatal {
        /// What Go says after `fatal error: `; `None` if it can't be read.
        message: Option<String>,
        /// Where.
        scene: Scene,
    },
    /// A panic that nobody recovers.
    Panic {
        /// What it was called with; `None` if that can't be found.
        value: Option<Place>,
        /// Where.
        scene: Scene,
    },
    /// A signal.
    Signal {
        /// Its number.
        signal: u64,
        /// Where it came.
        scene: Scene,
    },
    /// Nothing: it runs, or has ended well.
    Nothing,
}

/// Where a process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The kernel's number of the thread.
    pub thread: u32,
    /// The goroutine's number; `None` where there is none.
    pub goid: Option<u64>,
    /// The stack from the function that ends the process outwards.
    pub stack: Vec<Pc>,
}

/// The functions that end the process with a message.
const FATAL: [&str; 2] = ["runtime.fatal", "runtime.throw"];

/// Signals that a debugger stops a process with: a copy that it makes then has them, and it was not killed.
const STOPS: [u64; 3] = [5, 19, 23];

/// The numbers that Linux has for signals, and one of them.
const SIGNALS: RangeInclusive<u64> = 1..=64;
const SIGQUIT: u64 = 3;

/// What the handler of a signal calls to end the process, to have others show their stacks, and to wait for that.
const ENDS_OF_SIGNAL: [&str; 4] = ["runtime.dieFromSignal", "runtime.crash", "runtime.raiseproc", "runtime.usleep"];

/// A goroutine that waits inside the fatal function for another one to be done with it is not the first.
const WAITS: [&str; 2] = ["runtime.lock2", "runtime.futexsleep"];

/// What a process that stands still, or is in a core, ends of. `signal` is what the core says that it was killed by.
///
/// # Errors
/// The stacks don't show it, and one of them can't be read.
pub fn end(target: &Target<'_>, threads: &[ThreadRegisters], signal: Option<u64>) -> Result<End, Error> {
    if let Some(fatal) = super::find(target, threads) {
        return Ok(End::Map(Box::new(fatal)));
    }
    let walks: Vec<Walk> = threads.iter().map(|thread| Walk::new(target, thread)).collect();
    let fatal = walks.iter().find_map(|walk| Some((walk, walk.outermost(target, &FATAL)?)));
    if let Some((walk, depth)) = fatal {
        return Ok(End::Fatal { message: message(target, &walk.frames, depth), scene: walk.scene(target, depth) });
    }
    if let Some((walk, depth)) = walks.iter().find_map(|walk| {
        walk.outermost(target, &["runtime.fatalpanic"])?;
        Some((walk, walk.outermost(target, &["runtime.gopanic"])?))
    }) {
        return Ok(End::Panic { value: walk.panic_value(target), scene: walk.scene(target, depth) });
    }
    // A thread that died of a signal may have sent SIGQUIT to all others first, to have them show their stacks, and
    // waits until they have.
    let killed = walks.iter().filter_map(|walk| {
        let handler = walk.outermost(target, &["runtime.sighandler"])?;
        // Not what the signal has interrupted, which may sleep too.
        let ends = walk.frames.iter().take(handler).any(|frame| is_any(target, frame, &ENDS_OF_SIGNAL));
        let number = walk.signal(target, handler + 1)?;
        ends.then_some((walk, number))
    });
    if let Some((walk, number)) = killed.min_by_key(|(_, number)| *number == SIGQUIT) {
        return Ok(End::Signal { signal: number, scene: walk.scene(target, 0) });
    }
    // A process that dies of a map has a signal too: it sends that to itself.
    threads.iter().try_for_each(|thread| readable(target, thread))?;
    Ok(match (signal, walks.first()) {
        // The kernel puts the thread first that it killed the process for.
        (Some(signal), Some(walk)) if !STOPS.contains(&signal) => End::Signal { signal, scene: walk.scene(target, 0) },
        _ => End::Nothing,
    })
}

/// Whether a thread's stack, and that of its goroutine, are there: a core that is cut off may lack them.
fn readable(target: &Target<'_>, thread: &ThreadRegisters) -> Result<(), Error> {
    // One that has ended has none.
    let Some(sp) = thread.get(Register::Rsp).filter(|sp| *sp != 0) else { return Ok(()) };
    target.pointer(RuntimeAddr(sp))?;
    let stack = || {
        let layout = target.program.runtime_layout()?.g;
        let r14 = thread.get(Register::R14).unwrap_or(0);
        let Some(g) = goroutine::of_thread(target, thread.tid, r14)? else { return Ok(()) };
        let end = target.pointer(g.plus(layout.stack_hi))?;
        target.pointer(RuntimeAddr(end.0.wrapping_sub(8))).map(drop)
    };
    match stack() {
        // C code has other things in that register.
        Err(Error::Unreadable(error)) if error.cause == Cause::CutOff => Err(error.into()),
        _ => Ok(()),
    }
}

/// The goroutine that ends the process because of a map: of several, the one that is not waiting for another to be
/// done.
pub(super) fn first<'t>(target: &Target<'_>, threads: &'t [ThreadRegisters]) -> Option<&'t ThreadRegisters> {
    let fatals = threads.iter().filter(|thread| of_thread(target, thread).is_some());
    let waits = |thread: &&ThreadRegisters| Walk::new(target, thread).outermost(target, &WAITS).is_some();
    fatals.min_by_key(waits)
}

/// Whether a frame is that of one of these functions, of which some are in assembly.
fn is_any(target: &Target<'_>, frame: &UnwoundFrame, functions: &[&str]) -> bool {
    name(target, frame).is_some_and(|name| functions.contains(&name.trim_end_matches(".abi0")))
}

/// A thread's stack.
struct Walk {
    thread: u32,
    goroutine: Option<RuntimeAddr>,
    frames: Vec<UnwoundFrame>,
}

impl Walk {
    fn new(target: &Target<'_>, thread: &ThreadRegisters) -> Self {
        let (goroutine, frames) = threads::walk(target, thread);
        Walk { thread: thread.tid, goroutine, frames }
    }

    /// The depth of the outermost frame of one of these functions.
    fn outermost(&self, target: &Target<'_>, functions: &[&str]) -> Option<usize> {
        self.frames.iter().rposition(|frame| is_any(target, frame, functions))
    }

    fn scene(&self, target: &Target<'_>, depth: usize) -> Scene {
        let stack = self.frames.iter().skip(depth).map(|frame| frame.pc).collect();
        let goid = self.goroutine.and_then(|g| goroutine::goid(target, g).ok());
        Scene { thread: self.thread, goid, stack }
    }

    /// The number of the signal that `runtime.sigtrampgo` was called with, whose frame this is: it puts that aside,
    /// above its return address.
    fn signal(&self, target: &Target<'_>, depth: usize) -> Option<u64> {
        let frame =
            self.frames.get(depth).filter(|frame| name(target, frame).as_deref() == Some("runtime.sigtrampgo"))?;
        target.uint(frame.pc.cfa, 4).ok().filter(|number| SIGNALS.contains(number))
    }

    /// What the goroutine has panicked with: the runtime keeps it while it panics.
    fn panic_value(&self, target: &Target<'_>) -> Option<Place> {
        let field = |ty, name| target.program.field_offset(ty, name).ok();
        let panic = target.pointer(self.goroutine?.plus(field("runtime.g", "_panic")?)).ok()?;
        let argument = panic.plus(field("runtime._panic", "arg")?);
        let bytes = read_bytes(target.memory, argument, 16).ok()?;
        let (ty, at): (_, At) = Values::new(*target, Limits::default()).held(&bytes, true)?;
        Some(Place { expression: "panic".to_owned(), ty, at })
    }
}
