//! Who ran last: the goroutine that each thread runs, or has run last.

use std::collections::{HashMap, HashSet};

use goprogram::Register;

use crate::goroutine;
use crate::memory::RuntimeAddr;
use crate::registers::ThreadRegisters;
use crate::target::Target;

/// How long ago a goroutine ran, as far as the scheduler's own stacks and lists tell. The sooner the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recent {
    /// A thread runs it.
    Running {
        /// The thread.
        thread: u32,
    },
    /// It waits only for a thread.
    Runnable,
    /// It is the last one that a thread has run, which has found nothing else to do since.
    Last {
        /// How many threads have become idle after this one.
        later: u32,
        /// The thread.
        thread: u32,
    },
    /// A thread is in a system call for it.
    InSystemCall {
        /// The thread.
        thread: u32,
    },
    /// Its thread has run others since. It waits at a channel that another goroutine uses, which runs or waits only
    /// for a thread.
    Partner {
        /// The number of that one.
        goid: u64,
    },
    /// Its thread has run others since.
    Earlier,
    /// It has waited since before the last garbage collection began.
    BeforeCollection,
}

impl Recent {
    /// Whether it may have run at the very moment.
    #[must_use]
    pub fn is_now(self) -> bool {
        matches!(self, Recent::Running { .. } | Recent::Runnable | Recent::Last { .. })
    }
}

/// More threads than the runtime allows (`sched.maxmcount`).
const MOST: usize = 1 << 16;

/// So much of a scheduler's stack is searched for the goroutine that it began with, in bytes.
const SEARCHED: u64 = 2048;

/// What the threads run or have run last, by the address of the `g`. Nothing where the program doesn't tell how
/// the runtime keeps its threads.
pub(super) fn by_threads(
    target: &Target<'_>,
    goroutines: &HashSet<RuntimeAddr>,
    threads: &[ThreadRegisters],
) -> HashMap<RuntimeAddr, Recent> {
    let Ok(layout) = target.program.runtime_layout() else { return HashMap::new() };
    let word = |addr: RuntimeAddr| target.pointer(addr).ok();
    let idle = idle(target).unwrap_or_default();
    let mut found = HashMap::new();
    // Without symbols the runtime's list of threads isn't to be found, but each thread knows its own structure.
    let all = all(target).unwrap_or_else(|| {
        let own = |thread: &ThreadRegisters| {
            goroutine::m_of_thread(target, thread.tid, thread.get(Register::R14).unwrap_or(0))
        };
        threads.iter().filter_map(own).collect()
    });
    for m in all {
        let Some(thread) = word(m.plus(layout.m.procid)).and_then(|id| u32::try_from(id.0).ok()) else { continue };
        match word(m.plus(layout.m.curg)) {
            Some(RuntimeAddr(0)) => {
                let Some(g) = last_run(target, m, goroutines) else { continue };
                // One that isn't in the list has just run out of work, and looks for more.
                let later = idle.iter().position(|idle| *idle == m).map_or(0, |index| index + 1);
                let recent = Recent::Last { later: u32::try_from(later).unwrap_or(u32::MAX), thread };
                let known = found.entry(g).or_insert(recent);
                *known = recent.min(*known);
            }
            Some(g) => {
                found.insert(g, Recent::Running { thread });
            }
            None => {}
        }
    }
    found
}

/// The structures of all threads.
fn all(target: &Target<'_>) -> Option<Vec<RuntimeAddr>> {
    let next = target.program.field_offset("runtime.m", "alllink").ok()?;
    let first = target.program.symbol("runtime.allm").map(|symbol| target.bias.to_runtime(symbol.addr))?;
    let word = |addr: RuntimeAddr| target.pointer(addr).ok().filter(|m| m.0 != 0);
    Some(std::iter::successors(word(first), |m| word(m.plus(next))).take(MOST).collect())
}

/// The goroutine that a thread left for its scheduler. To leave, `mcall` (src/runtime/asm_amd64.s, Go 1.17 to
/// 1.27) pushes the `g` as the first word of the scheduler's stack; `newstack`, which does so when a stack check
/// finds that another goroutine shall run, has it in its frame.
fn last_run(target: &Target<'_>, m: RuntimeAddr, goroutines: &HashSet<RuntimeAddr>) -> Option<RuntimeAddr> {
    let layout = target.program.runtime_layout().ok()?;
    let g0 = target.pointer(m.plus(layout.m.g0)).ok()?;
    let top = target.pointer(g0.plus(layout.g.sched_sp)).ok()?;
    let words =
        (8..=SEARCHED).step_by(8).map_while(|below| target.pointer(RuntimeAddr(top.0.wrapping_sub(below))).ok());
    words.into_iter().find(|word| goroutines.contains(word))
}

/// The idle threads' `m`s, the one that became idle last first (`mput`, src/runtime/proc.go).
fn idle(target: &Target<'_>) -> Option<Vec<RuntimeAddr>> {
    let sched = target.program.symbol("runtime.sched")?;
    let head = target.program.field_offset("runtime.schedt", "midle").ok()?;
    // Since Go 1.26 the list has nodes of its own.
    let next = match target.program.field_offset("runtime.m", "idleNode") {
        Ok(node) => node + target.program.field_offset("runtime.listNodeManual", "next").ok()?,
        Err(_) => target.program.field_offset("runtime.m", "schedlink").ok()?,
    };
    let word = |addr: RuntimeAddr| target.pointer(addr).ok().filter(|m| m.0 != 0);
    let first = word(target.bias.to_runtime(sched.addr).plus(head));
    Some(std::iter::successors(first, |m| word(m.plus(next))).take(MOST).collect())
}
