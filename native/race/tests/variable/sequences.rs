//! Short sequences of accesses, by hand.

use race::{Action, Between, Code, Derived, Goroutine, Proven, Time, VarAccess, VarWatch};

/// A scene is the number of an instruction; what the code says of two of them.
#[derive(Clone, Default)]
struct Says {
    stretches: Vec<(u32, u32, Between)>,
    derived: Vec<(u32, u32, Derived)>,
}

impl Code<u32> for Says {
    fn stretch(&mut self, first: &VarAccess<u32>, second: &VarAccess<u32>) -> Option<Between> {
        let found = self.stretches.iter().find(|(from, to, _)| (*from, *to) == (first.scene, second.scene));
        found.map(|(_, _, between)| *between)
    }

    fn derivation(&mut self, read: &VarAccess<u32>, stored: &VarAccess<u32>) -> Option<Derived> {
        let found = self.derived.iter().find(|(from, to, _)| (*from, *to) == (read.scene, stored.scene));
        found.map(|(_, _, derived)| *derived)
    }
}

const LOAD: u32 = 1;
const STORE: u32 = 2;
const UPDATE: u32 = 3;

/// A plain access of the program's own; its scene says which instruction.
fn access(goroutine: u64, from: u64, scene: u32, value: u64) -> VarAccess<u32> {
    let action = match scene {
        LOAD => Action::Read,
        STORE => Action::Write,
        _ => Action::Update,
    };
    VarAccess {
        goroutine: Goroutine(goroutine),
        from: Time(from),
        to: Time(from + 10),
        action,
        atomic: false,
        own: true,
        bytes: 0xff,
        before: (action == Action::Read).then_some(value),
        after: (action != Action::Update).then_some(value),
        raised: (action == Action::Update).then_some(1),
        scene,
    }
}

fn atomic(goroutine: u64, from: u64, scene: u32) -> VarAccess<u32> {
    VarAccess { atomic: true, ..access(goroutine, from, scene, 0) }
}

/// What each of the accesses proves.
fn all(accesses: &[VarAccess<u32>], code: &Says) -> Vec<Proven<u32>> {
    let mut watch = VarWatch::new(8);
    accesses.iter().map(|access| watch.take(access.clone(), &mut code.clone())).collect()
}

/// Which of the accesses show a race, and which a lost update.
fn shown(accesses: &[VarAccess<u32>], code: &Says) -> (Vec<usize>, Vec<usize>) {
    let all = all(accesses, code);
    let which = |is_it: fn(&Proven<u32>) -> bool| (0..all.len()).filter(|&number| is_it(&all[number])).collect();
    (which(|proven| proven.race.is_some()), which(|proven| proven.lost.is_some()))
}

const NOTHING: (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());

fn loads_and_stores() -> Says {
    Says { stretches: vec![(LOAD, STORE, Between::Nothing)], derived: Vec::new() }
}

fn computes(derived: Derived) -> Says {
    Says { stretches: Vec::new(), derived: vec![(LOAD, STORE, derived)] }
}

#[test]
fn two_writes_at_the_same_time_are_a_race() {
    let found = &all(&[access(1, 100, UPDATE, 0), access(2, 105, STORE, 7)], &Says::default())[1];
    let race = found.race.clone().unwrap();
    assert_eq!((race.first.goroutine, race.second.goroutine), (Goroutine(1), Goroutine(2)));
    assert_eq!(race.resumed, None);
}

#[test]
fn windows_one_after_the_other_are_none() {
    assert_eq!(shown(&[access(1, 100, UPDATE, 0), access(2, 110, UPDATE, 7)], &Says::default()), NOTHING);
    assert_eq!(shown(&[access(1, 100, UPDATE, 0), access(1, 105, UPDATE, 7)], &Says::default()), NOTHING);
}

#[test]
fn atomic_operations_and_reads_may_be_at_the_same_time() {
    for other in [atomic(2, 105, UPDATE), atomic(2, 105, STORE), access(2, 105, LOAD, 0)] {
        assert_eq!(shown(&[atomic(1, 100, UPDATE), other.clone()], &Says::default()), NOTHING);
        assert_eq!(shown(&[access(1, 100, LOAD, 0), other.clone()], &Says::default()), NOTHING);
        assert_eq!(shown(&[access(1, 100, STORE, 0), other], &Says::default()).0, [1]);
    }
}

#[test]
fn what_is_not_the_programs_own_is_not_judged() {
    let runtime = |goroutine, from| VarAccess { own: false, ..access(goroutine, from, STORE, 7) };
    assert_eq!(shown(&[access(1, 100, UPDATE, 0), runtime(2, 105)], &Says::default()), NOTHING);
    assert_eq!(shown(&[runtime(1, 100), access(2, 105, UPDATE, 0)], &Says::default()), NOTHING);
}

#[test]
fn who_comes_into_a_stretch_is_in_a_race() {
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, STORE, 7), access(1, 300, STORE, 6)];
    let found = &all(&accesses, &loads_and_stores())[2];
    let race = found.race.clone().unwrap();
    assert_eq!((race.first, race.second, race.resumed.unwrap()), accesses.clone().into());
    assert_eq!(found.lost, None, "one verdict is enough");
    assert_eq!(shown(&accesses, &Says::default()), NOTHING);
    // Before and behind it is not in it.
    let before = [access(2, 50, STORE, 7), access(1, 100, LOAD, 5), access(1, 300, STORE, 6), access(2, 400, STORE, 7)];
    assert_eq!(shown(&before, &loads_and_stores()), NOTHING);
}

#[test]
fn a_reader_in_a_stretch_that_writes_is_in_a_race() {
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, LOAD, 5), access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &loads_and_stores()).0, [2]);
    let accesses = [access(1, 100, LOAD, 5), atomic(2, 200, UPDATE), access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &loads_and_stores()).0, [2]);
}

/// The store comes after a load of something else, as of a flag that another sets when it is done.
fn waits() -> Says {
    Says { stretches: vec![(LOAD, STORE, Between::Loads)], derived: vec![(LOAD, STORE, Derived::Computed)] }
}

#[test]
fn a_reader_for_whom_the_writer_may_have_waited_is_in_none() {
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, LOAD, 5), access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &waits()), NOTHING);
    // At the same time as the store it did not wait.
    let accesses = [access(1, 100, LOAD, 5), access(2, 295, LOAD, 5), access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &waits()).0, [2]);
}

#[test]
fn a_writer_behind_the_load_is_in_a_race_whoever_waits_for_it() {
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, STORE, 7), access(1, 300, STORE, 6)];
    let race = all(&accesses, &waits())[2].race.clone().unwrap();
    assert_eq!((race.first, race.second, race.resumed.unwrap()), accesses.into());
    // An atomic write is not: the load may be atomic too. What it wrote is lost all the same.
    let adds = VarAccess { before: Some(5), after: Some(6), ..atomic(2, 200, UPDATE) };
    let accesses = [access(1, 100, LOAD, 5), adds, access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &waits()), (vec![], vec![2]));
    // Nor is one that an atomic operation has let go on.
    let code = Says { stretches: vec![(UPDATE, STORE, Between::Loads)], ..Says::default() };
    let accesses = [atomic(1, 100, UPDATE), access(2, 200, STORE, 7), access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &code), NOTHING);
}

#[test]
fn different_parts_have_nothing_to_do_with_each_other() {
    let part = |bytes, access: VarAccess<u32>| VarAccess { bytes, before: None, after: None, ..access };
    let (low, high) = (0x0f, 0xf0);
    let together = |one, other| [part(one, access(1, 100, STORE, 1)), part(other, access(2, 105, STORE, 2))];
    assert_eq!(shown(&together(low, high), &Says::default()), NOTHING);
    assert_eq!(shown(&together(low, 0), &Says::default()), NOTHING, "which part is not known");
    assert_eq!(shown(&together(low, 0xff), &Says::default()).0, [1]);
    assert_eq!(shown(&together(high, high), &Says::default()).0, [1]);
    let accesses =
        [part(low, access(1, 100, LOAD, 5)), part(high, access(2, 200, STORE, 7)), part(low, access(1, 300, STORE, 6))];
    for code in [loads_and_stores(), computes(Derived::Computed)] {
        assert_eq!(shown(&accesses, &code), NOTHING);
    }
}

#[test]
fn a_loop_of_compare_and_exchange_is_no_race() {
    let stretches = vec![(LOAD, UPDATE, Between::Nothing)];
    let code = Says { stretches, derived: vec![(LOAD, UPDATE, Derived::Computed)] };
    let accesses = [access(1, 100, LOAD, 5), atomic(2, 200, UPDATE), atomic(1, 300, UPDATE)];
    assert_eq!(shown(&accesses, &code), NOTHING);
}

#[test]
fn an_update_between_a_read_and_what_was_computed_from_it_is_lost() {
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, STORE, 6), access(1, 300, STORE, 6)];
    let found = &all(&accesses, &computes(Derived::Computed))[2];
    assert_eq!(found.race, None);
    let lost = found.lost.clone().unwrap();
    assert_eq!((lost.read, lost.lost, lost.overwritten), accesses.clone().into());
    assert_eq!(lost.updates, 1);
    for derived in [Derived::Copied, Derived::Combined] {
        assert_eq!(shown(&accesses, &computes(derived)), NOTHING, "{derived:?}");
    }
    assert_eq!(shown(&accesses, &Says::default()), NOTHING);
}

#[test]
fn two_bits_set_in_turn_may_lose_one() {
    let accesses = [access(1, 100, LOAD, 4), access(2, 200, STORE, 5), access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &computes(Derived::Combined)).1, [2]);
}

#[test]
fn what_was_read_again_is_not_out_of_date() {
    let code = computes(Derived::Computed);
    let accesses =
        [access(1, 100, LOAD, 5), access(2, 200, STORE, 6), access(1, 250, LOAD, 6), access(1, 300, STORE, 7)];
    assert_eq!(shown(&accesses, &code), NOTHING);
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, STORE, 5), access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &code), NOTHING, "the variable is as it was");
    let lowers = VarAccess { raised: Some(-1), ..access(2, 240, UPDATE, 0) };
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, UPDATE, 0), lowers, access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &code), NOTHING, "the variable is as it was again");
}

#[test]
fn several_updates_may_be_lost_at_once() {
    let accesses =
        [access(1, 100, LOAD, 5), access(2, 200, UPDATE, 0), access(3, 240, UPDATE, 0), access(1, 300, STORE, 6)];
    let lost = all(&accesses, &computes(Derived::Computed))[3].lost.clone().unwrap();
    assert_eq!((lost.lost.goroutine, lost.updates), (Goroutine(3), 2));
    let unknown = VarAccess { raised: None, ..access(2, 200, UPDATE, 0) };
    let accesses = [access(1, 100, LOAD, 5), unknown, access(1, 300, STORE, 6)];
    assert_eq!(shown(&accesses, &computes(Derived::Computed)), NOTHING, "it may have changed nothing");
}

#[test]
fn an_atomic_store_or_an_exchange_may_have_its_reasons() {
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, STORE, 6), atomic(1, 300, STORE)];
    assert_eq!(shown(&accesses, &computes(Derived::Computed)), NOTHING);
}

#[test]
fn a_gap_ends_what_rests_on_the_last_access() {
    let accesses = [access(1, 100, LOAD, 5), access(2, 200, STORE, 6), access(1, 300, STORE, 6)];
    for mut code in [loads_and_stores(), computes(Derived::Computed)] {
        for gap in 0..3 {
            let mut watch = VarWatch::new(8);
            for (number, access) in accesses.iter().enumerate() {
                if number == gap {
                    watch.gap();
                }
                let Proven { race, lost } = watch.take(access.clone(), &mut code);
                let expected = number == 2 && gap == 0;
                assert_eq!(race.is_some() || lost.is_some(), expected, "gap {gap}, access {number}");
            }
        }
    }
}

#[test]
fn only_the_variables_own_bits_count() {
    let accesses = [access(1, 100, LOAD, 0x105), access(2, 200, STORE, 0x205), access(1, 300, STORE, 6)];
    let mut watch = VarWatch::new(1);
    let mut code = computes(Derived::Computed);
    assert!(accesses.iter().all(|access| watch.take(access.clone(), &mut code).lost.is_none()));
}
