//! Who ends a process because of a map, and which map.

use gotarget::fatal::{self, Fatal, Sureness};
use race::Kind;

use crate::racing::{Dead, PLACES, RACES, Racing};
use crate::toolchain::{is_thorough, toolchains_and_experiments};

/// The fatal accesses of all threads.
fn fatals(dead: &Dead) -> Vec<Fatal> {
    let process = dead.process();
    let target = process.target();
    process.threads().unwrap().iter().filter_map(|thread| fatal::of_thread(&target, thread)).collect()
}

/// What leads to the map of each place.
fn expression(place: &str) -> Option<&'static str> {
    match place {
        "global" => Some("main.shared"),
        "field" => Some("main.direct.users"),
        "pointer" => Some("main.pointed.users"),
        "shard" => Some("main.shards[2].m"),
        _ => None,
    }
}

#[test]
fn the_fatal_access_and_its_map_are_found_in_a_core() {
    for go in toolchains_and_experiments() {
        let racing = Racing::build(&go, &[]);
        for (index, place) in PLACES.iter().enumerate() {
            for (number, race) in RACES.iter().enumerate() {
                // Every place and every race; with REDHANDED_ALL=1 every race at every place.
                if index != number && !is_thorough() {
                    continue;
                }
                let context = format!("{go} {place} {race}");
                let Some(dead) = racing.die(&[place, race, "tight"]) else { return };
                let found = fatals(&dead);
                let process = dead.process();
                let fatal = fatal::find(&process.target(), &process.threads().unwrap());
                let fatal = fatal.unwrap_or_else(|| panic!("{context}: {}", dead.words));
                assert!(dead.died(fatal.goid.unwrap()), "{context}: {fatal:?}\n{}", dead.words);
                check(&dead, place, &fatal, &context);
                // Whoever else was about to end the process did so for the same map.
                for map in found.iter().filter_map(|fatal| fatal.map.as_ref()) {
                    assert_eq!(map.header, dead.map, "{context}: {found:?}");
                }
            }
        }
    }
}

fn check(dead: &Dead, place: &str, fatal: &Fatal, context: &str) {
    assert_eq!(fatal.message.as_deref(), Some(dead.message()), "{context}");
    let reads = fatal.kind == Kind::Read || fatal.kind == Kind::Iterate;
    assert_eq!(reads, dead.message() != "concurrent map writes", "{context}: {fatal:?}");
    let map = fatal.map.as_ref().unwrap_or_else(|| panic!("{context}: no map: {fatal:?}"));
    assert_eq!(map.header, dead.map, "{context}: {fatal:?}");
    // Since Go 1.24 a reader keeps nothing of the map once it has found it being written, and what its caller
    // had from another function is in no place that could be read again: then others' stacks tell.
    let lost = (place, fatal.kind) == ("shard", Kind::Read);
    assert!(map.sureness > Sureness::Likely || (lost && map.sureness == Sureness::Inferred), "{context}");
    let value = map.value.as_ref().unwrap();
    if let Some(expression) = expression(place) {
        assert_eq!((value.expression.as_str(), map.named), (expression, true), "{context}");
        assert_eq!((value.type_name.as_str(), &map.local_of), ("map[int]int", &None), "{context}");
    }
}
