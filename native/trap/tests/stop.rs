//! Real processes, stopped and let go, also by a stopper that is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::ffi::c_void;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use trap::{DebugRegisters, Error, Stopped};

/// The longest that anything here takes to happen.
const LONGEST: Duration = Duration::from_secs(30);

/// Tells a copy of this very program which process to stop.
const TARGET: &str = "TRAP_TEST_TARGET";

/// A process that is gone when this is dropped.
struct Guarded {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Guarded {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Guarded { child, output }
    }

    /// A copy of this program that does what an ignored test below says.
    fn role(name: &str, target: i32) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "--nocapture", name]).env(TARGET, target.to_string());
        let mut started = Self::start(&mut command);
        started.wait_for("ready");
        started
    }

    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended");
        line.trim_end().to_owned()
    }

    fn wait_for(&mut self, text: &str) {
        // The test harness begins a line of its own.
        while !self.line().ends_with(text) {}
    }

    /// Whether it goes on, by what it prints.
    fn check_progress(&mut self) {
        for _ in 0..20 {
            self.line();
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The state letter and the tracer of each thread of a process.
fn threads(pid: i32) -> Vec<(i32, char, String)> {
    let one = |tid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        Some((tid, field("State:").chars().next().unwrap(), field("TracerPid:")))
    };
    trap::threads_of(pid).unwrap().into_iter().filter_map(one).collect()
}

/// Waits until no thread is traced or stopped. The kernel lets go a moment after the tracer has gone.
fn check_free(pid: i32) {
    let begun = Instant::now();
    loop {
        let held: Vec<_> =
            threads(pid).into_iter().filter(|(_, state, tracer)| tracer != "0" || ['t', 'T'].contains(state)).collect();
        if held.is_empty() {
            return;
        }
        assert!(begun.elapsed() < LONGEST, "{held:?}");
        std::thread::yield_now();
    }
}

/// Not a test: a process that makes some hundred threads a second and prints a line for each.
#[test]
#[ignore = "what a process under test does"]
fn makes_threads() {
    println!("ready");
    let worker = |index: u64| {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(index % 30) {
            std::thread::yield_now();
        }
        // Nobody listens any more when the test has ended.
        let _ = writeln!(std::io::stdout(), "{index}");
    };
    let parent = std::os::unix::process::parent_id();
    for index in 0.. {
        std::thread::spawn(move || worker(index));
        std::thread::sleep(Duration::from_millis(4));
        if std::os::unix::process::parent_id() != parent {
            return;
        }
    }
}

/// Not a test: stops a process and lets it go, without an end.
#[test]
#[ignore = "what a process under test does"]
fn stops_again_and_again() {
    let target: i32 = std::env::var(TARGET).unwrap().parse().unwrap();
    println!("ready");
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        match Stopped::new(target) {
            Ok(stopped) => {
                drop(stopped);
                // It must also get on.
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => println!("{error}"),
        }
    }
}

/// Not a test: stops a process and keeps it so.
#[test]
#[ignore = "what a process under test does"]
fn stops_and_holds() {
    let target: i32 = std::env::var(TARGET).unwrap().parse().unwrap();
    let _stopped = Stopped::new(target).unwrap();
    println!("ready");
    let _ = std::io::stdin().read(&mut [0]);
}

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
    // Names of real-time signals too: 35 is one that the C library leaves to programs.
    let script = "trap 'echo one' USR1; trap 'echo two' 35; echo ready; while :; do sleep 0.01; done";
    let mut target = Guarded::start(Command::new("bash").args(["-c", script]));
    target.wait_for("ready");
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
