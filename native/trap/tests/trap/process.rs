//! Processes under test: copies of this very program that do what an ignored test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::Pid;
use trap::perf::{Recorder, RegisterSet, Span, Take};
use trap::{At, Breakpoint, Event, Stopped, Tracer};

/// The longest that anything here takes to happen.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// Tells a copy of this very program which process to stop.
pub(crate) const TARGET: &str = "TRAP_TEST_TARGET";

/// A process that is gone when this is dropped.
pub(crate) struct Guarded {
    pub(crate) child: Child,
    output: BufReader<ChildStdout>,
}

impl Guarded {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Guarded { child, output }
    }

    /// A shell that answers each SIGUSR1 with `one` and each signal 35 with `two`. Names of real-time signals too: 35
    /// is one that the C library leaves to programs.
    pub(crate) fn answering() -> Self {
        // Not in the traps themselves: bash forgets a signal that comes as the trap of one before ends.
        let answers = |count: &str, answer: &str| {
            format!("while ((said_{count} < {count})); do said_{count}=$((said_{count} + 1)); echo {answer}; done")
        };
        let script = format!(
            "trap 'ones=$((ones + 1))' USR1; trap 'twos=$((twos + 1))' 35; echo ready; while :; do sleep 0.01; {}; {}; done",
            answers("ones", "one"),
            answers("twos", "two")
        );
        let mut started = Self::start(Command::new("bash").args(["-c", &script]));
        started.wait_for("ready");
        started
    }

    /// A copy of this program that does what an ignored test below says.
    pub(crate) fn role(name: &str, target: impl ToString) -> Self {
        let mut started = Self::start_role(name, target);
        started.wait_for("ready");
        started
    }

    /// The same, which may have more to say than that it is ready.
    pub(crate) fn start_role(name: &str, target: impl ToString) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "--nocapture", &format!("process::{name}")])
            .env(TARGET, target.to_string());
        Self::start(&mut command)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended");
        line.trim_end().to_owned()
    }

    pub(crate) fn wait_for(&mut self, text: &str) {
        // The test harness begins a line of its own.
        while !self.line().ends_with(text) {}
    }

    /// Writes it a line.
    pub(crate) fn tell(&mut self, line: impl std::fmt::Display) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line that is a number.
    pub(crate) fn number(&mut self) -> u64 {
        std::iter::repeat_with(|| self.line()).find_map(|line| line.parse().ok()).unwrap()
    }

    /// Whether it goes on, by what it prints.
    pub(crate) fn check_progress(&mut self) {
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
pub(crate) fn threads(pid: i32) -> Vec<(i32, char, String)> {
    let one = |tid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        Some((tid, field("State:").chars().next().unwrap(), field("TracerPid:")))
    };
    trap::threads_of(pid).unwrap().into_iter().filter_map(one).collect()
}

/// Waits until no thread is traced or stopped. The kernel lets go a moment after the tracer has gone.
pub(crate) fn check_free(pid: i32) {
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

/// Not a test: a process whose second thread executes another program.
#[test]
#[ignore = "what a process under test does"]
fn executes_in_a_thread() {
    let error = std::thread::spawn(|| Command::new("bash").args(["-c", "exit 5"]).exec()).join().unwrap();
    panic!("{error}");
}

/// Not a test: a process that runs on after its first thread has ended.
#[test]
#[ignore = "what a process under test does"]
#[allow(unsafe_code)]
fn outlives_its_first_thread() {
    // The harness's first thread waits for this one: it is made to end by a signal.
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: ends the thread, which holds nothing.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    }
    let action = SigAction::new(SigHandler::Handler(end), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does no more than a system call.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
    let first = std::process::id().cast_signed();
    // SAFETY: a system call on numbers.
    unsafe { libc::syscall(libc::SYS_tgkill, first, first, libc::SIGUSR1) };
    while !std::fs::read_to_string(format!("/proc/{first}/task/{first}/status")).unwrap().contains("(zombie)") {
        std::thread::yield_now();
    }
    println!("ready");
    for line in 0.. {
        if writeln!(std::io::stdout(), "{line}").is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What [`touches_a_byte`] touches, and how often each of its threads does.
static BYTE: AtomicU8 = AtomicU8::new(0);
pub(crate) const TOUCHES: usize = 10;

/// All touches are by the same instruction, however this is optimized.
#[inline(never)]
fn touch() {
    BYTE.store(1, Ordering::Relaxed);
}

/// Not a test: a process that says where a byte is, and makes threads that touch it and say so.
#[test]
#[ignore = "what a process under test does"]
fn touches_a_byte() {
    println!("\n{}", std::ptr::from_ref(&BYTE).addr());
    println!("ready");
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        let toucher = std::thread::spawn(|| {
            for _ in 0..TOUCHES {
                touch();
            }
            let _ = writeln!(std::io::stdout(), "touched");
        });
        toucher.join().unwrap();
    }
}

/// Not a test: stops a process at a byte of it (the number after its own) and keeps it so.
#[test]
#[ignore = "what a process under test does"]
fn holds_at_a_byte() {
    let target = std::env::var(TARGET).unwrap();
    let (pid, addr) = target.split_once(' ').unwrap();
    let (mut tracer, _breakpoint) = arm(pid.parse().unwrap(), At::Byte(addr.parse().unwrap()));
    while !matches!(tracer.wait(None).unwrap(), Event::Trap { .. }) {
        let standing: Vec<i32> = tracer.standing().collect();
        standing.into_iter().for_each(|tid| tracer.resume(tid, 0));
    }
    println!("ready");
    let _ = std::io::stdin().read(&mut [0]);
}

/// Traces a process, with a breakpoint in all its threads.
pub(crate) fn arm(pid: i32, at: At) -> (Tracer, Breakpoint) {
    let mut tracer = Tracer::attach(pid).unwrap();
    assert_eq!(tracer.stop_all(LONGEST), []);
    let breakpoint = Breakpoint::set(pid, tracer.standing(), at).unwrap();
    tracer.resume_all();
    (tracer, breakpoint)
}

/// Not a test: a process that makes threads, and threads that make threads, until it is told to go on. Then each of
/// them touches a byte once, and so does the one that has told how many there are.
#[test]
#[ignore = "what a process under test does"]
fn makes_threads_that_touch_when_told() {
    static TOLD: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    static MADE: AtomicUsize = AtomicUsize::new(0);
    fn waits_and_touches() {
        let mut told = TOLD.0.lock().unwrap();
        while !*told {
            told = TOLD.1.wait(told).unwrap();
        }
        drop(told);
        BYTE.store(1, Ordering::Relaxed);
    }
    fn makes() {
        let mut made = Vec::new();
        while !*TOLD.0.lock().unwrap() {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let what = if [50, 100, 150].contains(&number) { makes } else { waits_and_touches };
            made.push(std::thread::spawn(what));
            std::thread::sleep(Duration::from_millis(10));
        }
        made.into_iter().for_each(|thread| thread.join().unwrap());
        waits_and_touches();
    }
    println!("\n{}", std::ptr::from_ref(&BYTE).addr());
    MADE.fetch_add(1, Ordering::Relaxed);
    let maker = std::thread::spawn(makes);
    println!("ready");
    let _ = std::io::stdin().read(&mut [0]);
    *TOLD.0.lock().unwrap() = true;
    TOLD.1.notify_all();
    maker.join().unwrap();
    println!("\n{}", MADE.load(Ordering::Relaxed));
}

/// Not a test: a process that says where a byte is, and for each line that it reads touches the byte so often.
#[test]
#[ignore = "what a process under test does"]
fn touches_as_often_as_told() {
    // On one processor, so that it writes into one buffer.
    let this_thread = Pid::from_raw(0);
    let allowed = sched_getaffinity(this_thread).unwrap();
    let first = (0..CpuSet::count()).find(|cpu| allowed.is_set(*cpu).unwrap()).unwrap();
    let mut one = CpuSet::new();
    one.set(first).unwrap();
    sched_setaffinity(this_thread, &one).unwrap();
    println!("\n{}", std::ptr::from_ref(&BYTE).addr());
    println!("ready");
    for line in std::io::stdin().lines() {
        for _ in 0..line.unwrap().parse::<usize>().unwrap() {
            BYTE.store(1, Ordering::Relaxed);
        }
        println!("touched");
    }
}

/// Not a test: a process that says where a byte is. When told, it forks: the child touches the byte, and ends. Then it
/// touches the byte itself once, and when told again, executes another program.
#[test]
#[ignore = "what a process under test does"]
#[allow(unsafe_code)]
fn forks_and_executes_when_told() {
    println!("\n{}", std::ptr::from_ref(&BYTE).addr());
    println!("ready");
    let mut lines = std::io::stdin().lines();
    lines.next();
    // SAFETY: the child does no more than two system calls.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            BYTE.store(1, Ordering::Relaxed);
            libc::_exit(0);
        }
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    BYTE.store(1, Ordering::Relaxed);
    println!("touched");
    lines.next();
    let error = Command::new("sh").args(["-c", "echo executed; cat"]).exec();
    panic!("{error}");
}

/// Not a test: records who touches a byte of a process (the number after its own), without an end.
#[test]
#[ignore = "what a process under test does"]
fn records_a_byte() {
    let target = std::env::var(TARGET).unwrap();
    let (pid, addr) = target.split_once(' ').unwrap();
    let take = Take { registers: RegisterSet::ALL_AMD64, stack: true, span: Span::Moment };
    let place = At::Byte(addr.parse().unwrap());
    let mut recorder = Recorder::new(pid.parse().unwrap(), &[place], take).unwrap();
    println!("ready");
    loop {
        recorder.wait(LONGEST).unwrap();
        recorder.drain(&mut |_| ControlFlow::Continue(()));
    }
}
