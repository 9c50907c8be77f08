//! `internal/runtime/maps.Map`, and what the runtime keeps true about it.
//!
//! The invariants are those of src/internal/runtime/maps/map.go in Go 1.24 to 1.27, between any
//! two steps of a write: what a step may leave behind is never called damage.

use crate::bytes::{Error, i64_at, u8_at, u64_at};
use crate::finding::Judge;
use crate::header::Shape;
use crate::layout::{SWISS_WRITING, SwissLayout};
use crate::slots::SLOTS;
use crate::table::MAX_TABLE_USED;

/// The fields of an `internal/runtime/maps.Map`, as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwissHeader {
    /// `used`: the number of entries.
    pub used: u64,
    /// `seed`: the hash seed.
    pub seed: u64,
    /// `dirPtr`: address of the directory, or of the only group if `dirLen` is 0; nil before the
    /// first write to a small map.
    pub dir_ptr: u64,
    /// `dirLen`: length of the directory, in entries; 0 for a small map.
    pub dir_len: i64,
    /// `globalDepth`: log2 of `dirLen`.
    pub global_depth: u8,
    /// `globalShift`: 64 - `globalDepth`, or 0 for a small map.
    pub global_shift: u8,
    /// `writing`: the flag byte.
    pub writing: u8,
    /// `tombstonePossible` as a byte, which Go has since 1.25: 0 if no table holds a tombstone.
    pub tombstone_possible: Option<u8>,
    /// `clearSeq`: how often the map was cleared.
    pub clear_seq: u64,
}

/// Bytes of a pointer, as a directory holds them.
pub(crate) const POINTER_SIZE: u64 = 8;

impl SwissHeader {
    pub(crate) fn decode(layout: &SwissLayout, bytes: &[u8]) -> Result<Self, Error> {
        Ok(SwissHeader {
            used: u64_at(bytes, layout.used, "used")?,
            seed: u64_at(bytes, layout.seed, "seed")?,
            dir_ptr: u64_at(bytes, layout.dir_ptr, "dirPtr")?,
            dir_len: i64_at(bytes, layout.dir_len, "dirLen")?,
            global_depth: u8_at(bytes, layout.global_depth, "globalDepth")?,
            global_shift: u8_at(bytes, layout.global_shift, "globalShift")?,
            writing: u8_at(bytes, layout.writing, "writing")?,
            tombstone_possible: layout
                .tombstone_possible
                .map(|offset| u8_at(bytes, offset, "tombstonePossible"))
                .transpose()?,
            clear_seq: u64_at(bytes, layout.clear_seq, "clearSeq")?,
        })
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.writing & SWISS_WRITING != 0
    }

    pub(crate) fn shape(&self) -> Shape {
        match self.dir_len {
            0 => Shape::SmallGroup,
            entries => Shape::Directory { entries: u64::try_from(entries).unwrap_or(0) },
        }
    }

    pub(crate) fn judge(&self, judge: &mut Judge<'_>) {
        if self.writing & !SWISS_WRITING != 0 {
            let why = "the runtime only ever toggles bit 0x1";
            judge.damaged("writing", self.writing.into(), why);
        }
        if let Some(byte @ 2..) = self.tombstone_possible {
            judge.damaged("tombstonePossible", byte.into(), "a bool is 0 or 1");
        }
        match u64::try_from(self.dir_len) {
            Ok(0) => self.judge_small(judge),
            Ok(entries) if entries.is_power_of_two() => self.judge_directory(judge, entries),
            _ => judge.damaged("dirLen", self.dir_len.cast_unsigned(), "not a power of two"),
        }
    }

    fn judge_small(&self, judge: &mut Judge<'_>) {
        if self.used > SLOTS {
            let why = format!("a small map never holds more than {SLOTS} entries");
            judge.damaged("used", self.used, why);
        }
        if self.dir_ptr != 0 {
            judge.pointer("dirPtr", self.dir_ptr, SLOTS);
        } else if self.used != 0 {
            let why = format!("nil, while used is {}", self.used);
            judge.damaged("dirPtr", 0, why);
        }
        // NewMap stores both before it stores the directory.
        let being_made = self.dir_ptr == 0
            && self.used == 0
            && self.global_depth <= MAX_DEPTH
            && (self.global_shift == 0 || depth_of_shift(self.global_shift) == Some(self.global_depth));
        for (field, value) in [("globalDepth", self.global_depth), ("globalShift", self.global_shift)] {
            if value == 0 {
                continue;
            }
            let why = "not 0, while there is no directory";
            if being_made {
                judge.in_between(field, value.into(), why);
            } else {
                judge.damaged(field, value.into(), why);
            }
        }
    }

    fn judge_directory(&self, judge: &mut Judge<'_>, entries: u64) {
        let room = entries.saturating_mul(MAX_TABLE_USED.into());
        if self.used > room {
            let why = format!("{entries} tables never hold more than {room} entries");
            judge.damaged("used", self.used, why);
        }
        if self.dir_ptr == 0 {
            let why = format!("nil, while dirLen is {entries}");
            judge.damaged("dirPtr", 0, why);
        } else {
            let len = entries.saturating_mul(POINTER_SIZE);
            judge.pointer("dirPtr", self.dir_ptr, len);
        }
        self.judge_depths(judge, entries);
    }

    /// `dirLen`, `globalDepth` and `globalShift` say the same three times: the one that says
    /// otherwise is wrong. installTableSplit stores globalDepth, globalShift, dirPtr and dirLen in
    /// this order, growToTable stores globalShift last.
    fn judge_depths(&self, judge: &mut Judge<'_>, entries: u64) {
        let depth = u32::from(self.global_depth);
        let of_entries = entries.trailing_zeros();
        let of_shift = depth_of_shift(self.global_shift).map(u32::from);
        let doubling = depth == of_entries + 1;
        if depth == of_entries && of_shift == Some(depth) {
            if self.global_depth > MAX_DEPTH {
                let why = "such a directory does not fit into the address space";
                judge.damaged("dirLen", entries, why);
            }
        } else if depth == of_entries {
            let (value, why) = (self.global_shift.into(), format!("not {}, while globalDepth is {depth}", 64 - depth));
            if entries == 1 && self.global_shift == 0 {
                judge.in_between("globalShift", value, why);
            } else {
                judge.damaged("globalShift", value, why);
            }
        } else if of_shift == Some(depth) {
            let why = format!("not 2^{depth}, while globalDepth is {depth}");
            if doubling {
                judge.in_between("dirLen", entries, why);
            } else {
                judge.damaged("dirLen", entries, why);
            }
        } else if of_shift == Some(of_entries) {
            let why = format!("not {of_entries}, while dirLen is {entries}");
            if doubling {
                judge.in_between("globalDepth", depth.into(), why);
            } else {
                judge.damaged("globalDepth", depth.into(), why);
            }
        } else {
            let why = format!("fits neither globalDepth {depth} nor globalShift {}", self.global_shift);
            judge.damaged("dirLen", entries, why);
        }
    }
}

/// The largest `globalDepth` whose directory fits into a 48-bit address space: a table that a
/// directory entry names has more than eight bytes, but several may name the same.
pub(crate) const MAX_DEPTH: u8 = 45;

/// The `globalDepth` that belongs to a `globalShift`.
pub(crate) fn depth_of_shift(shift: u8) -> Option<u8> {
    64u8.checked_sub(shift).filter(|_| shift != 0)
}
