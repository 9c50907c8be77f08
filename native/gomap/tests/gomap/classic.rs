//! What is called damaged in a classic header, and what is not.

use crate::common::{HEAP, Spoil, classic_findings, damaged};
use gomap::{ClassicBits, ClassicHeader, Verdict};
use proptest::prelude::*;

const WRITING: u8 = ClassicBits::GO.hash_writing;
const SAME_SIZE: u8 = ClassicBits::GO.same_size_grow;

prop_compose! {
    /// An address in the heap, aligned as Go aligns.
    fn address()(word in 0u64..1 << 32) -> u64 {
        HEAP + word * 8
    }
}

prop_compose! {
    /// A map at rest, growing or not.
    fn healthy()(
        b in 0u8..20,
        growth in 0..3,
        iterators in 0u8..4,
        part in 0u64..1000,
        noverflow: u16,
        hash0: u32,
        buckets in address(),
        oldbuckets in address(),
        extra in prop_oneof![Just(0), address()],
    ) -> ClassicHeader {
        // A map of one bucket is never growing.
        let growth = if b == 0 { 0 } else { growth };
        let old = if growth == 1 { 1u64 << (b - 1) } else { 1 << b };
        let most = if b == 0 { 8 } else { 13 << (b - 1) };
        ClassicHeader {
            count: (most * part / 999).cast_signed(),
            flags: iterators | if growth == 2 { SAME_SIZE } else { 0 },
            b,
            noverflow,
            hash0,
            buckets,
            oldbuckets: match growth {
                0 => 0,
                _ if oldbuckets == buckets => oldbuckets ^ 8,
                _ => oldbuckets,
            },
            nevacuate: old * part / 1000,
            clear_seq: None,
            extra,
            bits: ClassicBits::GO,
        }
    }
}

/// The states that hashGrow (src/runtime/map.go) goes through, each a store later.
fn growing_steps(start: ClassicHeader, doubling: bool, newbuckets: u64) -> Vec<ClassicHeader> {
    let mut header = start;
    let mut steps = vec![header];
    let mut step = |change: &dyn Fn(&mut ClassicHeader)| {
        change(&mut header);
        steps.push(header);
    };
    if !doubling {
        step(&|header| header.flags |= SAME_SIZE);
    } else {
        step(&|header| header.b += 1);
    }
    step(&|header| {
        let iterating = header.flags & ClassicBits::GO.iterator != 0;
        header.flags &= !3;
        if iterating {
            header.flags |= ClassicBits::GO.old_iterator;
        }
    });
    step(&|header| header.oldbuckets = header.buckets);
    step(&|header| header.buckets = newbuckets);
    step(&|header| header.nevacuate = 0);
    step(&|header| header.noverflow = 0);
    // evacuate and advanceEvacuationMark, to the end.
    let old = 1 << start.b;
    step(&|header| header.nevacuate = old / 2);
    step(&|header| header.nevacuate = old);
    step(&|header| header.oldbuckets = 0);
    step(&|header| header.flags &= !SAME_SIZE);
    steps
}

/// The states that mapclear goes through.
fn clearing_steps(mut header: ClassicHeader) -> Vec<ClassicHeader> {
    let mut steps = vec![header];
    header.flags &= !SAME_SIZE;
    steps.push(header);
    header.oldbuckets = 0;
    steps.push(header);
    header.nevacuate = 0;
    steps.push(header);
    header.count = 0;
    steps.push(header);
    steps
}

#[test]
fn a_map_that_was_never_written_is_healthy() {
    let header = ClassicHeader {
        count: 0,
        flags: 0,
        b: 0,
        noverflow: 0,
        hash0: 0x1234_5678,
        buckets: 0,
        oldbuckets: 0,
        nevacuate: 0,
        clear_seq: None,
        extra: 0,
        bits: ClassicBits::GO,
    };
    assert_eq!(classic_findings(&header), []);
}

#[test]
fn a_finding_reads_as_one_line() {
    let header = ClassicHeader {
        count: -1,
        flags: 0x20,
        b: 2,
        noverflow: 0,
        hash0: 0,
        buckets: 0x18,
        oldbuckets: 0,
        nevacuate: 0,
        clear_seq: None,
        extra: HEAP + 4,
        bits: ClassicBits::GO,
    };
    let lines: Vec<String> = classic_findings(&header).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "flags = 0x20: the runtime never sets bit 0x20",
            "count = -1: negative",
            "buckets = 0x18: the 32 bytes that must be there are not mapped",
            "extra = 0xc000000004: not aligned to 8 bytes",
        ]
    );
}

proptest! {
    #[test]
    fn a_healthy_map_has_no_findings(header in healthy()) {
        prop_assert_eq!(classic_findings(&header), []);
    }

    #[test]
    fn a_map_in_the_middle_of_a_write_is_never_called_damaged(
        header in healthy(),
        doubling: bool,
        marked: bool,
        newbuckets in address(),
    ) {
        // `marked` false: a second writer has wiped the mark.
        let mut steps = clearing_steps(header);
        // Growth starts on a map that is not growing, and that no growth of one bucket has left.
        if header.oldbuckets == 0 && (doubling || header.b > 0) && newbuckets != header.buckets {
            steps.extend(growing_steps(header, doubling, newbuckets));
        }
        for mut step in steps {
            if marked {
                step.flags |= WRITING;
            }
            let findings = classic_findings(&step);
            prop_assert_eq!(damaged(&findings), Vec::<&str>::new(), "{:?}: {:?}", step, findings);
            let expected = if marked { Verdict::BeingWritten } else { Verdict::Unmarked };
            prop_assert!(findings.iter().all(|finding| finding.verdict == expected));
        }
    }

    #[test]
    fn every_impossible_field_is_found_and_named(header in healthy(), writing: bool, wild: u64) {
        let mut base = header;
        if writing {
            base.flags |= WRITING;
        }
        let most = 1u64 << header.b;
        let cases: [Spoil<ClassicHeader>; 10] = [
            ("count", &|header| header.count = -1 - (wild >> 1).cast_signed()),
            ("count", &|header| header.count = (8 * most + 1 + (wild >> 2)).cast_signed()),
            ("flags", &|header| header.flags |= 0x10 << (wild % 4)),
            ("B", &|header| header.b = 49 + (wild % 200) as u8),
            ("buckets", &|header| { header.buckets = 0; header.count = header.count.max(1); }),
            ("buckets", &|header| header.buckets |= 1 + wild % 7),
            ("buckets", &|header| header.buckets = (wild >> 32) & !7 | 8),
            ("oldbuckets", &|header| header.oldbuckets = (wild >> 32) & !7 | 8),
            ("nevacuate", &|header| header.nevacuate = most + 1 + (wild >> 1)),
            ("extra", &|header| header.extra = u64::MAX - 7),
        ];
        for (field, spoil) in cases {
            let mut spoilt = base;
            spoil(&mut spoilt);
            let findings = classic_findings(&spoilt);
            prop_assert!(damaged(&findings).contains(&field), "{field}: {:?}: {:?}", spoilt, findings);
        }
    }
}
