//! Who else: all goroutines, ranked by what speaks for their having used a map when another one found it used.
//!
//! In every race that Go finds, the other side writes: only writers set the flag that the one who died has found
//! set, or take away the one that it has set. So readers come last.

mod dead;
mod evidence;
mod partner;
mod recent;
pub(crate) mod scan;
mod types;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::{ControlFlow, Range};

use crate::error::Error;
use crate::fatal::{self, Doomed, Fatal};
use crate::frames::{self, UnwoundFrame};
use crate::goroutine::{self, Goroutine};
use crate::memory::RuntimeAddr;
use crate::registers::ThreadRegisters;
use crate::stack::Pc;
use crate::target::Target;
use crate::threads;
use scan::Resting;

pub use evidence::{Clue, Evidence};
pub use recent::Recent;
pub(crate) use types::MapTypes;

/// A goroutine that may have been the other side.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// What the runtime knows of it.
    pub goroutine: Goroutine,
    /// How long ago it ran.
    pub recent: Recent,
    /// What speaks against it, the strongest first.
    pub evidence: Vec<Evidence>,
    /// Its stack, innermost frame first.
    pub stack: Vec<Pc>,
}

/// All that have to do with a map.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    /// The most suspicious first.
    pub list: Vec<Suspect>,
    /// How many goroutines were looked at.
    pub goroutines: u64,
    /// How many of them have a stack that can't be read.
    pub unread: u64,
    /// How many have one so large that only a part of it was searched.
    pub cut: u64,
    /// How many more are suspect, but less than all in the list.
    pub more: u64,
    /// Whether the search was ended before all were looked at.
    pub interrupted: bool,
}

/// A suspect of which no more is known yet than it takes to rank it: of thousands that hold the map, most are
/// forgotten again.
struct Candidate {
    g: RuntimeAddr,
    goid: u64,
    recent: Recent,
    evidence: Vec<Evidence>,
    stack: Vec<Pc>,
}

/// So many suspects are kept: more than anyone reads. It is looked who waits for so many that wait for a thread, and so
/// many of those who do are looked at closely.
const MOST: usize = 256;

/// Looks at all goroutines of a process that stands still, or of its core: which of them has to do with the map
/// that `fatal` is about. `interrupted` says whether to end early.
///
/// # Errors
/// The program has no DWARF, or the runtime's list of goroutines is damaged or not mapped.
pub fn find(
    target: &Target<'_>,
    fatal: &Fatal,
    map: &Doomed,
    threads: &[ThreadRegisters],
    interrupted: &dyn Fn() -> bool,
) -> Result<Suspects, Error> {
    let wanted = evidence::Wanted::new(target, map, map.descriptor);
    let running: HashMap<RuntimeAddr, Vec<UnwoundFrame>> = threads
        .iter()
        .filter(|thread| thread.is_stopped())
        .filter_map(|thread| {
            let (goroutine, frames) = threads::walk(target, thread);
            Some((goroutine?, frames))
        })
        .collect();
    let dying: HashMap<RuntimeAddr, Fatal> = threads
        .iter()
        .filter_map(|thread| fatal::of_thread(target, thread))
        .filter_map(|fatal| Some((fatal.goroutine?, fatal)))
        .collect();
    let all = scan::all(target)?;
    let recent = recent::by_threads(target, &all.iter().copied().collect(), threads);
    let statuses = &target.program.runtime_layout()?.statuses;
    let status = |name: &str| statuses.iter().find(|(_, known)| known == name).map(|(value, _)| *value);
    let dead: HashSet<u64> = ["dead", "deadextra", "idle"].into_iter().filter_map(status).collect();
    let on_stack = |g: RuntimeAddr, stack: &Range<u64>| {
        let own = running.get(&g)?.iter().map(|frame| frame.sp.0).filter(|sp| stack.contains(sp));
        own.min()
    };
    let (mut list, mut cut, mut more, mut looked_at, mut ended) = (Vec::new(), 0, 0, 0, false);
    let runnable = all.iter().filter(|g| scan::status(target, **g).is_some_and(|it| Some(it) == status("runnable")));
    let now: Vec<RuntimeAddr> = running.keys().chain(runnable.take(MOST)).copied().collect();
    let partners = partner::Partners::new(target, &now, &running, &on_stack);
    let mut waiting = 0;
    let unread = scan::each(target, &all, &dead, &on_stack, &mut |resting, stack| {
        if interrupted() {
            ended = true;
            return ControlFlow::Break(());
        }
        looked_at += 1;
        cut += u64::from(stack.is_cut);
        if Some(resting.g) == fatal.goroutine {
            return ControlFlow::Continue(());
        }
        let recent = match recent.get(&resting.g).copied() {
            Some(Recent::Running { thread }) if Some(resting.status) == status("syscall") => {
                Recent::InSystemCall { thread }
            }
            // It was kept from running on: by others that wanted to, or by the runtime that stops all in order to die.
            _ if Some(resting.status) == status("runnable") => Recent::Runnable,
            Some(recent) => recent,
            None if resting.waitsince != 0 && Some(resting.status) == status("waiting") => Recent::BeforeCollection,
            None => partners.of(target, resting).map_or(Recent::Earlier, |goid| Recent::Partner { goid }),
        };
        let also_dies = dying.get(&resting.g);
        let is_partner = matches!(recent, Recent::Partner { .. });
        waiting += usize::from(is_partner);
        let closely = recent.is_now() || (is_partner && waiting <= MOST);
        if also_dies.is_none() && !closely && !stack.words().any(|(_, word)| wanted.is_hit(word)) {
            return ControlFlow::Continue(());
        }
        let frames = match running.get(&resting.g) {
            Some(frames) => frames.clone(),
            None if dead.contains(&resting.status) => Vec::new(),
            None => frames::walk_resting(target, resting.g).unwrap_or_default(),
        };
        if is_of_runtime(target, resting, &frames) {
            return ControlFlow::Continue(());
        }
        let mut evidence = wanted.evidence(&stack, &frames, closely);
        if let Some(dies) = also_dies.filter(|dies| dies.map.as_ref().is_none_or(|its| its.header == map.header)) {
            let at = dies.caller(target);
            let function = Some(dies.function.clone());
            evidence.insert(0, Evidence { clue: Clue::Dies, kind: Some(dies.kind), function, at });
        }
        if !evidence.is_empty() {
            let stack = frames.iter().map(|frame| frame.pc).collect();
            list.push(Candidate { g: resting.g, goid: resting.goid, recent, evidence, stack });
        }
        if list.len() >= 2 * MOST {
            more += rank(&mut list);
        }
        ControlFlow::Continue(())
    });
    more += rank(&mut list);
    let suspect = |candidate: Candidate| {
        let Candidate { g, recent, evidence, stack, .. } = candidate;
        Some(Suspect { goroutine: goroutine::goroutine(target, g).ok()?, recent, evidence, stack })
    };
    let goroutines = if ended { looked_at } else { all.len() as u64 };
    let list = list.into_iter().filter_map(suspect).collect();
    Ok(Suspects { list, goroutines, unread, cut, more, interrupted: ended })
}

/// Whether a goroutine is one of the runtime's own, which touch no map of the program, unless they run its
/// finalizers.
fn is_of_runtime(target: &Target<'_>, resting: &Resting, frames: &[UnwoundFrame]) -> bool {
    let is_own = |addr| {
        let function = target.program.function_at(target.bias.to_link(addr));
        function.is_some_and(|function| function.name.starts_with("runtime.") && function.name != "runtime.main")
    };
    is_own(RuntimeAddr(resting.startpc)) && frames.iter().all(|frame| is_own(frame.pc.instruction()))
}

/// The most suspicious first, and no more than are worth it; gives how many were too many.
fn rank(list: &mut Vec<Candidate>) -> u64 {
    list.sort_by_key(|candidate| (candidate.place(), candidate.recent, Reverse(candidate.goid)));
    let too_many = list.len().saturating_sub(MOST);
    list.truncate(MOST);
    too_many as u64
}

impl Candidate {
    /// Where it belongs among others: first of all by what it has done, then by when it ran, then by how much is
    /// known of it.
    fn place(&self) -> (u8, u8, Option<Clue>) {
        let first = self.evidence.first();
        let moment = match self.recent {
            Recent::Running { .. } | Recent::Runnable => 0,
            Recent::Last { .. } => 1,
            Recent::Partner { .. } => 2,
            Recent::InSystemCall { .. } | Recent::Earlier => 3,
            Recent::BeforeCollection => 4,
        };
        let class = match first {
            Some(Evidence { clue: Clue::Dies | Clue::Inside, kind: Some(kind), .. }) if kind.is_write() => 0,
            Some(evidence) if evidence.is_write() && evidence.clue == Clue::Returned => 1,
            Some(evidence) if evidence.is_write() => 2,
            Some(Evidence { kind: Some(_), .. }) => 3,
            _ => 4,
        };
        (class, moment, first.map(|evidence| evidence.clue))
    }
}
