//! Redhanded is killed, and the program goes on as if it had never been there.

use std::io::{BufRead, BufReader, Read};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Ended, command, let_go, signal, stake_out, start, waiting};
use crate::sample::{Sample, build, check_unharmed, versions};

#[test]
fn a_program_whose_watcher_is_killed_at_any_moment_runs_on() {
    let version = versions().pop().unwrap();
    let mut sample = Sample::waiting(&version, "locked");
    sample.begin();
    for round in 0..40u64 {
        let mut stakeout = command(&["-p", &sample.pid().to_string()]).spawn().unwrap();
        // Any moment will do; most are while the breakpoints are being set.
        thread::sleep(Duration::from_micros(round * 7919 % 60_000));
        stakeout.kill().unwrap();
        stakeout.wait().unwrap();
        check_unharmed(sample.pid());
    }
    sample.end_well();
}

#[test]
fn a_program_whose_starter_is_killed_runs_on() {
    let version = versions().pop().unwrap();
    let mut child = start(&[], build(&version, "locked"), &["-for", "1s"]);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut words = String::new();
    output.read_line(&mut words).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    output.read_to_string(&mut words).unwrap();
    assert!(words.ends_with("count 64\n"), "{words}");
}

#[test]
fn a_goroutine_that_is_held_ends_the_process_once_the_holder_is_killed() {
    for version in versions() {
        let mut sample = waiting(&version, "clobber");
        let pid = sample.id().cast_signed();
        let mut stakeout = stake_out(pid, &["--wait", "60"]);
        let_go(&mut sample);
        // It reports once the goroutine is held.
        let mut line = String::new();
        BufReader::new(stakeout.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("====="), "{line}");
        assert!(sample.try_wait().unwrap().is_none());
        signal(&stakeout, Signal::SIGKILL);
        stakeout.wait().unwrap();
        let ended = Ended::of(sample);
        assert_eq!(ended.code(), 2);
        assert!(ended.err.starts_with("fatal error: concurrent map writes\n\ngoroutine "), "{}", ended.err);
    }
}
