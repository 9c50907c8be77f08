//! The process that watches: it is struck at a moment, or waited for, and its words are heard.

use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::run::{Line, Tended};

/// How long it may take to end once there is a reason to: many times as long as it does.
const LONGEST: Duration = Duration::from_secs(30);

/// How long its output may take to close after its end.
const CLOSING: Duration = Duration::from_secs(1);

/// How often a wait looks.
const GLANCE: Duration = Duration::from_millis(1);

/// A run of what watches.
pub(super) struct Watcher {
    child: Tended,
    lines: Receiver<Line>,
    begun: Instant,
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
        Ok(Watcher { child, lines, begun })
    }

    /// Waits for a moment of its run.
    pub(super) fn until(&self, moment: Duration) {
        std::thread::sleep(moment.saturating_sub(self.begun.elapsed()));
    }

    /// Signals it; nothing happens if it has ended.
    pub(super) fn strike(&self, signal: Signal) -> Result<()> {
        self.child.signal(signal)
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
