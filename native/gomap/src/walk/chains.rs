//! Buckets of an array, each with its overflow buckets.

use std::collections::HashSet;

use crate::walk::Walk;
use crate::walk::units::{Home, Run, Units};

/// An array of buckets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Array {
    /// Address of the first.
    pub(super) addr: u64,
    /// How many there are, a power of two; overflow buckets not counted.
    pub(super) of: u64,
}

/// Some buckets of an array that follow each other, and all their overflow buckets after them.
#[derive(Debug)]
pub(super) struct Chains {
    pub(super) units: Units,
    /// How many of the units are buckets of the array itself.
    pub(super) mains: usize,
    /// Of each unit the one that its chain begins with.
    chain: Vec<usize>,
    /// Addresses of the overflow buckets.
    seen: HashSet<u64>,
}

/// A map has about as many overflow buckets as others at most, then it grows (tooManyOverflowBuckets in
/// src/runtime/map.go). So many a bucket, and so many besides, are followed: a list that goes on is none.
const MOST_OVERFLOW: usize = 4;
const MORE_OVERFLOW: usize = 1024;

impl Chains {
    pub(super) fn new(walk: &Walk<'_>) -> Self {
        Chains { units: walk.units(), mains: 0, chain: Vec::new(), seen: HashSet::new() }
    }

    /// The units of all chains: each with its number and that of the unit its chain begins with, chains mixed, but
    /// each in its own order.
    pub(super) fn units(&self) -> impl Iterator<Item = (usize, usize)> {
        self.chain.iter().copied().enumerate()
    }

    /// Hides the entries of chains that are not to be shown.
    pub(super) fn keep_masks(&mut self, keep: impl Fn(usize) -> bool) {
        for (mask, chain) in self.units.masks.iter_mut().zip(&self.chain) {
            if !keep(*chain) {
                *mask = 0;
            }
        }
    }

    /// Reads `count` buckets of an array from number `first` on, and their overflow buckets.
    pub(super) fn load(&mut self, walk: &mut Walk<'_>, array: Array, first: u64, count: u64) {
        self.units.clear();
        self.chain.clear();
        self.seen.clear();
        self.mains = count as usize;
        let addr = array.addr.wrapping_add(first.wrapping_mul(walk.unit()));
        let home = Home::Buckets { number: first, of: array.of };
        self.units.add(&walk.reader, &[Run { addr, count: self.mains, home }]);
        self.chain.extend(0..self.mains);
        let missing = self.units.missing(0..self.mains);
        if missing > 0 {
            let why = format_args!("{missing} of the {count} buckets from number {first} on cannot be read");
            walk.findings.damaged(addr, "buckets", array.addr, why);
        }
        let mut from = 0;
        let mut runs = Vec::new();
        while from < self.units.len() {
            let end = self.units.len();
            runs.clear();
            for at in from..end {
                let Some(next @ 1..) = self.units.word_at(at, walk.geometry.overflow) else { continue };
                let Some(&chain) = self.chain.get(at) else { continue };
                if let Some(why) = self.wrong(walk, array, next) {
                    let number = first + chain as u64;
                    walk.findings.damaged(next, "overflow", next, format_args!("of bucket {number}: {why}"));
                } else {
                    let home = Home::Buckets { number: first + chain as u64, of: array.of };
                    runs.push(Run { addr: next, count: 1, home });
                    self.chain.push(chain);
                }
            }
            self.units.add(&walk.reader, &runs);
            for (at, run) in (end..).zip(&runs) {
                if self.units.unit(at).is_none() {
                    walk.findings.damaged(run.addr, "overflow", run.addr, format_args!("the bucket cannot be read"));
                }
            }
            from = end;
        }
    }

    /// What is wrong with a pointer to an overflow bucket. Remembers it.
    fn wrong(&mut self, walk: &Walk<'_>, array: Array, next: u64) -> Option<&'static str> {
        let end = array.addr.saturating_add(array.of.saturating_mul(walk.unit()));
        if !next.is_multiple_of(8) {
            Some("not aligned to 8 bytes")
        } else if (array.addr..end).contains(&next) {
            Some("inside the array of buckets itself")
        } else if self.seen.len() >= self.mains * MOST_OVERFLOW + MORE_OVERFLOW {
            Some("the chains are longer than the runtime lets them become; the rest is left out")
        } else if !self.seen.insert(next) {
            Some("the chain comes back to a bucket that it or another chain has passed")
        } else {
            None
        }
    }
}
