//! Goroutines: which one a thread runs, and all there are.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::memory::{RuntimeAddr, read_bytes, read_uint};
use crate::stack::{self, Frame, Pc};
use crate::target::Target;

/// More goroutines than any process has: a longer list is a damaged one.
const MOST: u64 = 1 << 28;

/// Entries of `runtime.allgs` read at once.
const PIECE: u64 = 4096;

/// The bit of `atomicstatus` that says that the garbage collector scans the stack (`_Gscan`,
/// runtime/runtime2.go, unchanged from Go 1.4 to 1.27).
pub(crate) const SCAN: u64 = 0x1000;

/// The longest wait reason is far shorter (runtime/runtime2.go, `waitReasonStrings`).
const LONGEST_REASON: usize = 128;

/// What the runtime knows of one goroutine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goroutine {
    /// The address of its `runtime.g`.
    pub g: RuntimeAddr,
    /// The number that Go prints.
    pub goid: u64,
    /// Its state, as Go names it: `running`, `waiting`, `syscall`, …
    pub state: String,
    /// Why it waits, when it does: `sleep`, `chan receive`, …
    pub wait_reason: Option<String>,
    /// The thread that runs it, when one does.
    pub thread: Option<u32>,
    /// The `go` statement that created it; the main goroutine has none.
    pub created_by: Option<Frame>,
    /// The goroutine that ran that statement, where the runtime keeps it (since Go 1.21).
    pub parent: Option<u64>,
    /// Where it rests, outside the runtime if it can be told: for a goroutine that no thread runs.
    pub at: Option<Frame>,
}

impl Goroutine {
    /// Whether it has ended: its `g` waits to be used again.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state.starts_with("dead") || self.state == "idle"
    }
}

/// The number of a goroutine.
///
/// # Errors
/// Its `g` is not mapped.
pub fn goid(target: &Target<'_>, g: RuntimeAddr) -> Result<u64, Error> {
    let layout = target.program.runtime_layout()?;
    target.uint(g.plus(layout.g.goid), 8)
}

/// All that the runtime knows of one goroutine.
///
/// # Errors
/// The program has no DWARF, or the `g` is not mapped.
pub fn goroutine(target: &Target<'_>, g: RuntimeAddr) -> Result<Goroutine, Error> {
    let size = target.program.runtime_layout()?.g.size;
    parse(target, g, &read_bytes(target.memory, g, usize::try_from(size).unwrap_or(0))?)
}

/// The same of a `g` that has been read.
pub(crate) fn parse(target: &Target<'_>, g: RuntimeAddr, bytes: &[u8]) -> Result<Goroutine, Error> {
    let layout = target.program.runtime_layout()?;
    let word = |offset: u64, size: u64| field(bytes, g, offset, size);
    let status = word(layout.g.atomicstatus, 4)? & !SCAN;
    let state = layout
        .statuses
        .iter()
        .find(|(value, _)| *value == status)
        .map_or_else(|| format!("state {status}"), |(_, name)| name.clone());
    let wait_reason = if state == "waiting" { wait_reason(target, word(layout.g.waitreason, 1)?) } else { None };
    let m = RuntimeAddr(word(layout.g.m, 8)?);
    let thread = if m.0 == 0 { None } else { target.uint(m.plus(layout.m.procid), 8).ok() };
    let gopc = word(layout.g.gopc, 8)?;
    Ok(Goroutine {
        g,
        goid: word(layout.g.goid, 8)?,
        state,
        wait_reason,
        thread: thread.and_then(|tid| u32::try_from(tid).ok()),
        created_by: creator(target, gopc),
        parent: layout.g.parent_goid.and_then(|offset| word(offset, 8).ok()).filter(|goid| *goid != 0),
        at: if m.0 == 0 { rests_at(target, word(layout.g.sched_pc, 8)?, word(layout.g.sched_sp, 8)?) } else { None },
    })
}

/// The goroutine that a thread runs: the `g` in its register if the runtime agrees, else what the
/// thread's M says. `None` for a thread that runs no goroutine (the scheduler's own stack, C code, a
/// signal handler).
///
/// # Errors
/// The program has no DWARF.
pub fn of_thread(target: &Target<'_>, thread: u32, g_register: u64) -> Result<Option<RuntimeAddr>, Error> {
    let layout = target.program.runtime_layout()?;
    let read = |addr: RuntimeAddr| read_uint(target.memory, addr, 8).ok();
    let candidate = RuntimeAddr(g_register);
    if let Some(m) = m_of_thread(target, thread, g_register) {
        let runs = |offset: u64| read(m.plus(offset));
        // On g0 (the scheduler's stack) and gsignal, the goroutine that stood there is curg.
        if [runs(layout.m.curg), runs(layout.m.g0), runs(layout.m.gsignal)].contains(&Some(candidate.0)) {
            return Ok(runs(layout.m.curg).filter(|g| *g != 0).map(RuntimeAddr));
        }
    }
    // In C code and in the vDSO the register holds anything: look the thread up among the Ms.
    let Some(allm) = target.program.symbol("runtime.allm") else { return on_thread(target, thread) };
    let next = target.program.field_offset("runtime.m", "alllink")?;
    let mut m = read(target.bias.to_runtime(allm.addr));
    let mut seen = 0u64;
    while let Some(addr) = m.filter(|m| *m != 0).map(RuntimeAddr) {
        if read(addr.plus(layout.m.procid)) == Some(thread.into()) {
            return Ok(read(addr.plus(layout.m.curg)).filter(|g| *g != 0).map(RuntimeAddr));
        }
        seen += 1;
        if seen > MOST {
            break;
        }
        m = read(addr.plus(next));
    }
    Ok(None)
}

/// The goroutine that a thread runs, by the list of goroutines: without symbols that of the Ms isn't to be found.
fn on_thread(target: &Target<'_>, thread: u32) -> Result<Option<RuntimeAddr>, Error> {
    let layout = target.program.runtime_layout()?;
    let mut found = None;
    each(target, &mut |g| {
        let m = target.pointer(g.plus(layout.g.m)).ok().filter(|m| m.0 != 0);
        let tid = m.and_then(|m| target.pointer(m.plus(layout.m.procid)).ok());
        // The thread's own stacks have a `g` too, but not on this list.
        if tid != Some(RuntimeAddr(thread.into())) {
            return Ok(ControlFlow::Continue(()));
        }
        found = Some(g);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// The thread's own structure (`runtime.m`), by the `g` in its register, if the runtime agrees.
pub(crate) fn m_of_thread(target: &Target<'_>, thread: u32, g_register: u64) -> Option<RuntimeAddr> {
    let layout = target.program.runtime_layout().ok()?;
    let m = target.pointer(RuntimeAddr(g_register).plus(layout.g.m)).ok().filter(|m| m.0 != 0)?;
    (target.pointer(m.plus(layout.m.procid)).ok()?.0 == u64::from(thread)).then_some(m)
}

/// All goroutines that have not ended, in the order in which the runtime made them.
///
/// # Errors
/// The program has no DWARF, or the runtime's list is damaged or not mapped.
pub fn all(target: &Target<'_>) -> Result<Vec<Goroutine>, Error> {
    let mut goroutines = Vec::new();
    each(target, &mut |g| {
        let goroutine = goroutine(target, g)?;
        if !goroutine.is_dead() {
            goroutines.push(goroutine);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(goroutines)
}

/// The goroutine with this number.
///
/// # Errors
/// There is none, or as [`all`].
pub fn find(target: &Target<'_>, goid: u64) -> Result<RuntimeAddr, Error> {
    let offset = target.program.runtime_layout()?.g.goid;
    let mut found = None;
    each(target, &mut |g| {
        if target.uint(g.plus(offset), 8)? != goid {
            return Ok(ControlFlow::Continue(()));
        }
        found = Some(g);
        Ok(ControlFlow::Break(()))
    })?;
    let g = found.ok_or(Error::NoGoroutine { goid })?;
    // The number of one that has ended stays until its `g` is used again.
    if goroutine(target, g)?.is_dead() { Err(Error::NoGoroutine { goid }) } else { Ok(g) }
}

/// Where every `g` of the runtime's list is, also those whose goroutines have ended.
///
/// # Errors
/// The runtime's list is damaged or not mapped.
pub fn addresses(target: &Target<'_>) -> Result<Vec<RuntimeAddr>, Error> {
    addresses_from(target, 0)
}

/// The same, without the first so many of the list.
pub(crate) fn addresses_from(target: &Target<'_>, first: u64) -> Result<Vec<RuntimeAddr>, Error> {
    let mut found = Vec::new();
    each_from(target, first, &mut |g| {
        found.push(g);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Visits every `g` of the runtime's list.
pub(crate) fn each(
    target: &Target<'_>,
    visit: &mut dyn FnMut(RuntimeAddr) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    each_from(target, 0, visit)
}

fn each_from(
    target: &Target<'_>,
    first: u64,
    visit: &mut dyn FnMut(RuntimeAddr) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    let slice = target.bias.to_runtime(target.program.all_goroutines()?);
    let data = target.pointer(slice)?;
    let len = target.uint(slice.plus(8), 8)?;
    if len > MOST {
        return Err(Error::Damaged { what: "list of goroutines (runtime.allgs)", value: len });
    }
    for first in (first..len).step_by(PIECE as usize) {
        let count = PIECE.min(len - first);
        let pointers = read_bytes(target.memory, data.plus(first * 8), (count * 8) as usize)?;
        for pointer in pointers.chunks_exact(8) {
            let g = RuntimeAddr(u64::from_le_bytes(pointer.try_into().unwrap_or_default()));
            if visit(g)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn field(bytes: &[u8], g: RuntimeAddr, offset: u64, size: u64) -> Result<u64, Error> {
    let mut word = [0u8; 8];
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    let part = from.checked_add(size as usize).and_then(|end| bytes.get(from..end)).zip(word.get_mut(..size as usize));
    match part {
        Some((part, into)) => into.copy_from_slice(part),
        None => return Err(Error::Damaged { what: "layout of runtime.g", value: g.0 }),
    }
    Ok(u64::from_le_bytes(word))
}

fn wait_reason(target: &Target<'_>, reason: u64) -> Option<String> {
    let strings = target.program.variable("runtime.waitReasonStrings").ok()?;
    let size = target.program.ty(strings.ty).ok()?.size;
    let offset = reason.checked_mul(16).filter(|offset| *offset < size)?;
    let text = target.string(target.bias.to_runtime(strings.addr).plus(offset), LONGEST_REASON).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

fn rests_at(target: &Target<'_>, pc: u64, sp: u64) -> Option<Frame> {
    let stack = stack::walk(target, RuntimeAddr(pc), RuntimeAddr(sp));
    let innermost = || stack.first().and_then(|pc| stack::lines(target, *pc).first().cloned());
    stack::caller(target, &stack).or_else(innermost)
}

fn creator(target: &Target<'_>, gopc: u64) -> Option<Frame> {
    if gopc == 0 {
        return None;
    }
    let pc = Pc { addr: RuntimeAddr(gopc), cfa: RuntimeAddr(0), is_return: true };
    let frame = stack::lines(target, pc).first()?.clone();
    // The runtime starts the main goroutine from assembly: there is no `go` statement to show.
    Some(frame).filter(|frame| !["runtime.rt0_go", "runtime.newproc"].contains(&frame.function.as_str()))
}
