//! One debugger or command on one sample, which runs until that lets go.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::run::{Line, Tended};

/// How long a sample may take to say that it is ready.
const READY: Duration = Duration::from_secs(20);

/// How often a wait looks.
const GLANCE: Duration = Duration::from_millis(10);

/// How the line begins that says that a watch sees every access from here on. It is its first one without --json.
pub(crate) const WATCHING: &str = "Watching";

/// What is to run.
pub(crate) struct Session<'a> {
    /// The sample.
    pub(crate) program: &'a Path,
    /// What to run on the sample that has this number.
    pub(crate) command: &'a dyn Fn(&str) -> Command,
    /// When the sample's goroutines start.
    pub(crate) start: Start,
    /// How long the command may take for all of it.
    pub(crate) limit: Duration,
}

/// When a sample's goroutines start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// As soon as somebody watches.
    Watched,
    /// Before the command does.
    Before,
}

/// The state in which a session ends.
pub(crate) struct Ended {
    /// How the command ended; none if it had to be killed.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) sample: Sample,
}

impl Session<'_> {
    /// Starts the sample and the command; hands over the command line, then each line that it prints.
    pub(crate) fn run(&self, started: impl FnOnce(&str), mut each: impl FnMut(&str)) -> Result<Ended> {
        let mut sample = Sample::start(self.program)?;
        let mut waiting = self.start == Start::Watched;
        if !waiting {
            sample.go()?;
        }
        let mut command = (self.command)(&sample.pid().to_string());
        started(&typed(&command));
        let mut child = Tended::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let lines = child.lines();
        let end = Instant::now() + self.limit;
        loop {
            match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Line::Out(line) | Line::Err(line)) => {
                    each(&line);
                    if waiting && line.starts_with(WATCHING) {
                        waiting = false;
                        sample.go()?;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Ok(Ended { status: None, sample }),
            }
        }
        let status = child.wait_for(end.saturating_duration_since(Instant::now()))?;
        Ok(Ended { status, sample })
    }
}

/// The command line, as a user would type it.
fn typed(command: &Command) -> String {
    let quoted = |word: &OsStr| match word.to_string_lossy() {
        word if word.contains(' ') => format!("'{word}'"),
        word => word.into_owned(),
    };
    let program = Path::new(command.get_program()).file_name();
    program.into_iter().chain(command.get_args()).map(quoted).collect::<Vec<_>>().join(" ")
}

/// A sample that waits, or runs.
pub(crate) struct Sample {
    child: Tended,
    lines: Receiver<Line>,
}

impl Sample {
    /// Starts it, and waits until it has made its map.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let mut child = Tended::spawn(
            Command::new(program).arg("-wait").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()),
        )?;
        let lines = child.lines();
        match lines.recv_timeout(READY) {
            Ok(Line::Out(line)) if line.starts_with("ready ") => Ok(Sample { child, lines }),
            Ok(Line::Out(line) | Line::Err(line)) => {
                bail!("{} says {line:?} where it should be ready", program.display())
            }
            Err(_) => bail!("{} was not ready in {} s", program.display(), READY.as_secs()),
        }
    }

    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        self.child.pid()
    }

    /// Lets its goroutines start.
    fn go(&mut self) -> Result<()> {
        let mut stdin = self.child.stdin().ok_or_else(|| anyhow!("the sample runs already"))?;
        stdin.write_all(b"go\n").context("the sample is gone before its goroutines started")
    }

    pub(crate) fn is_running(&self) -> Result<bool> {
        self.child.is_running()
    }

    /// Whether its goroutines work by themselves: its threads go to sleep that many times within the limit.
    pub(crate) fn goes_on(&self, naps: u64, limit: Duration) -> Result<bool> {
        let end = Instant::now() + limit;
        let enough = self.naps() + naps;
        while self.is_running()? && Instant::now() < end {
            if self.naps() >= enough {
                return Ok(true);
            }
            std::thread::sleep(GLANCE);
        }
        Ok(false)
    }

    /// How often its threads have gone to sleep by themselves.
    fn naps(&self) -> u64 {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{}/task", self.pid())) else { return 0 };
        let naps = |task: std::fs::DirEntry| {
            let status = std::fs::read_to_string(task.path().join("status")).ok()?;
            status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse::<u64>().ok()
        };
        // A thread that ends meanwhile takes its naps with it: the others go on.
        tasks.flatten().filter_map(naps).sum()
    }

    /// Asks it to end, and returns what it printed: what the map held, if it was well.
    pub(crate) fn end(mut self) -> Result<Vec<String>> {
        self.child.signal(nix::sys::signal::Signal::SIGTERM)?;
        self.child.wait_for(READY)?;
        let all = self.lines.try_iter();
        Ok(all
            .map(|line| match line {
                Line::Out(line) | Line::Err(line) => line,
            })
            .collect())
    }
}
