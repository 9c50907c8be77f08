//! `--rescue`: a second writer is kept waiting until the first has left, as if it had come later, and the process goes
//! on to its next race.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use gotarget::catch::{Caught, Dying, Rescue, Scene};
use gotarget::{RuntimeAddr, goroutine};
use race::{Goroutine, Overlap};
use report::facts::{self, Standing};
use report::{Outcome, Step};

use super::catch::{Catch, Why};
use super::traps::Stopped;
use crate::error::Error;

/// How long a goroutine is kept waiting: a write takes microseconds, with traps milliseconds.
const LONGEST_KEEP: Duration = Duration::from_millis(500);

/// How often one that waits looks again.
const AGAIN: Duration = Duration::from_millis(1);

/// How long to look for a moment in which nobody is inside before letting go.
const QUIET: Duration = Duration::from_secs(2);

/// Who is kept from ending the process.
#[derive(Default)]
pub(super) struct Rescues {
    kept: HashMap<Goroutine, Kept>,
    /// A goroutine has waited too long. The one inside may itself wait, for a thread, while those that are kept occupy
    /// all of them: then nobody would ever get on.
    pub(super) is_stuck: bool,
    pub(super) rescued: u64,
    /// The watch is over, but for a moment to let go in.
    is_leaving: bool,
}

/// A goroutine that is kept waiting.
struct Kept {
    since: Instant,
    /// Whether its overlap has been counted.
    is_counted: bool,
}

impl Rescues {
    /// Keeps a goroutine, and says whether it was not kept before.
    fn keep(&mut self, goroutine: Goroutine) -> (bool, &mut Kept) {
        let is_new = !self.kept.contains_key(&goroutine);
        let kept = self.kept.entry(goroutine).or_insert(Kept { since: Instant::now(), is_counted: false });
        (is_new, kept)
    }

    fn is_stuck(&mut self, goroutine: Goroutine, notes: &mut Vec<String>) -> bool {
        let waited = self.kept.get(&goroutine).map(|kept| kept.since.elapsed());
        if !self.is_stuck && waited.is_some_and(|waited| waited > LONGEST_KEEP) {
            self.is_stuck = true;
            notes.push(format!(
                "Stopped: a goroutine was kept for {} s and the other is still inside; the scheduler has put it aside in \
                 the middle of its write, and that can't be rescued.",
                LONGEST_KEEP.as_secs_f64()
            ));
        }
        self.is_stuck
    }
}

impl Catch<'_> {
    /// Whether the watch is over, but for a moment to let go in.
    pub(super) fn is_leaving(&self) -> bool {
        self.rescues.as_ref().is_some_and(|rescues| rescues.is_leaving)
    }

    /// Keeps a writer at its check as long as another one is inside; false if it may go on.
    pub(super) fn keep(&mut self, stopped: &Stopped, caught: &Caught) -> Result<bool, Error> {
        let Some(rescues) = &mut self.rescues else { return Ok(false) };
        let goroutine = caught.goroutine;
        if rescues.is_stuck(goroutine, &mut self.notes) {
            return Ok(false);
        }
        let Some(Rescue::Again { pc, sp }) = self.trap.keep_at_check(caught, &|name| stopped.get(name)) else {
            if caught.deed.step != race::Step::Loads
                && rescues.kept.remove(&goroutine).is_some_and(|kept| kept.is_counted)
            {
                rescues.rescued += 1;
            }
            return Ok(false);
        };
        let (is_new, kept) = rescues.keep(goroutine);
        let overlap = caught.proven.as_ref().filter(|_| !std::mem::replace(&mut kept.is_counted, true));
        if is_new {
            self.accesses += 1;
            self.lines.access(&facts::kept(&self.target, &self.trap, caught))?;
        }
        if let Some(overlap) = overlap {
            self.count(overlap, goroutine)?;
        }
        self.wait_at(stopped, pc, sp)?;
        Ok(true)
    }

    /// Lets a goroutine that is about to end the process go on, as soon as nobody else is inside; false if it
    /// can't be.
    pub(super) fn rescue(&mut self, stopped: &Stopped, dying: &Dying) -> Result<bool, Error> {
        if self.rescues.is_none() {
            return Ok(false);
        }
        // The byte is to be changed: nobody else may do so meanwhile.
        let all_stood = self.traps.all_stand();
        if !all_stood {
            self.stop_all()?;
        }
        let rescued = self.rescue_now(stopped, dying);
        if !all_stood {
            self.traps.resume_all();
        }
        rescued
    }

    fn rescue_now(&mut self, stopped: &Stopped, dying: &Dying) -> Result<bool, Error> {
        let rescue = self.trap.rescue(&self.target, dying, &|name| stopped.get(name));
        let Some(rescues) = &mut self.rescues else { return Ok(false) };
        if let Rescue::Impossible { why } = rescue {
            self.notes.push(format!("Stopped before the process ends: it can't be rescued: {why}."));
            return Ok(false);
        }
        let goroutine = dying.goroutine;
        if rescues.is_stuck(goroutine, &mut self.notes) {
            return Ok(false);
        }
        let (is_new, kept) = rescues.keep(goroutine);
        kept.is_counted = true;
        if is_new {
            self.show_dying(dying, Step::Kept)?;
            if let Some(overlap) = &dying.overlap {
                self.count(overlap, goroutine)?;
            }
        }
        match rescue {
            Rescue::Again { pc, sp } => self.wait_at(stopped, pc, sp)?,
            Rescue::Return { pc, sp, flag } => {
                if let Some(flag) = flag {
                    self.traps.write(self.trap.flag().0, flag)?;
                }
                if let Some(rescues) = &mut self.rescues {
                    rescues.kept.remove(&goroutine);
                    rescues.rescued += 1;
                }
                self.traps.jump(stopped, pc, sp)?;
                self.traps.hold(stopped.tid, Instant::now(), Why::Waits);
            }
            Rescue::Impossible { .. } => {}
        }
        Ok(true)
    }

    /// Lets a thread go on elsewhere, a moment later: so it looks again.
    fn wait_at(&mut self, stopped: &Stopped, pc: u64, sp: u64) -> Result<(), Error> {
        self.traps.jump(stopped, pc, sp)?;
        self.traps.hold(stopped.tid, Instant::now() + AGAIN, Why::Waits);
        Ok(())
    }

    /// Both were inside when this was proven, by a goroutine that stands still.
    fn count(&mut self, overlap: &Overlap<Scene>, held: Goroutine) -> Result<(), Error> {
        self.overlaps += 1;
        let standing = |culprit: Goroutine| Standing {
            goroutine: goroutine::goroutine(&self.target, RuntimeAddr(culprit.0)).ok(),
            inside: true,
            held: culprit == held,
        };
        if self.overlaps > 1 && !self.args.json {
            return Ok(());
        }
        let race = facts::race(&self.target, &self.trap, overlap, &standing);
        self.lines.race(&race)
    }

    /// Lets go in a moment when nobody is inside and nobody has seen the byte set: else the goroutine that has would
    /// die of it as soon as nobody keeps it.
    pub(super) fn leave_quietly(&mut self) -> Result<(), Error> {
        let Some(rescues) = &mut self.rescues else { return Ok(()) };
        rescues.is_leaving = true;
        let outcome = self.outcome.take();
        self.limit = Some(Instant::now() + QUIET);
        let mut is_quiet = false;
        while self.outcome.is_none() && self.rescues.as_ref().is_some_and(|rescues| !rescues.is_stuck) {
            self.stop_all()?;
            if self.trap.is_quiet(&self.target) {
                is_quiet = true;
                break;
            }
            self.traps.resume_all();
            self.has_left = false;
            while self.outcome.is_none() && !self.has_left {
                self.step()?;
            }
        }
        if !is_quiet && self.outcome != Some(Outcome::Exited) {
            self.notes.push("No quiet moment was found to let go in: the process may die of its race now.".to_owned());
        }
        if self.outcome != Some(Outcome::Exited) {
            self.outcome = outcome;
        }
        Ok(())
    }
}
