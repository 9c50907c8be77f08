//! The path of a hash through a classic map: mapaccessK in Go's src/runtime/map.go (map_noswiss.go in 1.24 and
//! 1.25), and what evacuate and hashGrow there leave behind between their steps.

use super::{OwnedEntry, Path};
use crate::classic::{ClassicHeader, MAX_B};
use crate::walk::marks::{EMPTY_REST, EVACUATED_EMPTY, EVACUATED_X, EVACUATED_Y, tophash};

/// So many buckets of a chain are read: no chain of a healthy map comes near.
const LONGEST_CHAIN: usize = 4096;

/// Which slots of a chain are looked at.
#[derive(Clone, Copy, PartialEq)]
enum Slots {
    /// Those with the key's tophash.
    Live,
    /// Those, and the ones that are marked as evacuated: their tophash is lost, their key is not.
    LiveAndEvacuated,
    /// Only the ones marked as evacuated.
    Evacuated,
}

/// Whether all of a chain is evacuated.
#[derive(Clone, Copy, PartialEq)]
enum Evacuation {
    NotBegun,
    Partly,
    Done,
}

impl Path<'_> {
    pub(super) fn classic(&mut self, header: &ClassicHeader, hash: u64) -> Option<OwnedEntry> {
        if header.count == 0 || header.buckets == 0 {
            return None;
        }
        if header.b > MAX_B {
            let why = format!("2^{} buckets do not fit into the address space", header.b);
            self.wrong(true, "B", self.map.header, header.b.into(), why);
            return None;
        }
        let mask = (1u64 << header.b) - 1;
        if header.oldbuckets == 0 {
            // hashGrow raises B before it stores the new buckets. Where it has not begun, this bucket does not hold
            // the key unless it is also the one below.
            let half = hash & (mask >> 1);
            if self.writing
                && half != hash & mask
                && let Some(entry) = self.bucket(header.buckets, half, hash, Slots::Live)
            {
                return Some(entry);
            }
            return self.bucket(header.buckets, hash & mask, hash, Slots::Live);
        }
        let same_size = header.flags & header.bits.same_size_grow != 0;
        let old = hash & if same_size { mask } else { mask >> 1 };
        match self.evacuation(header, old)? {
            Evacuation::NotBegun => self.bucket(header.oldbuckets, old, hash, Slots::Live),
            // The new buckets have some of it, the old ones all.
            Evacuation::Partly => self.bucket(header.oldbuckets, old, hash, Slots::LiveAndEvacuated),
            Evacuation::Done => {
                let found = self.bucket(header.buckets, hash & mask, hash, Slots::Live);
                if found.is_some() || !self.writing {
                    return found;
                }
                // The last slot of the chain is marked before its entry is copied; or it has been deleted since.
                let last = self.bucket(header.oldbuckets, old, hash, Slots::Evacuated)?;
                let why = "marked as evacuated, but not in the new buckets: either on its way or just deleted";
                self.wrong(false, "tophash", last.key_addr, 0, why);
                Some(last)
            }
        }
    }

    /// Searches the chain of the bucket with this index.
    fn bucket(&mut self, buckets: u64, index: u64, hash: u64, which: Slots) -> Option<OwnedEntry> {
        let top = tophash(hash);
        let mut entry = None;
        self.chain(buckets, index, &mut |path, bucket, marks| {
            for (slot, mark) in (0..).zip(marks) {
                let evacuated = matches!(mark, EVACUATED_X | EVACUATED_Y);
                let looked_at = match which {
                    Slots::Live => mark == top,
                    Slots::LiveAndEvacuated => mark == top || evacuated,
                    Slots::Evacuated => evacuated,
                };
                if looked_at {
                    entry = path.slot(bucket, slot);
                    if entry.is_some() {
                        return false;
                    }
                }
                if mark == EMPTY_REST && which != Slots::Evacuated {
                    return false;
                }
            }
            true
        });
        entry
    }

    /// How far an old bucket is evacuated. The runtime takes it for evacuated once its first slot is marked.
    fn evacuation(&mut self, header: &ClassicHeader, old: u64) -> Option<Evacuation> {
        let mut begun = None;
        let mut rest = false;
        self.chain(header.oldbuckets, old, &mut |_, _, marks| {
            let marked = |mark: &u8| (EVACUATED_X..=EVACUATED_EMPTY).contains(mark);
            if begun.is_none() {
                begun = marks.first().map(marked);
            }
            rest |= !marks.iter().all(marked);
            begun == Some(true) && !rest
        });
        let evacuation = match begun? {
            false => Evacuation::NotBegun,
            true if rest => Evacuation::Partly,
            true => Evacuation::Done,
        };
        if evacuation != Evacuation::Done && old < header.nevacuate {
            let why = format!("old bucket {old} is below, but not evacuated");
            self.wrong(false, "nevacuate", self.map.header, header.nevacuate, why);
        } else if evacuation == Evacuation::Partly {
            let why = format!("old bucket {old} is partly evacuated: its entries were read from there");
            self.wrong(false, "oldbuckets", self.map.header, header.oldbuckets, why);
        }
        Some(evacuation)
    }

    /// Shows each bucket of a chain and its tophash array, until there is none or `visit` says false.
    fn chain(&mut self, buckets: u64, index: u64, visit: &mut dyn FnMut(&mut Self, u64, [u8; 8]) -> bool) {
        let slots = self.map.slots;
        let Some(mut bucket) = index.checked_mul(slots.unit).and_then(|offset| buckets.checked_add(offset)) else {
            return;
        };
        let mut from = self.map.header;
        for _ in 0..LONGEST_CHAIN {
            let Some(marks) = self.word(bucket) else {
                let why = format!("bucket {index} or one of its overflow buckets cannot be read");
                self.wrong(true, "overflow", from, bucket, why);
                return;
            };
            if !visit(self, bucket, marks) {
                return;
            }
            let Some(next) = slots.overflow.and_then(|offset| self.pointer(bucket.checked_add(offset)?)) else {
                let why = format!("the overflow pointer of bucket {index}'s chain cannot be read");
                return self.wrong(true, "overflow", bucket, 0, why);
            };
            if next == 0 {
                return;
            }
            (from, bucket) = (bucket, next);
        }
        let why = format!("bucket {index}'s chain has more than {LONGEST_CHAIN} overflow buckets, or is a cycle");
        self.wrong(true, "overflow", from, bucket, why);
    }
}
