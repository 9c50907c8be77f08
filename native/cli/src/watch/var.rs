//! `--var`: every access to any variable while the process runs on, and what they prove.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use command::Status;
use goprogram::Register;
use gotarget::catch::Scene;
use gotarget::recorded::{self, Goids};
use gotarget::variable::{By, Seen, Trapped, VarTrap, Variable};
use gotarget::{Process, RuntimeAddr, Target};
use race::{Action, Time, VarAccess};
use report::variable::facts;
use report::{LossLine, LostUpdateReport, MovedLine, Outcome, VarRaceReport, WatchSummary};
use trap::At;
use trap::perf::{self, Hit, Record, Recorder, RegisterSet, Span, Take};

use super::WatchArgs;
use super::limits::{EXECUTES, Limits, late};
use super::lines::Lines;
use crate::error::Error;

/// How often to look whether the expression still leads to the same place: a pointer may have been set, a slice or a map
/// have grown.
const LOOK: Duration = Duration::from_millis(20);

/// While a map is written an entry may seem to be gone: it is looked for so often, at such intervals.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(1);

/// Reads whose passes are seen, each by a debug register of its own: beside those that the variable takes, one is left
/// of four.
const MOST_READS: usize = 1;

/// What is said where not even that is left.
const UNTOLD: &str =
    "What may be lost updates could not be told for certain: the debug registers that it takes are in use.";

/// So many goroutines are told apart in what is said in the end.
const MOST_GOROUTINES: usize = 1 << 16;

/// Watches.
pub(crate) fn run(args: &WatchArgs, process: &Process, variable: Variable, lines: Lines) -> Result<Status, Error> {
    let target = process.target();
    // What they are before it begins is what they are then.
    let goids = Goids::new(&target, &perf::now)?;
    let recorder = record(args, &variable)?;
    let mut recording = Recording {
        args,
        limits: Limits::new(args, recorder.began()),
        target,
        began: recorder.began(),
        looked: recorder.began(),
        goids,
        trap: VarTrap::new(variable),
        lines,
        reads: VecDeque::new(),
        is_disturbed: false,
        accesses: 0,
        overlaps: 0,
        lost: 0,
        touching: HashSet::new(),
        writing: HashSet::new(),
        verdict: None,
        notes: Vec::new(),
        failed: None,
    };
    let Variable { expression, type_name, address, .. } = recording.trap.variable();
    let note = format!(
        "Watching {expression}: {type_name} at {address}. No thread is stopped, and redhanded may be killed at any time. \
         What the kernel does to it, as in a read system call, is not seen. Ctrl-C ends it."
    );
    recording.lines.note(&note)?;
    let (outcome, recorder) = recording.run(recorder)?;
    recording.end(recorder, outcome)
}

/// Sets the breakpoints. The longer each access is known to take, the sooner two are seen to be at the same time.
fn record(args: &WatchArgs, variable: &Variable) -> Result<Recorder, Error> {
    let place = At::Bytes { address: variable.address.0, length: variable.size };
    let begin = |span| {
        let take = Take { registers: RegisterSet::ALL_AMD64, stack: !args.no_stacks, span };
        Recorder::new(args.pid, &[place], take)
    };
    match begin(Span::Long) {
        Err(trap::Error::NoSlot { .. } | trap::Error::NoBuffer) => Ok(begin(Span::Trap)?),
        recorder => Ok(recorder?),
    }
}

/// What was recorded so far.
struct Recording<'a> {
    args: &'a WatchArgs,
    limits: Limits,
    target: Target<'a>,
    /// When the watch began, and when it was last looked whether the variable is still there, on the recorder's clock.
    began: u64,
    looked: u64,
    goids: Goids,
    trap: VarTrap,
    lines: Lines,
    /// The reads whose passes are seen.
    reads: VecDeque<RuntimeAddr>,
    /// Whether something was done to the variable that may have moved it.
    is_disturbed: bool,
    accesses: u64,
    overlaps: u64,
    lost: u64,
    /// The goroutines that have touched it, and that have written it plainly.
    touching: HashSet<race::Goroutine>,
    writing: HashSet<race::Goroutine>,
    verdict: Option<Verdict>,
    notes: Vec<String>,
    /// Why it cannot go on.
    failed: Option<Error>,
}

/// What was proven first.
enum Verdict {
    Race(Box<VarRaceReport>),
    Lost(Box<LostUpdateReport>),
}

impl Recording<'_> {
    /// Takes what comes, until something ends it.
    fn run(&mut self, first: Recorder) -> Result<(Outcome, Option<Recorder>), Error> {
        let mut recorder = Some(first);
        let mut is_quiet = true;
        loop {
            let pause = self.limits.pause(is_quiet);
            let mut has_ended = false;
            is_quiet = true;
            match &mut recorder {
                Some(recorder) => {
                    has_ended = recorder.wait(pause)?;
                    self.goids.look(&self.target, &perf::now);
                    recorder.drain(&mut |record| {
                        is_quiet = false;
                        self.take(record)
                    });
                }
                None => std::thread::sleep(pause),
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if let Some(outcome) = self.outcome() {
                return Ok((outcome, recorder));
            }
            if has_ended {
                return Ok((Outcome::Exited, recorder));
            }
            self.see_passes(recorder.as_mut());
            if self.is_disturbed || perf::now() > self.looked + LOOK.as_nanos() as u64 {
                if recorder.as_ref().is_some_and(|recorder| !recorder.is_alive()) {
                    self.notes.push(EXECUTES.to_owned());
                    return Ok((Outcome::Exited, recorder));
                }
                recorder = match self.look(recorder) {
                    Ok(recorder) => recorder,
                    Err(Error::Target(gotarget::Error::NoProcess { .. })) => return Ok((Outcome::Exited, None)),
                    Err(error) => return Err(error),
                };
            }
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        if self.verdict.is_some() { Some(Outcome::Overlap) } else { self.limits.reached(self.accesses) }
    }

    /// Takes what has come.
    fn take(&mut self, record: Record<'_>) -> ControlFlow<()> {
        let taken = match record {
            Record::Hit(hit) if hit.address == self.trap.variable().address.0 => self.access(&hit),
            Record::Hit(hit) => {
                self.trap.passes(RuntimeAddr(hit.address), &|register| recorded::register(&hit, register));
                Ok(())
            }
            Record::Gap => {
                self.trap.gap();
                Ok(())
            }
            Record::Lost(lost) => self.lines.loss(&LossLine { lost }),
        };
        if let Err(error) = taken {
            self.failed = Some(error);
            return ControlFlow::Break(());
        }
        let is_enough = self.verdict.is_some() || self.limits.has_enough(self.accesses);
        if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// A thread has touched the variable.
    fn access(&mut self, hit: &Hit<'_>) -> Result<(), Error> {
        self.accesses += 1;
        let registers = |register| recorded::register(hit, register);
        let g = RuntimeAddr(registers(Register::R14).unwrap_or(0));
        let goid = self.goids.at(&self.target, g, hit.at, &perf::now);
        let time = |at: u64| Time(at.saturating_sub(self.began));
        let scene = recorded::scene(&self.target, hit, goid);
        let trapped = Trapped { from: time(hit.at), to: time(hit.until), registers: &registers, scene };
        let seen = self.trap.take(&self.target, trapped);
        let line = facts::access(&self.target, self.trap.variable(), &seen, self.lines.show_stacks());
        self.lines.access(&line)?;
        self.is_disturbed |= matches!(seen.by, By::Growth | By::Removal | By::Allocation);
        self.count(&seen);
        self.judge(&seen);
        Ok(())
    }

    fn count(&mut self, seen: &Seen) {
        if seen.by == By::Program && self.touching.len() < MOST_GOROUTINES {
            self.touching.insert(seen.access.goroutine);
            if seen.access.action != Action::Read && !seen.access.atomic {
                self.writing.insert(seen.access.goroutine);
            }
        }
    }

    /// Keeps what an access proves, if it is the first that proves anything.
    fn judge(&mut self, seen: &Seen) {
        let (target, variable) = (&self.target, self.trap.variable());
        let creator = |access: &VarAccess<Rc<Scene>>| {
            self.goids.goroutine(target, RuntimeAddr(access.goroutine.0), access.scene.goid?)
        };
        self.verdict = match (&seen.race, &seen.lost) {
            (Some(race), _) => Some(Verdict::Race(Box::new(facts::race(target, variable, race, &creator)))),
            (None, Some(lost)) => Some(Verdict::Lost(Box::new(facts::lost_update(target, variable, lost, &creator)))),
            (None, None) => return,
        };
        self.overlaps += 1;
    }

    /// Has the passes of a read seen, where that would help.
    fn see_passes(&mut self, recorder: Option<&mut Recorder>) {
        let Some((read, recorder)) = self.trap.wants_passes().zip(recorder) else { return };
        if self.reads.len() >= MOST_READS || self.reads.contains(&read) {
            return;
        }
        self.reads.push_back(read);
        match recorder.add(&[At::Instruction(read.0)]) {
            Ok(since) => self.trap.gets_passes(Time(since.saturating_sub(self.began))),
            // Once is enough, however often the variable moves.
            Err(_) if !self.notes.iter().any(|note| note == UNTOLD) => self.notes.push(UNTOLD.to_owned()),
            Err(_) => {}
        }
    }

    /// Looks whether the variable is still where it was, and follows it if not.
    fn look(&mut self, recorder: Option<Recorder>) -> Result<Option<Recorder>, Error> {
        self.looked = perf::now();
        self.is_disturbed = false;
        let from = self.trap.variable().address;
        let found = find_again(&self.target, &self.trap.variable().expression, recorder.as_ref().map(|_| from));
        let (to, why) = match found {
            Ok(found) if found.address == from && recorder.is_some() => return Ok(recorder),
            Ok(found) => (Some(found), None),
            Err(error) if is_gone(&error) => (None, Some(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let was_watched = recorder.is_some();
        if let Some(mut recorder) = recorder {
            // What was done to it before it went.
            self.lost += recorder.finish(&mut |record| self.take(record));
        }
        let recorder = to.as_ref().map(|to| record(self.args, to)).transpose()?;
        if was_watched || recorder.is_some() {
            self.lines.moved(&MovedLine {
                time_ns: recorder.as_ref().map_or_else(perf::now, Recorder::began) - self.began,
                expression: self.trap.variable().expression.clone(),
                from: from.0,
                to: to.as_ref().map(|to| to.address.0),
                why,
            })?;
        }
        if let Some(variable) = to {
            self.trap.moved(variable);
            self.reads.clear();
        }
        Ok(recorder)
    }

    /// Takes the breakpoints away, and says what came of it.
    fn end(mut self, recorder: Option<Recorder>, outcome: Outcome) -> Result<Status, Error> {
        let seconds = perf::now().saturating_sub(self.began) as f64 / 1e9;
        if let Some(mut recorder) = recorder {
            self.notes.extend(late(&recorder));
            self.lost += match outcome {
                // What has come since is none of those that were wanted.
                Outcome::Count | Outcome::Overlap => recorder.finish(&mut |_| ControlFlow::Continue(())),
                _ => recorder.finish(&mut |record| self.take(record)),
            };
        }
        if let Some(error) = self.failed {
            return Err(error);
        }
        match &self.verdict {
            Some(Verdict::Race(report)) => self.lines.race(&**report)?,
            Some(Verdict::Lost(report)) => self.lines.race(&**report)?,
            None => self.notes.extend(self.nothing_proven()),
        }
        // The last that came may have shown it.
        let outcome = if self.verdict.is_some() { Outcome::Overlap } else { outcome };
        let status = Status::found(self.verdict.is_some());
        self.lines.end(WatchSummary {
            outcome,
            accesses: self.accesses,
            traps: 0,
            overlaps: self.overlaps,
            rescued: 0,
            seconds,
            held_seconds: 0.0,
            lost: self.lost,
            unshown: 0,
            notes: self.notes,
        })?;
        Ok(status)
    }

    /// What can be said where nothing is proven, and several goroutines have touched it.
    fn nothing_proven(&self) -> Option<String> {
        let (touching, writing) = (self.touching.len(), self.writing.len());
        (touching > 1 && writing > 0).then(|| {
            format!(
                "{touching} goroutines touched it, {writing} of them to write it without an atomic operation, and no two \
                 at the same time: a lock keeps them apart, or chance did."
            )
        })
    }
}

/// Finds a variable again that may be on its way: what is found elsewhere than expected must be found there twice.
fn find_again(
    target: &Target<'_>,
    expression: &str,
    expected: Option<RuntimeAddr>,
) -> Result<Variable, gotarget::Error> {
    let mut last = Variable::find(target, expression);
    for _ in 0..TRIES {
        if last.as_ref().is_ok_and(|found| Some(found.address) == expected) {
            break;
        }
        std::thread::sleep(PAUSE);
        let again = Variable::find(target, expression);
        let agree = last.as_ref().ok().zip(again.as_ref().ok()).is_some_and(|(last, again)| last == again);
        last = again;
        if agree {
            break;
        }
    }
    last
}

/// Whether the expression leads nowhere now, and may lead somewhere later.
fn is_gone(error: &gotarget::Error) -> bool {
    use gotarget::Error::{HoldsAnother, NilInterface, NilMap, NilPointer, NoKey, OutOfRange, Unreadable};
    let is_memory = |cause: &gotarget::Cause| matches!(cause, gotarget::Cause::NotMapped);
    match error {
        Unreadable(unreadable) => is_memory(&unreadable.cause),
        HoldsAnother { .. } | NilInterface { .. } | NilMap { .. } | NilPointer { .. } | NoKey { .. } => true,
        OutOfRange { .. } => true,
        _ => false,
    }
}
