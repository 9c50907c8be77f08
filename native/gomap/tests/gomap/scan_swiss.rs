//! Scans and checks of Swiss maps: at rest, in the middle of growth and splits, and damaged.

use std::ops::ControlFlow;

use crate::heap::{Heap, SWISS_SLOTS, Swiss, entries, hash, said};
use gomap::{Entry, MapView, ScanOptions, Slots, Stored, Verdict};

#[test]
fn every_entry_of_every_shape_is_shown_once() {
    let maps = [
        (Swiss::small(1..=8), 8),
        (Swiss::small([]), 0),
        (Swiss::tables(0, 16, 1..=14), 14),
        (Swiss::tables(0, 1024, 1..=896), 896),
        (Swiss::tables(4, 64, 1..=500), 500),
    ];
    for (map, keys) in maps {
        let (shown, scan) = map.shown();
        assert_eq!(shown, entries(1..=keys));
        assert_eq!(scan.findings, []);
        assert_eq!(map.checked(), [""; 0]);
    }
}

#[test]
fn a_table_that_several_entries_name_is_shown_once() {
    let mut map = Swiss::tables(0, 64, 1..=50);
    let table = map.named(0);
    let directory = map.heap.alloc(8 * 4);
    map.set_dir(directory);
    (0..4).for_each(|entry| map.name(entry, table));
    map.set_dir_len(4);
    map.set_depth(2);
    assert_eq!(map.shown().0, entries(1..=50));
    assert_eq!(map.checked(), [""; 0]);
}

#[test]
fn tombstones_hold_nothing() {
    let mut map = Swiss::tables(0, 16, 1..=14);
    let data = map.heap.word(map.named(0) + 16);
    let key = map.heap.word(data + 8);
    map.heap.write(data, &[0xfe]);
    map.heap.write(map.header + 35, &[1]);
    let table = map.named(0);
    map.heap.write(table, &13u16.to_le_bytes());
    map.set_used(13);
    assert_eq!(map.shown().0, entries((1..=14).filter(|other| *other != key)));
    // The group was full, or it wasn't: only the first leaves a tombstone, and keys beyond it.
    let texts = map.checked();
    assert!(texts.is_empty(), "{texts:?}");
    // tombstonePossible says that there is none.
    map.heap.write(map.header + 35, &[0]);
    assert!(map.checked()[0].starts_with("tombstonePossible = 0"));
}

#[test]
fn between_dir_ptr_and_dir_len_of_grow_to_table_the_table_is_seen() {
    let mut map = Swiss::small(1..=8);
    map.set_writing();
    let table = map.table(16, 0, 0);
    (1..=8).for_each(|key| {
        map.insert(table, key);
    });
    let directory = map.heap.alloc(8);
    map.heap.set(directory, table);
    map.set_dir(directory);
    let (shown, scan) = map.shown();
    assert_eq!(shown, entries(1..=8));
    assert_eq!(said(&scan.findings), [""; 0]);
    assert_eq!(map.checked(), [""; 0]);
}

#[test]
fn a_group_is_empty_until_its_control_word_is_set() {
    let mut map = Swiss::small([]);
    let group = map.dir();
    map.heap.set(group, 0);
    map.set_writing();
    assert_eq!(map.shown().0, []);
}

/// A map of four tables, and a fifth and sixth that the one at entry 1 splits into.
fn splitting() -> (Swiss, u64, u64) {
    let mut map = Swiss::tables(2, 64, 1..=120);
    map.set_writing();
    let old = map.named(1);
    let keys: Vec<u64> = (1..=120).filter(|key| hash(*key) >> 62 == 1).collect();
    let (left, right) = (map.table(64, -1, 3), map.table(64, -1, 3));
    for key in keys {
        let half = if hash(key) >> 61 & 1 == 0 { left } else { right };
        map.insert(half, key);
    }
    assert_eq!(map.named(1), old);
    (map, left, right)
}

#[test]
fn a_split_is_exact_after_every_store() {
    let (mut map, left, right) = splitting();
    let all = entries(1..=120);
    let exact = |map: &Swiss, step: &str| {
        let (shown, scan) = map.shown();
        assert_eq!(shown, all, "{step}: {:?}", scan.findings);
        // The header says that it is being written.
        assert!(scan.findings.iter().all(|finding| finding.verdict == Verdict::BeingWritten), "{step}");
        assert!(scan.findings.iter().all(|finding| finding.address == map.header), "{step}: {:?}", scan.findings);
    };
    exact(&map, "built");
    let new = map.heap.alloc(8 * 8);
    for entry in 0..8 {
        let table = map.named(entry / 2);
        map.heap.set(new + 8 * entry, table);
    }
    for entry in 0..4 {
        let table = map.named(entry);
        map.heap.set(table + 8, 2 * entry);
        exact(&map, "index doubled");
    }
    map.heap.write(map.header + 32, &[3]);
    exact(&map, "globalDepth");
    map.heap.write(map.header + 33, &[61]);
    exact(&map, "globalShift");
    map.set_dir(new);
    exact(&map, "dirPtr");
    map.set_dir_len(8);
    exact(&map, "dirLen");
    map.heap.set(left + 8, 2);
    exact(&map, "left.index");
    map.name(2, left);
    exact(&map, "left");
    map.heap.set(right + 8, 3);
    exact(&map, "right.index");
    map.name(3, right);
    exact(&map, "right");
    map.heap.write(map.header + 34, &[0]);
    assert_eq!(map.checked(), [""; 0]);
}

#[test]
fn a_table_that_grows_is_exact_after_every_store() {
    let mut map = Swiss::tables(1, 64, 1..=60);
    map.set_writing();
    let old = map.named(1);
    // The directory has doubled twice since the table was made.
    let directory = map.heap.alloc(8 * 8);
    for entry in 0..8 {
        let table = map.named(entry / 4);
        map.heap.set(directory + 8 * entry, table);
    }
    map.heap.set(old + 8, 4);
    map.set_dir(directory);
    map.set_dir_len(8);
    map.set_depth(3);
    let new = map.table(128, 4, 1);
    (1..=60).filter(|key| hash(*key) >> 63 == 1).for_each(|key| {
        map.insert(new, key);
    });
    for entry in 4..8 {
        assert_eq!(map.shown().0, entries(1..=60), "{entry}");
        map.name(entry, new);
    }
    assert_eq!(map.shown().0, entries(1..=60));
    map.heap.write(map.header + 34, &[0]);
    assert_eq!(map.checked(), [""; 0]);
}

#[test]
fn a_directory_that_names_nonsense_leaves_the_other_tables() {
    for (named, why) in [(0, "is nil"), (0x1000, "cannot be read"), (0xc0_0000_0003, "cannot be read")] {
        let mut map = Swiss::tables(2, 64, 1..=120);
        map.name(2, named);
        let (shown, scan) = map.shown();
        assert_eq!(shown, entries((1..=120).filter(|key| hash(*key) >> 62 != 2)));
        let [finding, count] = &scan.findings[..] else { panic!("{:?}", scan.findings) };
        assert_eq!((finding.address, finding.verdict), (map.dir() + 16, Verdict::Damaged));
        assert!(finding.to_string().contains(why), "{finding}");
        assert_eq!(count.field, "used");
    }
}

#[test]
fn a_directory_in_disorder_is_found() {
    let mut map = Swiss::tables(2, 64, 1..=120);
    let (first, last) = (map.named(0), map.named(3));
    map.name(2, first);
    let texts = map.checked();
    assert!(texts.iter().any(|text| text.contains("names a table that other entries, not next to it, name too")));
    map.name(2, last);
    assert!(!map.checked().is_empty());
}

#[test]
fn a_check_finds_what_contradicts_a_hash() {
    let mut map = Swiss::tables(1, 64, 1..=60);
    let data = map.heap.word(map.named(0) + 16);
    let group = (0..8).map(|group| data + 136 * group).find(|group| map.heap.word(*group).to_le_bytes()[0] < 0x80);
    let group = group.unwrap();
    let right = map.heap.word(group).to_le_bytes()[0];
    map.heap.write(group, &[right ^ 1]);
    assert_eq!(map.checked(), [format!("control = {:#x}: its key's hash has {right:#x}", right ^ 1)]);

    // A key of the other table, and with the same control byte.
    map.heap.write(group, &[right]);
    let stranger = (1000..).find(|key| hash(*key) >> 63 == 1 && hash(*key) & 0x7f == u64::from(right)).unwrap();
    map.heap.set(group + 8, stranger);
    let texts = map.checked();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains("in the table of hashes that begin with 0b0"), "{texts:?}");
}

#[test]
fn a_check_finds_a_key_that_no_lookup_reaches() {
    let mut map = Swiss::tables(0, 64, 1..=10);
    let table = map.named(0);
    let (data, key) = (map.heap.word(table + 16), 77);
    let wrong = ((hash(key) >> 7) + 3) & 7;
    let slot = map.heap.word(data + 136 * wrong).to_le_bytes().iter().position(|byte| *byte == 0x80).unwrap() as u64;
    map.heap.write(data + 136 * wrong + slot, &[(hash(key) & 0x7f) as u8]);
    map.heap.set(data + 136 * wrong + 8 + 16 * slot, key);
    let fields = map.heap.word(table);
    map.heap.set(table, fields + 1 - (1 << 32));
    map.set_used(11);
    let texts = map.checked();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("while a lookup of it ends in group"), "{texts:?}");
}

#[test]
fn a_check_finds_a_key_that_is_there_twice_and_a_wrong_count() {
    let mut map = Swiss::tables(1, 64, 1..=60);
    let table = map.named(hash(7) >> 63);
    map.insert(table, 7);
    map.set_used(61);
    let texts = map.checked();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].contains("the same key is at"), "{texts:?}");
    map.set_used(62);
    assert!(map.checked().contains(&"used = 62: the map holds 61".to_owned()));
}

/// A small map whose keys and elems lie elsewhere: 200 bytes each.
fn indirect(keys: u8) -> (Heap, u64, Slots) {
    let Swiss { mut heap, header } = Swiss::small(1..=u64::from(keys));
    let group = heap.word(header + 16);
    for slot in 0..u64::from(keys) {
        for (offset, value) in [(8, 1), (16, 2)] {
            let object = heap.alloc(200);
            heap.write(object, &[(slot as u8 + 1) * value; 200]);
            heap.set(group + offset + 16 * slot, object);
        }
    }
    let stored = |offset| Stored { size: 200, indirect: true, offset, stride: 16 };
    (heap, header, Slots { unit: 136, key: stored(8), elem: stored(16), overflow: None })
}

#[test]
fn what_pointers_lead_to_is_shown_and_what_they_do_not_is_found() {
    let (mut heap, header, slots) = indirect(5);
    let view = MapView { layout: &Swiss::LAYOUT, slots: &slots, header };
    let seen = |heap: &Heap| {
        let mut seen = Vec::new();
        let mut visit = |entry: Entry<'_>| {
            assert_eq!((entry.key.len(), entry.elem.len()), (200, 200));
            assert_eq!(heap.word(entry.elem_addr).to_le_bytes()[0], entry.elem[7]);
            assert_eq!(entry.key[199] * 2, entry.elem[199]);
            seen.push(entry.key[0]);
            ControlFlow::Continue(())
        };
        let scan = gomap::scan(&view, heap, &ScanOptions::default(), &mut visit).unwrap();
        (seen, said(&scan.findings))
    };
    assert_eq!(seen(&heap), (vec![1, 2, 3, 4, 5], vec![]));
    let group = heap.word(header + 16);
    heap.set(group + 8, 0);
    let freed = heap.word(group + 16 + 16);
    heap.free(freed);
    let (left, texts) = seen(&heap);
    assert_eq!(left, [3, 4, 5]);
    assert_eq!(
        texts,
        [
            "key = 0x0: nil, where a pointer to the key must be".to_owned(),
            format!("elem = {freed:#x}: the 200 bytes of the elem cannot be read"),
            "used = 5: the map holds 3".to_owned(),
        ]
    );
}

#[test]
fn elems_without_bytes_are_shown() {
    let map = Swiss::small(1..=8);
    let elem = Stored { size: 0, indirect: false, offset: 136, stride: 0 };
    let slots = Slots { elem, ..SWISS_SLOTS };
    let view = MapView { layout: &Swiss::LAYOUT, slots: &slots, header: map.header };
    let mut entries = 0;
    let mut visit = |entry: Entry<'_>| {
        assert_eq!(entry.elem, []);
        entries += 1;
        ControlFlow::Continue(())
    };
    gomap::scan(&view, &map.heap, &ScanOptions::default(), &mut visit).unwrap();
    assert_eq!(entries, 8);
}

#[test]
fn a_visitor_may_stop_and_digests_tell_contents_apart() {
    let mut map = Swiss::tables(2, 64, 1..=120);
    let view = MapView { layout: &Swiss::LAYOUT, slots: &SWISS_SLOTS, header: map.header };
    let options = ScanOptions { digest: true, ..ScanOptions::default() };
    let mut left = 7;
    let mut some = |_: Entry<'_>| {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = gomap::scan(&view, &map.heap, &options, &mut some).unwrap();
    assert_eq!((stopped.entries, stopped.stopped_early, stopped.findings), (7, true, vec![]));
    let digest = |heap: &Heap| {
        let mut all = |_: Entry<'_>| ControlFlow::Continue(());
        gomap::scan(&view, heap, &options, &mut all).unwrap().digest.unwrap()
    };
    let before = digest(&map.heap);
    assert_eq!(before, digest(&map.heap));
    let data = map.heap.word(map.named(1) + 16);
    let group = (0..8).map(|group| data + 136 * group).find(|group| map.heap.word(*group).to_le_bytes()[0] < 0x80);
    let elem = group.unwrap() + 16;
    let value = map.heap.word(elem);
    map.heap.set(elem, value + 1);
    assert_ne!(before, digest(&map.heap));
}
