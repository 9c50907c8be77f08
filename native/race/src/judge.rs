//! Windows compared with windows.

use std::collections::VecDeque;

use crate::{Access, Goroutine, Time};

/// Two accesses whose windows overlap: the culprits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap<S> {
    /// The access that entered first; at the same instant, that of the lower goroutine address.
    pub first: Access<S>,
    /// The access that walked in on it.
    pub second: Access<S>,
}

impl<S> Overlap<S> {
    /// The overlap of two accesses, whichever of them is given first; `None` where they are no race.
    #[must_use]
    pub fn between(a: Access<S>, b: Access<S>) -> Option<Self> {
        if !a.overlaps(&b) {
            return None;
        }
        let (first, second) = if (a.entered, a.goroutine) <= (b.entered, b.goroutine) { (a, b) } else { (b, a) };
        Some(Overlap { first, second })
    }
}

/// Remembers the latest accesses and compares each new one with them.
///
/// Memory is bounded: beyond the latest `remembered` arrivals, those that have left are forgotten, the
/// oldest first, and what arrives later is not compared with them. An open window is never forgotten.
#[derive(Clone, Debug)]
pub struct Judge<S> {
    accesses: VecDeque<Access<S>>,
    remembered: usize,
}

impl<S: Clone> Judge<S> {
    /// A judge that remembers so many accesses.
    #[must_use]
    pub fn new(remembered: usize) -> Self {
        Judge { accesses: VecDeque::new(), remembered }
    }

    /// Takes one access and returns its overlaps with all that are remembered. The order in which
    /// accesses arrive doesn't matter to what is found in the end.
    pub fn enter(&mut self, access: Access<S>) -> Vec<Overlap<S>> {
        let found = self.accesses.iter().filter_map(|known| Overlap::between(known.clone(), access.clone())).collect();
        if self.accesses.len() >= self.remembered
            && let Some(oldest) = self.accesses.iter().position(|known| known.left.is_some())
        {
            self.accesses.remove(oldest);
        }
        self.accesses.push_back(access);
        found
    }

    /// Says that a goroutine's open window on a map was last known open at `at`.
    pub fn leave(&mut self, goroutine: Goroutine, map: u64, at: Time) {
        for access in &mut self.accesses {
            if access.goroutine == goroutine && access.map == map && access.left.is_none() {
                access.left = Some(at.max(access.entered));
            }
        }
    }

    /// The accesses whose windows are open on a map.
    pub fn inside(&self, map: u64) -> impl Iterator<Item = &Access<S>> {
        self.accesses.iter().filter(move |access| access.map == map && access.left.is_none())
    }
}
