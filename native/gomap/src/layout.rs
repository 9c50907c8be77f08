//! Where the fields of a map header lie, and what the bits of its flag byte are called.

/// Where the fields of a program's map headers lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `runtime.hmap`: up to Go 1.23, and `GOEXPERIMENT=noswissmap` in 1.24 and 1.25.
    Classic(ClassicLayout),
    /// `internal/runtime/maps.Map`: since Go 1.24.
    Swiss(SwissLayout),
}

/// Where the fields of `runtime.hmap` lie (Go's src/runtime/map.go up to 1.23,
/// src/runtime/map_noswiss.go in 1.24 and 1.25): bytes from the header's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassicLayout {
    /// Size of the whole header, in bytes.
    pub size: u64,
    /// Offset of `count` (int).
    pub count: u64,
    /// Offset of `flags` (uint8), the flag byte.
    pub flags: u64,
    /// Offset of `B` (uint8).
    pub b: u64,
    /// Offset of `noverflow` (uint16).
    pub noverflow: u64,
    /// Offset of `hash0` (uint32).
    pub hash0: u64,
    /// Offset of `buckets` (pointer).
    pub buckets: u64,
    /// Offset of `oldbuckets` (pointer).
    pub oldbuckets: u64,
    /// Offset of `nevacuate` (uintptr).
    pub nevacuate: u64,
    /// Offset of `clearSeq` (uint64), which Go has since 1.24.
    pub clear_seq: Option<u64>,
    /// Offset of `extra` (pointer).
    pub extra: u64,
    /// The bits of `flags`.
    pub bits: ClassicBits,
}

/// The bits of the `flags` byte of `runtime.hmap`: each a mask, not a bit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassicBits {
    /// `iterator`: there may be an iterator using `buckets`.
    pub iterator: u8,
    /// `oldIterator`: there may be an iterator using `oldbuckets`.
    pub old_iterator: u8,
    /// `hashWriting`: a goroutine is writing to the map.
    pub hash_writing: u8,
    /// `sameSizeGrow`: the current growth is to a new map of the same size.
    pub same_size_grow: u8,
}

impl ClassicBits {
    /// The bits as every Go from 1.18 to 1.25 has them (the constants in src/runtime/map.go, later
    /// map_noswiss.go), for a program whose DWARF does not name them.
    pub const GO: ClassicBits = ClassicBits { iterator: 1, old_iterator: 2, hash_writing: 4, same_size_grow: 8 };

    /// Each bit with Go's name for it.
    fn named(self) -> [(u8, &'static str); 4] {
        [
            (self.iterator, "iterator"),
            (self.old_iterator, "oldIterator"),
            (self.hash_writing, "hashWriting"),
            (self.same_size_grow, "sameSizeGrow"),
        ]
    }

    /// All the bits that the runtime ever sets.
    pub(crate) fn known(self) -> u8 {
        self.iterator | self.old_iterator | self.hash_writing | self.same_size_grow
    }
}

/// Where the fields of `internal/runtime/maps.Map` lie (Go's src/internal/runtime/maps/map.go,
/// since 1.24): bytes from the header's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwissLayout {
    /// Size of the whole header, in bytes.
    pub size: u64,
    /// Offset of `used` (uint64).
    pub used: u64,
    /// Offset of `seed` (uintptr).
    pub seed: u64,
    /// Offset of `dirPtr` (pointer).
    pub dir_ptr: u64,
    /// Offset of `dirLen` (int).
    pub dir_len: u64,
    /// Offset of `globalDepth` (uint8).
    pub global_depth: u64,
    /// Offset of `globalShift` (uint8).
    pub global_shift: u64,
    /// Offset of `writing` (uint8), the flag byte.
    pub writing: u64,
    /// Offset of `clearSeq` (uint64).
    pub clear_seq: u64,
    /// Offset of `tombstonePossible` (bool), which Go has since 1.25.
    pub tombstone_possible: Option<u64>,
    /// Where the fields of a table lie.
    pub table: TableLayout,
}

/// Where the fields of `internal/runtime/maps.table` lie (Go's src/internal/runtime/maps/table.go):
/// bytes from the table's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLayout {
    /// Size of the whole table header, in bytes.
    pub size: u64,
    /// Offset of `used` (uint16).
    pub used: u64,
    /// Offset of `capacity` (uint16).
    pub capacity: u64,
    /// Offset of `growthLeft` (uint16).
    pub growth_left: u64,
    /// Offset of `localDepth` (uint8).
    pub local_depth: u64,
    /// Offset of `index` (int).
    pub index: u64,
    /// Offset of `groups.data` (pointer).
    pub groups_data: u64,
    /// Offset of `groups.lengthMask` (uint64).
    pub groups_length_mask: u64,
}

/// What a writer of a Swiss map toggles in `writing` (`writing ^= 1` in (*Map).PutSlot and others,
/// Go's src/internal/runtime/maps/map.go).
pub(crate) const SWISS_WRITING: u8 = 1;

impl Layout {
    /// Size of the header, in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Layout::Classic(layout) => layout.size,
            Layout::Swiss(layout) => layout.size,
        }
    }

    /// Offset of the flag byte (`flags` or `writing`), in bytes from the header's start.
    pub fn flag_offset(&self) -> u64 {
        match self {
            Layout::Classic(layout) => layout.flags,
            Layout::Swiss(layout) => layout.writing,
        }
    }

    /// The bit of the flag byte that a writer sets while it writes.
    pub fn writing_bit(&self) -> u8 {
        match self {
            Layout::Classic(layout) => layout.bits.hash_writing,
            Layout::Swiss(_) => SWISS_WRITING,
        }
    }

    /// The flag byte in Go's words: `iterator|hashWriting`, `writing`, or `0` when nothing is set.
    /// Bits without a name follow in hex.
    pub fn describe_flags(&self, flags: u8) -> String {
        match self {
            Layout::Classic(layout) => describe(flags, &layout.bits.named()),
            Layout::Swiss(_) => describe(flags, &[(SWISS_WRITING, "writing")]),
        }
    }
}

fn describe(flags: u8, bits: &[(u8, &str)]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = flags;
    for &(bit, name) in bits {
        if flags & bit != 0 {
            words.push(name.to_owned());
            rest &= !bit;
        }
    }
    if rest != 0 {
        words.push(format!("{rest:#x}"));
    }
    if words.is_empty() { "0".to_owned() } else { words.join("|") }
}
