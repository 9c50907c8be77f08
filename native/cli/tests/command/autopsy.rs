//! `autopsy` of real cores: of a map's race, and of other ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::target::{Target, build_from, redhanded};

/// A process's core, and what it said before it died.
struct Dead {
    _folder: TempDir,
    core: PathBuf,
    words: String,
}

/// The program `racing`, built with the newest Go of those that are `wanted`.
fn racing(wanted: fn(u32) -> bool, arguments: &[&str]) -> PathBuf {
    build_from("../gotarget/tests/racing", wanted, arguments)
}

/// Runs a program until it dies. `None` where the system puts cores elsewhere.
fn die(file: &Path, arguments: &[&str]) -> Option<Dead> {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.starts_with('|') || pattern.contains('/') {
        eprintln!("kernel.core_pattern is {}: no core of the kernel is looked at here", pattern.trim());
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("prlimit");
    command.arg("--core=unlimited").arg(file).args(arguments).current_dir(folder.path());
    let output = command.env("GOTRACEBACK", "crash").stdin(Stdio::null()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_core = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("core");
    let core = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).find(is_core);
    Some(Dead { core: core.unwrap_or_else(|| panic!("no core: {words}")), _folder: folder, words })
}

fn autopsy(dead: &Dead, options: &[&str]) -> crate::target::Said {
    let words = [&["autopsy", "--core", dead.core.to_str().unwrap()], options].concat();
    redhanded(&words)
}

#[test]
fn a_race_of_a_map_is_told_with_its_suspects_and_places() {
    for wanted in [(|minor| minor < 24) as fn(u32) -> bool, |_| true] {
        let Some(dead) = die(&racing(wanted, &[]), &["global", "delete", "tight"]) else { return };
        let said = autopsy(&dead, &[]);
        assert_eq!((said.status, said.err.as_str()), (1, ""), "{}", said.out);
        for part in [
            "WARNING: DATA RACE\nmain.shared: map[int]int at 0x",
            "fatal error: concurrent map writes",
            "the most likely first\n\n1. Goroutine ",
            "main.writeGlobal places.go",
            "main.deleteGlobal places.go",
            "main.shared: map[int]int at",
        ] {
            assert!(said.out.contains(part), "{part}: {}", said.out);
        }
        let json = autopsy(&dead, &["--json"]).json().remove(0);
        assert_eq!(json["schema"], "redhanded.autopsy/1");
        let goid = json["fatal"]["access"]["goroutine"].as_u64().unwrap();
        assert!(dead.words.contains(&format!("goroutine {goid} ")), "{}", dead.words);
        let kinds: Vec<_> = json["places"]["places"].as_array().unwrap().iter().map(|place| &place["kind"]).collect();
        for kind in ["write", "delete", "clear"] {
            assert!(kinds.iter().any(|found| *found == kind), "{kind}: {kinds:?}");
        }
        // A function that is inlined everywhere says nothing without those that it is inlined into.
        let empties = |line: &str| line.contains("main.empty new.go") && line.contains("called by main.clearGlobal");
        assert!(said.out.lines().any(empties), "{}", said.out);
        let suspects = json["suspects"]["suspects"].as_array().unwrap();
        assert!(suspects.iter().all(|suspect| suspect["goroutine"] != goid));
        assert!(!suspects[0]["evidence"].as_array().unwrap().is_empty());
    }
}

#[test]
fn a_stripped_program_tells_all_but_names() {
    let file = racing(|_| true, &["-ldflags=-s -w"]);
    let Some(dead) = die(&file, &["global", "write", "tight"]) else { return };
    let said = autopsy(&dead, &[]);
    assert_eq!((said.status, said.err.as_str()), (1, ""), "{}", said.out);
    for part in ["map[int]int at 0x", "concurrent map writes", "1. Goroutine ", "main.writeGlobal places.go", "note: "]
    {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(!said.out.contains("main.shared"), "{}", said.out);
}

#[test]
fn another_end_than_a_map_s_is_named() {
    // It doesn't know what to race about, and panics.
    let Some(dead) = die(&racing(|_| true, &[]), &["nowhere", "write", "tight"]) else { return };
    let said = autopsy(&dead, &[]);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{}", said.out);
    assert!(said.out.contains("No map: a panic ended the process: \"no such place\""), "{}", said.out);
    assert_eq!(autopsy(&dead, &["--json"]).json()[0]["end"]["kind"], "panic");
}

#[test]
fn the_signal_that_came_is_named_and_not_the_one_that_the_runtime_sends_itself() {
    for wanted in [(|minor| minor < 24) as fn(u32) -> bool, |_| true] {
        let file = build_from("../../samples/locked", wanted, &[]);
        let Some(dead) = die(Path::new("timeout"), &["--signal=SEGV", "0.5", file.to_str().unwrap()]) else { return };
        let said = autopsy(&dead, &[]);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{}", said.out);
        assert!(said.out.contains("No map: signal 11 (SIGSEGV) ended the process"), "{}{}", said.out, dead.words);
    }
}

#[test]
fn a_signal_may_come_to_a_thread_that_sleeps() {
    for wanted in [(|minor| minor < 24) as fn(u32) -> bool, |_| true] {
        let file = build_from("tests/command/ends", wanted, &[]);
        let Some(dead) = die(&file, &["sysmon"]) else { return };
        let said = autopsy(&dead, &[]);
        assert!(said.out.contains("No map: signal 11 (SIGSEGV) ended the process"), "{}{}", said.out, dead.words);
        assert!(said.out.contains("runtime.sysmon()"), "{}", said.out);
    }
}

#[test]
fn a_core_that_lacks_the_stacks_is_no_other_end() {
    let Some(dead) = die(&racing(|_| true, &[]), &["global", "write", "tight"]) else { return };
    std::fs::OpenOptions::new().write(true).open(&dead.core).unwrap().set_len(1 << 16).unwrap();
    let said = autopsy(&dead, &["--json"]);
    assert_eq!((said.status, said.out.as_str()), (2, ""), "{}", said.err);
    assert!(
        said.err.contains("what the process ended of can't be told") && said.err.contains("cut off"),
        "{}",
        said.err
    );
}

#[test]
fn a_process_must_stand_still_and_one_that_lives_has_no_end() {
    let target = Target::start(&["3"]);
    let error = target.redhanded(&["autopsy"]).error();
    assert!(error.contains("--stop") && error.contains("--core"), "{error}");
    let said = target.redhanded(&["autopsy", "--stop"]).clean();
    assert!(said.contains("No map: nobody is about to end this process"), "{said}");
}
