//! The sample programs, whose goroutines race.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, Read, Write, pipe};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use trap::DebugRegisters;

use crate::target::{Said, build_by, minor, program, toolchains};

/// The longest that anything here takes to happen.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// The last Go with classic maps and the newest; with REDHANDED_ALL=1 every one that has both culprits' names.
pub(crate) fn versions() -> Vec<String> {
    let all = toolchains().into_keys().filter(|version| minor(version) >= 21);
    if std::env::var_os("REDHANDED_ALL").is_some_and(|value| value == "1") {
        return all.collect();
    }
    let mut chosen: Vec<String> = all.filter(|version| minor(version) == 23).collect();
    chosen.extend(toolchains().into_keys().max_by_key(|version| minor(version)));
    chosen
}

/// A sample, built.
pub(crate) fn build(version: &str, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples").join(name);
    build_by(version, &folder, &[])
}

/// A sample that runs. It is gone when this is dropped.
pub(crate) struct Sample {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Where its messages go, if they are kept up.
    _messages: Option<PipeReader>,
}

impl Sample {
    /// One whose goroutines wait until they are let go.
    pub(crate) fn waiting(version: &str, name: &str) -> Self {
        Sample::start(version, name, Stdio::null(), None)
    }

    /// The same, but nobody reads its messages: it cannot die of a race before it has told of it.
    pub(crate) fn waiting_unheard(version: &str, name: &str) -> Self {
        let (messages, mut full) = pipe().unwrap();
        let room = fcntl(&full, FcntlArg::F_SETPIPE_SZ(1)).unwrap();
        full.write_all(&vec![0; usize::try_from(room).unwrap()]).unwrap();
        Sample::start(version, name, full.into(), Some(messages))
    }

    fn start(version: &str, name: &str, stderr: Stdio, messages: Option<PipeReader>) -> Self {
        let mut command = Command::new(build(version, name));
        command.arg("-wait").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.starts_with("ready "), "{line}");
        Sample { child, output, _messages: messages }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Lets the goroutines go.
    pub(crate) fn begin(&mut self) {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
    }

    /// Watches its map, and lets the goroutines go once it is traced.
    pub(crate) fn watched(&mut self, words: &[&str]) -> Watching {
        let watching = Watching::start(self.pid(), "main.shared", words);
        watching.wait_until_armed();
        self.begin();
        watching
    }

    /// Asks it to end, and checks that it does as if nothing had been.
    #[track_caller]
    pub(crate) fn end_well(mut self) {
        kill(Pid::from_raw(self.pid()), Signal::SIGINT).unwrap();
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success() && said.ends_with("count 64\n"), "{status} {said}");
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `redhanded watch` on a process.
pub(crate) struct Watching {
    pub(crate) child: Child,
    target: i32,
}

impl Watching {
    pub(crate) fn start(target: i32, expression: &str, words: &[&str]) -> Self {
        Watching::run(
            target,
            Command::new(program()).args(["watch", "-p", &target.to_string(), expression]).args(words),
        )
    }

    /// The same where the system forbids perf events, as most containers do.
    pub(crate) fn start_without_perf(target: i32, expression: &str, words: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["watch", "-p", &target.to_string(), expression]).args(words);
        let denied = SeccompAction::Errno(libc::EPERM.cast_unsigned());
        let rules = BTreeMap::from([(libc::SYS_perf_event_open, Vec::new())]);
        let arch = std::env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, arch).unwrap();
        let filter = BpfProgram::try_from(filter).unwrap();
        // SAFETY: no more than two system calls.
        #[allow(unsafe_code)]
        unsafe {
            command.pre_exec(move || seccompiler::apply_filter(&filter).map_err(std::io::Error::other));
        }
        Watching::run(target, &mut command)
    }

    fn run(target: i32, command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Watching { child, target }
    }

    /// Waits until the process is traced, or this has ended.
    pub(crate) fn wait_until_armed(&self) {
        let task = PathBuf::from(format!("/proc/{}", self.child.id()));
        let is_over = || fs::read_to_string(task.join("status")).is_ok_and(|status| status.contains("(zombie)"));
        wait_for("a tracer", || is_traced(self.target) || is_over());
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// The process that does the work.
    pub(crate) fn keeper(&self) -> i32 {
        let pid = self.child.id();
        let children = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        wait_for("a keeper", || !children().is_empty());
        children().split_whitespace().next().unwrap().parse().unwrap()
    }

    /// What it said in the end.
    pub(crate) fn said(self) -> Said {
        Said::of(&self.child.wait_with_output().unwrap())
    }
}

#[track_caller]
pub(crate) fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < LONGEST, "no {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The status of each thread.
fn statuses(pid: i32) -> Vec<String> {
    let read = |tid: i32| fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok();
    trap::threads_of(pid).unwrap_or_default().into_iter().filter_map(read).collect()
}

pub(crate) fn is_traced(pid: i32) -> bool {
    statuses(pid).iter().any(|status| !status.contains("\nTracerPid:\t0\n"))
}

/// Checks that nothing of a watch is left in a process: no tracer, nobody stopped, no debug register in use.
#[track_caller]
pub(crate) fn check_unharmed(pid: i32) {
    let stands = |status: &String| status.contains("\nState:\tt ") || status.contains("\nState:\tT ");
    wait_for("end of the tracing", || !is_traced(pid) && !statuses(pid).iter().any(stands));
    let left = trap::debug_registers(pid).unwrap();
    assert!(left.iter().all(DebugRegisters::is_clear), "{left:x?}");
}
