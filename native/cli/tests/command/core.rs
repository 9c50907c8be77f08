//! `stakeout --then core`: the moment as a core.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::target::{Said, build, program, redhanded};

/// Stakes out a program that races from its start, with its standard input open.
fn stake_out(file: &Path, words: &[&str]) -> Said {
    let mut command = Command::new(program());
    command.args(["stakeout", "--wait", "0"]).args(words).arg("--").arg(file).args(["3", "race"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Once it is closed, the program ends well.
    let input = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(input);
    Said::of(&output)
}

#[test]
fn a_core_holds_the_moment_and_the_program_ends_as_it_would_have() {
    for wanted in [(|_| true) as fn(u32) -> bool, |minor| minor < 24] {
        let file = build(wanted);
        let folder = tempfile::tempdir().unwrap();
        let core = folder.path().join("the.core");
        let name = core.to_str().unwrap();
        let said = stake_out(&file, &["--then", "core", "--core-file", name]);
        assert_eq!(said.status, 2, "{}{}", said.out, said.err);
        assert!(said.err.contains("fatal error: concurrent map writes"), "{}", said.err);
        assert!(said.err.contains(&format!(" to {name}\n")), "{}", said.err);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        // It has all of the process's secrets.
        assert_eq!(fs::metadata(&core).unwrap().permissions().mode() & 0o777, 0o600);

        let answer = &redhanded(&["goroutines", "--core", name, "--json"]).json()[0];
        let at = |goroutine: &serde_json::Value| goroutine["created_by"]["function"] == "main.main";
        let racers = answer["goroutines"].as_array().unwrap().iter().filter(|it| at(it));
        let racers = racers.filter(|it| it["at"]["function"] == "main.race").count();
        assert_eq!(racers, 2, "{answer}");
        let said = redhanded(&["check", "--core", name, "main.shared"]).clean();
        assert!(said.ends_with(": 3 entries, sound\n"), "{said}");
    }
}

#[test]
fn what_keeps_a_core_from_being_written_is_said_before_the_program_is_started() {
    let file = build(|_| true);
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no/core");
    let nowhere = nowhere.to_str().unwrap();
    let error = stake_out(&file, &["--then", "core", "--core-file", nowhere]).error();
    assert!(error.contains("No such file"), "{error}");
    let here = folder.path().to_str().unwrap();
    assert!(stake_out(&file, &["--then", "core", "--core-file", here]).error().contains("is a directory"));
    let error = stake_out(&file, &["--core-file", "core"]).error();
    assert!(error.contains("--then core"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
