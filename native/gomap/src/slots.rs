//! Where keys and elems lie in a bucket of a classic map, or in a group of a Swiss one.

use crate::layout::Layout;

/// Slots of a bucket or group (abi.MapBucketCount in src/internal/abi/map.go, MapGroupSlots since Go 1.24), which are
/// also the bytes of its tophash array or control word: the least that one has.
pub(crate) const SLOTS: u64 = 8;

/// Where a map's type puts its keys and elems. Buckets and groups both begin with the eight bytes of
/// eight slots: the tophash array, or the control word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Size of a bucket or group, in bytes.
    pub unit: u64,
    /// The keys.
    pub key: Stored,
    /// The elems.
    pub elem: Stored,
    /// Offset of the overflow pointer in a bucket; `None` for a group, which has none.
    pub overflow: Option<u64>,
}

/// Where the keys (or the elems) of a bucket or group lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Size of the key or elem itself, in bytes; 0 for `struct{}`.
    pub size: u64,
    /// Whether the slot holds a pointer to it, as it does where it is larger than 128 bytes.
    pub indirect: bool,
    /// Offset of that of slot 0, in bytes from the start of the bucket or group.
    pub offset: u64,
    /// From one slot's to the next one's, in bytes.
    pub stride: u64,
}

impl Stored {
    /// How many bytes of it lie in the slot itself: its size, or that of a pointer.
    pub fn in_slot(&self) -> u64 {
        if self.indirect { 8 } else { self.size }
    }
}

/// One map in memory.
#[derive(Debug, Clone, Copy)]
pub struct MapView<'a> {
    /// Where the program's map headers keep their fields.
    pub layout: &'a Layout,
    /// Where this type of map keeps its keys and elems.
    pub slots: &'a Slots,
    /// Address of the header.
    pub header: u64,
}
