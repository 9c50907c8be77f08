//! Windows compared with windows.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use race::{Access, Deed, Goroutine, Judge, Kind, Overlap, Step, Time};

const KINDS: [Kind; 5] = [Kind::Read, Kind::Iterate, Kind::Assign, Kind::Delete, Kind::Clear];

/// An access that has no more to it than its window; the scene is its number.
fn access(goroutine: u64, kind: Kind, entered: u64, left: Option<u64>, number: usize) -> Access<usize> {
    let deed = Deed { at: Time(0), step: Step::Checks, before: None, after: None };
    let left = left.map(Time);
    Access { goroutine: Goroutine(goroutine), map: 0x1000, kind, entered: Time(entered), left, deed, scene: number }
}

fn write(goroutine: u64, entered: u64, left: u64) -> Access<usize> {
    access(goroutine, Kind::Assign, entered, Some(left), 0)
}

#[test]
fn two_writes_at_the_same_time_overlap() {
    let overlap = Overlap::between(write(1, 10, 20), write(2, 15, 25)).unwrap();
    assert_eq!((overlap.first.goroutine, overlap.second.goroutine), (Goroutine(1), Goroutine(2)));
}

#[test]
fn a_write_after_another_does_not_overlap_it() {
    assert_eq!(Overlap::between(write(1, 10, 20), write(2, 21, 25)), None);
}

#[test]
fn windows_that_share_one_instant_overlap() {
    assert!(Overlap::between(write(1, 10, 20), write(2, 20, 25)).is_some());
}

#[test]
fn an_open_window_overlaps_whatever_comes_later() {
    let held = access(1, Kind::Delete, 10, None, 0);
    assert!(Overlap::between(held.clone(), access(2, Kind::Read, 1_000_000, Some(1_000_001), 1)).is_some());
    assert_eq!(Overlap::between(held, access(2, Kind::Read, 5, Some(9), 1)), None);
}

#[test]
fn two_readers_do_not_overlap() {
    let (reads, iterates) = (access(1, Kind::Read, 10, None, 0), access(2, Kind::Iterate, 10, None, 1));
    assert_eq!(Overlap::between(reads, iterates), None);
}

#[test]
fn a_reader_and_a_writer_overlap() {
    for kind in [Kind::Assign, Kind::Delete, Kind::Clear] {
        assert!(Overlap::between(access(1, Kind::Iterate, 10, None, 0), access(2, kind, 12, None, 1)).is_some());
    }
}

#[test]
fn accesses_of_two_maps_do_not_overlap() {
    let other = Access { map: 0x2000, ..write(2, 10, 20) };
    assert_eq!(Overlap::between(write(1, 10, 20), other), None);
}

#[test]
fn at_the_same_instant_the_lower_goroutine_is_the_first() {
    for (a, b) in [(write(1, 10, 20), write(2, 10, 20)), (write(2, 10, 20), write(1, 10, 20))] {
        assert_eq!(Overlap::between(a, b).unwrap().first.goroutine, Goroutine(1));
    }
}

#[test]
fn a_window_that_was_left_is_no_longer_open() {
    let mut judge = Judge::new(8);
    judge.enter(access(1, Kind::Assign, 10, None, 0));
    assert_eq!(judge.inside(0x1000).count(), 1);
    assert_eq!(judge.inside(0x2000).count(), 0);
    judge.leave(Goroutine(1), 0x1000, Time(20));
    assert_eq!(judge.inside(0x1000).count(), 0);
    assert_eq!(judge.enter(write(2, 21, 22)), []);
    assert_eq!(judge.enter(write(3, 15, 16)).len(), 1);
}

#[test]
fn leaving_a_map_leaves_no_other() {
    let mut judge = Judge::new(8);
    judge.enter(access(1, Kind::Assign, 10, None, 0));
    judge.leave(Goroutine(1), 0x2000, Time(20));
    judge.leave(Goroutine(2), 0x1000, Time(20));
    assert_eq!(judge.inside(0x1000).count(), 1);
}

#[test]
fn a_window_never_ends_before_it_began() {
    let mut judge = Judge::new(8);
    judge.enter(access(1, Kind::Assign, 10, None, 0));
    judge.leave(Goroutine(1), 0x1000, Time(5));
    assert_eq!(judge.enter(write(2, 10, 10)).len(), 1);
}

#[test]
fn the_oldest_access_that_has_left_is_forgotten_first() {
    let mut judge = Judge::new(2);
    judge.enter(access(1, Kind::Assign, 0, None, 0));
    judge.enter(write(2, 0, 100));
    judge.enter(write(3, 0, 100));
    let known: Vec<_> = judge.enter(write(4, 50, 60)).into_iter().map(|overlap| overlap.first.goroutine).collect();
    assert_eq!(known, [Goroutine(1), Goroutine(3)]);
}

#[test]
fn an_open_window_is_never_forgotten() {
    let mut judge = Judge::new(2);
    judge.enter(access(1, Kind::Assign, 0, None, 0));
    for number in 0..100 {
        let found = judge.enter(write(2, 10 * number, 10 * number + 1));
        assert_eq!(found.len(), 1, "the {number}th write");
    }
}

fn accesses() -> impl Strategy<Value = Vec<Access<usize>>> {
    let one = (1..5u64, select(&KINDS[..]), 0..40u64, 0..8u64, 1..3u64);
    prop::collection::vec(one, 0..12).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        numbered
            .map(|(number, (goroutine, kind, entered, length, map))| Access {
                map: 0x1000 * map,
                ..access(goroutine, kind, entered, Some(entered + length), number)
            })
            .collect()
    })
}

/// What a judge with room for all finds, as unordered pairs.
fn pairs(accesses: &[Access<usize>]) -> BTreeSet<(usize, usize)> {
    let mut judge = Judge::new(accesses.len());
    let found = accesses.iter().flat_map(|access| judge.enter(access.clone()));
    found.map(|Overlap { first: a, second: b }| (a.scene.min(b.scene), a.scene.max(b.scene))).collect()
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter((ordered, shuffled) in accesses().prop_flat_map(|all| {
        (Just(all.clone()), Just(all).prop_shuffle())
    })) {
        prop_assert_eq!(pairs(&ordered), pairs(&shuffled));
    }

    #[test]
    fn exactly_those_pairs_are_found_that_share_an_instant_a_map_and_a_write(all in accesses()) {
        let mut expected = BTreeSet::new();
        for (a, one) in all.iter().enumerate() {
            for (b, other) in all.iter().enumerate().skip(a + 1) {
                let instants = |access: &Access<usize>| access.entered.0..=access.left.unwrap().0;
                let at_once = instants(one).any(|instant| instants(other).contains(&instant));
                let writes = one.kind.is_write() || other.kind.is_write();
                if at_once && writes && one.map == other.map && one.goroutine != other.goroutine {
                    expected.insert((a, b));
                }
            }
        }
        prop_assert_eq!(pairs(&all), expected);
    }

    #[test]
    fn one_goroutine_never_overlaps_itself(all in accesses()) {
        let alone: Vec<_> = all.into_iter().map(|access| Access { goroutine: Goroutine(1), ..access }).collect();
        prop_assert!(pairs(&alone).is_empty());
    }

    #[test]
    fn readers_never_overlap(all in accesses(), kinds in prop::collection::vec(select(&KINDS[..2]), 12)) {
        let readers: Vec<_> = all.into_iter().zip(kinds).map(|(access, kind)| Access { kind, ..access }).collect();
        prop_assert!(pairs(&readers).is_empty());
    }

    #[test]
    fn it_does_not_matter_which_of_two_accesses_is_given_first(all in accesses()) {
        for a in &all {
            for b in &all {
                prop_assert_eq!(Overlap::between(a.clone(), b.clone()), Overlap::between(b.clone(), a.clone()));
            }
        }
    }

    #[test]
    fn windows_that_are_closed_later_give_the_same_overlaps(all in accesses()) {
        // Each access arrives when it enters and is closed when it leaves, as a watch sees it.
        let mut events: Vec<_> = all.iter().flat_map(|access| {
            [(access.entered, false, access), (access.left.unwrap(), true, access)]
        }).collect();
        events.sort_by_key(|&(at, leaves, access)| (at, leaves, access.scene));
        // A goroutine has one window on a map at a time.
        let nested = all.iter().any(|a| all.iter().any(|b| a.scene != b.scene && a.goroutine == b.goroutine
            && a.map == b.map && a.entered <= b.left.unwrap() && b.entered <= a.left.unwrap()));
        prop_assume!(!nested);
        let mut judge = Judge::new(all.len());
        let mut found = BTreeSet::new();
        for (at, leaves, access) in events {
            if leaves {
                judge.leave(access.goroutine, access.map, at);
            } else {
                for Overlap { first: a, second: b } in judge.enter(Access { left: None, ..access.clone() }) {
                    found.insert((a.scene.min(b.scene), a.scene.max(b.scene)));
                }
            }
        }
        prop_assert_eq!(found, pairs(&all));
    }
}
