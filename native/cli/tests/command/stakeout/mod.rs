//! `stakeout`: a race ends the program, and both culprits are named; whatever else happens, the program does not
//! notice.

mod catch;
mod harm;
mod life;
mod terminal;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::sample::{build, wait_for};
use crate::target::{build_by, program};

/// Makes a sample race so often that Go ends it soon.
const HURRY: [&str; 2] = ["-hurry", "250"];

/// What a process said, and how it ended.
struct Ended {
    status: ExitStatus,
    out: String,
    err: String,
}

impl Ended {
    fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { status: output.status, out: text(output.stdout), err: text(output.stderr) }
    }

    /// The exit status, or as a shell says which signal ended it.
    fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap())
    }

    /// The lines of a schema.
    fn reports(&self, schema: &str) -> Vec<Value> {
        let lines = self.out.lines().chain(self.err.lines()).filter(|line| line.starts_with("{\"schema\""));
        lines.map(|line| serde_json::from_str(line).unwrap()).filter(|line: &Value| line["schema"] == schema).collect()
    }
}

/// `redhanded stakeout` with these words. It ignores no signals, as it would if the tests did (nohup).
fn command(words: &[&str]) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(program());
    command.arg("stakeout").args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a program under `stakeout` with these options.
fn start(options: &[&str], program: impl AsRef<OsStr>, arguments: &[&str]) -> Child {
    command(options).arg("--").arg(program).args(arguments).spawn().unwrap()
}

/// Runs a shell's script under `stakeout`.
fn script(options: &[&str], script: &str) -> Child {
    start(options, "bash", &["-c", script])
}

/// A program that ends of something else than a race.
fn ends(version: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/ends");
    build_by(version, &folder, &[])
}

/// Lets a sample that waits go on.
fn let_go(child: &mut Child) {
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
}

/// A sample that races so often that Go ends it soon, once it is let go. Its words are kept, but for the first.
fn waiting(version: &str, name: &str) -> Child {
    let mut command = Command::new(build(version, name));
    command.arg("-wait").args(HURRY).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The kernel says that it has begun before its code is there.
    let line = first_line(child.stdout.as_mut().unwrap());
    assert!(line.starts_with("ready "), "{line}");
    child
}

/// Sends a signal to a child.
fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

/// The process that a child has started.
fn child_of(child: &Child) -> i32 {
    let file = format!("/proc/{0}/task/{0}/children", child.id());
    let children = || std::fs::read_to_string(&file).unwrap_or_default();
    wait_for("a child", || !children().is_empty());
    children().split_whitespace().next().unwrap().parse().unwrap()
}

/// Whether all threads of a process are stopped, and nobody traces them.
fn is_stopped(pid: i32) -> bool {
    let status = |tid: i32| std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).unwrap_or_default();
    let tids = trap::threads_of(pid).unwrap_or_default();
    !tids.is_empty() && tids.into_iter().all(|tid| status(tid).contains("\nState:\tT (stopped)\n"))
}

/// Starts `stakeout -p` with these options on a process, and waits until it is staked out.
fn stake_out(pid: i32, options: &[&str]) -> Child {
    let mut child = command(&["-p", &pid.to_string()]).args(options).spawn().unwrap();
    let line = first_line(child.stderr.as_mut().unwrap());
    assert!(line.starts_with("redhanded: waiting for a race in process "), "{line}");
    child
}

/// What comes first. The rest is left.
fn first_line(output: &mut impl Read) -> String {
    let mut line = String::new();
    let mut byte = [0];
    while output.read_exact(&mut byte).is_ok() && byte != *b"\n" {
        line.push(char::from(byte[0]));
    }
    line
}
