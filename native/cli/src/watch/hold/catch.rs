//! What happens at each trap: the access is judged, its thread goes on or is held, and two that are inside are
//! reported.

use std::time::{Duration, Instant};

use command::Status;
use gotarget::catch::{Caught, Dying, FlagTrap, Scene, Stop};
use gotarget::threads::{self, Thread};
use gotarget::{RuntimeAddr, Target, goroutine};
use race::{Goroutine, Overlap, Time};
use report::facts::{self, Standing};
use report::{Outcome, RaceReport, WatchSummary};

use super::points::Owner;
use super::rescue::Rescues;
use super::traps::{Met, Stopped, Traps};
use crate::error::Error;
use crate::interrupt;
use crate::watch::limits::EXECUTES;
use crate::watch::lines::Lines;
use crate::watch::{Watch, WatchArgs};

/// How often to look whether the user wants an end.
const LOOK: Duration = Duration::from_millis(50);

/// Why a thread is held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is inside its window, and others may walk in.
    Inside(Goroutine),
    /// Another one is inside: it waits until that has left.
    Waits,
    /// It was met as all threads were stopped.
    Met(Option<Goroutine>),
}

/// One run of `watch --hold`.
pub(super) struct Catch<'a> {
    pub(super) args: &'a WatchArgs,
    pub(super) target: Target<'a>,
    pub(super) trap: FlagTrap,
    pub(super) lines: Lines,
    pub(super) traps: Traps<Why>,
    began: Instant,
    /// When to end.
    pub(super) limit: Option<Instant>,
    /// A goroutine has left its window since this was last set to false.
    pub(super) has_left: bool,
    /// An overlap that was found while all stood.
    found: Option<Overlap<Scene>>,
    pub(super) rescues: Option<Rescues>,
    pub(super) accesses: u64,
    pub(super) overlaps: u64,
    /// The race that ended the watch.
    race: Option<RaceReport>,
    /// Whether a goroutine has ended the process because of this map.
    died: bool,
    pub(super) outcome: Option<Outcome>,
    pub(super) notes: Vec<String>,
}

/// What is left to say when the process has been let go.
pub(super) struct Ended {
    lines: Lines,
    race: Option<RaceReport>,
    died: bool,
    summary: WatchSummary,
}

impl<'a> Catch<'a> {
    /// Sets the traps.
    pub(super) fn new(watch: Watch<'a>, owner: Owner) -> Result<Self, Error> {
        let Watch { args, process, mut trap, lines } = watch;
        let target = process.target();
        trap.prepare(&target);
        let fatal = target.program.fatal_functions();
        let fatal = fatal.into_iter().map(|function| target.bias.to_runtime(function.entry).0).collect();
        let share = f64::from(args.holding.max_stall) / 100.0;
        let traps = Traps::set(owner, args.pid, trap.flag().0, fatal, share)?;
        let began = Instant::now();
        Ok(Catch {
            args,
            target,
            trap,
            lines,
            traps,
            began,
            limit: args.time.map(|time| began + time),
            has_left: false,
            found: None,
            rescues: args.holding.rescue.then(Rescues::default),
            accesses: 0,
            overlaps: 0,
            race: None,
            died: false,
            outcome: None,
            notes: Vec::new(),
        })
    }

    /// Lets the process run until something ends the watch.
    pub(super) fn follow(&mut self) -> Result<(), Error> {
        while self.outcome.is_none() {
            self.step()?;
        }
        if matches!(self.outcome, Some(Outcome::Overlap | Outcome::Exited)) { Ok(()) } else { self.leave_quietly() }
    }

    /// Waits for what happens next, and takes it.
    pub(super) fn step(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        if interrupt::happened() && !self.is_leaving() {
            self.outcome = Some(Outcome::Interrupted);
            return Ok(());
        }
        if self.limit.is_some_and(|limit| limit <= now) {
            self.outcome = Some(Outcome::Time);
            return Ok(());
        }
        self.let_go_on(now);
        // Who is rescued must be seen all the time.
        if self.rescues.is_none() && self.traps.keep_to_budget(now) {
            self.trap.forget();
        }
        let ends = [Some(now + LOOK), self.limit, self.traps.next_due()].into_iter().flatten().min();
        let met = self.traps.next(ends.unwrap_or(now));
        met.map_or(Ok(()), |met| self.take(met))
    }

    fn take(&mut self, met: Met) -> Result<(), Error> {
        match met {
            Met::Flag(stopped) => return self.touched(&stopped),
            Met::Fatal(stopped) => return self.dies(&stopped),
            Met::Exec => self.notes.push(EXECUTES.to_owned()),
            Met::End => {}
        }
        self.outcome = Some(Outcome::Exited);
        Ok(())
    }

    /// Lets those go on whose time is up.
    fn let_go_on(&mut self, now: Instant) {
        while let Some(held) = self.traps.take_due(now) {
            match held.why {
                Why::Inside(goroutine) => {
                    self.traps.budget.released(now);
                    self.trap.resumed(goroutine, self.now());
                }
                Why::Met(Some(goroutine)) => self.trap.resumed(goroutine, self.now()),
                Why::Met(None) | Why::Waits => {}
            }
            self.traps.go_on(held.tid);
        }
    }

    /// A thread has touched the flag byte.
    fn touched(&mut self, stopped: &Stopped) -> Result<(), Error> {
        let tid = stopped.tid;
        let caught = match self.trap.stop(&self.target, self.now(), tid.cast_unsigned(), &|name| stopped.get(name)) {
            Stop::Access(caught) => caught,
            Stop::Foreign { thread, at } => {
                self.pass(tid);
                return self.lines.foreign(&facts::foreign(thread, at));
            }
        };
        if self.keep(stopped, &caught)? {
            return Ok(());
        }
        let goroutine = caught.goroutine;
        let is_suspicious = (caught.proven.is_some() || caught.suspected.is_some())
            && self.rescues.as_ref().is_none_or(|it| it.is_stuck);
        if self.traps.all_stand() || is_suspicious {
            self.traps.hold(tid, Instant::now(), Why::Met(Some(goroutine)));
        } else if caught.inside && self.may_hold() {
            let now = Instant::now();
            self.traps.budget.held(now);
            self.traps.hold(tid, now + self.args.holding.hold.unwrap_or_default(), Why::Inside(goroutine));
        } else {
            self.trap.resumed(goroutine, self.now());
            self.traps.go_on(tid);
        }
        if caught.left {
            self.has_left = true;
            // Who waits for it need not wait any longer.
            self.traps.hurry(|why| *why == Why::Waits);
        }
        // The load is half of a change; the store, its other half, shows both.
        if caught.deed.step != race::Step::Loads || caught.proven.is_some() {
            self.show(&caught)?;
        }
        if self.traps.all_stand() {
            self.found = self.found.take().or(caught.proven);
        } else if is_suspicious {
            self.confirm(caught.proven)?;
        }
        self.count_up();
        Ok(())
    }

    /// A thread is about to end the process.
    fn dies(&mut self, stopped: &Stopped) -> Result<(), Error> {
        let tid = stopped.tid;
        let at = self.now();
        if self.traps.are_off() {
            // Whoever was inside when they went off may be elsewhere by now.
            self.trap.forget();
        }
        let Some(dying) = self.trap.dying(&self.target, at, tid.cast_unsigned(), &|name| stopped.get(name)) else {
            self.pass(tid);
            return Ok(());
        };
        if self.rescue(stopped, &dying)? {
            return Ok(());
        }
        self.died = true;
        self.show_dying(&dying, report::Step::Dies)?;
        self.traps.hold(tid, Instant::now(), Why::Met(None));
        if self.traps.all_stand() {
            self.found = self.found.take().or(dying.overlap);
            Ok(())
        } else {
            self.confirm(dying.overlap)
        }
    }

    /// Lets a thread go on whose trap has nothing to do with the map.
    fn pass(&mut self, tid: i32) {
        if self.traps.all_stand() {
            self.traps.hold(tid, Instant::now(), Why::Met(None));
        } else {
            self.traps.go_on(tid);
        }
    }

    /// Nanoseconds since the watch began.
    pub(super) fn now(&self) -> Time {
        Time(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn may_hold(&self) -> bool {
        let wanted = self.args.holding.hold.is_some_and(|hold| !hold.is_zero());
        wanted && !self.is_leaving() && self.traps.budget.allows_a_hold(Instant::now())
    }

    fn show(&mut self, caught: &Caught) -> Result<(), Error> {
        self.accesses += 1;
        let mut line = facts::access(&self.target, &self.trap, caught);
        if self.lines.show_stacks() {
            line.stack = facts::stack(&self.target, &caught.scene);
        }
        self.lines.access(&line)
    }

    pub(super) fn show_dying(&mut self, dying: &Dying, step: report::Step) -> Result<(), Error> {
        self.accesses += 1;
        let mut line = facts::dying(&self.target, &self.trap, dying, self.now().0, step);
        if self.lines.show_stacks() {
            line.stack = facts::stack(&self.target, &dying.scene);
        }
        self.lines.access(&line)
    }

    fn count_up(&mut self) {
        let is_enough = self.args.count.is_some_and(|count| self.accesses >= count);
        if is_enough && !self.is_leaving() {
            self.outcome.get_or_insert(Outcome::Count);
        }
    }

    // The full stops, when all threads stand still.

    /// Looks at all threads: are two of them really inside?
    fn confirm(&mut self, proven: Option<Overlap<Scene>>) -> Result<(), Error> {
        self.stop_all()?;
        let threads = self.threads()?;
        let found = self.found.take();
        let overlap = proven.or(found).or_else(|| self.trap.confirm(&threads));
        match overlap {
            Some(overlap) => {
                self.overlaps += 1;
                self.race = Some(self.report(&overlap, &threads));
                self.outcome = Some(Outcome::Overlap);
            }
            None => self.traps.resume_all(),
        }
        Ok(())
    }

    /// Stops all threads, and takes what they did until then.
    pub(super) fn stop_all(&mut self) -> Result<(), Error> {
        self.traps.stop_all();
        while self.outcome != Some(Outcome::Exited)
            && let Some(met) = self.traps.next(Instant::now())
        {
            self.take(met)?;
        }
        Ok(())
    }

    fn threads(&self) -> Result<Vec<Thread>, Error> {
        let describe = |stopped: Stopped| {
            threads::thread(&self.target, stopped.tid.cast_unsigned(), &|register| stopped.get(register))
        };
        Ok(self.traps.standing().into_iter().map(describe).collect::<Result<_, _>>()?)
    }

    fn report(&self, overlap: &Overlap<Scene>, threads: &[Thread]) -> RaceReport {
        let standing = |culprit: Goroutine| {
            let g = RuntimeAddr(culprit.0);
            Standing {
                goroutine: goroutine::goroutine(&self.target, g).ok(),
                inside: self.trap.is_inside(culprit, threads),
                held: threads.iter().any(|thread| thread.goroutine == Some(g)),
            }
        };
        facts::race(&self.target, &self.trap, overlap, &standing)
    }

    // The end.

    /// Lets the process go.
    pub(super) fn let_go(mut self) -> Ended {
        let now = Instant::now();
        let seconds = (now - self.began).as_secs_f64();
        let rested = self.traps.rested(now).as_secs_f64();
        if rested > 0.0 {
            self.notes.push(format!(
                "For {rested:.1} of the {seconds:.1} s the traps were off, as --max-stall {} asks for: what was done to the \
                 map meanwhile was not seen.",
                self.args.holding.max_stall
            ));
        }
        if self.outcome == Some(Outcome::Overlap) && self.rescues.is_none() {
            self.notes.push(
                "The process goes on from here: the runtime may find this race now, and end it (--rescue keeps it from \
                 that)."
                    .to_owned(),
            );
        }
        let summary = WatchSummary {
            outcome: self.outcome.unwrap_or(Outcome::Interrupted),
            accesses: self.accesses,
            traps: self.traps.budget.traps(),
            overlaps: self.overlaps,
            rescued: self.rescues.as_ref().map_or(0, |rescues| rescues.rescued),
            seconds,
            held_seconds: self.traps.budget.held_for(now).as_secs_f64(),
            lost: 0,
            unshown: 0,
            notes: self.notes,
        };
        drop(self.traps);
        Ended { lines: self.lines, race: self.race, died: self.died, summary }
    }
}

impl Ended {
    /// Says how it ended.
    pub(super) fn report(self) -> Result<Status, Error> {
        let Ended { mut lines, race, died, summary } = self;
        if let Some(race) = &race {
            lines.race(race)?;
        }
        let status = Status::found(summary.overlaps > 0 || died);
        lines.end(summary)?;
        Ok(status)
    }
}
