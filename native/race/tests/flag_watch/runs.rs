//! Simulated runs: what the watch says is held against what really happened.

use proptest::prelude::*;
use proptest::sample::select;
use race::{Generation, Kind};

use crate::simulator::{Lock, Operation, Outcome, Run};

const ALWAYS: u64 = u64::MAX;

fn operation(panicking: bool) -> impl Strategy<Value = Operation> {
    let kinds = [Kind::Read, Kind::Iterate, Kind::Assign, Kind::Assign, Kind::Delete, Kind::Clear];
    let panics = if panicking { prop::bool::weighted(0.2).boxed() } else { Just(false).boxed() };
    (select(kinds.to_vec()), panics, 0..3u8, prop::bool::weighted(0.8))
        .prop_map(|(kind, panics, times, loads)| Operation { kind, panics, times, loads })
}

fn run(locks: &'static [Lock], panicking: bool, exact: impl Strategy<Value = u64>) -> impl Strategy<Value = Run> {
    let goroutines = prop::collection::vec(prop::collection::vec(operation(panicking), 0..5), 1..5);
    let order = prop::collection::vec(any::<u16>(), 1..200);
    (select(vec![Generation::Classic, Generation::Swiss]), select(locks), goroutines, order, exact).prop_map(
        |(generation, lock, goroutines, order, exact)| Run {
            generation,
            lock,
            goroutines,
            order,
            exact,
            armed_after: 0,
        },
    )
}

fn locked() -> impl Strategy<Value = Run> {
    run(&[Lock::Mutex, Lock::RwMutex], true, any::<u64>())
}

fn racing(exact: impl Strategy<Value = u64>) -> impl Strategy<Value = Run> {
    run(&[Lock::None], false, exact)
}

fn finds_nothing(outcome: &Outcome) -> Result<(), TestCaseError> {
    prop_assert!(outcome.death.is_none());
    for event in &outcome.events {
        prop_assert!(event.proven.is_none(), "proven: {event:#x?}");
        prop_assert!(event.suspected.is_none(), "suspected: {event:#x?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn under_a_lock_nothing_is_proven_or_suspected(run in locked()) {
        finds_nothing(&run.simulate())?;
    }

    #[test]
    fn under_a_lock_nothing_is_found_when_the_watch_begins_in_the_middle(run in locked(), armed_after in 0..40usize) {
        finds_nothing(&Run { armed_after, ..run }.simulate())?;
    }

    #[test]
    fn under_a_lock_each_deed_is_what_was_done(run in run(&[Lock::Mutex, Lock::RwMutex], true, Just(ALWAYS))) {
        for event in run.simulate().events {
            prop_assert_eq!((event.deed.step, event.deed.before, event.deed.after),
                (event.step, Some(event.before), Some(event.after)), "{:#x?}", event);
        }
    }

    #[test]
    fn every_writer_that_ends_closes_its_window(run in run(&[Lock::Mutex, Lock::RwMutex], false, any::<u64>()),
        armed_after in 0..40usize) {
        prop_assert_eq!(Run { armed_after, ..run }.simulate().left_open, 0);
    }

    #[test]
    fn whoever_sees_the_byte_wrong_proves_an_overlap(run in racing(Just(ALWAYS))) {
        for event in run.simulate().events {
            prop_assert_eq!(event.alarm, event.proven.is_some(), "{:#x?}", event);
            if let Some(overlap) = event.proven {
                let culprits = [overlap.first.goroutine, overlap.second.goroutine];
                prop_assert!(culprits.contains(&event.goroutine));
            }
        }
    }

    #[test]
    fn culprits_were_really_inside_at_the_same_time(run in racing(any::<u64>())) {
        let outcome = run.simulate();
        let told = outcome.death.as_ref().and_then(|(_, told)| told.as_ref());
        let seen = outcome.events.iter().flat_map(|event| [event.proven.as_ref(), event.suspected.as_ref()]);
        for overlap in seen.chain([told]).flatten() {
            prop_assert!(outcome.is_true(overlap), "{overlap:#x?}\n{:#x?}", outcome.accesses);
        }
    }

    #[test]
    fn whoever_dies_leaves_both_culprits_known(run in racing(any::<u64>())) {
        let outcome = run.simulate();
        if let Some((goroutine, told)) = &outcome.death {
            let culprits = told.as_ref().map(|overlap| [overlap.first.goroutine, overlap.second.goroutine]);
            prop_assert!(culprits.is_some_and(|culprits| culprits.contains(goroutine)), "{outcome:#x?}");
        }
    }

    #[test]
    fn two_writers_that_mark_the_byte_at_the_same_time_are_found(run in racing(any::<u64>())) {
        let outcome = run.simulate();
        let found = outcome.events.iter().any(|event| event.proven.is_some() || event.suspected.is_some());
        let spans = || outcome.accesses.iter().filter_map(|truth| Some((truth.goroutine, truth.set?, truth.cleared?)));
        let at_once = spans().any(|(a, a_from, a_until)| spans().any(|(b, b_from, b_until)| {
            a != b && a_from <= b_until && b_from <= a_until
        }));
        prop_assert!(found || !at_once || outcome.death.is_some(), "{:#x?}", outcome.accesses);
    }
}
