//! Programs with and without proper locking: no correct one is ever accused.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::sample::select;

use crate::simulator::{Kept, Scene, Section, run};

fn section() -> impl Strategy<Value = Section> {
    prop_oneof![
        Just(Section::Look),
        any::<u8>().prop_map(Section::Set),
        Just(Section::Update),
        Just(Section::ReadWrite),
        Just(Section::ReadCheckWrite),
    ]
}

fn goroutines(section: impl Strategy<Value = Section>) -> impl Strategy<Value = Vec<Vec<Section>>> {
    let sections = prop::collection::vec(section, 1..6);
    prop::collection::vec(sections, 2..5)
}

fn chances() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((any::<u8>(), 0..20u8), 16..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_correct_program_is_never_accused(
        kept in select(vec![Kept::Mutex, Kept::RwMutex, Kept::Token]),
        sections in goroutines(section()),
        chances in chances(),
    ) {
        let mut ran = run(kept, &sections, &chances);
        for (scene, proven) in ran.proven() {
            prop_assert_eq!((proven.race, proven.lost), (None, None), "{:?}", scene);
        }
    }

    #[test]
    fn atomic_operations_are_never_accused(
        sections in goroutines(prop_oneof![Just(Section::Atomic), Just(Section::Look)]),
        chances in chances(),
    ) {
        for (scene, proven) in run(Kept::Not, &sections, &chances).proven() {
            prop_assert_eq!((proven.race, proven.lost), (None, None), "{:?}", scene);
        }
    }

    #[test]
    fn a_race_is_told_exactly_where_one_shows(sections in goroutines(section()), chances in chances()) {
        let mut ran = run(Kept::Not, &sections, &chances);
        let told = ran.proven().iter().any(|(_, proven)| proven.race.is_some());
        prop_assert_eq!(told, ran.is_any_race());
    }

    #[test]
    fn a_lock_around_each_step_is_no_race_and_loses_exactly_what_is_lost(
        sections in goroutines(section()),
        chances in chances(),
    ) {
        let mut ran = run(Kept::EachStep, &sections, &chances);
        let proven = ran.proven();
        prop_assert!(proven.iter().all(|(_, proven)| proven.race.is_none()));
        let told: HashSet<Scene> =
            proven.iter().filter(|(_, proven)| proven.lost.is_some()).map(|(scene, _)| *scene).collect();
        prop_assert_eq!(told, ran.lost);
    }
}
