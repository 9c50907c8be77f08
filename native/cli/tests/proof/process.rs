//! The corpus, running.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::builds::Build;

/// A process of the corpus that is ready. It is gone when this is dropped.
pub(crate) struct Corpus {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// The executable.
    pub(crate) program: PathBuf,
    /// What it said before it was ready, a JSON object a line.
    pub(crate) said: Vec<Value>,
    folder: TempDir,
}

impl Corpus {
    /// Starts it, with an argument or none, and waits until it is ready.
    pub(crate) fn start(build: &Build, argument: &str) -> Self {
        let (program, folder) = (build.program(), tempfile::tempdir().unwrap());
        let mut child = Command::new("sh")
            // For the core that it may leave.
            .args(["-c", "ulimit -c unlimited; exec \"$0\" $1"])
            .arg(&program)
            .arg(argument)
            .current_dir(folder.path())
            .env("GOTRACEBACK", "crash")
            // A tracer that steps through code is slow, and would only ever step through preemptions.
            .env("GODEBUG", "asyncpreemptoff=1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(if argument.is_empty() { Stdio::null() } else { Stdio::inherit() })
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut corpus = Corpus { child, input, output, program, said: Vec::new(), folder };
        corpus.said = corpus.answer("ready");
        corpus
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What it says until the line that ends its answer.
    pub(crate) fn answer(&mut self, end: &str) -> Vec<Value> {
        let mut said = Vec::new();
        loop {
            let mut line = String::new();
            let len = self.output.read_line(&mut line).unwrap();
            assert!(len > 0, "the corpus has ended by itself: {:?}", self.child.wait());
            if line.trim_end() == end {
                return said;
            }
            said.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
        }
    }

    /// Has it stop itself, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.tell("stop");
        let stopped = waitid(Id::Pid(Pid::from_raw(self.pid())), WaitPidFlag::WSTOPPED).unwrap();
        assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        kill(Pid::from_raw(self.pid()), Signal::SIGCONT).unwrap();
    }

    /// A core that gdb makes of it while it runs.
    pub(crate) fn gcore(&self, gdb: &Path) -> PathBuf {
        let file = self.folder.path().join("gcore");
        let done = Command::new(gdb)
            .args(["-nx", "-q", "-batch", "-iex", "set auto-load off", "-p", &self.pid().to_string(), "-ex"])
            .arg(format!("gcore {}", file.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(file.is_file(), "{}", String::from_utf8_lossy(&done.stderr));
        file
    }

    /// The core that the kernel writes as Go's GOTRACEBACK=crash has it end; `None` where the system keeps cores
    /// for itself.
    pub(crate) fn crash(&mut self) -> Option<PathBuf> {
        let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        self.tell("crash");
        waitid(Id::Pid(Pid::from_raw(self.pid())), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
        if pattern.starts_with(['|', '/']) {
            return None;
        }
        let mut files = std::fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        files.find(|file| file.file_name().unwrap() != "gcore" && is_core(file))
    }

    /// Lets it end, which it must do well: nobody has harmed it.
    pub(crate) fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn is_core(file: &Path) -> bool {
    // ELF, and of the type ET_CORE.
    std::fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF") && bytes.get(16) == Some(&4))
}

impl Drop for Corpus {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
