//! A process is stopped and let go, also by a stopper that is killed.

use std::ffi::c_void;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use trap::{DebugRegisters, Error, Stopped};

use crate::process::{Guarded, LONGEST, check_free, threads};

#[test]
fn a_process_whose_stopper_is_killed_at_any_moment_runs_on() {
    let mut target = Guarded::role("makes_threads", 0);
    for round in 0..50u64 {
        let mut stopper = Guarded::role("stops_again_and_again", target.pid());
        // Any moment will do: before, within or after a stop.
        std::thread::sleep(Duration::from_micros(round * 7919 % 5000));
        stopper.child.kill().unwrap();
        stopper.child.wait().unwrap();
        check_free(target.pid());
        target.check_progress();
    }
    assert!(target.child.try_wait().unwrap().is_none());
}

#[test]
fn all_threads_stand_also_those_that_are_made_meanwhile() {
    let mut target = Guarded::role("makes_threads", 0);
    for _ in 0..200 {
        let stopped = Stopped::new(target.pid()).unwrap();
        let all = threads(target.pid());
        // A thread that was ending has not got far.
        let live: Vec<_> = all.iter().filter(|(_, state, _)| !['Z', 'X'].contains(state)).collect();
        assert!(live.iter().all(|(_, state, _)| *state == 't'), "{all:?}");
        assert_eq!(live.len(), stopped.threads().len(), "{all:?}");
        assert!(stopped.threads().iter().all(|thread| thread.registers.rip != 0 && thread.registers.rsp != 0));
        drop(stopped);
    }
    check_free(target.pid());
    target.check_progress();
}

#[test]
fn signals_that_come_meanwhile_arrive() {
    let mut target = Guarded::answering();
    let _stopper = Guarded::role("stops_again_and_again", target.pid());
    for _ in 0..100 {
        for (signal, answer) in [("USR1", "one"), ("35", "two")] {
            let sent = Command::new("bash").args(["-c", &format!("kill -{signal} {}", target.pid())]).status().unwrap();
            assert!(sent.success());
            assert_eq!(target.line(), answer);
        }
    }
}

#[test]
fn a_process_that_was_stopped_before_stays_so() {
    let mut target = Guarded::role("makes_threads", 0);
    let pid = Pid::from_raw(target.pid());
    kill(pid, Signal::SIGSTOP).unwrap();
    let all_stand = |state: char| threads(target.pid()).iter().all(|(_, found, _)| *found == state);
    let begun = Instant::now();
    while !all_stand('T') && begun.elapsed() < LONGEST {
        std::thread::yield_now();
    }
    for _ in 0..20 {
        let stopped = Stopped::new(target.pid()).unwrap();
        assert!(all_stand('t'));
        drop(stopped);
        let begun = Instant::now();
        while !all_stand('T') {
            assert!(begun.elapsed() < LONGEST, "{:?}", threads(target.pid()));
        }
    }
    kill(pid, Signal::SIGCONT).unwrap();
    check_free(target.pid());
    target.check_progress();
}

#[test]
fn a_process_that_another_one_holds_is_refused_by_the_holders_name() {
    let mut target = Guarded::role("makes_threads", 0);
    let holder = Guarded::role("stops_and_holds", target.pid());
    let error = Stopped::new(target.pid()).unwrap_err();
    let number = format!("(pid {})", holder.pid());
    assert!(matches!(&error, Error::Traced { tracer, .. } if tracer.contains(&number)), "{error} {number}");
    drop(holder);
    check_free(target.pid());
    target.check_progress();
}

#[test]
fn a_process_that_is_gone_or_dies_meanwhile_is_no_harm() {
    let mut target = Guarded::role("makes_threads", 0);
    let stopped = Stopped::new(target.pid()).unwrap();
    target.child.kill().unwrap();
    // The process is gone once its tracer, which is us, has let go of its dead threads.
    drop(stopped);
    target.child.wait().unwrap();
    for pid in [target.pid(), 0, -1, i32::MAX] {
        assert!(matches!(Stopped::new(pid), Err(Error::Ended { .. })), "{pid}");
    }
    for _ in 0..30 {
        let mut target = Guarded::role("makes_threads", 0);
        let _stopper = Guarded::role("stops_again_and_again", target.pid());
        target.child.kill().unwrap();
        assert!(!target.child.wait().unwrap().success());
    }
}

#[test]
fn a_watchpoint_that_was_tried_leaves_no_trace() {
    let mut target = Guarded::role("makes_threads", 0);
    let stopped = Stopped::new(target.pid()).unwrap();
    // A machine without debug registers says so.
    if let Err(error) = trap::try_watchpoint(&stopped) {
        eprintln!("no watchpoints here: {error}");
    }
    drop(stopped);
    assert!(trap::debug_registers(target.pid()).unwrap().iter().all(DebugRegisters::is_clear));
    target.check_progress();
}

#[test]
fn what_is_left_in_a_debug_register_is_found() {
    let target = Guarded::role("makes_threads", 0);
    let stopped = Stopped::new(target.pid()).unwrap();
    let tid = stopped.threads()[0].tid;
    // An address that nobody touches: it is in no debug register until the control register says so.
    let first = std::mem::offset_of!(nix::libc::user, u_debugreg);
    if let Err(error) = ptrace::write_user(Pid::from_raw(tid), first as *mut c_void, 0x1000) {
        eprintln!("skipped: no debug registers here: {error}");
        return;
    }
    drop(stopped);
    let all = trap::debug_registers(target.pid()).unwrap();
    let left: Vec<_> = all.iter().filter(|registers| !registers.is_clear()).collect();
    assert!(matches!(left[..], [found] if (found.tid, found.addresses[0]) == (tid, 0x1000)), "{left:?}");
}
