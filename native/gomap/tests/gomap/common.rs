//! Layouts as linux/amd64 has them, and what all tests of headers need.

use gomap::{
    ClassicBits, ClassicHeader, ClassicLayout, Finding, Header, Layout, SwissHeader, SwissLayout, TableLayout, Verdict,
};

/// `runtime.hmap` of Go 1.21 to 1.23.
pub(crate) const CLASSIC: ClassicLayout = ClassicLayout {
    size: 48,
    count: 0,
    flags: 8,
    b: 9,
    noverflow: 10,
    hash0: 12,
    buckets: 16,
    oldbuckets: 24,
    nevacuate: 32,
    clear_seq: None,
    extra: 40,
    bits: ClassicBits::GO,
};

/// `internal/runtime/maps.Map` of Go 1.25 to 1.27; 1.24 has no `tombstonePossible`.
pub(crate) const SWISS: SwissLayout = SwissLayout {
    size: 48,
    used: 0,
    seed: 8,
    dir_ptr: 16,
    dir_len: 24,
    global_depth: 32,
    global_shift: 33,
    writing: 34,
    clear_seq: 40,
    tombstone_possible: Some(35),
    table: TableLayout {
        size: 32,
        used: 0,
        capacity: 2,
        growth_left: 4,
        local_depth: 6,
        index: 8,
        groups_data: 16,
        groups_length_mask: 24,
    },
};

/// Where the tests' heap lies.
pub(crate) const HEAP: u64 = 0xc0_0000_0000;

/// Where the tests' headers lie.
pub(crate) const HEADER: u64 = 0xc0_0000_1000;

/// An address space that has the heap and nothing else.
pub(crate) fn heap_only(address: u64, len: u64) -> bool {
    address >= HEAP && address + len <= HEAP + (1 << 44)
}

/// The bytes of a classic header.
pub(crate) fn classic_bytes(header: &ClassicHeader) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(header.count.to_le_bytes());
    bytes.extend([header.flags, header.b]);
    bytes.extend(header.noverflow.to_le_bytes());
    bytes.extend(header.hash0.to_le_bytes());
    for word in [header.buckets, header.oldbuckets, header.nevacuate, header.extra] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

/// The bytes of a Swiss header.
pub(crate) fn swiss_bytes(header: &SwissHeader) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [header.used, header.seed, header.dir_ptr, header.dir_len.cast_unsigned()] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([header.global_depth, header.global_shift, header.writing, header.tombstone_possible.unwrap()]);
    bytes.resize(40, 0);
    bytes.extend(header.clear_seq.to_le_bytes());
    bytes
}

/// What is wrong with a classic header in the tests' address space.
pub(crate) fn classic_findings(header: &ClassicHeader) -> Vec<Finding> {
    let decoded = Header::decode(&Layout::Classic(CLASSIC), &classic_bytes(header)).unwrap();
    assert_eq!(decoded, Header::Classic(*header));
    decoded.findings(HEADER, &mut heap_only)
}

/// What is wrong with a Swiss header in the tests' address space.
pub(crate) fn swiss_findings(header: &SwissHeader) -> Vec<Finding> {
    let decoded = Header::decode(&Layout::Swiss(SWISS), &swiss_bytes(header)).unwrap();
    assert_eq!(decoded, Header::Swiss(*header));
    decoded.findings(HEADER, &mut heap_only)
}

/// The fields that are called damaged.
pub(crate) fn damaged(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().filter(|finding| finding.verdict == Verdict::Damaged).map(|finding| finding.field).collect()
}

/// A field's name, and what makes it impossible.
pub(crate) type Spoil<'a, T> = (&'static str, &'a dyn Fn(&mut T));
