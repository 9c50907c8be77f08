//! Single sequences of traps, each the shortest that shows one behaviour.

use race::{Deed, FlagWatch, Generation, Goroutine, Hit, Kind, Overlap, Phase, Seen, Step, Time, Touch};

use crate::simulator::MAP;

const A: Goroutine = Goroutine(0xa00);
const B: Goroutine = Goroutine(0xb00);
const C: Goroutine = Goroutine(0xc00);

const MILLISECOND: u64 = 1_000_000;

/// A watch on a Swiss map, whose scenes are what each goroutine did.
struct Watched {
    watch: FlagWatch<&'static str>,
    now: u64,
}

impl Watched {
    fn swiss() -> Self {
        Watched { watch: FlagWatch::new(MAP, Generation::Swiss, 1), now: 0 }
    }

    fn classic() -> Self {
        Watched { watch: FlagWatch::new(MAP, Generation::Classic, 4), now: 0 }
    }

    fn hit(&mut self, goroutine: Goroutine, kind: Kind, touch: Touch, byte: u8) -> Seen<&'static str> {
        self.take(goroutine, kind, touch, byte, true)
    }

    fn take(&mut self, goroutine: Goroutine, kind: Kind, touch: Touch, byte: u8, exact: bool) -> Seen<&'static str> {
        self.now += 1;
        let scene = match touch {
            Touch::Check => "check",
            Touch::Load => "load",
            Touch::Store => "store",
            Touch::Mark => "mark",
        };
        self.watch.hit(Hit { at: Time(self.now), goroutine, kind, touch, byte: Some(byte), exact, scene })
    }

    /// A writer's way in, on a byte that is clear.
    fn marks(&mut self, goroutine: Goroutine, bit: u8) {
        self.hit(goroutine, Kind::Assign, Touch::Check, 0);
        self.hit(goroutine, Kind::Assign, Touch::Load, 0);
        self.hit(goroutine, Kind::Assign, Touch::Store, bit);
    }

    /// A writer's way out.
    fn leaves(&mut self, goroutine: Goroutine, bit: u8) {
        self.hit(goroutine, Kind::Assign, Touch::Check, bit);
        self.hit(goroutine, Kind::Assign, Touch::Load, bit);
        self.hit(goroutine, Kind::Assign, Touch::Store, 0);
    }

    fn dies(&mut self, goroutine: Goroutine, kind: Kind) -> Option<Overlap<&'static str>> {
        self.now += 1;
        self.watch.dying(Time(self.now), goroutine, kind, "fatal")
    }

    fn resumes(&mut self, goroutine: Goroutine) {
        self.watch.resumed(goroutine, Time(self.now));
    }
}

fn culprits(overlap: Option<Overlap<&'static str>>) -> Option<(Goroutine, Goroutine)> {
    overlap.map(|overlap| (overlap.first.goroutine, overlap.second.goroutine))
}

#[test]
fn a_write_checks_loads_sets_and_then_checks_loads_clears() {
    for (mut watched, bit) in [(Watched::swiss(), 1), (Watched::classic(), 4)] {
        let touches = [Touch::Check, Touch::Load, Touch::Store];
        let bytes = [[0, 0, bit], [bit, bit, 0]];
        let hits = bytes.iter().flat_map(|bytes| touches.into_iter().zip(*bytes));
        let deeds: Vec<Deed> = hits.map(|(touch, byte)| watched.hit(A, Kind::Assign, touch, byte).deed).collect();
        let deed = |at, step, before, after| Deed { at: Time(at), step, before: Some(before), after: Some(after) };
        let expected = [
            deed(1, Step::Checks, 0, 0),
            deed(2, Step::Loads, 0, 0),
            deed(3, Step::Sets, 0, bit),
            deed(4, Step::Checks, bit, bit),
            deed(5, Step::Loads, bit, bit),
            deed(6, Step::Clears, bit, 0),
        ];
        assert_eq!(deeds, expected);
        assert!(watched.watch.windows().is_empty());
    }
}

#[test]
fn a_store_without_a_load_is_taken_to_toggle_the_byte() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Check, 0);
    let deed = watched.hit(A, Kind::Assign, Touch::Store, 1).deed;
    assert_eq!((deed.step, deed.before, deed.after), (Step::Sets, Some(0), Some(1)));
}

#[test]
fn a_classic_writer_that_stores_the_byte_with_its_bit_set_stays_inside() {
    let mut watched = Watched::classic();
    watched.marks(A, 4);
    watched.hit(A, Kind::Clear, Touch::Load, 4 | 8);
    let deed = watched.hit(A, Kind::Clear, Touch::Store, 4).deed;
    assert_eq!((deed.step, deed.before, deed.after), (Step::Updates, Some(4 | 8), Some(4)));
    assert_eq!(watched.watch.window(A).unwrap().phase, Phase::Writing);
}

#[test]
fn a_writer_that_sees_the_byte_set_proves_both_culprits() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    let overlap = watched.hit(B, Kind::Delete, Touch::Check, 1).proven.unwrap();
    assert_eq!((overlap.first.goroutine, overlap.second.goroutine), (A, B));
    // The first is shown where it set the byte, the second where it saw that.
    assert_eq!((overlap.first.scene, overlap.second.scene), ("store", "check"));
    assert_eq!((overlap.first.map, overlap.second.kind), (MAP, Kind::Delete));
}

#[test]
fn a_reader_and_an_iterator_that_see_the_byte_set_prove_it_too() {
    for kind in [Kind::Read, Kind::Iterate] {
        let mut watched = Watched::classic();
        watched.marks(A, 4);
        let seen = watched.hit(B, kind, Touch::Check, 4 | 1);
        assert_eq!(culprits(seen.proven), Some((A, B)));
    }
}

#[test]
fn iterator_bits_alone_prove_nothing() {
    let mut watched = Watched::classic();
    watched.hit(A, Kind::Iterate, Touch::Check, 0);
    let deed = watched.hit(A, Kind::Iterate, Touch::Mark, 3).deed;
    assert_eq!(deed.step, Step::Iterates);
    watched.resumes(A);
    let seen = watched.hit(B, Kind::Assign, Touch::Check, 3);
    assert!(seen.proven.is_none() && seen.suspected.is_none());
}

#[test]
fn a_byte_that_was_read_from_memory_proves_nothing_but_is_suspect() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    let seen = watched.take(B, Kind::Assign, Touch::Check, 1, false);
    assert!(seen.proven.is_none());
    assert_eq!(culprits(seen.suspected), Some((A, B)));
}

#[test]
fn a_writer_that_finds_the_byte_set_after_a_clear_check_proves_it() {
    let mut watched = Watched::swiss();
    watched.hit(B, Kind::Assign, Touch::Check, 0);
    watched.marks(A, 1);
    let overlap = watched.hit(B, Kind::Assign, Touch::Load, 1).proven.unwrap();
    assert_eq!((overlap.first.goroutine, overlap.second.goroutine), (B, A));
    assert_eq!(overlap.first.deed.step, Step::Loads);
}

#[test]
fn a_writer_that_finds_its_mark_gone_proves_it() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Check, 0);
    watched.hit(B, Kind::Assign, Touch::Check, 0);
    watched.hit(A, Kind::Assign, Touch::Load, 0);
    watched.hit(B, Kind::Assign, Touch::Load, 0);
    watched.hit(A, Kind::Assign, Touch::Store, 1);
    // Both have set it: nobody saw a wrong byte yet.
    let seen = watched.hit(B, Kind::Assign, Touch::Store, 1);
    assert!(seen.proven.is_none());
    assert_eq!(culprits(seen.suspected), Some((A, B)));
    watched.leaves(B, 1);
    assert_eq!(culprits(watched.hit(A, Kind::Assign, Touch::Check, 0).proven), Some((A, B)));
}

#[test]
fn a_classic_writer_that_finds_its_mark_gone_before_an_update_stays_inside() {
    let mut watched = Watched::classic();
    watched.hit(A, Kind::Assign, Touch::Check, 0);
    watched.marks(B, 4);
    watched.leaves(B, 4);
    watched.hit(A, Kind::Assign, Touch::Store, 4);
    assert_eq!(culprits(watched.hit(A, Kind::Assign, Touch::Load, 0).proven), Some((A, B)));
    assert_eq!(watched.hit(A, Kind::Assign, Touch::Store, 8).deed.step, Step::Updates);
    assert_eq!(culprits(watched.hit(A, Kind::Assign, Touch::Check, 8).proven), Some((A, B)));
}

#[test]
fn a_mark_wiped_by_a_writer_that_was_looked_at_first_is_still_its_own() {
    // B sets and clears between A's load and A's own check; A's store is looked at last.
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Check, 0);
    watched.hit(A, Kind::Assign, Touch::Load, 0);
    watched.marks(B, 1);
    watched.leaves(B, 1);
    watched.hit(A, Kind::Assign, Touch::Store, 1);
    assert_eq!(culprits(watched.hit(A, Kind::Assign, Touch::Check, 0).proven), Some((A, B)));
}

#[test]
fn a_mark_that_waits_to_be_looked_at_is_that_of_the_writer_who_checked() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Check, 0);
    watched.hit(A, Kind::Assign, Touch::Load, 0);
    // A has set the byte, and B has seen it; B's trap is looked at first.
    assert_eq!(culprits(watched.hit(B, Kind::Read, Touch::Check, 1).proven), Some((A, B)));
}

#[test]
fn a_mark_whose_writer_was_seen_to_leave_first_is_still_its_own() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    watched.leaves(A, 1);
    let overlap = watched.hit(B, Kind::Read, Touch::Check, 1).proven.unwrap();
    assert_eq!((overlap.first.goroutine, overlap.second.goroutine), (A, B));
    assert!(overlap.first.overlaps(&overlap.second));
}

#[test]
fn a_mark_is_not_that_of_a_writer_who_left_long_ago() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    watched.leaves(A, 1);
    watched.now += 300 * MILLISECOND;
    assert!(watched.hit(B, Kind::Read, Touch::Check, 1).proven.is_none());
}

#[test]
fn a_mark_is_not_that_of_a_writer_who_checked_long_ago_and_went_no_further() {
    let mut watched = Watched::swiss();
    watched.hit(C, Kind::Assign, Touch::Check, 0);
    watched.now += 300 * MILLISECOND;
    watched.marks(A, 1);
    watched.leaves(A, 1);
    assert_eq!(culprits(watched.hit(B, Kind::Read, Touch::Check, 1).proven), Some((A, B)));
}

#[test]
fn a_key_that_cannot_be_hashed_makes_nobody_suspect() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Check, 0);
    for (touch, byte) in [(Touch::Check, 0), (Touch::Load, 0), (Touch::Store, 1)] {
        let seen = watched.hit(B, Kind::Assign, touch, byte);
        assert!(seen.proven.is_none() && seen.suspected.is_none(), "{touch:?}");
    }
    watched.leaves(B, 1);
    assert!(watched.hit(C, Kind::Read, Touch::Check, 0).suspected.is_none());
}

#[test]
fn a_writer_that_walks_in_on_a_mark_it_cannot_see_is_suspect() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    let seen = watched.hit(B, Kind::Assign, Touch::Check, 0);
    assert_eq!(culprits(seen.suspected), Some((A, B)));
}

#[test]
fn a_writer_that_marks_the_byte_while_a_reader_is_held_is_suspect() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Read, Touch::Check, 0);
    assert!(watched.hit(B, Kind::Assign, Touch::Check, 0).suspected.is_none(), "not before it sets the byte");
    assert_eq!(culprits(watched.hit(B, Kind::Assign, Touch::Store, 1).suspected), Some((A, B)));
}

#[test]
fn a_reader_that_goes_on_is_no_longer_inside() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Read, Touch::Check, 0);
    watched.resumes(A);
    watched.hit(B, Kind::Assign, Touch::Check, 0);
    assert!(watched.hit(B, Kind::Assign, Touch::Store, 1).suspected.is_none());
    assert!(watched.watch.window(A).is_none());
}

#[test]
fn a_writer_that_goes_on_is_still_inside() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    watched.resumes(A);
    assert_eq!(watched.watch.other_writer(B).unwrap().access.goroutine, A);
    assert!(watched.watch.other_writer(A).is_none());
}

#[test]
fn two_held_readers_are_not_suspect() {
    let mut watched = Watched::swiss();
    for goroutine in [A, B, C] {
        let seen = watched.hit(goroutine, Kind::Read, Touch::Check, 0);
        assert!(seen.proven.is_none() && seen.suspected.is_none());
    }
    assert_eq!(watched.watch.windows().len(), 3);
}

#[test]
fn one_goroutine_never_races_itself() {
    let mut watched = Watched::swiss();
    for _ in 0..3 {
        watched.marks(A, 1);
        watched.leaves(A, 1);
        assert!(watched.hit(A, Kind::Read, Touch::Check, 1).proven.is_none());
    }
}

#[test]
fn a_goroutine_that_is_known_to_be_elsewhere_has_no_window() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    watched.watch.gone(A, Time(watched.now));
    assert!(watched.watch.windows().is_empty());
    assert!(watched.hit(B, Kind::Assign, Touch::Check, 0).suspected.is_none());
}

#[test]
fn a_writer_that_was_inside_when_the_watch_began_is_seen_to_leave() {
    let mut watched = Watched::swiss();
    let check = watched.hit(A, Kind::Assign, Touch::Check, 1);
    assert!(check.proven.is_none() && check.suspected.is_none());
    assert_eq!(watched.watch.window(A).unwrap().phase, Phase::Leaving);
    assert!(watched.hit(A, Kind::Assign, Touch::Load, 1).proven.is_none());
    assert_eq!(watched.hit(A, Kind::Assign, Touch::Store, 0).deed.step, Step::Clears);
    assert!(watched.watch.windows().is_empty());
    // And it is not the last time that it comes.
    watched.marks(B, 1);
    watched.leaves(B, 1);
    for (touch, byte) in [(Touch::Check, 0), (Touch::Load, 0), (Touch::Store, 1)] {
        let seen = watched.hit(A, Kind::Assign, touch, byte);
        assert!(seen.proven.is_none() && seen.suspected.is_none(), "{touch:?}");
    }
}

#[test]
fn a_clear_whose_beginning_was_not_watched_opens_no_window() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Load, 1);
    assert_eq!(watched.hit(A, Kind::Assign, Touch::Store, 0).deed.step, Step::Clears);
    assert!(watched.watch.windows().is_empty());
}

#[test]
fn a_writer_whose_check_was_not_watched_is_inside_from_its_mark_on() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Load, 0);
    watched.hit(A, Kind::Assign, Touch::Store, 1);
    assert_eq!(culprits(watched.hit(B, Kind::Assign, Touch::Check, 1).proven), Some((A, B)));
}

#[test]
fn whoever_dies_at_its_check_names_the_writer_it_saw() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    watched.take(B, Kind::Read, Touch::Check, 1, false);
    watched.resumes(B);
    let overlap = watched.dies(B, Kind::Read).unwrap();
    assert_eq!((overlap.first.goroutine, overlap.second.goroutine), (A, B));
    assert_eq!(overlap.second.scene, "fatal", "its window was closed when it went on");
}

#[test]
fn whoever_dies_with_nobody_else_seen_names_nobody() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Check, 1);
    assert!(watched.dies(A, Kind::Assign).is_none());
}

#[test]
fn a_writer_that_is_rescued_on_its_way_in_is_still_on_its_way_in() {
    let mut watched = Watched::swiss();
    watched.hit(A, Kind::Assign, Touch::Check, 1);
    watched.dies(A, Kind::Assign);
    // The rescuer has cleared the byte, and lets it go on as if its check had been good.
    assert_eq!(watched.watch.window(A).unwrap().phase, Phase::Checked);
    watched.hit(A, Kind::Assign, Touch::Load, 0);
    assert_eq!(watched.hit(A, Kind::Assign, Touch::Store, 1).deed.step, Step::Sets);
    assert_eq!(watched.watch.window(A).unwrap().phase, Phase::Writing);
}

#[test]
fn a_writer_that_is_rescued_on_its_way_out_leaves() {
    let mut watched = Watched::swiss();
    watched.marks(A, 1);
    watched.hit(A, Kind::Assign, Touch::Check, 0);
    watched.dies(A, Kind::Assign);
    assert_eq!(watched.watch.window(A).unwrap().phase, Phase::Leaving);
    watched.hit(A, Kind::Assign, Touch::Load, 1);
    assert_eq!(watched.hit(A, Kind::Assign, Touch::Store, 0).deed.step, Step::Clears);
    assert!(watched.watch.windows().is_empty());
}
