//! The life of a program under `stakeout`: what it is given, what it gives, what it executes, how it ends.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use super::{Ended, HURRY, child_of, ends, first_line, script, signal, stake_out, start};
use crate::sample::{build, versions};
use crate::target::{Said, Target, program, redhanded};

#[test]
fn input_output_and_status_are_the_programs_own() {
    let mut child = script(&[], "read line; echo \"got $line\"; echo oops >&2; exit 7");
    child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    let ended = Ended::of(child);
    assert_eq!((ended.code(), ended.out.as_str()), (7, "got hello\n"));
    assert!(ended.err.starts_with("oops\n"), "{}", ended.err);
    for signal in ["TERM", "KILL", "SEGV", "USR1"] {
        let ended = Ended::of(script(&[], &format!("kill -{signal} $$")));
        let wanted = Ended::of(Command::new("bash").args(["-c", &format!("kill -{signal} $$")]).spawn().unwrap());
        assert_eq!((ended.status.code(), ended.code()), (None, wanted.code()), "{signal}");
    }
}

#[test]
fn signals_are_passed_on() {
    for name in ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"] {
        let mut child =
            script(&[], &format!("trap 'echo got; exit 9' {name}; echo ready; while :; do sleep 0.01; done"));
        assert_eq!(first_line(child.stdout.as_mut().unwrap()), "ready");
        signal(&child, format!("SIG{name}").parse().unwrap());
        let ended = Ended::of(child);
        assert_eq!((ended.code(), ended.out.as_str()), (9, "got\n"), "{name}: {}", ended.err);
    }
    // What it doesn't handle ends it, and so redhanded.
    let mut child = script(&[], "echo ready; exec sleep 60");
    assert_eq!(first_line(child.stdout.as_mut().unwrap()), "ready");
    signal(&child, Signal::SIGTERM);
    assert_eq!(Ended::of(child).code(), 128 + 15);
    // What is ignored from the start stays so.
    let mut child = Command::new("bash");
    child.args(["-c", "trap '' HUP; exec \"$0\" stakeout -- bash -c 'echo ready; sleep 0.3; exit 4'"]).arg(program());
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(first_line(child.stdout.as_mut().unwrap()), "ready");
    signal(&child, Signal::SIGHUP);
    assert_eq!(Ended::of(child).code(), 4);
}

#[test]
fn reports_go_to_a_file_that_is_asked_for() {
    let version = versions().pop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("race.json");
    let words = ["--json", "--wait", "0", "-o", file.to_str().unwrap()];
    let ended = Ended::of(start(&words, build(&version, "clobber"), &HURRY));
    assert_eq!(ended.code(), 2);
    assert!(!ended.err.contains("redhanded.fatal/1") && !ended.out.contains("redhanded."), "{}", ended.err);
    let lines = std::fs::read_to_string(&file).unwrap();
    assert!(lines.starts_with("{\"schema\":\"redhanded.fatal/1\","), "{lines}");
    // One that can't be made is said before the program starts.
    let said = redhanded(&["stakeout", "-o", "/no/such/folder/race.json", "--", "touch", file.to_str().unwrap()]);
    assert!(said.error().contains("/no/such/folder/race.json"));
    // Where nothing is watched, an older report stays; a stakeout that begins has none yet.
    let said = redhanded(&["stakeout", "-o", file.to_str().unwrap(), "-p", &i32::MAX.to_string()]);
    assert!(said.error().contains(&i32::MAX.to_string()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines);
    let ended = Ended::of(start(&words, "true", &[]));
    assert_eq!((ended.code(), std::fs::read_to_string(&file).unwrap()), (0, String::new()));
}

#[test]
fn what_is_executed_is_staked_out_and_what_is_forked_is_not() {
    let version = versions().pop().unwrap();
    let sample = build(&version, "clobber");
    let run = format!("'{}' {}", sample.display(), HURRY.join(" "));
    let ended = Ended::of(script(&["--json", "--wait", "0"], &format!("exec bash -c \"exec {run}\"")));
    assert_eq!((ended.code(), ended.reports("redhanded.fatal/1").len()), (2, 1), "{}", ended.err);
    // A child's end is the shell's to deal with.
    let ended = Ended::of(script(&["--json", "--wait", "0"], &format!("{run}; echo \"it was $?\"; exit 5")));
    assert_eq!(ended.code(), 5, "{}", ended.err);
    assert!(ended.out.ends_with("it was 2\n"), "{}", ended.out);
    assert!(ended.reports("redhanded.fatal/1").is_empty(), "{}", ended.err);
    assert!(ended.err.contains("redhanded: no Go program was executed: "), "{}", ended.err);
}

#[test]
fn what_ends_for_another_reason_passes() {
    for version in versions() {
        for (how, words) in [
            ("unlock", "fatal error: sync: unlock of unlocked mutex\n"),
            ("deadlock", "fatal error: all goroutines are asleep - deadlock!\n"),
            ("panic", "panic: on purpose\n"),
        ] {
            let ended = Ended::of(start(&[], ends(&version), &[how]));
            assert_eq!(ended.code(), 2, "{version} {how}");
            assert!(ended.err.starts_with(words), "{version} {how}: {}", ended.err);
        }
    }
}

#[test]
fn it_works_as_the_first_process_of_a_container() {
    if !Uid::effective().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let contained = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(program()).arg("stakeout").args(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // Orphans come to it; a signal that ends the program can't end it.
    let orphan = "(sleep 0.05; echo orphan) & disown; sleep 0.2";
    let ended = Ended::of(contained(&["--", "bash", "-c", &format!("{orphan}; exit 3")]));
    assert_eq!((ended.code(), ended.out.as_str()), (3, "orphan\n"), "{}", ended.err);
    let ended = Ended::of(contained(&["--", "bash", "-c", "kill -TERM $$"]));
    assert_eq!(ended.code(), 128 + 15, "{}", ended.err);
    let mut child = contained(&["--", "bash", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done"]);
    assert_eq!(first_line(child.stdout.as_mut().unwrap()), "ready");
    kill(Pid::from_raw(child_of(&child)), Signal::SIGTERM).unwrap();
    assert_eq!(Ended::of(child).code(), 9);
    let version = versions().pop().unwrap();
    let sample = build(&version, "clobber");
    let words = [&["--json", "--wait", "1", "--", sample.to_str().unwrap()][..], &HURRY].concat();
    let ended = Ended::of(contained(&words));
    assert_eq!((ended.code(), ended.reports("redhanded.culprit/1").len()), (2, 1), "{}", ended.err);
}

#[test]
fn what_cannot_be_staked_out_says_why() {
    let said = redhanded(&["stakeout", "--", "/no/such/program"]);
    assert_eq!(said.error(), "cannot start /no/such/program: No such file or directory (os error 2)");
    let ended = Target::start(&[]).end();
    assert!(redhanded(&["stakeout", "-p", &ended]).error().contains(&ended));
    let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
    let error = redhanded(&["stakeout", "-p", &sleeper.id().to_string()]).error();
    assert!(error.contains("no Go program"), "{error}");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();

    let target = Target::start(&[]);
    let first = stake_out(target.pid().parse().unwrap(), &[]);
    let error = target.redhanded(&["stakeout"]).error();
    assert!(error.contains(&format!("is already traced by redhanded (pid {})", first.id())), "{error}");
    signal(&first, Signal::SIGINT);
    assert_eq!(Ended::of(first).code(), 0);

    if Uid::effective().is_root() {
        let output = Command::new(program()).args(["stakeout", "-p", &target.pid()]).uid(65534).output();
        // Where it lies in a folder that only root may enter, it can't be executed.
        if let Ok(output) = output {
            assert!(Said::of(&output).error().contains("it belongs to user root"));
        }
    }
}

#[test]
fn a_process_that_ends_meanwhile_is_no_error() {
    let target = Target::start(&[]);
    let stakeout = stake_out(target.pid().parse().unwrap(), &[]);
    target.end();
    let ended = Ended::of(stakeout);
    assert_eq!((ended.code(), ended.out.as_str()), (0, ""));
    assert!(ended.err.contains("has ended"), "{}", ended.err);
}

#[test]
fn ctrl_c_lets_a_process_go() {
    let target = Target::start(&["3", "births"]);
    let mut stakeout = stake_out(target.pid().parse().unwrap(), &[]);
    signal(&stakeout, Signal::SIGINT);
    assert!(stakeout.wait().unwrap().success());
    crate::sample::check_unharmed(target.pid().parse().unwrap());
}
