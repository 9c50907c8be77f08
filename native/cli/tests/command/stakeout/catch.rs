//! Somebody is about to end the process because of a map.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Ended, HURRY, child_of, is_stopped, let_go, signal, stake_out, start, waiting};
use crate::sample::{Sample, build, check_unharmed, versions, wait_for};
use crate::target::{build_by, program};

/// The samples that race, the words that Go ends them with, and who races.
const RACES: [(&str, &str, [&str; 2]); 3] = [
    ("clobber", "concurrent map writes", ["main.writerA", "main.writerB"]),
    ("read-write", "concurrent map read and map write", ["main.reader", "main.writer"]),
    ("iterate-write", "concurrent map iteration and map write", ["main.iterator", "main.writer"]),
];

fn folder(sample: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").join(sample)
}

/// The functions of the program on an access's stack.
fn functions(access: &Value) -> BTreeSet<&str> {
    let frames = access["stack"].as_array().unwrap();
    frames.iter().filter_map(|frame| frame["function"].as_str()).filter(|name| name.starts_with("main.")).collect()
}

/// Checks that both culprits are named.
#[track_caller]
fn check_named(ended: &Ended, message: &str, culprits: [&str; 2]) {
    let context = format!("{}\n{}", ended.out, ended.err);
    let fatal = ended.reports("redhanded.fatal/1").into_iter().next().expect(&context);
    assert_eq!(fatal["message"], message, "{context}");
    assert_eq!((&fatal["map"]["expression"], &fatal["map"]["type"]), (&"main.shared".into(), &"map[int]int".into()));
    check_culprits(ended, &fatal, culprits);
}

/// Checks that the one who is about to end the process and the other one are the culprits.
#[track_caller]
fn check_culprits(ended: &Ended, fatal: &Value, culprits: [&str; 2]) {
    let context = format!("{}\n{}", ended.out, ended.err);
    let other = ended.reports("redhanded.culprit/1").into_iter().next().expect(&context);
    assert_ne!(other["certainty"], "possible", "{context}");
    assert_eq!(other["address"], fatal["map"]["address"], "{context}");
    assert_ne!(other["access"]["g"], fatal["access"]["g"], "{context}");
    let both = [&fatal["access"], &other["access"]];
    let found: BTreeSet<&str> = both.into_iter().flat_map(functions).collect();
    assert_eq!(found, culprits.into(), "{context}");
    assert!(both.iter().all(|access| access["created_by"]["function"] == "main.main"), "{context}");
}

/// Checks that the program has ended as it always does.
#[track_caller]
fn check_own_end(ended: &Ended, message: &str) {
    assert_eq!(ended.code(), 2, "{}", ended.err);
    assert!(ended.err.contains(&format!("\nfatal error: {message}\n\ngoroutine ")), "{}", ended.err);
}

#[test]
fn both_culprits_are_named_and_the_program_ends_as_it_would() {
    for version in versions() {
        for (name, message, culprits) in RACES {
            let ended = Ended::of(start(&["--json", "--wait", "1"], build(&version, name), &HURRY));
            check_named(&ended, message, culprits);
            check_own_end(&ended, message);
            assert!(ended.out.starts_with("ready ") && ended.out.lines().count() == 1, "{}", ended.out);
        }
    }
}

#[test]
fn a_process_that_runs_already_is_staked_out_too() {
    for version in versions() {
        let mut sample = waiting(&version, "clobber");
        let stakeout = stake_out(sample.id().cast_signed(), &["--wait", "1", "--json"]);
        let_go(&mut sample);
        let said = Ended::of(stakeout);
        assert_eq!(said.code(), 1, "{}", said.err);
        check_named(&said, "concurrent map writes", ["main.writerA", "main.writerB"]);
        let ended = Ended::of(sample);
        assert_eq!(ended.code(), 2);
        assert!(ended.err.starts_with("fatal error: concurrent map writes\n"), "{}", ended.err);
    }
}

#[test]
fn what_is_held_is_left_to_a_debugger_and_ends_with_a_signal() {
    let version = versions().pop().unwrap();
    // Once started by redhanded, which may have been started by somebody who ignores the ends of children; once by
    // somebody else.
    let mut command = Command::new("env");
    command.arg("--ignore-signal=CHLD").arg(program()).args(["stakeout", "--wait", "0", "--then", "hold", "--"]);
    command.arg(build(&version, "clobber")).args(HURRY).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child_of(&child);
    wait_for("a stop", || is_stopped(pid));
    let _ = Command::new("kill").args(["-CONT", &pid.to_string()]).status().unwrap();
    let ended = Ended::of(child);
    check_own_end(&ended, "concurrent map writes");
    assert!(ended.err.contains(&format!("`gdb -p {pid}`")), "{}", ended.err);

    let mut sample = waiting(&version, "clobber");
    let pid = sample.id().cast_signed();
    let stakeout = stake_out(pid, &["--wait", "0", "--then", "hold"]);
    let_go(&mut sample);
    let said = Ended::of(stakeout);
    assert_eq!(said.code(), 1, "{}", said.err);
    wait_for("a stop", || is_stopped(pid));
    assert!(trap::debug_registers(pid).unwrap().iter().all(trap::DebugRegisters::is_clear));
    wait_for("a stop", || is_stopped(pid));
    assert!(sample.try_wait().unwrap().is_none());
    let _ = Command::new("kill").args(["-CONT", &pid.to_string()]).status().unwrap();
    assert_eq!(Ended::of(sample).code(), 2);
}

#[test]
fn a_program_that_is_moved_is_staked_out_too() {
    let version = versions().pop().unwrap();
    let moved = build_by(&version, &folder("clobber"), &["-buildmode=pie"]);
    let ended = Ended::of(start(&["--json", "--wait", "1"], moved, &HURRY));
    check_named(&ended, "concurrent map writes", ["main.writerA", "main.writerB"]);
    check_own_end(&ended, "concurrent map writes");
}

#[test]
fn a_program_that_is_stripped_is_staked_out_too() {
    for version in versions() {
        for (name, message, culprits) in RACES {
            let whole = build(&version, name);
            // By the linker, without symbols or with them; and by another tool.
            let stripped = whole.with_extension("stripped");
            let strip = Command::new("strip").arg("-o").args([&stripped, &whole]).status().unwrap();
            assert!(strip.success());
            let by_linker = ["-ldflags=-s -w", "-ldflags=-w"].map(|how| build_by(&version, &folder(name), &[how]));
            for file in by_linker.iter().chain([&stripped]) {
                let ended = Ended::of(start(&["--json", "--wait", "1"], file, &HURRY));
                check_own_end(&ended, message);
                let context = &ended.err;
                let fatal = ended.reports("redhanded.fatal/1").into_iter().next().expect(context);
                assert_eq!((&fatal["message"], &fatal["map"]["type"]), (&message.into(), &"map[int]int".into()));
                let expression = fatal["map"]["expression"].as_str().unwrap();
                assert!(expression.starts_with("the map at 0x"), "{expression}");
                assert!(context.contains("redhanded: the program has no debug information (DWARF): "), "{context}");
                check_culprits(&ended, &fatal, culprits);
            }
            // Nothing is missing with the executable from before.
            let exe = whole.to_str().unwrap();
            let ended = Ended::of(start(&["--json", "--wait", "1", "--exe", exe], &stripped, &HURRY));
            check_named(&ended, message, culprits);
            check_own_end(&ended, message);
        }
    }
}

#[test]
fn correct_locking_is_never_accused() {
    for version in versions() {
        let ended = Ended::of(start(&["--json"], build(&version, "locked"), &["-for", "2s", "-hurry", "250"]));
        assert_eq!((ended.code(), ended.err.as_str()), (0, ""));
        assert!(ended.out.ends_with("count 64\n"), "{}", ended.out);
    }
    let version = versions().pop().unwrap();
    let mut sample = Sample::waiting(&version, "locked");
    let stakeout = stake_out(sample.pid(), &[]);
    sample.begin();
    signal(&stakeout, Signal::SIGINT);
    assert_eq!(Ended::of(stakeout).code(), 0);
    check_unharmed(sample.pid());
    sample.end_well();
}
