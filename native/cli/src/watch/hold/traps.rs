//! The traced process: its traps, and who stands still because of us. Nothing here knows of maps.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use goprogram::Register;
use nix::libc::SIGTRAP;
use trap::{Error, Event, Registers, Tracer};

use super::budget::Budget;
use super::points::{Owner, Points};

/// How long to wait for a thread that won't stop: it waits in the kernel, and so is inside no map.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the process did.
pub(super) enum Met {
    /// A thread has touched the flag byte, and stands.
    Flag(Stopped),
    /// A thread is about to end the process, and stands.
    Fatal(Stopped),
    /// It executes another program.
    Exec,
    /// It has ended.
    End,
}

/// A thread that stands.
pub(super) struct Stopped {
    pub(super) tid: i32,
    registers: Registers,
}

impl Stopped {
    /// One of its registers.
    pub(super) fn get(&self, register: Register) -> Option<u64> {
        gotarget::general(&self.registers, register)
    }
}

/// A thread that stands because we want it to.
pub(super) struct Held<W> {
    pub(super) tid: i32,
    until: Instant,
    pub(super) why: W,
}

/// A process whose threads are trapped at one byte and at some instructions. It runs on, untraced and with no trap left
/// in it, when this is dropped.
pub(super) struct Traps<W> {
    // In this order: no trap may be left when the tracing ends.
    points: Points,
    tracer: Tracer,
    fatal: Vec<u64>,
    pub(super) budget: Budget,
    held: Vec<Held<W>>,
    /// Threads at the fatal function. What the others did is looked at first: the order in which the kernel tells of
    /// stops is not that in which they happened.
    dying: VecDeque<i32>,
    /// Between [`Traps::stop_all`] and [`Traps::resume_all`].
    all_stand: bool,
    /// Threads that go on with all, with these signals.
    later: Vec<(i32, i32)>,
    /// While the traps on the byte are off: since when and until when.
    rest: Option<(Instant, Instant)>,
    rested: Duration,
}

impl<W> Traps<W> {
    /// Traces a process, and traps all its threads.
    pub(super) fn set(owner: Owner, pid: i32, flag: u64, fatal: Vec<u64>, share: f64) -> Result<Self, Error> {
        let mut tracer = Tracer::attach(pid)?;
        // It takes root, and only makes it faster.
        let _ = tracer.stay_awake();
        let points = Points::set(owner, &mut tracer, flag, &fatal)?;
        Ok(Traps {
            points,
            tracer,
            fatal,
            budget: Budget::new(share, Instant::now()),
            held: Vec::new(),
            dying: VecDeque::new(),
            all_stand: false,
            later: Vec::new(),
            rest: None,
            rested: Duration::ZERO,
        })
    }

    /// What happens next; `None` at the deadline.
    pub(super) fn next(&mut self, deadline: Instant) -> Option<Met> {
        loop {
            let deadline = if self.dying.is_empty() { deadline } else { Instant::now() };
            match self.tracer.wait(Some(deadline)) {
                Some(event) => {
                    if let Some(met) = self.take(event) {
                        return Some(met);
                    }
                }
                None => {
                    let tid = self.dying.pop_front()?;
                    if let Ok(registers) = self.tracer.registers(tid) {
                        return Some(Met::Fatal(Stopped { tid, registers }));
                    }
                }
            }
        }
    }

    fn take(&mut self, event: Event) -> Option<Met> {
        match event {
            Event::Trap { tid, code } if code == self.points.code() => {
                self.budget.trapped(tid, Instant::now());
                // One that can't be asked has been killed, and says so itself.
                let registers = self.tracer.registers(tid).ok()?;
                if self.fatal.contains(&registers.rip) {
                    self.dying.push_back(tid);
                    return None;
                }
                return Some(Met::Flag(Stopped { tid, registers }));
            }
            // None of ours.
            Event::Trap { tid, .. } => self.pass(tid, SIGTRAP),
            Event::Signal { tid, signal } => self.pass(tid, signal),
            Event::Born { tid } => {
                self.points.born(&self.tracer, tid);
                self.pass(tid, 0);
            }
            Event::ThreadEnded { tid } => self.forget(tid),
            Event::Paused { .. } => {}
            Event::Exec { .. } => return Some(Met::Exec),
            Event::Ended(_) => return Some(Met::End),
        }
        None
    }

    /// Lets a thread go on that has met nothing of ours.
    fn pass(&mut self, tid: i32, signal: i32) {
        if self.all_stand {
            self.later.push((tid, signal));
        } else {
            self.tracer.resume(tid, signal);
        }
    }

    /// A thread has ended. Only SIGKILL ends one that stands.
    fn forget(&mut self, tid: i32) {
        let stood = self.dying.contains(&tid) || self.held.iter().any(|held| held.tid == tid);
        self.dying.retain(|dying| *dying != tid);
        self.held.retain(|held| held.tid != tid);
        self.later.retain(|(later, _)| *later != tid);
        self.budget.ended(tid, stood, Instant::now());
    }

    /// Lets a thread go on that has met a trap. Not while all stand: then hold it.
    pub(super) fn go_on(&mut self, tid: i32) {
        // We may be put aside between the two: then it would seem to be back at once.
        self.budget.let_go(tid, Instant::now());
        self.tracer.resume(tid, 0);
    }

    /// Keeps a thread that has met a trap where it is.
    pub(super) fn hold(&mut self, tid: i32, until: Instant, why: W) {
        self.held.push(Held { tid, until, why });
    }

    /// One that is to go on now: it is up to the caller to let it.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Held<W>> {
        let due = self.held.iter().position(|held| held.until <= now)?;
        Some(self.held.swap_remove(due))
    }

    /// When the next one is to go on.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let rest = self.rest.map(|(_, until)| until);
        self.held.iter().map(|held| held.until).chain(rest).min()
    }

    /// Those that are held for a reason are to go on now.
    pub(super) fn hurry(&mut self, reason: impl Fn(&W) -> bool) {
        let now = Instant::now();
        self.held.iter_mut().filter(|held| reason(&held.why)).for_each(|held| held.until = now);
    }

    /// Stops all threads. Traps that were met by then come next.
    pub(super) fn stop_all(&mut self) {
        self.all_stand = true;
        self.tracer.stop_all(PATIENCE);
    }

    /// Whether all threads stand.
    pub(super) fn all_stand(&self) -> bool {
        self.all_stand
    }

    /// Lets all go on that have met no trap.
    pub(super) fn resume_all(&mut self) {
        self.all_stand = false;
        self.tracer.resume_all();
        for (tid, signal) in std::mem::take(&mut self.later) {
            self.tracer.resume(tid, signal);
        }
    }

    /// All threads that stand.
    pub(super) fn standing(&self) -> Vec<Stopped> {
        let stopped = |tid| Some(Stopped { tid, registers: self.tracer.registers(tid).ok()? });
        self.tracer.standing().filter_map(stopped).collect()
    }

    /// Lets a thread that stands go on elsewhere.
    pub(super) fn jump(&mut self, stopped: &Stopped, pc: u64, sp: u64) -> Result<(), Error> {
        let registers = Registers { rip: pc, rsp: sp, ..stopped.registers };
        self.tracer.set_registers(stopped.tid, registers)
    }

    /// Changes a byte of the process.
    pub(super) fn write(&mut self, addr: u64, byte: u8) -> Result<(), Error> {
        self.tracer.write(addr, &[byte])
    }

    /// Switches the traps on the byte off when they have taken more than their share, and on again when the process has
    /// had its own. Returns whether they were switched on: what happened meanwhile was not seen.
    pub(super) fn keep_to_budget(&mut self, now: Instant) -> bool {
        match self.rest {
            Some((since, until)) if until <= now => {
                self.rested += now - since;
                self.rest = None;
                self.points.switch(&mut self.tracer, true);
                true
            }
            None => {
                if let Some(until) = self.budget.spent_until(now) {
                    self.points.switch(&mut self.tracer, false);
                    self.rest = Some((now, until));
                }
                false
            }
            Some(_) => false,
        }
    }

    /// Whether the traps on the byte are off.
    pub(super) fn are_off(&self) -> bool {
        self.rest.is_some()
    }

    /// For how long the traps were off.
    pub(super) fn rested(&self, now: Instant) -> Duration {
        self.rested + self.rest.map_or(Duration::ZERO, |(since, _)| now - since)
    }
}

impl<W> Drop for Traps<W> {
    fn drop(&mut self) {
        self.points.remove(&mut self.tracer);
    }
}
