//! Scans and checks of classic maps: at rest, in the middle of every growth, and damaged.

use crate::heap::{CLASSIC_SLOTS, Classic, entries, said};
use gomap::Verdict;

/// A key of this bucket of 2^`b`.
fn key_of(bucket: u64, b: u8, from: u64) -> u64 {
    (from..).find(|key| crate::heap::hash(*key) & ((1 << b) - 1) == bucket).unwrap()
}

#[test]
fn every_entry_of_buckets_and_overflow_buckets_is_shown_once() {
    for (b, keys) in [(0, 0), (0, 8), (2, 26), (3, 52), (6, 410)] {
        let map = Classic::new(b, 1..=keys);
        let (shown, scan) = map.shown();
        assert_eq!(shown, entries(1..=keys));
        assert_eq!(scan.findings, []);
        assert_eq!(map.checked(), [""; 0]);
    }
}

#[test]
fn a_map_without_buckets_is_empty() {
    let mut map = Classic::new(0, []);
    map.heap.set(map.header + 16, 0);
    assert_eq!(map.shown().0, []);
    assert_eq!(map.checked(), [""; 0]);
}

#[test]
fn a_growing_map_is_exact_after_every_store_of_an_evacuation() {
    for same_size in [false, true] {
        let keys = || 1..=26;
        let mut map = Classic::new(2, keys());
        map.start_growth(same_size);
        let all = entries(keys());
        assert_eq!(map.shown().0, all);
        for bucket in [2, 0, 3, 1] {
            map.evacuate(bucket, !same_size, &mut |map| {
                let (shown, scan) = map.shown();
                assert_eq!(shown, all, "bucket {bucket}: {:?}", scan.findings);
                // One that is not yet copied is told by a hash that doesn't fit.
                let fits = |text: &String| text.contains("hash");
                assert!(said(&scan.findings).iter().all(fits), "{:?}", scan.findings);
            });
        }
        map.heap.set(map.header + 24, 0);
        map.set_flags(0);
        assert_eq!(map.shown().0, all);
        assert_eq!(map.checked(), [""; 0]);
    }
}

#[test]
fn b_may_be_raised_before_there_are_as_many_buckets() {
    let mut map = Classic::new(2, 1..=26);
    map.set_flags(4);
    map.set_b(3);
    let (shown, scan) = map.shown();
    assert_eq!(shown, entries(1..=26));
    // That the last of eight buckets isn't mapped is said of the header.
    assert!(scan.findings.iter().all(|finding| finding.field == "buckets" || finding.field == "flags"));
}

#[test]
fn the_old_array_may_be_announced_before_the_new_one() {
    let mut map = Classic::new(2, 1..=26);
    map.set_flags(4);
    map.set_b(3);
    let buckets = map.buckets();
    map.heap.set(map.header + 24, buckets);
    assert_eq!(map.shown().0, entries(1..=26));
}

#[test]
fn an_overflow_chain_that_bites_its_tail_ends() {
    let mut map = Classic::new(0, 1..=20);
    // One bucket never has more; what is wrong with the count is not what this is about.
    map.set_count(8);
    let first = map.heap.word(map.bucket(0) + 136);
    let second = map.heap.word(first + 136);
    map.heap.set(second + 136, first);
    let (shown, scan) = map.shown();
    assert_eq!(shown, entries(1..=20));
    let [finding, count] = &scan.findings[..] else { panic!("{:?}", scan.findings) };
    assert_eq!(count.to_string(), "count = 8: the buckets hold 20");
    assert_eq!((finding.field, finding.address, finding.verdict), ("overflow", first, Verdict::Damaged));
    assert!(finding.to_string().contains("comes back"), "{finding}");
}

#[test]
fn overflow_pointers_that_lead_nowhere_are_found() {
    for (pointer, why) in
        [(0x1000, "cannot be read"), (0xc0_0000_0004, "not aligned"), (!7, "cannot be read"), (0, "inside the array")]
    {
        let mut map = Classic::new(1, 1..=10);
        let (from, inside) = (map.bucket(0), map.bucket(1));
        map.heap.set(from + 136, if pointer == 0 { inside } else { pointer });
        let (shown, scan) = map.shown();
        assert_eq!(shown, entries(1..=10));
        assert!(said(&scan.findings).iter().any(|text| text.contains(why)), "{why}: {:?}", scan.findings);
    }
}

#[test]
fn a_chain_without_end_is_left() {
    let mut map = Classic::new(0, 1..=8);
    let mut bucket = map.bucket(0);
    for _ in 0..3000 {
        let next = map.heap.alloc(144);
        map.heap.set(bucket + 136, next);
        bucket = next;
    }
    let (shown, scan) = map.shown();
    assert_eq!(shown, entries(1..=8));
    assert!(scan.bytes_read < 2000 * 144, "{}", scan.bytes_read);
    assert!(said(&scan.findings)[0].contains("longer than the runtime lets them become"));
}

#[test]
fn buckets_that_cannot_be_read_leave_the_others() {
    let mut map = Classic::new(3, 1..=40);
    let half = map.heap.alloc(144 * 4);
    for word in 0..144 * 4 / 8 {
        let value = map.heap.word(map.bucket(0) + 8 * word);
        map.heap.set(half + 8 * word, value);
    }
    map.heap.set(map.header + 16, half);
    let (shown, scan) = map.shown();
    let there = (1..=40).filter(|key| crate::heap::hash(*key) & 7 < 4);
    assert_eq!(shown, entries(there));
    assert!(said(&scan.findings).contains(&format!("count = 40: the buckets hold {}", shown.len())));
}

#[test]
fn an_array_that_is_not_there_ends_at_once() {
    let mut map = Classic::new(0, []);
    map.set_b(40);
    let (shown, scan) = map.shown();
    assert_eq!((shown.len(), scan.findings.is_empty()), (0, false));
}

#[test]
fn a_growing_array_that_is_not_there_ends_at_once() {
    for count in 0..3 {
        let mut map = Classic::new(1, []);
        map.start_growth(false);
        map.set_b(40);
        map.set_count(count);
        let (shown, scan) = map.shown();
        assert_eq!((shown.len(), scan.findings.is_empty()), (0, false));
    }
}

#[test]
fn a_check_finds_what_contradicts_a_hash() {
    let mut map = Classic::new(3, 1..=40);
    let bucket = map.bucket(2);
    let right = map.heap.word(bucket).to_le_bytes()[0];
    map.heap.write(bucket, &[right ^ 0x40]);
    let texts = map.checked();
    assert_eq!(texts, [format!("tophash = {:#x}: its key's hash has {right:#x}", right ^ 0x40)]);

    let mut map = Classic::new(3, 1..=40);
    let (bucket, stranger) = (map.bucket(2), key_of(5, 3, 100));
    map.heap.set(bucket + 8, stranger);
    let texts = map.checked();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains("in bucket 2, while its hash belongs into bucket 5 of 8"), "{texts:?}");
}

#[test]
fn a_check_finds_a_key_that_is_there_twice() {
    let mut map = Classic::new(3, 1..=30);
    let buckets = map.buckets();
    map.insert(buckets, 3, 7);
    map.set_count(31);
    let texts = map.checked();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains("the same key is at"), "{texts:?}");
}

#[test]
fn a_check_holds_marks_of_evacuation_against_the_header() {
    // Not growing, yet marked.
    let mut map = Classic::new(3, 1..=30);
    let bucket = map.bucket(1);
    map.heap.write(bucket, &[2]);
    assert!(map.checked().iter().any(|text| text.contains("marked evacuated, yet it is none of the old ones")));
    // nevacuate ahead of the marks.
    let mut map = Classic::new(2, 1..=26);
    map.start_growth(false);
    map.heap.set(map.header + 32, 1);
    map.set_flags(0);
    assert_eq!(map.checked(), ["nevacuate = 1: old bucket 0 is not evacuated"]);
    // Evacuated in part, and nobody writes.
    let old = map.heap.word(map.header + 24);
    map.heap.set(map.header + 32, 0);
    map.heap.write(old, &[2]);
    assert_eq!(map.checked(), ["tophash = 0x2: old bucket 0 is evacuated in part"]);
}

#[test]
fn a_flag_byte_left_set_is_damage_if_nobody_is_inside() {
    let mut map = Classic::new(1, 1..=5);
    map.set_flags(4);
    let view = gomap::MapView { layout: &Classic::LAYOUT, slots: &CLASSIC_SLOTS, header: map.header };
    for (nobody_inside, findings) in [(None, 0), (Some(false), 0), (Some(true), 1)] {
        let options = gomap::ScanOptions { nobody_inside, ..gomap::ScanOptions::default() };
        assert_eq!(gomap::check(&view, &map.heap, &options).unwrap().findings.len(), findings);
    }
}

#[test]
fn findings_of_a_map_that_is_all_wrong_are_counted_and_not_kept() {
    let mut map = Classic::new(8, 1..=1500);
    for bucket in 0..256 {
        let bucket = map.bucket(bucket);
        map.heap.write(bucket, &[2; 8]);
    }
    let (_, scan) = map.shown();
    assert_eq!(scan.findings.len(), 100);
    assert!(scan.more > 100);
}

#[test]
fn slots_that_do_not_fit_are_an_error() {
    let map = Classic::new(0, []);
    let fine = CLASSIC_SLOTS;
    for slots in [
        gomap::Slots { unit: 140, ..fine },
        gomap::Slots { overflow: None, ..fine },
        gomap::Slots { overflow: Some(u64::MAX), ..fine },
        gomap::Slots { key: gomap::Stored { stride: u64::MAX / 2, ..fine.key }, ..fine },
        gomap::Slots { unit: 0, ..fine },
    ] {
        let view = gomap::MapView { layout: &Classic::LAYOUT, slots: &slots, header: map.header };
        assert_eq!(gomap::check(&view, &map.heap, &gomap::ScanOptions::default()), Err(gomap::Error::Slots));
    }
}
