//! What goes wrong: one line that says why and what to do, and status 2.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use nix::unistd::Uid;

use crate::target::{Said, Target, build, build_with, program, redhanded};

#[test]
fn a_name_that_is_almost_right_is_corrected() {
    let target = Target::start(&["3"]);
    let error = target.redhanded(&["print", "main.user"]).error();
    assert_eq!(error, "no package variable main.user: did you mean main.users?");
    let error = target.redhanded(&["print", "main.users", "--where", "elem.Ago > 3"]).error();
    assert_eq!(error, "main.User has no field Ago; it has: Name, Age, Joined, Tags, Role");
    let error = target.redhanded(&["maps", "nope"]).error();
    assert!(error.starts_with("no package variable whose name contains `nope` is a map"), "{error}");
}

#[test]
fn conditions_that_make_no_sense_are_refused_before_anything_is_printed() {
    let target = Target::start(&["3"]);
    for (condition, why) in [
        ("elem.Age > alice", "cannot be compared with alice"),
        ("elem.Age", "it compares nothing"),
        ("elem.Age =! 3", "the comparison is one of"),
        ("elem.Age >", "nothing follows the comparison"),
        ("elm.Age > 3", "a path begins with key or elem"),
        ("elem.Age ~ 3", "~ finds text in text"),
        ("key ~ /(/", "no regular expression"),
        ("key == \"alice", "its quotes are never closed"),
        ("elem.Name[0] == a", "neither an array nor a slice"),
    ] {
        let error = target.redhanded(&["print", "main.users", "--where", condition]).error();
        assert!(error.contains(why), "{condition}: {error}");
    }
    let error = target.redhanded(&["get", "main.shared", "alice"]).error();
    assert!(error.contains("alice"), "{error}");
}

#[test]
fn usage_errors_are_clap_s_and_help_is_none() {
    let said = redhanded(&["print", "main.shared"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("--pid <PID>"), "{}", said.err);
    for words in [&["--help"][..], &["print", "--help"], &["get", "-h"], &["--version"]] {
        assert_eq!(redhanded(words).status, 0);
    }
    assert!(redhanded(&["--version"]).out.starts_with("redhanded "));
}

#[test]
fn a_process_that_has_ended_or_is_no_go_program_is_named() {
    let target = Target::start(&["3"]);
    let pid = target.end();
    let error = redhanded(&["print", "-p", &pid, "main.shared"]).error();
    assert!(error.contains(&format!("no process {pid}")), "{error}");
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Once it has answered it runs: before, it is still this program.
    cat.stdin.as_mut().unwrap().write_all(b"ready\n").unwrap();
    cat.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    let error = redhanded(&["maps", "-p", &cat.id().to_string()]).error();
    drop(cat.stdin.take());
    cat.wait().unwrap();
    assert!(error.contains("Go"), "{error}");
}

#[test]
fn a_process_that_ends_while_it_is_read_is_an_error() {
    let target = Target::start(&["300000"]);
    let mut command = Command::new(program());
    let words = target.with_pid(&["print", "main.shared"]);
    let mut child = command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    // Something has come: now it waits for the pipe to be read.
    lines.read_line(&mut String::new()).unwrap();
    let pid = target.end();
    let last = lines.lines().map(Result::unwrap).last().unwrap();
    assert!(last.starts_with("WRITTEN MEANWHILE: "), "{last}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.starts_with(&format!("redhanded: process {pid} ended while it was read")), "{error}");
}

#[test]
fn another_executable_is_seen_to_be_another() {
    let target = Target::start(&["3"]);
    let other = build(|minor| minor < 24);
    let error = target.redhanded(&["print", "main.shared", "--exe", other.to_str().unwrap()]).error();
    assert!(error.contains("is not the program that the process runs"), "{error}");
    let error = target.redhanded(&["print", "main.shared", "--exe", "/nowhere"]).error();
    assert!(error.contains("/nowhere"), "{error}");
}

#[test]
fn a_program_without_debug_information_says_so() {
    let stripped = build_with(|_| true, &["-ldflags=-s -w"]);
    let target = Target::run(&stripped, &["3"]);
    let error = target.redhanded(&["print", "main.shared"]).error();
    assert!(error.contains("debug information") || error.contains("DWARF"), "{error}");
    // The same build with all of it helps.
    let said = target.redhanded(&["doctor"]);
    assert_eq!(said.status, 1);
    assert!(said.out.contains("without debug information"), "{}", said.out);
}

#[test]
fn files_that_are_no_cores_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let executable = fs::read(build(|_| true)).unwrap();
    for (name, content) in [
        ("empty", Vec::new()),
        ("text", b"this is no core\n".to_vec()),
        ("elf", executable[..64].to_vec()),
        ("cut", executable[..executable.len() / 2].to_vec()),
        ("noise", (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        redhanded(&["maps", "--core", file.to_str().unwrap()]).error();
    }
    redhanded(&["maps", "--core", "/dev/zero"]).error();
    redhanded(&["maps", "--core", folder.path().to_str().unwrap()]).error();
}

#[test]
fn whoever_may_not_read_a_process_is_told_what_to_do() {
    if !Uid::effective().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let target = Target::start(&["3"]);
    // Where the other user can reach it.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("redhanded");
    fs::copy(program(), &copy).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(copy)
        .args(target.with_pid(&["print", "main.shared"]))
        .output()
        .unwrap();
    let error = Said::of(&output).error();
    assert!(error.contains("does not allow") && error.contains("sudo"), "{error}");
}
