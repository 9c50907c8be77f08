//! One run: a process, one that watches it, and what happens to them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use super::aftermath;
use super::case::Case;
use super::mode::{Mode, Tools};
use super::target::Target;
use super::unprivileged;
use super::watcher::{Watcher, Word};

/// What a shell gives for a process that SIGINT has ended.
const INTERRUPTED: i32 = 130;

/// The exit status of an error.
const ERROR: i32 = 2;

/// How many runs of what is short are made in a row.
const IN_A_ROW: u32 = 10;

/// How many complete runs of what is short may come before the one to which something happens.
const BEFORE: u32 = 3;

/// How many of its last lines on stdout are shown of a watcher that ended badly: a report of a race fits.
const LAST_LINES: usize = 40;

/// How lines on stderr begin that are no errors.
const OTHERS: [&str; 2] = ["redhanded: note: ", "redhanded: watching "];

/// What is to be run.
pub(super) struct Run<'a> {
    pub(super) mode: Mode,
    pub(super) case: Case,
    pub(super) version: &'a str,
    /// Decides whatever is left to chance.
    pub(super) seed: u64,
    pub(super) program: &'a Path,
    pub(super) tools: &'a Tools,
    /// How long the watcher runs if it is left alone.
    pub(super) whole: Duration,
}

/// What a run showed.
pub(super) struct Outcome {
    /// What is wrong: with the process, or with what the watcher said of it.
    pub(super) wrongs: Vec<String>,
    /// When it happened, counted from the watcher's start.
    pub(super) moment: Duration,
    /// How long the watcher ran.
    pub(super) took: Duration,
}

impl Run<'_> {
    pub(super) fn perform(&self) -> Result<Outcome> {
        let mut chance = fastrand::Rng::with_seed(self.seed);
        let moment = self.whole.mul_f64(chance.f64());
        let mut target = Target::start(&mut Command::new(self.program))?;
        self.prepare(&mut target)?;

        let mut wrongs = Vec::new();
        let before = match (self.mode.is_short(), self.case) {
            (false, _) => 0,
            (true, Case::Undisturbed | Case::Threads | Case::Children) => IN_A_ROW,
            (true, _) => chance.u32(..BEFORE),
        };
        for _ in 0..before {
            wrongs.extend(self.judge(&Watcher::start(&mut self.command(&target)?)?.wait()?));
        }
        // Alone: to trace it is for one thread only.
        let other = (self.case == Case::Traced).then(|| trap::Stopped::new(target.pid.as_raw())).transpose()?;
        let mut watcher = Watcher::start(&mut self.command(&target)?)?;
        self.disturb(&mut watcher, &mut target, moment)?;
        let word = watcher.wait()?;
        drop(other);

        wrongs.extend(self.judge(&word));
        wrongs.extend(self.look_at(&mut target)?);
        wrongs.extend(watcher.remains());
        Ok(Outcome { wrongs, moment, took: word.took })
    }

    /// Brings the process into the state that the case asks for.
    fn prepare(&self, target: &mut Target) -> Result<()> {
        match self.case {
            Case::Threads => target.tell("threads 100")?,
            Case::Children => target.tell("children 20")?,
            Case::LeaderGone => target.tell("leave")?,
            _ => return Ok(()),
        }
        self.goes_on(target).map_err(anyhow::Error::msg)
    }

    fn goes_on(&self, target: &mut Target) -> Result<(), String> {
        target.goes_on(self.case == Case::Threads, self.case == Case::Children)
    }

    fn command(&self, target: &Target) -> Result<Command> {
        let command = self.mode.command(self.tools, target.pid);
        match self.case {
            Case::OtherUser => Ok(unprivileged::as_nobody(command)),
            Case::Sandboxed => unprivileged::sandboxed(&command),
            _ => Ok(command),
        }
    }

    /// What happens at that moment.
    fn disturb(&self, watcher: &mut Watcher, target: &mut Target, moment: Duration) -> Result<()> {
        let at_moment = matches!(
            self.case,
            Case::Killed | Case::Interrupted | Case::TargetKilled | Case::TargetEnds | Case::Exec | Case::LeaderGoes
        );
        if at_moment {
            watcher.until(moment);
        }
        match self.case {
            Case::Killed => watcher.strike(Signal::SIGKILL),
            Case::KeeperKilled => watcher.strike_with_keeper(Signal::SIGKILL),
            Case::Interrupted => watcher.strike(Signal::SIGINT),
            Case::TargetKilled => target.kill(),
            Case::TargetEnds => target.tell("end"),
            Case::Exec => target.tell("exec"),
            Case::LeaderGoes => target.tell("leave"),
            _ => Ok(()),
        }
    }

    /// What is wrong with how the watcher ended and with what it said.
    fn judge(&self, word: &Word) -> Vec<String> {
        let said = || word.err.join(" / ");
        let warned = |warning: &str| word.out.iter().chain(&word.err).any(|line| line.contains(warning));
        match word.end {
            None => vec![format!("the watcher hung: {}", said())],
            _ if matches!(self.case, Case::Killed | Case::KeeperKilled) => Vec::new(),
            Some(WaitStatus::Signaled(_, Signal::SIGINT, _)) if self.case == Case::Interrupted => Vec::new(),
            Some(WaitStatus::Exited(_, INTERRUPTED)) if self.case == Case::Interrupted => Vec::new(),
            Some(WaitStatus::Exited(_, status)) if self.mode.good().contains(&status) => {
                match self.mode.safety().warning() {
                    Some(warning) if self.case == Case::Undisturbed && !warned(warning) => {
                        vec![format!("the watcher does not say {warning:?}: {}", word.out.join(" / "))]
                    }
                    _ => Vec::new(),
                }
            }
            // How a debugger copes is its own.
            Some(_) if self.case.may_fail() && self.mode.is_debugger() => Vec::new(),
            Some(WaitStatus::Exited(_, ERROR)) if self.case.may_fail() => match errors(word).as_slice() {
                [line] if line.starts_with("redhanded: ") => Vec::new(),
                _ => vec![format!("the watcher did not say in one line what is wrong: {}", said())],
            },
            Some(end) => {
                let last = word.out.len().saturating_sub(LAST_LINES);
                let out = word.out.get(last..).unwrap_or_default().join(" / ");
                vec![format!("the watcher ended, {end:?}: {} / {out}", said())]
            }
        }
    }

    /// What is wrong with the process afterwards.
    fn look_at(&self, target: &mut Target) -> Result<Vec<String>> {
        match self.case {
            Case::TargetKilled => return Ok(Vec::new()),
            Case::TargetEnds => return Ok(target.end().err().into_iter().collect()),
            Case::Exec => {
                if let Err(error) = target.await_ready() {
                    return Ok(vec![format!("{error:#}")]);
                }
            }
            _ => {}
        }
        let mut wrongs = aftermath::left_in(target.pid, self.mode.registers())?;
        wrongs.extend(self.goes_on(target).and_then(|()| target.end()).err());
        Ok(wrongs)
    }
}

/// The lines on stderr that say what went wrong.
fn errors(word: &Word) -> Vec<&String> {
    word.err.iter().filter(|line| !OTHERS.iter().any(|beginning| line.starts_with(beginning))).collect()
}
