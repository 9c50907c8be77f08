//! Processes that die of a map while one is watched: who is innocent of that is not named.

use std::io::{BufRead, BufReader};
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::sample::{Watching, versions};
use crate::target::{Target, build_by};

/// Watches a program's map, lets it die once so many lines have come, and gives all lines and the exit status.
fn watched_to_its_end(version: &str, mode: &str, words: &[&str], lines: usize) -> (Vec<Value>, i32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/innocent");
    let target = Target::run(&build_by(version, &folder, &[]), &[mode]);
    let pid: i32 = target.pid().parse().unwrap();
    let mut watching = Watching::start(pid, "main.watched", &[words, &["--json"]].concat());
    let mut told = BufReader::new(watching.child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut all: Vec<String> = told.by_ref().take(lines).collect();
    kill(Pid::from_raw(pid), Signal::SIGUSR1).unwrap();
    all.extend(told);
    let said = watching.said();
    assert_eq!(said.err, "");
    (all.iter().map(|line| serde_json::from_str(line).unwrap()).collect(), said.status)
}

fn is_race(line: &&Value) -> bool {
    line["schema"] == "redhanded.race/1"
}

#[test]
fn who_dies_of_another_map_has_met_nobody_in_this_one() {
    for version in versions() {
        for words in [&["--record"][..], &["--hold", "0"], &["--hold", "1"]] {
            let (all, status) = watched_to_its_end(&version, "elsewhere", words, 100);
            assert_eq!(all.iter().find(is_race), None, "{version} {words:?}");
            assert!(all.iter().all(|line| line["step"] != "dies"), "{version} {words:?}");
            assert_eq!((status, &all.last().unwrap()["outcome"]), (0, &json!("exited")), "{version} {words:?}");
        }
    }
}

#[test]
fn who_was_inside_when_the_traps_went_off_is_not_taken_for_one_who_still_is() {
    for version in versions() {
        // Of a map that is written without a pause, they are off nearly all the time.
        let words = ["--hold", "0", "--max-stall", "1"];
        let (all, status) = watched_to_its_end(&version, "before", &words, 300);
        if let Some(race) = all.iter().find(is_race) {
            assert!(!race.to_string().contains("main.innocent"), "{version}: {race}");
        }
        // Who dies is seen also while they are off.
        assert!(all.iter().any(|line| is_race(&line) || line["step"] == "dies"), "{version}");
        assert_eq!(status, 1, "{version}");
    }
}
