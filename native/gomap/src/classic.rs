//! `runtime.hmap`, and what the runtime keeps true about it.
//!
//! The invariants are those of src/runtime/map.go in Go 1.21 to 1.23 (map_noswiss.go in 1.24 and
//! 1.25), between any two steps of a write: what a step may leave behind is never called damage.

use crate::bytes::{Error, i64_at, u8_at, u16_at, u32_at, u64_at};
use crate::finding::Judge;
use crate::header::{Growth, Shape};
use crate::layout::{ClassicBits, ClassicLayout};
use crate::slots::SLOTS;

/// The fields of a `runtime.hmap`, as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassicHeader {
    /// `count`: the number of entries.
    pub count: i64,
    /// `flags`: the flag byte.
    pub flags: u8,
    /// `B`: log2 of the number of buckets.
    pub b: u8,
    /// `noverflow`: roughly how many overflow buckets there are.
    pub noverflow: u16,
    /// `hash0`: the hash seed.
    pub hash0: u32,
    /// `buckets`: address of 2^`B` buckets; nil before the first write to a small map.
    pub buckets: u64,
    /// `oldbuckets`: address of the previous bucket array; nil unless growing.
    pub oldbuckets: u64,
    /// `nevacuate`: all old buckets before this one are evacuated. A finished growth leaves it at
    /// the number of old buckets there were.
    pub nevacuate: u64,
    /// `clearSeq`: how often the map was cleared, which Go counts since 1.24.
    pub clear_seq: Option<u64>,
    /// `extra`: address of a `mapextra`, or nil.
    pub extra: u64,
    /// What the bits of `flags` mean in this program.
    pub bits: ClassicBits,
}

/// The largest `B` that fits into a 48-bit address space; the smallest bucket has 16 bytes.
pub(crate) const MAX_B: u8 = 48;

/// Size of `runtime.mapextra`: three pointers, in bytes.
const EXTRA_SIZE: u64 = 24;

impl ClassicHeader {
    pub(crate) fn decode(layout: &ClassicLayout, bytes: &[u8]) -> Result<Self, Error> {
        Ok(ClassicHeader {
            count: i64_at(bytes, layout.count, "count")?,
            flags: u8_at(bytes, layout.flags, "flags")?,
            b: u8_at(bytes, layout.b, "B")?,
            noverflow: u16_at(bytes, layout.noverflow, "noverflow")?,
            hash0: u32_at(bytes, layout.hash0, "hash0")?,
            buckets: u64_at(bytes, layout.buckets, "buckets")?,
            oldbuckets: u64_at(bytes, layout.oldbuckets, "oldbuckets")?,
            nevacuate: u64_at(bytes, layout.nevacuate, "nevacuate")?,
            clear_seq: layout.clear_seq.map(|offset| u64_at(bytes, offset, "clearSeq")).transpose()?,
            extra: u64_at(bytes, layout.extra, "extra")?,
            bits: layout.bits,
        })
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.flags & self.bits.hash_writing != 0
    }

    pub(crate) fn is_same_size(&self) -> bool {
        self.flags & self.bits.same_size_grow != 0
    }

    pub(crate) fn growth(&self) -> Growth {
        let evacuated = self.nevacuate;
        if self.oldbuckets == 0 {
            Growth::NotGrowing
        } else if self.is_same_size() {
            Growth::SameSize { evacuated, old_buckets: buckets(self.b) }
        } else {
            Growth::Doubling { evacuated, old_buckets: self.b.checked_sub(1).map_or(0, buckets) }
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape::ClassicBuckets { buckets: if self.buckets == 0 { 0 } else { buckets(self.b) } }
    }

    pub(crate) fn judge(&self, judge: &mut Judge<'_>) {
        let unknown = self.flags & !self.bits.known();
        if unknown != 0 {
            let why = format!("the runtime never sets bit {unknown:#x}");
            judge.damaged("flags", self.flags.into(), why);
        }
        if self.b > MAX_B {
            let why = format!("2^{} buckets do not fit into the address space", self.b);
            judge.damaged("B", self.b.into(), why);
        }
        self.judge_count(judge);
        self.judge_buckets(judge);
        self.judge_growth(judge);
        if self.extra != 0 {
            judge.pointer("extra", self.extra, EXTRA_SIZE);
        }
    }

    /// A map grows before it holds more than 6.5 entries a bucket (6 in Go 1.21). While it grows at the same size
    /// it may take one more entry for each old bucket, and maps.Clone may copy it then (Go's issue
    /// 69110): 7.5. Eight is never reached but by a single bucket.
    fn judge_count(&self, judge: &mut Judge<'_>) {
        let room = buckets(self.b).saturating_mul(SLOTS);
        match u64::try_from(self.count) {
            Err(_) => judge.damaged("count", self.count.cast_unsigned(), "negative"),
            Ok(count) if count > room && self.b <= MAX_B => {
                let why = format!("2^{} buckets never hold more than {room} entries", self.b);
                judge.damaged("count", count, why);
            }
            Ok(_) => {}
        }
    }

    fn judge_buckets(&self, judge: &mut Judge<'_>) {
        if self.buckets != 0 {
            // hashGrow raises B before it stores the new array: the old one has half as many
            // buckets, each of at least 16 bytes.
            judge.pointer("buckets", self.buckets, tophash_bytes(self.b));
        } else if self.count > 0 {
            let why = format!("nil, while count is {}", self.count);
            judge.damaged("buckets", 0, why);
        } else if self.oldbuckets != 0 {
            judge.damaged("buckets", 0, "nil, while oldbuckets is set");
        } else if self.b != 0 {
            // makemap stores B first.
            let why = format!("nil, while B is {}: only while the map is made", self.b);
            judge.in_between("buckets", 0, why);
        }
    }

    fn judge_growth(&self, judge: &mut Judge<'_>) {
        // No array that nevacuate ever counted through was longer than the present one.
        let most = buckets(self.b);
        if self.nevacuate > most && self.b <= MAX_B {
            let why = format!("more than the 2^{} buckets", self.b);
            judge.damaged("nevacuate", self.nevacuate, why);
        }
        let (evacuated, old) = match self.growth() {
            Growth::NotGrowing => {
                if self.is_same_size() {
                    // hashGrow sets the bit before oldbuckets; the last evacuation clears it after.
                    let why = "sameSizeGrow, while oldbuckets is nil";
                    judge.in_between("flags", self.flags.into(), why);
                }
                return;
            }
            Growth::Doubling { evacuated, old_buckets } | Growth::SameSize { evacuated, old_buckets } => {
                (evacuated, old_buckets)
            }
        };
        if self.b == 0 {
            // One bucket overflows only by doubling, which makes two.
            judge.damaged("oldbuckets", self.oldbuckets, "set, while B is 0");
            return;
        }
        judge.pointer("oldbuckets", self.oldbuckets, old.saturating_mul(SLOTS));
        if self.oldbuckets == self.buckets {
            // hashGrow stores oldbuckets before buckets.
            judge.in_between("oldbuckets", self.oldbuckets, "the same array as buckets");
        }
        if evacuated >= old && evacuated <= most {
            // The last evacuation counts to the end before it drops the old buckets, hashGrow
            // stores oldbuckets before it resets nevacuate, and mapclear forgets sameSizeGrow
            // before it drops the old buckets.
            let why = format!("all {old} old buckets are evacuated, yet oldbuckets is still set");
            judge.in_between("nevacuate", self.nevacuate, why);
        }
    }
}

/// 2^`b`, or the largest number for an impossible `b`.
fn buckets(b: u8) -> u64 {
    1u64.checked_shl(b.into()).unwrap_or(u64::MAX)
}

/// The bytes of the tophash arrays of 2^`b` buckets.
fn tophash_bytes(b: u8) -> u64 {
    buckets(b).saturating_mul(SLOTS)
}
