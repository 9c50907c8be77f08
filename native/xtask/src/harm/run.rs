//! One run: a process, one that watches it, and what happens to them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

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

/// After how long a watch that nobody ends is ended, and a race begins once the process is traced.
const LONG: Duration = Duration::from_millis(300);

/// How long it may take to begin, at most, and how often a wait looks.
const LONGEST: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(1);

/// How many complete runs of what is short may come before the one to which something happens.
const BEFORE: u32 = 3;

/// The line with which the report of a race begins.
const REPORT: &str = "WARNING: DATA RACE";

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
    /// Whether the watcher saw anything of the process.
    pub(super) saw: bool,
}

impl Run<'_> {
    pub(super) fn perform(&self) -> Result<Outcome> {
        let mut chance = fastrand::Rng::with_seed(self.seed);
        let moment = match self.mode.at_the_fatal() {
            Some(longest) if self.case.has_race() => longest.mul_f64(chance.f64()),
            _ => self.whole.mul_f64(chance.f64()),
        };
        let (mut target, started) = if self.mode.is_starter() {
            let (target, watcher) = Target::under(&mut self.mode.starting(self.tools, self.program))?;
            (target, Some(watcher))
        } else {
            (Target::start(&mut self.program()?)?, None)
        };
        self.prepare(&mut target)?;

        let mut wrongs = Vec::new();
        let before = match (self.mode.is_short(), self.case) {
            (false, _) => 0,
            (true, Case::Undisturbed | Case::Threads | Case::Children) => IN_A_ROW,
            // Nobody has it yet.
            (true, Case::Traced) => 0,
            (true, _) => chance.u32(..BEFORE),
        };
        for _ in 0..before {
            wrongs.extend(self.judge(&Watcher::start(&mut self.command(&target)?)?.wait()?));
        }
        // Alone: to trace it is for one thread only.
        let other = (self.case == Case::Traced).then(|| trap::Stopped::new(target.pid.as_raw())).transpose()?;
        let mut watcher = match started {
            Some(watcher) => watcher,
            None => Watcher::start(&mut self.command(&target)?)?,
        };
        wrongs.extend(self.disturb(&mut watcher, &mut target, moment)?);
        let word = watcher.wait()?;
        drop(other);

        wrongs.extend(self.judge(&word));
        wrongs.extend(self.look_at(&mut target, &word, moment)?);
        wrongs.extend(watcher.remains());
        self.tools.tidy(target.pid);
        let saw = self.mode.has_worked(word.out.iter().chain(&word.err)) == Some(true);
        Ok(Outcome { wrongs, moment, took: word.took, saw })
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

    /// What starts the program, where redhanded does not.
    fn program(&self) -> Result<Command> {
        match self.case {
            Case::Yama => Ok(unprivileged::as_nobody(Command::new(self.tools.for_everybody(self.program)?))),
            _ => Ok(Command::new(self.program)),
        }
    }

    fn command(&self, target: &Target) -> Result<Command> {
        let command = self.mode.command(self.tools, target.pid, self.case.has_race());
        match self.case {
            Case::OtherUser | Case::Yama => Ok(unprivileged::as_nobody(command)),
            Case::Sandboxed => unprivileged::sandboxed(&command),
            _ => Ok(command),
        }
    }

    /// Lets happen what the case says; says what is wrong meanwhile.
    fn disturb(&self, watcher: &mut Watcher, target: &mut Target, moment: Duration) -> Result<Vec<String>> {
        let mut wrongs = Vec::new();
        if self.case.has_race() {
            self.begin_race(target)?;
        } else if self.is_ended_before(moment) {
            self.end_by_hand(watcher, target)?;
        }
        if self.case.has_race() && self.case.is_blow() {
            std::thread::sleep(moment);
        } else if self.case.has_moment() {
            watcher.until(moment);
        }
        match self.case {
            Case::Killed | Case::RaceKilled => watcher.strike(Signal::SIGKILL)?,
            Case::KeeperKilled => watcher.strike_with_keeper(Signal::SIGKILL)?,
            Case::Interrupted | Case::RaceInterrupted => watcher.strike(Signal::SIGINT)?,
            Case::TargetKilled => target.kill()?,
            Case::TargetEnds => target.tell_if_alive("end")?,
            Case::LeaderGoes => target.tell_if_alive("leave")?,
            Case::Exec => {
                target.tell("exec")?;
                // What is written to it before that may go to the old program.
                wrongs.extend(target.await_ready().err().map(|error| format!("{error:#}")));
            }
            _ => {}
        }
        if self.mode.is_endless() && !self.case.is_blow() && !self.case.has_race() {
            self.end_by_hand(watcher, target)?;
        }
        Ok(wrongs)
    }

    /// Lets a race begin once the process is watched.
    fn begin_race(&self, target: &mut Target) -> Result<()> {
        let begun = Instant::now();
        // If it has ended before that, its end will tell.
        while !aftermath::is_traced(target.pid) && begun.elapsed() < LONGEST {
            std::thread::sleep(GLANCE);
        }
        std::thread::sleep(LONG);
        target.tell_if_alive("race")
    }

    /// Whether a watch that does not end by itself is being ended already when the blow comes.
    fn is_ended_before(&self, moment: Duration) -> bool {
        self.mode.is_endless() && self.case.is_blow() && moment >= LONG
    }

    /// Ends a watch that does not end by itself, or lets its end come.
    fn end_by_hand(&self, watcher: &mut Watcher, target: &mut Target) -> Result<()> {
        watcher.until(LONG);
        if self.mode.is_starter() { target.tell_if_alive("end") } else { watcher.strike(Signal::SIGINT) }
    }

    /// What is wrong with how the watcher ended and with what it said.
    fn judge(&self, word: &Word) -> Vec<String> {
        let said = || word.err.join(" / ");
        let lines = || word.out.iter().chain(&word.err);
        let last = word.out.len().saturating_sub(LAST_LINES);
        let told = || format!("{} / {}", said(), word.out.get(last..).unwrap_or_default().join(" / "));
        let failed = || match errors(word).as_slice() {
            [line] if line.starts_with("redhanded: ") => Vec::new(),
            _ => vec![format!("the watcher did not say in one line what is wrong: {}", said())],
        };
        if let (Some(end), Some(is_denied)) = (word.end, self.case.denies(self.mode)) {
            return match end {
                WaitStatus::Exited(_, ERROR) if is_denied => failed(),
                WaitStatus::Exited(_, status) if !is_denied && self.mode.good().contains(&status) => Vec::new(),
                _ => vec![format!("to be denied: {is_denied}; the watcher ended, {end:?}: {}", told())],
            };
        }
        match word.end {
            None => vec![format!("the watcher hung: {}", said())],
            _ if self.case.kills() => Vec::new(),
            // The status is its program's, or says that it has found a race.
            Some(WaitStatus::Exited(_, 1 | ERROR)) if self.case == Case::Race && lines().any(|line| line == REPORT) => {
                Vec::new()
            }
            // It has its program's, or has found a race.
            Some(WaitStatus::Exited(_, 0 | 1 | ERROR)) if self.case == Case::RaceInterrupted => Vec::new(),
            Some(end) if is_sigkill(end) && self.mode.is_starter() && self.case == Case::TargetKilled => Vec::new(),
            // What has started the program passes that on, and has its status.
            Some(WaitStatus::Signaled(_, Signal::SIGINT, _) | WaitStatus::Exited(_, INTERRUPTED))
                if self.case == Case::Interrupted && !self.mode.is_starter() =>
            {
                Vec::new()
            }
            Some(WaitStatus::Exited(_, status)) if self.mode.good().contains(&status) => {
                match self.mode.safety().warning() {
                    _ if self.case.may_fail() => Vec::new(),
                    Some(warning) if !lines().any(|line| line.contains(warning)) => {
                        vec![format!("the watcher does not say {warning:?}: {}", told())]
                    }
                    _ if self.mode.has_worked(lines()).is_none() => {
                        vec![format!("the watcher did not say what it did: {}", told())]
                    }
                    _ => Vec::new(),
                }
            }
            // How a debugger copes is its own.
            Some(_) if (self.case.may_fail() || self.case == Case::LeaderGone) && self.mode.debugger().is_some() => {
                Vec::new()
            }
            Some(WaitStatus::Exited(_, ERROR)) if self.case.may_fail() && !self.mode.is_starter() => failed(),
            Some(end) => vec![format!("the watcher ended, {end:?}: {}", told())],
        }
    }

    /// What is wrong with the process afterwards.
    fn look_at(&self, target: &mut Target, word: &Word, moment: Duration) -> Result<Vec<String>> {
        // Where redhanded has started it and lives, that has told its end by its own, which was judged.
        let is_told = self.mode.is_starter() && word.end.is_some_and(|end| !is_sigkill(end));
        match self.case {
            Case::TargetKilled => return Ok(Vec::new()),
            _ if self.case.has_race() => {
                return Ok(target.dies_of_its_race(&word.err, is_told).err().into_iter().collect());
            }
            _ if is_told => return Ok(Vec::new()),
            // It was told to end before.
            Case::Killed if self.mode.is_starter() && self.is_ended_before(moment) => {
                return Ok(target.end().err().into_iter().collect());
            }
            Case::TargetEnds => return Ok(target.end().err().into_iter().collect()),
            _ => {}
        }
        let mut wrongs = aftermath::left_in(target.pid, self.mode.registers())?;
        wrongs.extend(self.goes_on(target).and_then(|()| target.end()).err());
        Ok(wrongs)
    }
}

/// Whether a process was killed, and not by itself.
fn is_sigkill(end: WaitStatus) -> bool {
    matches!(end, WaitStatus::Signaled(_, Signal::SIGKILL, _))
}

/// The lines on stderr that say what went wrong.
fn errors(word: &Word) -> Vec<&String> {
    word.err.iter().filter(|line| !OTHERS.iter().any(|beginning| line.starts_with(beginning))).collect()
}
