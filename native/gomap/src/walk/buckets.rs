//! A classic map: its array of buckets.

use std::ops::ControlFlow;

use crate::classic::{ClassicHeader, MAX_B};
use crate::walk::Walk;
use crate::walk::chains::{Array, Chains};
use crate::walk::growth::Growing;
use crate::walk::marks::{self, EMPTY_REST, byte};

impl Walk<'_> {
    /// Shows the entries of a classic map.
    pub(super) fn classic(&mut self, header: &ClassicHeader) -> ControlFlow<()> {
        if header.buckets == 0 || header.b > MAX_B {
            return ControlFlow::Continue(());
        }
        let (buckets, of) = (header.buckets, 1u64 << header.b);
        let old = if header.is_same_size() { of } else { of / 2 };
        if header.oldbuckets == 0 {
            let of = if self.is_still_half(header) { of / 2 } else { of };
            self.array(Array { addr: buckets, of })
        } else if old == 0 {
            self.array(Array { addr: buckets, of })
        } else if header.oldbuckets == buckets {
            // hashGrow has stored oldbuckets and not yet the new array.
            self.array(Array { addr: buckets, of: old })
        } else {
            let growing = Growing {
                old: Array { addr: header.oldbuckets, of: old },
                new: Array { addr: buckets, of },
                evacuated: header.nevacuate,
            };
            self.growing(&growing)
        }
    }

    fn array(&mut self, array: Array) -> ControlFlow<()> {
        let mut chains = Chains::new(self);
        let mut missing = 0;
        let mut first = 0;
        while first < array.of && !self.gives_up(missing, array, first) {
            let count = self.units_at_once().min(array.of - first);
            chains.load(self, array, first, count);
            let none = chains.units.missing(0..chains.mains) == chains.mains;
            first += count;
            if none {
                missing += 1;
                continue;
            }
            missing = 0;
            chains.units.set_masks(marks::filled);
            self.judge_chains(&chains, first - count);
            self.emit(&chains.units)?;
            self.end_of_block();
        }
        ControlFlow::Continue(())
    }

    /// hashGrow raises B before it stores anything else: for a moment there are only half as many buckets as B says.
    /// It does so when the map is full, and the lower half then holds every entry.
    fn is_still_half(&mut self, header: &ClassicHeader) -> bool {
        let half = (1u64 << header.b) / 2;
        let count = u64::try_from(header.count).unwrap_or(0);
        // loadFactorNum / loadFactorDen is 13/2, in Go 1.21 6.
        if half == 0 || !header.is_writing() || header.is_same_size() || count < half.saturating_mul(6) {
            return false;
        }
        let mut chains = Chains::new(self);
        let (kept, more) = (self.findings.list.len(), self.findings.more);
        let (mut first, mut entries) = (0, 0);
        while first < half && entries <= count {
            let some = self.units_at_once().min(half - first);
            chains.load(self, Array { addr: header.buckets, of: half }, first, some);
            if chains.units.missing(0..chains.mains) > 0 {
                break;
            }
            chains.units.set_masks(marks::filled);
            entries += chains.units.masks.iter().map(|mask| u64::from(mask.count_ones())).sum::<u64>();
            first += some;
        }
        self.findings.list.truncate(kept);
        self.findings.more = more;
        first >= half && entries == count
    }

    /// What contradicts itself in buckets that are not being evacuated.
    pub(super) fn judge_chains(&mut self, chains: &Chains, first: u64) {
        for (at, chain) in chains.units() {
            let Some(word) = chains.units.word(at) else { continue };
            if marks::evacuated(word) != 0 {
                let slot = marks::evacuated(word).trailing_zeros() as usize;
                let (value, number) = (byte(word, slot).into(), first + chain as u64);
                let why = format_args!("bucket {number} is marked evacuated, yet it is none of the old ones");
                self.findings.damaged(chains.units.address(at), "tophash", value, why);
            }
        }
        if self.thorough {
            self.judge_rests(chains, first);
        }
    }

    /// After a slot that is marked as the last of its chain (emptyRest) there must be no entry: lookups end there.
    /// Only mapclear sets the marks from the first on.
    pub(super) fn judge_rests(&mut self, chains: &Chains, first: u64) {
        let mut ended = vec![false; chains.mains];
        for (at, chain) in chains.units() {
            let (Some(word), Some(ended)) = (chains.units.word(at), ended.get_mut(chain)) else { continue };
            for slot in 0..8 {
                let mark = byte(word, slot);
                if *ended && marks::filled(word) & (1 << slot) != 0 {
                    let why = format_args!("in bucket {} after the mark that no entry follows", first + chain as u64);
                    let address = chains.units.address(at).wrapping_add(slot as u64);
                    self.findings.in_between(address, "tophash", mark.into(), why);
                }
                *ended |= mark == EMPTY_REST;
            }
        }
    }
}
