//! Each entry held against the hash of its key.

use crate::find::seed;
use crate::finding::Findings;
use crate::hash::{Ahead, Hasher, KeyTypes};
use crate::header::Header;
use crate::scan::Entry;
use crate::source::Source;
use crate::walk::emit::mark;
use crate::walk::marks::{EVACUATED_Y, MIN_TOP_HASH, empty, h1, h2, tophash};
use crate::walk::reader::Reader;
use crate::walk::units::{Home, Run, Units};

/// So many entries are compared with each other at most: more than a block has, even with long chains.
const MOST_COMPARED: usize = 1 << 18;

/// Computes the hash of each key, and compares it with where the key lies.
pub(super) struct Examiner<'a> {
    hasher: &'a Hasher,
    types: &'a dyn KeyTypes,
    seed: u64,
    /// Reports every entry that doesn't fit and lets it pass, and keeps the hashes to find keys that are there twice.
    thorough: bool,
    /// The hash of each key of the block, and its address.
    hashes: Vec<(u64, u64)>,
    /// The strings of the block's keys.
    ahead: Ahead,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(hasher: &'a Hasher, types: &'a dyn KeyTypes, header: &Header, thorough: bool) -> Self {
        Examiner { hasher, types, seed: seed(header), thorough, hashes: Vec::new(), ahead: Ahead::default() }
    }

    /// Reads the strings of these keys together, before each is hashed.
    pub(super) fn read_ahead<'k>(&mut self, keys: impl Iterator<Item = &'k [u8]>, reader: &Reader<'_>) {
        if !self.hasher.has_strings() {
            return;
        }
        self.ahead.clear();
        keys.for_each(|key| self.ahead.want(self.hasher, key));
        self.ahead.read(|parts| reader.read_all(parts));
    }

    /// Whether an entry is to be shown: one whose key doesn't belong where it lies is half written.
    #[expect(clippy::too_many_arguments, reason = "one place, told by what it is made of")]
    pub(super) fn fits(
        &mut self,
        units: &Units,
        first: usize,
        run: &Run,
        k: usize,
        slot: usize,
        entry: &Entry<'_>,
        reader: &Reader<'_>,
        findings: &mut Findings,
    ) -> bool {
        let strings = self.ahead.over(reader);
        let Some(hash) = self.hasher.hash(entry.key, self.seed, &strings, self.types) else {
            // NaN has none, and equals nothing.
            if self.thorough && self.hasher.equal(entry.key, entry.key, reader, self.types) != Some(false) {
                let why = format_args!("what it refers to cannot be read, or is of an unknown type");
                findings.in_between(entry.key_addr, "key", entry.key_addr, why);
            }
            return true;
        };
        if self.thorough && self.hashes.len() < MOST_COMPARED {
            self.hashes.push((hash, entry.key_addr));
        }
        let mark = mark(units, first + k, slot);
        let misplaced = match run.home {
            Home::Buckets { number, of } => bucket(hash, number + k as u64, of, mark),
            Home::SmallGroup => control(hash, mark),
            Home::Table { mask, prefix, bits } => {
                let lost = || unreachable_group(units, first, mask, k as u64, hash);
                control(hash, mark).or_else(|| table(hash, prefix, bits)).or_else(lost)
            }
        };
        let Some(Misplaced { field, value, why }) = misplaced else { return true };
        if field == "key" {
            findings.in_between(entry.key_addr, field, entry.key_addr, format_args!("{why}"));
        } else {
            let address = run.addr.wrapping_add((k * units.size() + slot) as u64);
            findings.in_between(address, field, value, format_args!("{why}"));
        }
        self.thorough
    }

    /// Reports keys that are there twice among those seen since the last call. The hash leads both to the same
    /// bucket chain or table, so that they are always in the same block, unless one is where it doesn't belong.
    pub(super) fn report_duplicates(&mut self, reader: &Reader<'_>, key_len: usize, findings: &mut Findings) {
        self.hashes.sort_unstable();
        let key = |addr| {
            let mut bytes = vec![0; key_len];
            reader.read(addr, &mut bytes).then_some(bytes)
        };
        for pair in self.hashes.windows(2) {
            let &[(hash, first), (other, second)] = pair else { continue };
            if hash == other
                && let (Some(a), Some(b)) = (key(first), key(second))
                && self.hasher.equal(&a, &b, reader, self.types) == Some(true)
            {
                findings.in_between(second, "key", second, format_args!("the same key is at {first:#x} too"));
            }
        }
        self.hashes.clear();
    }
}

/// What contradicts a key's hash.
struct Misplaced {
    field: &'static str,
    value: u64,
    why: String,
}

fn bucket(hash: u64, number: u64, of: u64, mark: u8) -> Option<Misplaced> {
    let belongs = hash & (of - 1);
    if belongs != number {
        let why = format!("in bucket {number}, while its hash belongs into bucket {belongs} of {of}");
        return Some(Misplaced { field: "key", value: 0, why });
    }
    if mark < MIN_TOP_HASH {
        // Evacuated already: the lowest bit of the mark says to which half of twice as many buckets.
        let upper = hash & of != 0;
        return (mark == EVACUATED_Y && !upper).then(|| Misplaced {
            field: "tophash",
            value: mark.into(),
            why: "evacuated to the upper half, while its key's hash belongs into the lower one".to_owned(),
        });
    }
    let top = tophash(hash);
    (mark != top).then(|| Misplaced {
        field: "tophash",
        value: mark.into(),
        why: format!("its key's hash has {top:#x}"),
    })
}

fn control(hash: u64, mark: u8) -> Option<Misplaced> {
    let h2 = h2(hash);
    (mark != h2).then(|| Misplaced { field: "control", value: mark.into(), why: format!("its key's hash has {h2:#x}") })
}

fn table(hash: u64, prefix: u64, bits: u8) -> Option<Misplaced> {
    let belongs = hash.checked_shr(64 - u32::from(bits)).unwrap_or(0);
    (belongs != prefix).then(|| Misplaced {
        field: "key",
        value: 0,
        why: format!("in the table of hashes that begin with {prefix:#b}, while its {bits} bits are {belongs:#b}"),
    })
}

/// A lookup goes from group to group as far as the first that has an empty slot: none of those before a key's
/// group may have one (probeSeq in src/internal/runtime/maps/table.go).
fn unreachable_group(units: &Units, first: usize, mask: u64, group: u64, hash: u64) -> Option<Misplaced> {
    let mut offset = h1(hash) & mask;
    for step in 1..=mask + 1 {
        if offset == group {
            return None;
        }
        // A group that can't be read may be full.
        if units.word(first + offset as usize).is_some_and(|control| empty(control) != 0) {
            let why = format!("in group {group}, while a lookup of it ends in group {offset}, which has an empty slot");
            return Some(Misplaced { field: "key", value: 0, why });
        }
        offset = (offset + step) & mask;
    }
    None
}
