//! All goroutines' stacks, read in pieces and searched for a few words.

use std::collections::HashSet;
use std::ops::{ControlFlow, Range};

use gomap::Part;

use crate::error::Error;
use crate::goroutine;
use crate::memory::{RuntimeAddr, read_bytes};
use crate::target::Target;

/// Stacks read in one go.
const BATCH: usize = 128;

/// So much of a stack is read above and below the stack pointer, in bytes: a usual one is a tenth of that.
const ABOVE: u64 = 1 << 20;
const BELOW: u64 = 1 << 16;

/// What the runtime keeps of a goroutine that matters here.
#[derive(Clone, Debug)]
pub(crate) struct Resting {
    pub(crate) g: RuntimeAddr,
    /// Its number.
    pub(crate) goid: u64,
    /// `atomicstatus`, without the scan bit.
    pub(crate) status: u64,
    /// Its stack, all of it.
    pub(crate) stack: Range<u64>,
    /// Where it is to go on.
    pub(crate) sp: u64,
    /// Its first function.
    pub(crate) startpc: u64,
    /// Since when it has waited, if a garbage collection has found it waiting; else 0.
    pub(crate) waitsince: u64,
    /// Its first entry in a channel's queue, if it waits at one; else 0.
    pub(crate) sudog: u64,
}

/// A part of a goroutine's stack.
pub(crate) struct Stack {
    /// The address of the first byte.
    pub(crate) base: u64,
    pub(crate) bytes: Vec<u8>,
    /// The stack pointer: what lies below is dead.
    pub(crate) sp: u64,
    /// Whether the stack is larger than what was read of it.
    pub(crate) is_cut: bool,
}

impl Stack {
    /// The word at an address.
    pub(crate) fn word(&self, addr: u64) -> Option<u64> {
        let from = usize::try_from(addr.checked_sub(self.base)?).ok()?;
        self.bytes.get(from..)?.first_chunk().copied().map(u64::from_le_bytes)
    }

    /// All words, with their addresses.
    pub(crate) fn words(&self) -> impl Iterator<Item = (u64, u64)> {
        let (words, _) = self.bytes.as_chunks();
        (self.base..).step_by(8).zip(words.iter().copied().map(u64::from_le_bytes))
    }
}

/// The addresses of all `g`s, of goroutines that have ended too.
pub(crate) fn all(target: &Target<'_>) -> Result<Vec<RuntimeAddr>, Error> {
    let mut all = Vec::new();
    goroutine::each(target, &mut |g| {
        all.push(g);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// A goroutine's `atomicstatus`, without the scan bit.
pub(crate) fn status(target: &Target<'_>, g: RuntimeAddr) -> Option<u64> {
    let layout = target.program.runtime_layout().ok()?.g;
    Some(target.uint(g.plus(layout.atomicstatus), 4).ok()? & !goroutine::SCAN)
}

/// What the runtime keeps of a goroutine; `None` where that cannot be read.
fn resting(target: &Target<'_>, g: RuntimeAddr, waitsince: Option<u64>, waiting: Option<u64>) -> Option<Resting> {
    let layout = target.program.runtime_layout().ok()?.g;
    let bytes = read_bytes(target.memory, g, usize::try_from(layout.size).ok()?).ok()?;
    let word = |offset: u64| {
        let from = bytes.get(usize::try_from(offset).ok()?..)?;
        from.first_chunk().copied().map(u64::from_le_bytes)
    };
    Some(Resting {
        g,
        goid: word(layout.goid)?,
        status: word(layout.atomicstatus)? & 0xffff_ffff & !goroutine::SCAN,
        stack: word(layout.stack_lo)?..word(layout.stack_hi)?,
        sp: word(layout.sched_sp)?,
        startpc: word(layout.startpc)?,
        waitsince: waitsince.and_then(word).unwrap_or(0),
        sudog: waiting.and_then(word).unwrap_or(0),
    })
}

/// Visits each goroutine with its stack. `sp` gives the stack pointer of one that a thread runs. Counts those
/// whose stack cannot be read.
pub(crate) fn each(
    target: &Target<'_>,
    all: &[RuntimeAddr],
    dead: &HashSet<u64>,
    sp: &dyn Fn(RuntimeAddr, &Range<u64>) -> Option<u64>,
    visit: &mut dyn FnMut(&Resting, Stack) -> ControlFlow<()>,
) -> u64 {
    let mut unread = 0;
    // Looked up once, and not for each of thousands.
    let field = |name| target.program.field_offset("runtime.g", name).ok();
    let (waitsince, waiting) = (field("waitsince"), field("waiting"));
    for batch in all.chunks(BATCH) {
        let mut goroutines = Vec::new();
        for g in batch {
            let Some(resting) = resting(target, *g, waitsince, waiting) else {
                unread += 1;
                continue;
            };
            // One that has ended may have given its stack back.
            let is_dead = dead.contains(&resting.status);
            if resting.stack.is_empty() {
                unread += u64::from(!is_dead);
                continue;
            }
            let stack = &resting.stack;
            let sp = sp(*g, stack).unwrap_or(if is_dead { stack.end } else { resting.sp });
            let sp = if stack.contains(&sp) { sp } else { stack.end };
            let base = stack.start.max(sp.saturating_sub(BELOW)) & !7;
            let end = stack.end.min(sp.saturating_add(ABOVE));
            let bytes = vec![0; usize::try_from(end.saturating_sub(base)).unwrap_or(0)];
            let is_cut = base > stack.start || end < stack.end;
            goroutines.push((resting, Stack { base, bytes, sp, is_cut }));
        }
        let mut parts: Vec<Part<'_>> = goroutines
            .iter_mut()
            .map(|(_, stack)| Part { addr: stack.base, buf: &mut stack.bytes, read: false })
            .collect();
        target.memory.read_parts(&mut parts);
        let read: Vec<bool> = parts.iter().map(|part| part.read).collect();
        for ((resting, stack), read) in goroutines.into_iter().zip(read) {
            if !read {
                unread += 1;
            } else if visit(&resting, stack).is_break() {
                return unread;
            }
        }
    }
    unread
}
