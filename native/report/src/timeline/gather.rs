//! What a page keeps of a watch: little enough for a run of any length, and all that is near an overlap.

use std::collections::{HashMap, VecDeque};

use super::density::Density;
use super::{Access, Culprit, Overlap, is_same};
use crate::Frame;

/// So many accesses before and after an overlap are kept.
const AROUND: usize = 60;

/// So many different overlaps are kept, with their stacks and what was around them.
const CASES: usize = 20;

/// So many accesses of the whole run are kept, evenly thinned.
const THINNED: usize = 2000;

/// So many times of losses are kept.
const LOSSES: usize = 200;

/// So many goroutines are told apart, and so many threads and places.
const TOLD_APART: usize = 4096;

/// A goroutine that has touched what is watched.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) goroutine: Option<u64>,
    /// Where it was first seen, an index of [`Gathered::places`].
    pub(super) place: Option<usize>,
    pub(super) accesses: u64,
    /// How many of them began or were a write, a read and so on, by noun.
    pub(super) kinds: Vec<(&'static str, u64)>,
    /// The unit that its last access belonged to, and the window.
    unit: u64,
    entered_ns: Option<u64>,
}

/// An access that is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Accesses that followed each other have numbers that do.
    pub(super) number: u64,
    /// The accesses of one window are one unit: they are kept or left out together.
    unit: u64,
    pub(super) time_ns: u64,
    /// An index of [`Gathered::rows`]; `None` for one of too many goroutines.
    pub(super) row: Option<usize>,
    pub(super) thread: Option<u32>,
    pub(super) kind: &'static str,
    pub(super) step: &'static str,
    pub(super) change: String,
    pub(super) before: Option<f64>,
    pub(super) after: Option<f64>,
    pub(super) entered_ns: Option<u64>,
    pub(super) left: bool,
    pub(super) fatal: bool,
    pub(super) place: Option<usize>,
}

/// One of the two sides of a case.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) row: Option<usize>,
    pub(super) goroutine: Option<u64>,
    pub(super) g: u64,
    pub(super) thread: Option<u32>,
    pub(super) time_ns: u64,
    pub(super) kind: &'static str,
    pub(super) deed: String,
    pub(super) whereabouts: &'static str,
    pub(super) stack: Vec<Frame>,
    /// Which frame of the stack did it: the innermost outside the runtime.
    pub(super) culprit: Option<usize>,
    pub(super) created_by: Option<Frame>,
}

/// Overlaps of the same two places.
#[derive(Debug)]
pub(super) struct Case {
    key: [(&'static str, String); 2],
    pub(super) title: &'static str,
    pub(super) headline: String,
    pub(super) sentence: String,
    pub(super) first: Side,
    pub(super) second: Side,
    pub(super) meets: &'static str,
    pub(super) span_ns: (u64, u64),
    pub(super) count: u64,
}

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) rows: Vec<Row>,
    /// The row of each `runtime.g`, which the runtime uses again for other goroutines.
    by_g: HashMap<u64, usize>,
    /// `main.writerA main.go:20`
    pub(super) places: Vec<String>,
    by_place: HashMap<String, usize>,
    /// How many accesses there were, and how many of goroutines beyond those that are told apart.
    pub(super) accesses: u64,
    pub(super) of_others: u64,
    /// The next access's number.
    number: u64,
    units: u64,
    /// Every how many units one is kept in `thinned`.
    pub(super) stride: u64,
    thinned: Vec<Kept>,
    around: Vec<Kept>,
    recent: VecDeque<Kept>,
    /// So many accesses are still to be kept after an overlap.
    wanted: usize,
    pub(super) cases: Vec<Case>,
    /// Overlaps of other places than those of `cases`.
    pub(super) more_cases: u64,
    pub(super) overlaps: u64,
    /// From when to when accesses are missing, and how many traps.
    pub(super) losses: Vec<(u64, u64, u64)>,
    /// Traps that were lost since the last access.
    lost: u64,
    pub(super) density: Density,
    pub(super) overlap_density: Density,
    pub(super) last_ns: u64,
}

impl Gathered {
    pub(super) fn new() -> Self {
        Gathered { stride: 1, ..Gathered::default() }
    }

    /// Takes one access.
    pub(super) fn access(&mut self, access: &Access<'_>) {
        let place = access.caller.map(Frame::short).or_else(|| access.function.map(str::to_owned));
        let place = place.and_then(|place| self.place(place));
        let row = self.row(access.g, access.goroutine, place, false);
        // A window is one unit; so is an access outside any.
        let row_now = row.and_then(|row| self.rows.get_mut(row));
        // Who is about to end the process does so inside its window.
        let inside = row_now.as_ref().and_then(|row| row.entered_ns).filter(|_| access.fatal);
        let entered_ns = access.entered_ns.or(inside);
        let same = row_now.as_ref().filter(|row| row.entered_ns.is_some() && row.entered_ns == entered_ns);
        let unit = same.map_or(self.units, |row| row.unit);
        let is_new = same.is_none();
        if let Some(row) = row_now {
            row.accesses += 1;
            (row.unit, row.entered_ns) = (unit, entered_ns);
            if is_new {
                match row.kinds.iter_mut().find(|(kind, _)| *kind == access.kind) {
                    Some((_, count)) => *count += 1,
                    None => row.kinds.push((access.kind, 1)),
                }
            }
        } else {
            self.of_others += 1;
        }
        self.units += u64::from(is_new);
        if self.lost > 0 {
            if self.losses.len() < LOSSES {
                self.losses.push((self.last_ns, access.time_ns.max(self.last_ns), self.lost));
            }
            (self.lost, self.number) = (0, self.number + 1);
        }
        let kept = Kept {
            number: self.number,
            unit,
            time_ns: access.time_ns,
            row,
            thread: access.thread,
            kind: access.kind,
            step: access.step,
            change: access.change.clone(),
            before: access.before,
            after: access.after,
            entered_ns,
            left: access.left,
            fatal: access.fatal,
            place,
        };
        self.accesses += 1;
        self.number += 1;
        self.last_ns = self.last_ns.max(access.time_ns);
        self.density.add(access.time_ns);
        self.keep(kept);
    }

    fn keep(&mut self, kept: Kept) {
        if kept.unit.is_multiple_of(self.stride) {
            self.thinned.push(kept.clone());
            while self.thinned.len() > THINNED {
                self.stride *= 2;
                let stride = self.stride;
                self.thinned.retain(|kept| kept.unit.is_multiple_of(stride));
            }
        }
        if self.wanted > 0 {
            self.wanted -= 1;
            self.around.push(kept);
        } else {
            if self.recent.len() == AROUND {
                self.recent.pop_front();
            }
            self.recent.push_back(kept);
        }
    }

    /// Takes one overlap.
    pub(super) fn overlap(&mut self, overlap: &Overlap<'_>) {
        self.overlaps += 1;
        self.overlap_density.add(overlap.second.time_ns);
        self.last_ns = self.last_ns.max(overlap.first.time_ns).max(overlap.second.time_ns);
        let side = |culprit: &Culprit<'_>| (culprit.kind, culprit.place().map(Frame::short).unwrap_or_default());
        let mut key = [side(&overlap.first), side(&overlap.second)];
        key.sort_unstable();
        if let Some(case) = self.cases.iter_mut().find(|case| case.key == key) {
            case.count += 1;
            return;
        }
        if self.cases.len() == CASES {
            self.more_cases += 1;
            return;
        }
        let (first, second) = (self.side(&overlap.first), self.side(&overlap.second));
        let Overlap { title, headline, sentence, meets, span_ns, .. } = overlap.clone();
        self.cases.push(Case { key, title, headline, sentence, first, second, meets, span_ns, count: 1 });
        self.around.extend(self.recent.drain(..));
        self.wanted = AROUND;
    }

    /// Takes note that accesses are missing here.
    pub(super) fn loss(&mut self, lost: u64) {
        self.lost += lost;
    }

    fn side(&mut self, culprit: &Culprit<'_>) -> Side {
        let place = culprit.place().and_then(|frame| self.place(frame.short()));
        Side {
            // A culprit is told apart however many others there are.
            row: self.row(culprit.g, culprit.goroutine, place, true),
            goroutine: culprit.goroutine,
            g: culprit.g,
            thread: culprit.thread,
            time_ns: culprit.time_ns,
            kind: culprit.kind,
            deed: culprit.deed.clone(),
            whereabouts: culprit.whereabouts,
            stack: culprit.stack.to_vec(),
            culprit: culprit.stack.iter().position(|frame| !frame.is_runtime()),
            created_by: culprit.created_by.cloned(),
        }
    }

    fn place(&mut self, place: String) -> Option<usize> {
        if let Some(index) = self.by_place.get(&place) {
            return Some(*index);
        }
        let index = self.places.len();
        (index < TOLD_APART).then(|| {
            self.places.push(place.clone());
            self.by_place.insert(place, index);
            index
        })
    }

    fn row(&mut self, g: u64, goroutine: Option<u64>, place: Option<usize>, in_any_case: bool) -> Option<usize> {
        if let Some(index) = self.by_g.get(&g)
            && let Some(row) = self.rows.get_mut(*index)
            && is_same(row.goroutine, goroutine)
        {
            row.goroutine = row.goroutine.or(goroutine);
            return Some(*index);
        }
        let index = self.rows.len();
        (in_any_case || index < TOLD_APART).then(|| {
            let row = Row { goroutine, place, accesses: 0, kinds: Vec::new(), unit: 0, entered_ns: None };
            self.rows.push(row);
            self.by_g.insert(g, index);
            index
        })
    }

    /// All accesses that were kept, in the order in which they came.
    pub(super) fn kept(&self) -> Vec<&Kept> {
        let mut kept: Vec<&Kept> = self.thinned.iter().chain(&self.around).collect();
        kept.sort_unstable_by_key(|kept| kept.number);
        kept.dedup_by_key(|kept| kept.number);
        kept
    }

    /// So many accesses before and after each case are kept.
    pub(super) fn around() -> usize {
        AROUND
    }
}
