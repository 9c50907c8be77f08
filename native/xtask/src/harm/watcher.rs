//! The process that watches: it is struck at a moment, or waited for, and its words are heard.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::run::{Line, Tended};

/// How long it may take to end once there is a reason to: many times as long as it does.
const LONGEST: Duration = Duration::from_secs(30);

/// How long its output may take to close after its end.
const CLOSING: Duration = Duration::from_secs(1);

/// What a keeper calls itself.
const KEEPER: &str = "rh-keeper\n";

/// How often a wait looks.
const GLANCE: Duration = Duration::from_millis(1);

/// A run of what watches.
pub(super) struct Watcher {
    child: Tended,
    lines: Receiver<Line>,
    begun: Instant,
    /// The processes that it had started when it was struck.
    started: Vec<Pid>,
}

/// How a run went.
pub(super) struct Word {
    /// How it ended; none if it hung.
    pub(super) end: Option<WaitStatus>,
    /// From its start to its end.
    pub(super) took: Duration,
    pub(super) out: Vec<String>,
    pub(super) err: Vec<String>,
}

impl Watcher {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let begun = Instant::now();
        let mut child = Tended::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let lines = child.lines();
        Ok(Watcher { child, lines, begun, started: Vec::new() })
    }

    /// One that runs already.
    pub(super) fn of(child: Tended, lines: Receiver<Line>, begun: Instant) -> Self {
        Watcher { child, lines, begun, started: Vec::new() }
    }

    pub(super) fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// Waits for a moment of its run.
    pub(super) fn until(&self, moment: Duration) {
        std::thread::sleep(moment.saturating_sub(self.begun.elapsed()));
    }

    /// Signals it; nothing happens if it has ended.
    pub(super) fn strike(&mut self, signal: Signal) -> Result<()> {
        self.started = children(self.child.pid());
        self.child.signal(signal)
    }

    /// Signals what it has started, and it.
    pub(super) fn strike_with_keeper(&mut self, signal: Signal) -> Result<()> {
        self.started = children(self.child.pid());
        for keeper in &self.started {
            // It may have ended by itself.
            let _ = kill(*keeper, signal);
        }
        self.child.signal(signal)
    }

    /// The processes that it has started and that stay although it has ended.
    pub(super) fn remains(&self) -> Option<String> {
        let waiting = Instant::now();
        let is_left = |pid: &&Pid| {
            // Its end is ours to take where it has become our child.
            let _ = waitpid(**pid, Some(WaitPidFlag::WNOHANG));
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == KEEPER)
        };
        while let Some(left) = self.started.iter().find(is_left) {
            if waiting.elapsed() > LONGEST {
                return Some(format!("its keeper, process {left}, is still there"));
            }
            std::thread::sleep(GLANCE);
        }
        None
    }

    /// Waits for its end; one that hangs is killed.
    pub(super) fn wait(&mut self) -> Result<Word> {
        let waiting = Instant::now();
        let mut end = self.child.end()?;
        while end.is_none() && waiting.elapsed() < LONGEST {
            std::thread::sleep(GLANCE);
            end = self.child.end()?;
        }
        let took = self.begun.elapsed();
        if end.is_none() {
            self.strike(Signal::SIGKILL)?;
        }
        let (mut out, mut err) = (Vec::new(), Vec::new());
        loop {
            match self.lines.recv_timeout(CLOSING) {
                Ok(Line::Out(line)) => out.push(line),
                Ok(Line::Err(line)) => err.push(line),
                Err(_) => return Ok(Word { end, took, out, err }),
            }
        }
    }
}

/// The children of a process's first thread.
fn children(pid: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|number| number.parse().ok()).map(Pid::from_raw).collect()
}
