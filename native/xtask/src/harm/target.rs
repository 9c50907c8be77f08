//! The process that is watched: the program ledger, which proves all the time that it is well.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::Deserialize;

use super::watcher::Watcher;
use crate::run::{Line, Tended};

/// How long the program may take to start, to answer and to end: some thousand times as long as it does.
const LONGEST: Duration = Duration::from_secs(20);

/// With what Go ends a program.
const FATAL: i32 = 2;

/// How many lines of its last words are shown: Go's are long.
const FIRST_WORDS: usize = 3;

/// How often a wait looks.
const GLANCE: Duration = Duration::from_millis(2);

/// A process of the program ledger. It is gone when this and its watcher are dropped.
pub(super) struct Target {
    pub(super) pid: Pid,
    /// The process, unless redhanded has started it.
    child: Option<Tended>,
    stdin: ChildStdin,
    lines: Receiver<Line>,
    /// What it said that was no answer.
    said: Vec<String>,
}

/// An answer of the program.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Ready { ready: i32 },
    Report(Report),
}

/// How far each of its goroutines is, and how many threads and children have come and gone.
#[derive(Clone, Deserialize)]
struct Report {
    turns: Vec<u64>,
    threads: u64,
    children: u64,
}

impl Report {
    /// Whether every goroutine has got on since an earlier report.
    fn is_after(&self, earlier: &Report) -> bool {
        self.turns.iter().zip(&earlier.turns).all(|(now, before)| now > before)
    }
}

impl Target {
    /// Starts the program.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let (mut child, stdin) = spawn(command)?;
        let lines = child.lines();
        Target { pid: child.pid(), child: Some(child), stdin, lines, said: Vec::new() }.ready()
    }

    /// Starts a command that starts the program.
    pub(super) fn under(command: &mut Command) -> Result<(Self, Watcher)> {
        let begun = Instant::now();
        let (mut starter, stdin) = spawn(command)?;
        let lines = starter.lines();
        let (answers, answered) = mpsc::channel();
        let (others, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines {
                // Nobody listens any more once the run is over.
                let _ = match &line {
                    Line::Out(text) if answer(text).is_some() => answers.send(line),
                    _ => others.send(line),
                };
            }
        });
        let watcher = Watcher::of(starter, said, begun);
        let target = Target { pid: watcher.pid(), child: None, stdin, lines: answered, said: Vec::new() }.ready()?;
        Ok((target, watcher))
    }

    /// Waits until it is ready, also anew after an exec.
    fn ready(mut self) -> Result<Self> {
        self.await_ready()?;
        Ok(self)
    }

    /// Waits until it says that it is ready.
    pub(super) fn await_ready(&mut self) -> Result<()> {
        match self.answer(|answer| matches!(answer, Answer::Ready { .. })) {
            Ok(Answer::Ready { ready }) => self.pid = Pid::from_raw(ready),
            Ok(Answer::Report(_)) | Err(_) => bail!("the program is not ready: {}", self.said.join("; ")),
        }
        Ok(())
    }

    /// Tells it to do something.
    pub(super) fn tell(&mut self, what: &str) -> Result<()> {
        self.stdin.write_all(format!("{what}\n").as_bytes()).context("the program is gone")
    }

    /// Tells it, unless it has ended already.
    pub(super) fn tell_if_alive(&mut self, what: &str) -> Result<()> {
        // Then its pipe is closed, which is found out afterwards.
        let _ = self.tell(what);
        Ok(())
    }

    pub(super) fn kill(&self) -> Result<()> {
        match kill(self.pid, Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Waits until it has ended as a race ends a Go program: by its own words, on its stderr or in those given, and
    /// with its own status, unless somebody else was told that.
    pub(super) fn dies_of_its_race(&mut self, words: &[String], is_told: bool) -> Result<(), String> {
        let end = if is_told { None } else { self.await_end(LONGEST) };
        let said: Vec<String> = self.last_words().iter().chain(words).cloned().collect();
        let says = |what: &str| said.iter().any(|line| line.contains(what));
        let by_itself = is_told || matches!(end, Some(WaitStatus::Exited(_, FATAL)));
        if by_itself && says("fatal error: concurrent map writes") && !says("SIGTRAP") {
            return Ok(());
        }
        let first: Vec<&str> = said.iter().map(String::as_str).take(FIRST_WORDS).collect();
        Err(format!("the process did not end of its race: {end:?}; {}", first.join("; ")))
    }

    /// Waits until all its goroutines have got on, and threads and children have come and gone if it makes such.
    pub(super) fn goes_on(&mut self, threads: bool, children: bool) -> Result<(), String> {
        let begun = Instant::now();
        let first = self.report()?;
        loop {
            let now = self.report()?;
            let made = |wanted: bool, count: fn(&Report) -> u64| !wanted || count(&now) > count(&first);
            if now.is_after(&first)
                && made(threads, |report| report.threads)
                && made(children, |report| report.children)
            {
                return Ok(());
            }
            if begun.elapsed() > LONGEST {
                return Err(format!(
                    "a goroutine has got stuck: its turns are {:?}, were {:?}",
                    now.turns, first.turns
                ));
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn report(&mut self) -> Result<Report, String> {
        let told = self.tell("report").map_err(|error| error.to_string());
        match told.and_then(|()| self.answer(|answer| matches!(answer, Answer::Report(_)))) {
            Ok(Answer::Report(report)) => Ok(report),
            Ok(Answer::Ready { .. }) => Err("it began anew".to_owned()),
            Err(error) => Err(match self.await_end(Duration::ZERO) {
                Some(end) => self.bad_end(end),
                None => error,
            }),
        }
    }

    /// Asks it to end, which it does well only if its books are right.
    pub(super) fn end(&mut self) -> Result<(), String> {
        // Gone already: then it has ended badly.
        let _ = self.tell("end");
        match self.await_end(LONGEST) {
            Some(WaitStatus::Exited(_, 0)) if self.said.is_empty() => Ok(()),
            Some(end) => Err(self.bad_end(end)),
            None => Err(format!("it has not ended in {} s", LONGEST.as_secs())),
        }
    }

    /// Waits for its end. Where redhanded has started it, only after redhanded's own end, which makes it ours.
    pub(super) fn await_end(&mut self, limit: Duration) -> Option<WaitStatus> {
        let begun = Instant::now();
        loop {
            let end = match &self.child {
                Some(child) => child.end().ok().flatten(),
                None => waitpid(self.pid, Some(WaitPidFlag::WNOHANG))
                    .ok()
                    .filter(|status| *status != WaitStatus::StillAlive),
            };
            if end.is_some() || begun.elapsed() >= limit {
                return end;
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn bad_end(&mut self, end: WaitStatus) -> String {
        let words: Vec<&str> = self.last_words().iter().map(String::as_str).take(FIRST_WORDS).collect();
        format!("the process ended, {end:?}, and said: {}", words.join("; "))
    }

    /// What it has said that was no answer, once it has ended.
    pub(super) fn last_words(&mut self) -> &[String] {
        while let Ok(Line::Out(line) | Line::Err(line)) = self.lines.recv_timeout(Duration::from_secs(1)) {
            if answer(&line).is_none() {
                self.said.push(line);
            }
        }
        &self.said
    }

    /// The next answer of that kind.
    fn answer(&mut self, is_meant: fn(&Answer) -> bool) -> Result<Answer, String> {
        let end = Instant::now() + LONGEST;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Line::Out(line) | Line::Err(line)) => match answer(&line) {
                    Some(answer) if is_meant(&answer) => return Ok(answer),
                    Some(_) => {}
                    None => self.said.push(line),
                },
                Err(RecvTimeoutError::Timeout) => return Err(format!("no answer in {} s", LONGEST.as_secs())),
                Err(RecvTimeoutError::Disconnected) => return Err("it has closed its output".to_owned()),
            }
        }
    }
}

fn spawn(command: &mut Command) -> Result<(Tended, ChildStdin)> {
    let mut child = Tended::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stdin = child.stdin().context("a pipe was asked for")?;
    Ok((child, stdin))
}

fn answer(line: &str) -> Option<Answer> {
    serde_json::from_str(line).ok()
}
