//! `watch --var`: variables that goroutines share, with and without care.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use crate::sample::versions;
use crate::target::{Said, Target, build_by};

/// What ends a watch that finds nothing, should all else fail.
const LONGEST: [&str; 2] = ["--for", "60"];

/// A process in which the goroutines of this mode run.
fn start(version: &str, mode: &str) -> Target {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/variables");
    Target::run(&build_by(version, &folder, &[]), &[mode])
}

/// Watches a variable of such a process.
fn watch(version: &str, mode: &str, variable: &str, more: &[&str]) -> Said {
    start(version, mode).redhanded(&[&["watch", "--var", variable, "--json"], more, &LONGEST].concat())
}

/// The lines with this schema.
fn with_schema<'a>(lines: &'a [Value], schema: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["schema"] == schema).collect()
}

const RACES: [(&str, &str); 9] = [
    ("plain", "main.plain"),
    ("by", "main.by"),
    ("torn", "main.torn"),
    ("field", "main.field.hits"),
    ("items", "main.items[3]"),
    ("ratio", "main.ratio"),
    ("ready", "main.ready"),
    ("copied", "main.copied[1].hits"),
    ("pointer", "main.pointer"),
];

#[test]
fn accesses_that_nothing_keeps_apart_are_a_race() {
    for version in versions() {
        for (mode, variable) in RACES {
            let said = watch(&version, mode, variable, &[]);
            let lines = said.json();
            assert_eq!(said.status, 1, "{version} {mode}: {}", lines.last().unwrap());
            let races = with_schema(&lines, "redhanded.variable_race/1");
            let [race] = races.as_slice() else { panic!("{version} {mode}: {races:?}") };
            assert_eq!(race["variable"]["expression"], variable);
            assert_ne!(race["first"]["g"], race["second"]["g"], "{version} {mode}");
            let culprits = [&race["first"], &race["second"], &race["resumed"]].into_iter().filter(|it| !it.is_null());
            let is_plain_write = |culprit: &Value| culprit["action"] != "read" && culprit["atomic"] == false;
            assert!(culprits.clone().any(is_plain_write), "{version} {mode}: {race}");
            for culprit in culprits {
                let is_ours = |frame: &Value| frame["file"].as_str().is_some_and(|file| file.ends_with("/main.go"));
                assert!(culprit["stack"].as_array().unwrap().iter().any(is_ours), "{version} {mode}: {culprit}");
            }
        }
    }
}

const CORRECT: [(&str, &str); 15] = [
    ("added", "main.added"),
    ("counted", "main.counted"),
    ("compared", "main.compared"),
    ("swapped", "main.swapped"),
    ("locked", "main.locked"),
    ("shared", "main.shared"),
    ("handed", "main.handed"),
    ("joined", "main.joined"),
    ("waited", "main.waited"),
    ("parts", "main.parts"),
    ("guarded", "main.guarded.hits"),
    ("kept", "main.kept[\"k\"]"),
    ("checked", "main.checked[\"k\"]"),
    ("crossed", "main.crossed[\"k\"]"),
    ("growing", "main.growing[\"k\"]"),
];

#[test]
fn a_correct_program_is_never_accused() {
    for version in versions() {
        for (mode, variable) in CORRECT {
            let said = watch(&version, mode, variable, &["--count", "20000"]);
            let lines = said.json();
            let found: Vec<&Value> = lines.iter().filter(|line| line.get("variable").is_some()).collect();
            assert_eq!((said.status, found.len()), (0, 0), "{version} {mode}: {found:?} {}", said.err);
            assert!(lines.last().unwrap()["accesses"].as_u64().unwrap() > 100, "{version} {mode}");
        }
    }
}

#[test]
fn an_update_is_lost_where_each_step_is_locked_and_not_all_of_them() {
    for version in versions() {
        for (mode, variable) in
            [("stepped", "main.stepped[\"k\"]"), ("asked", "main.asked[\"k\"]"), ("stepping", "main.stepping")]
        {
            let said = watch(&version, mode, variable, &[]);
            let lines = said.json();
            assert_eq!(said.status, 1, "{version} {mode}: {}", lines.last().unwrap());
            assert_eq!(with_schema(&lines, "redhanded.variable_race/1").len(), 0, "{version} {mode}: it is no race");
            let found = with_schema(&lines, "redhanded.lost_update/1");
            let [lost] = found.as_slice() else { panic!("{version} {mode}: {found:?}") };
            assert_eq!(lost["read"]["g"], lost["overwritten"]["g"], "{version} {mode}");
            assert_ne!(lost["read"]["g"], lost["lost"]["g"], "{version} {mode}");
            let actions = ["read", "lost", "overwritten"].map(|which| lost[which]["action"].clone());
            assert_eq!(actions, ["read", "write", "write"], "{version} {mode}");
            if mode != "stepping" {
                let number = |value: &Value| value.as_str().unwrap().parse::<i64>().unwrap();
                assert_eq!(number(&lost["overwritten"]["after"]), number(&lost["read"]["before"]) + 1);
            }
        }
    }
}

#[test]
fn atomic_operations_are_told_from_others_and_values_shown() {
    for version in versions() {
        let accesses = |mode: &str, variable: &str| {
            let lines = watch(&version, mode, variable, &["--count", "200"]).json();
            with_schema(&lines, "redhanded.variable_access/1").into_iter().cloned().collect::<Vec<_>>()
        };
        for access in accesses("added", "main.added") {
            assert_eq!((&access["action"], &access["atomic"]), (&"update".into(), &true.into()), "{access}");
            assert!(access["before"].as_str().unwrap().parse::<i64>().unwrap() >= 0, "{access}");
        }
        // Not the function that stands for the operation: the line that called it.
        for access in accesses("counted", "main.counted") {
            assert_eq!(access["caller"]["function"].as_str().map(|name| name.starts_with("main.")), Some(true));
        }
        for access in accesses("locked", "main.locked") {
            assert_eq!((&access["action"], &access["atomic"]), (&"update".into(), &false.into()), "{access}");
            assert_eq!((&access["raised"], &access["by"]), (&1.into(), &"program".into()), "{access}");
            assert_eq!(access["caller"]["function"].as_str().map(|name| name.starts_with("main.")), Some(true));
        }
        // A load may be atomic or not: the instruction is the same.
        let compared = accesses("compared", "main.compared");
        let reads: Vec<&Value> = compared.iter().filter(|access| access["action"] == "read").collect();
        assert!(reads.iter().any(|read| read["atomic"].is_null()), "{compared:?}");
    }
}

#[test]
fn an_entry_that_moves_is_followed() {
    for version in versions() {
        let said = watch(&version, "growing", "main.growing[\"k\"]", &["--count", "5000"]);
        let lines = said.json();
        let moved = with_schema(&lines, "redhanded.variable_moved/1");
        let places: HashSet<&str> = moved.iter().filter_map(|line| line["to"].as_str()).collect();
        assert!(!places.is_empty(), "{version}: {}", said.err);
        let last = lines.iter().rposition(|line| line["schema"] == "redhanded.variable_moved/1").unwrap();
        let since = with_schema(&lines[last..], "redhanded.variable_access/1");
        assert!(since.iter().all(|access| access["by"] != "allocation"), "{version}");
        // What is written where it is now are the same steps.
        let counts = |access: &&&Value| access["by"] == "program" && access["raised"] == 1;
        assert!(since.is_empty() || since.iter().any(|access| counts(&access)), "{version}: {since:?}");
        let said = watch(&version, "replaced", "main.replaced.count", &["--count", "500"]);
        assert!(!with_schema(&said.json(), "redhanded.variable_moved/1").is_empty(), "{version}");
        assert_eq!(said.status, 0);
    }
}

#[test]
fn an_entry_that_is_removed_is_said_to_be_gone_and_found_again() {
    for version in versions() {
        // Half of the time there is no such entry to begin with.
        let target = start(&version, "deleted");
        let words = ["watch", "--var", "main.deleted[\"k\"]", "--json", "--count", "8", "--for", "60"];
        let tries = std::iter::repeat_with(|| target.redhanded(&words));
        let said = tries.take(100).find(|said| said.status == 0 || !said.err.contains("has no key")).unwrap();
        let lines = said.json();
        let moved = with_schema(&lines, "redhanded.variable_moved/1");
        let gone = |line: &&&Value| line["to"].is_null();
        assert!(moved.iter().any(|line| gone(&line) && line["why"].as_str().unwrap().contains("no key")), "{moved:?}");
        assert!(moved.iter().any(|line| !gone(&line)), "{version}: {moved:?}");
        assert!(lines.iter().any(|line| line["by"] == "removal"), "{version}");
    }
}

#[test]
fn what_can_not_be_watched_is_said_with_what_can() {
    let version = versions().pop().unwrap();
    let target = start(&version, "locked");
    for (variable, says) in [
        ("main.copied[1]", "main.copied[1].hits"),
        ("main.copied[1].name", "(its first word)"),
        ("main.items", "main.items[0]"),
        ("main.none", "no package variable main.none"),
        ("main.kept[\"none\"]", "has no key"),
        ("main.pointer.count", "is a nil pointer"),
        ("(*int)0xc000012180", "has no address"),
        ("(int)0xc000012181", "at a multiple of that"),
    ] {
        let error = target.redhanded(&["watch", "--var", variable]).error();
        assert!(error.contains(says), "{variable}: {error}");
    }
    let both = target.redhanded(&["watch", "--var", "main.locked", "main.kept"]);
    assert_eq!(both.status, 2);
    let ended = target.end();
    assert!(crate::target::redhanded(&["watch", "-p", &ended, "--var", "main.locked"]).error().contains(&ended));
}
