//! A classic map that grows: its old buckets, and those they are evacuated to.
//!
//! `evacuate` (src/runtime/map.go up to Go 1.23, map_noswiss.go in 1.24 and 1.25) marks the slots of an old chain
//! from the first to the last, each before it copies its entry. Until all are marked, the old chain is whole: keys
//! and elems stay in it. After that the new buckets are, and only then others may change them.

use std::ops::ControlFlow;

use crate::walk::Walk;
use crate::walk::chains::{Array, Chains};
use crate::walk::marks::{self, byte};

/// A growth that is not finished.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growing {
    pub(super) old: Array,
    pub(super) new: Array,
    /// `nevacuate`: all old buckets before this one are evacuated.
    pub(super) evacuated: u64,
}

/// How far an old chain is evacuated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Untouched,
    InPart,
    Wholly,
}

/// Old chains with those they go to.
pub(super) struct Block {
    pub(super) old: Chains,
    /// The chains of the same numbers, and with twice as many buckets also those as many further on as there are
    /// old ones.
    pub(super) new: [Option<Chains>; 2],
    pub(super) states: Vec<State>,
}

impl Growing {
    /// Whether the map grows to twice as many buckets.
    fn doubles(&self) -> bool {
        self.new.of > self.old.of
    }
}

impl Block {
    pub(super) fn new(walk: &Walk<'_>, growing: &Growing) -> Self {
        let upper = growing.doubles().then(|| Chains::new(walk));
        Block { old: Chains::new(walk), new: [Some(Chains::new(walk)), upper], states: Vec::new() }
    }

    pub(super) fn load(&mut self, walk: &mut Walk<'_>, growing: &Growing, first: u64, count: u64) {
        self.old.load(walk, growing.old, first, count);
        for (chains, from) in self.new.iter_mut().zip([first, first + growing.old.of]) {
            if let Some(chains) = chains {
                chains.load(walk, growing.new, from, count);
            }
        }
        // Of each chain, whether any slot is marked evacuated, and whether any is not.
        let mut marked = vec![(false, false); self.old.mains];
        for (at, chain) in self.old.units() {
            if let (Some(word), Some((some, not_all))) = (self.old.units.word(at), marked.get_mut(chain)) {
                *some |= marks::evacuated(word) != 0;
                *not_all |= marks::evacuated(word) != u8::MAX;
            }
        }
        self.states.clear();
        self.states.extend(marked.into_iter().map(|marked| match marked {
            (false, true) => State::Untouched,
            (true, true) => State::InPart,
            // What can't be read may be in the new buckets.
            (_, false) => State::Wholly,
        }));
    }

    fn state(&self, chain: usize) -> State {
        self.states.get(chain).copied().unwrap_or(State::Wholly)
    }

    /// Lets each entry be shown where it is whole.
    fn set_masks(&mut self) {
        let masks = self.old.units().map(|(at, chain)| {
            self.old.units.word(at).map_or(0, |word| match self.state(chain) {
                State::Untouched => marks::filled(word),
                State::InPart => marks::filled(word) | marks::evacuated_entries(word),
                State::Wholly => 0,
            })
        });
        self.old.units.masks = masks.collect();
        let Block { new, states, .. } = self;
        for chains in new.iter_mut().flatten() {
            chains.units.set_masks(marks::filled);
            chains.keep_masks(|chain| states.get(chain) == Some(&State::Wholly));
        }
    }
}

impl Walk<'_> {
    /// Shows the entries of a map that grows.
    pub(super) fn growing(&mut self, growing: &Growing) -> ControlFlow<()> {
        let mut block = Block::new(self, growing);
        let mut missing = 0;
        let mut first = 0;
        let at_once = (self.units_at_once() / 3).max(1);
        while first < growing.old.of && !self.gives_up(missing, growing.old, first) {
            let count = at_once.min(growing.old.of - first);
            block.load(self, growing, first, count);
            let none = block.old.units.missing(0..block.old.mains) == block.old.mains;
            missing = if none { missing + 1 } else { 0 };
            self.judge_growth(growing, &block, first);
            block.set_masks();
            self.emit(&block.old.units)?;
            for chains in block.new.iter().flatten() {
                self.emit(&chains.units)?;
            }
            self.end_of_block();
            first += count;
        }
        if self.header.is_writing() && self.entries + 1 == self.header.len() {
            self.show_entry_in_transit(growing)?;
        }
        ControlFlow::Continue(())
    }

    /// What contradicts itself between old buckets and new ones.
    fn judge_growth(&mut self, growing: &Growing, block: &Block, first: u64) {
        for (chain, state) in block.states.iter().enumerate() {
            let number = first + chain as u64;
            let address = block.old.units.address(chain);
            if self.thorough && number < growing.evacuated && *state != State::Wholly {
                // hashGrow resets nevacuate last.
                let why = format_args!("old bucket {number} is not evacuated");
                self.findings.in_between(address, "nevacuate", growing.evacuated, why);
            } else if self.thorough && *state == State::InPart {
                let slot = block.old.units.word(chain).unwrap_or_default();
                let why = format_args!("old bucket {number} is evacuated in part");
                self.findings.in_between(address, "tophash", byte(slot, 0).into(), why);
            }
        }
        for (chains, from) in block.new.iter().zip([first, first + growing.old.of]) {
            let Some(chains) = chains else { continue };
            self.judge_chains(chains, from);
            for (at, chain) in chains.units() {
                let filled = marks::filled(chains.units.word(at).unwrap_or_default());
                if filled != 0 && block.state(chain) == State::Untouched {
                    let slot = filled.trailing_zeros() as usize;
                    let value = byte(chains.units.word(at).unwrap_or_default(), slot).into();
                    let why = format_args!(
                        "bucket {} holds an entry, while the old bucket {} is not yet evacuated",
                        from + chain as u64,
                        first + chain as u64
                    );
                    self.findings.damaged(chains.units.address(at), "tophash", value, why);
                }
            }
        }
    }
}
