//! The one entry that `evacuate` has marked and not yet copied, where that is the last of its chain.
//!
//! The chain then looks evacuated, and the entry is missing in the new bucket. A count that is one too high tells
//! that there is one; deletes may have left other chains looking alike, and then nothing is shown that might be wrong.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::walk::Walk;
use crate::walk::chains::Chains;
use crate::walk::growth::{Block, Growing, State};
use crate::walk::marks::{self, EVACUATED_Y, byte};

/// An entry of an old chain: the unit, the slot, and where it goes.
#[derive(Debug, Clone, Copy)]
struct Moved {
    at: usize,
    slot: usize,
    /// Which of the new chains: 0 or 1.
    half: usize,
    /// Its place in that chain: entries are copied one after the other.
    place: usize,
}

impl Walk<'_> {
    /// Shows the entry in transit, if there is exactly one that may be it.
    pub(super) fn show_entry_in_transit(&mut self, growing: &Growing) -> ControlFlow<()> {
        let mut block = Block::new(self, growing);
        let at_once = (self.units_at_once() / 3).max(1);
        // What contradicts itself was said when these buckets were read first.
        let (kept, more) = (self.findings.list.len(), self.findings.more);
        let mut found = Vec::new();
        let mut first = growing.evacuated;
        while first < growing.old.of && found.len() < 2 {
            let count = at_once.min(growing.old.of - first);
            block.load(self, growing, first, count);
            if block.old.units.missing(0..block.old.mains) == block.old.mains {
                // The count tells nothing of a map that isn't all there.
                break;
            }
            for moved in self.in_transit(&block) {
                found.push((first, count, moved));
            }
            first += count;
        }
        let one = first >= growing.old.of && found.len() == 1;
        if let [(first, count, moved)] = *found
            && one
        {
            block.load(self, growing, first, count);
            block.old.units.set_masks(|_| 0);
            if let Some(mask) = block.old.units.masks.get_mut(moved.at) {
                *mask = 1 << moved.slot;
            }
        }
        self.findings.list.truncate(kept);
        self.findings.more = more;
        if one { self.emit(&block.old.units) } else { ControlFlow::Continue(()) }
    }

    /// The entries of wholly marked chains that are not where they go to, while all before them are.
    fn in_transit(&self, block: &Block) -> Vec<Moved> {
        let mut entries: Vec<Vec<Moved>> = vec![Vec::new(); block.states.len()];
        for (at, chain) in block.old.units() {
            let (Some(word), Some(moved)) = (block.old.units.word(at), entries.get_mut(chain)) else { continue };
            if block.states.get(chain) != Some(&State::Wholly) {
                continue;
            }
            for slot in marks::slots(marks::evacuated_entries(word)) {
                let half = usize::from(byte(word, slot) == EVACUATED_Y);
                let place = moved.iter().filter(|moved| moved.half == half).count();
                moved.push(Moved { at, slot, half, place });
            }
        }
        let new = block.new.each_ref().map(|chains| chains.as_ref().map(|chains| (chains, chains.by_level())));
        let arrived = |chain: usize, moved: &Moved| {
            let (chains, levels) = new.get(moved.half)?.as_ref()?;
            let at = *levels.get(&(chain, moved.place / 8))?;
            let slot = moved.place % 8;
            let there = marks::filled(chains.units.word(at)?) & (1 << slot) != 0;
            let new = self.geometry.slot(0, chains.units.unit(at)?, slot)?;
            let old = self.geometry.slot(0, block.old.units.unit(moved.at)?, moved.slot)?;
            // The elem comes last. Where it is a pointer, nil means that it hasn't come yet.
            let whole = !self.geometry.is_indirect() || new.elem == old.elem;
            Some(there && new.key == old.key && whole)
        };
        let mut found = Vec::new();
        for (chain, moved) in entries.iter().enumerate() {
            let Some((last, before)) = moved.split_last() else { continue };
            let arrived = |moved: &Moved| arrived(chain, moved).unwrap_or(false);
            if !arrived(last) && before.iter().all(arrived) && self.is_kept(block, last) {
                found.push(*last);
            }
        }
        found
    }

    /// Whether an old slot still has its entry: once everything is copied, the runtime clears the bucket.
    fn is_kept(&self, block: &Block, moved: &Moved) -> bool {
        let entry = block.old.units.unit(moved.at).and_then(|unit| self.geometry.slot(0, unit, moved.slot));
        entry.is_some_and(|entry| entry.key.iter().chain(entry.elem).any(|byte| *byte != 0))
    }
}

impl Chains {
    /// The unit of each chain and level: 0 is the array's own bucket.
    fn by_level(&self) -> HashMap<(usize, usize), usize> {
        let mut levels = HashMap::new();
        let mut next = vec![0; self.mains];
        for (at, chain) in self.units() {
            if let Some(level) = next.get_mut(chain) {
                levels.insert((chain, *level), at);
                *level += 1;
            }
        }
        levels
    }
}
