//! Records every access while the process runs on: no thread is ever stopped.

use std::ops::ControlFlow;
use std::time::Duration;

use command::Status;
use gotarget::catch::{Caught, FlagTrap, Scene, Stop};
use gotarget::recorded::{self, Goids};
use gotarget::{RuntimeAddr, Target};
use race::{Goroutine, Overlap, Time};
use report::facts::{self, Standing};
use report::{LossLine, Outcome, RaceReport, Step, WatchSummary};
use trap::At;
use trap::perf::{self, Hit, Record, Recorder, Span, Take};

use super::Watch;
use super::limits::{EXECUTES, Limits, late};
use super::lines::Lines;
use crate::error::Error;

/// How long a goroutine that is caught may take to get to the fatal function.
const AFTERMATH: Duration = Duration::from_millis(20);

/// After so many quiet looks it is worth a look whether there is anything left to watch.
const LONG_QUIET: u32 = 50;

/// Watches.
pub(crate) fn run(watch: Watch<'_>) -> Result<Status, Error> {
    let Watch { args, process, trap, mut lines } = watch;
    let target = process.target();
    let fatal = target.program.fatal_functions();
    let fatal = fatal.iter().map(|function| At::Instruction(target.bias.to_runtime(function.entry).0));
    let places: Vec<At> = std::iter::once(At::Byte(trap.flag().0)).chain(fatal).collect();
    let registers = recorded::registers(trap.registers(target.program));
    let goids = Goids::new(&target, &perf::now)?;
    let mut recorder =
        Recorder::new(args.pid, &places, Take { registers, stack: !args.no_stacks, span: Span::Moment })?;
    let map = trap.map();
    lines.note(&format!(
        "Watching {}: {} at {}. No thread is stopped, and redhanded may be killed at any time. Ctrl-C ends it.",
        map.expression, map.type_name, map.header
    ))?;
    let began = recorder.began();
    let mut recording = Recording::new(Limits::new(args, began), target, trap, lines, goids, began);
    let outcome = recording.run(&mut recorder)?;
    recording.end(recorder, outcome)
}

/// What was recorded so far.
struct Recording<'a> {
    limits: Limits,
    target: Target<'a>,
    trap: FlagTrap,
    lines: Lines,
    goids: Goids,
    began: u64,
    accesses: u64,
    overlaps: u64,
    /// The first overlap, and when it was found.
    report: Option<(RaceReport, u64)>,
    /// Whether a goroutine has gone to the fatal function because of this map.
    died: bool,
    notes: Vec<String>,
    /// Why it cannot go on.
    failed: Option<Error>,
}

impl<'a> Recording<'a> {
    fn new(limits: Limits, target: Target<'a>, trap: FlagTrap, lines: Lines, goids: Goids, began: u64) -> Self {
        Recording {
            limits,
            target,
            trap,
            lines,
            goids,
            began,
            accesses: 0,
            overlaps: 0,
            report: None,
            died: false,
            notes: Vec::new(),
            failed: None,
        }
    }

    /// Takes what comes, until something ends it.
    fn run(&mut self, recorder: &mut Recorder) -> Result<Outcome, Error> {
        let mut quiet = 0;
        loop {
            let ended = recorder.wait(self.limits.pause(quiet > 0))?;
            quiet += 1;
            // First of all: whoever dies is soon gone.
            self.goids.look(&self.target, &perf::now);
            recorder.drain(&mut |record| {
                quiet = 0;
                self.take(record)
            });
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if let Some(outcome) = self.outcome() {
                return Ok(outcome);
            }
            if ended {
                return Ok(Outcome::Exited);
            }
            if quiet > 0 && quiet % LONG_QUIET == 0 && !recorder.is_alive() {
                self.notes.push(EXECUTES.to_owned());
                return Ok(Outcome::Exited);
            }
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        if let Some((_, found)) = self.report {
            let is_over = self.died || perf::now() > found + AFTERMATH.as_nanos() as u64;
            return is_over.then_some(Outcome::Overlap);
        }
        self.limits.reached(self.accesses)
    }

    fn take(&mut self, record: Record<'_>) -> ControlFlow<()> {
        let taken = match record {
            Record::Hit(hit) if hit.address == self.trap.flag().0 => self.access(&hit),
            Record::Hit(hit) => self.dying(&hit),
            Record::Gap => {
                self.trap.forget();
                Ok(())
            }
            Record::Lost(lost) => self.lines.loss(&LossLine { lost }),
        };
        if let Err(error) = taken {
            self.failed = Some(error);
            return ControlFlow::Break(());
        }
        let is_enough = self.report.is_none() && self.limits.has_enough(self.accesses);
        if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// A thread has touched the flag byte.
    fn access(&mut self, hit: &Hit<'_>) -> Result<(), Error> {
        let (target, goids) = (&self.target, &mut self.goids);
        let at = Time(hit.at - self.began);
        let registers = |register| recorded::register(hit, register);
        let scene = || scene(target, goids, hit);
        match self.trap.take(target, at, hit.tid, &registers, || None, scene) {
            Stop::Access(mut caught) => {
                self.trap.resumed(caught.goroutine, at);
                let overlap = caught.proven.take().or(caught.suspected.take());
                // The load is half of a change; the store, its other half, shows both.
                if self.report.is_none() && (caught.deed.step != race::Step::Loads || overlap.is_some()) {
                    self.show(&caught)?;
                }
                overlap.iter().for_each(|overlap| self.found(overlap));
                Ok(())
            }
            Stop::Foreign { thread, at } => {
                self.accesses += 1;
                self.lines.foreign(&facts::foreign(thread, at))
            }
        }
    }

    fn show(&mut self, caught: &Caught) -> Result<(), Error> {
        self.accesses += 1;
        let mut line = facts::access(&self.target, &self.trap, caught);
        if self.lines.show_stacks() {
            line.stack = facts::stack(&self.target, &caught.scene);
        }
        self.lines.access(&line)
    }

    /// A thread is about to end the process.
    fn dying(&mut self, hit: &Hit<'_>) -> Result<(), Error> {
        let (target, goids) = (&self.target, &mut self.goids);
        let at = Time(hit.at - self.began);
        let registers = |register| recorded::register(hit, register);
        let Some(dying) = self.trap.dying_seen(at, &registers, || scene(target, goids, hit)) else { return Ok(()) };
        self.died = true;
        self.accesses += 1;
        let mut line = facts::dying(target, &self.trap, &dying, at.0, Step::Dies);
        if self.lines.show_stacks() {
            line.stack = facts::stack(target, &dying.scene);
        }
        self.lines.dying(&line)?;
        if self.report.is_none() {
            dying.overlap.iter().for_each(|overlap| self.found(overlap));
        }
        Ok(())
    }

    /// Two goroutines were inside at the same time.
    ///
    /// What comes from the recorder comes in the order of time, and nobody who had to wait for a lock comes before
    /// whoever held it: windows that overlap by the books do overlap.
    fn found(&mut self, overlap: &Overlap<Scene>) {
        self.overlaps += 1;
        if self.report.is_some() {
            return;
        }
        let goid_of = |culprit: Goroutine| {
            [&overlap.first, &overlap.second].into_iter().find(|access| access.goroutine == culprit)?.scene.goid
        };
        let standing = |culprit: Goroutine| Standing {
            goroutine: goid_of(culprit)
                .and_then(|goid| self.goids.goroutine(&self.target, RuntimeAddr(culprit.0), goid)),
            inside: true,
            held: false,
        };
        self.report = Some((facts::race(&self.target, &self.trap, overlap, &standing), perf::now()));
    }

    /// Takes the breakpoints away, and says what came of it.
    fn end(mut self, mut recorder: Recorder, outcome: Outcome) -> Result<Status, Error> {
        let seconds = perf::now().saturating_sub(self.began) as f64 / 1e9;
        let lost = match outcome {
            // What has come since is none of those that were wanted.
            Outcome::Count | Outcome::Overlap => recorder.finish(&mut |_| ControlFlow::Continue(())),
            _ => recorder.finish(&mut |record| self.take(record)),
        };
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.notes.extend(late(&recorder));
        // Whoever reads the lines may be slow: until then nothing of ours is to be left in the process.
        drop(recorder);
        // The last that came may have shown it.
        let outcome = if self.report.is_some() { Outcome::Overlap } else { outcome };
        if let Some((report, _)) = &self.report {
            self.lines.race(report)?;
        }
        let status = Status::found(self.report.is_some() || self.died);
        self.lines.end(WatchSummary {
            outcome,
            accesses: self.accesses,
            traps: 0,
            overlaps: self.overlaps,
            rescued: 0,
            seconds,
            held_seconds: 0.0,
            lost,
            unshown: 0,
            notes: self.notes,
        })?;
        Ok(status)
    }
}

/// The scene of a thread that has run on since.
fn scene(target: &Target<'_>, goids: &mut Goids, hit: &Hit<'_>) -> Scene {
    let g = recorded::register(hit, goprogram::Register::R14).unwrap_or(0);
    let goid = goids.at(target, RuntimeAddr(g), hit.at, &perf::now);
    recorded::scene(target, hit, goid)
}
