//! Every hit of breakpoints in a process, in the order of time.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};
use perf_event::events::Software;
use perf_event::{Builder, Counter};
use perf_event_open_sys::bindings::{
    PERF_RECORD_LOST, PERF_RECORD_SAMPLE, PERF_RECORD_THROTTLE, PERF_RECORD_UNTHROTTLE,
};

use super::Armed;
use super::noted::Noted;
use super::ring::{Bin, Next, Ring, page_size};
use super::sample::{CLOCK, Hit, Span, TIME_ONLY, Take};
use crate::breakpoint::{is, refused};
use crate::{At, Error};

/// Records every hit of breakpoints in a process, which is never stopped for it.
#[derive(Debug)]
pub struct Recorder {
    pid: i32,
    armed: Armed,
    take: Take,
    /// What each breakpoint is for.
    tasks: Vec<Task>,
    /// The places that have a second breakpoint, which notes only the time.
    doubled: Vec<u64>,
    /// One a processor, and what was noted last there.
    rings: Vec<Ring>,
    noted: Vec<Noted>,
    /// Where what only takes time is written to: one a processor, or none.
    bins: Vec<Bin>,
    /// Becomes readable when the process ends.
    process: OwnedFd,
    /// When all breakpoints were set: what came before is not all there was.
    began: u64,
    /// When they began to be taken away, one after the other: what came later is not all there was.
    ended: u64,
    /// Up to when hits may be missing; none while it is 0.
    doubtful: u64,
    /// How many threads the kernel watches no more for a while.
    throttled: u64,
    /// When to look for threads that have no breakpoints, and how many there were so far.
    next_look: u64,
    late: usize,
    /// Samples read, and lost by what the kernel said.
    read: u64,
    lost: u64,
    /// The record at hand.
    record: Vec<u64>,
}

/// What a breakpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// It notes all that is to be taken.
    Note,
    /// It takes time.
    Wait,
    /// It notes the time when that is over.
    Time,
}

/// What is in a recording.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A thread has met a breakpoint.
    Hit(Hit<'a>),
    /// Hits may be missing just before what comes next: whatever was known of the process then may be out of date.
    Gap,
    /// So many hits are missing since the last that came from the same processor.
    Lost(u64),
}

/// Memory for the buffers of all processors together, in bytes, and the least for one of them. Each is halved where
/// the kernel doesn't give so much: without privileges it gives `kernel.perf_event_mlock_kb` for each.
const MEMORY: usize = 64 << 20;
const LARGEST: usize = 8 << 20;
const SMALLEST: usize = 64 << 10;

/// Clocks of two processors may differ by less than this, in nanoseconds. What makes one thread wait for another takes
/// longer.
const SKEW: u64 = 1_000;

/// When to look for threads that were just being made when breakpoints were set, in nanoseconds since then: at first,
/// then at ever longer intervals, and at last.
const FIRST_LOOK: u64 = 5_000_000;
const LAST_LOOK: u64 = 2_000_000_000;

/// How often to switch everything off, and look what is left.
const ATTEMPTS: u32 = 4;

/// A thread has met the second of two breakpoints at one place after so many nanoseconds, or was not noted there.
const LONGEST_TRAP: u64 = 100_000_000;

impl Recorder {
    /// Sets breakpoints on every thread of a process, also on those that it makes later.
    ///
    /// # Errors
    /// There is no such process, or the system does not let us watch it.
    pub fn new(pid: i32, places: &[At], take: Take) -> Result<Self, Error> {
        Recorder::with_memory(pid, places, take, MEMORY)
    }

    /// The same with so many bytes for the buffers of all processors together.
    ///
    /// # Errors
    /// As [`Recorder::new`].
    pub fn with_memory(pid: i32, places: &[At], take: Take, memory: usize) -> Result<Self, Error> {
        let process = open_process(pid)?;
        let cpus = processors();
        let rings = rings(pid, &cpus, take, memory / cpus.len())?;
        let bins = if take.span == Span::Long { cpus.iter().map(|cpu| bin(*cpu)).collect() } else { Ok(Vec::new()) };
        let bins = bins.map_err(|error| refused(pid, error))?;
        let mut recorder = Recorder {
            pid,
            armed: Armed::new(pid, cpus.into_iter().map(Some).collect()),
            take,
            tasks: Vec::new(),
            doubled: Vec::new(),
            noted: rings.iter().map(|_| Noted::default()).collect(),
            rings,
            bins,
            process,
            began: 0,
            ended: u64::MAX,
            doubtful: 0,
            throttled: 0,
            next_look: 0,
            late: 0,
            read: 0,
            lost: 0,
            record: Vec::with_capacity(take.largest()),
        };
        recorder.add(places)?;
        recorder.began = now();
        Ok(recorder)
    }

    /// Sets more breakpoints. Returns when all of them were set, as [`Recorder::began`]: hits of them before that are
    /// given too, but are not all there were.
    ///
    /// # Errors
    /// As [`Recorder::new`]. What was set before stays.
    pub fn add(&mut self, places: &[At]) -> Result<u64, Error> {
        let mut builders = Vec::new();
        for at in places {
            // They are met in this order.
            let wanted: &[Task] = match (at.memory(), self.take.span) {
                (None, _) | (_, Span::Moment) => &[Task::Note],
                (Some(_), Span::Trap) => &[Task::Note, Task::Time],
                (Some(_), Span::Long) => &[Task::Note, Task::Wait, Task::Time],
            };
            for task in wanted {
                let mut builder = at.builder();
                match task {
                    Task::Note => self.take.ask(&mut builder),
                    Task::Wait => Take::ask_ballast(&mut builder),
                    Task::Time => Take::ask_time(&mut builder),
                }
                if at.memory().is_none() {
                    // Instructions that are worth a breakpoint are rare: whoever waits is told at once.
                    builder.wakeup_events(1);
                }
                builders.push(builder);
                self.tasks.push(*task);
            }
            self.doubled.extend(at.memory().filter(|_| wanted.contains(&Task::Time)));
        }
        self.armed.add(builders, &mut write_to(&self.tasks, &self.rings, &self.bins))?;
        self.next_look = now() + FIRST_LOOK;
        Ok(now())
    }

    /// Now and then looks for threads that were being made when the breakpoints were set, and so have none.
    fn look_for_threads(&mut self) -> Result<(), Error> {
        let now = now();
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = if now < self.began + LAST_LOOK { now + (now - self.began) } else { u64::MAX };
        let late = match self.armed.catch_up(&mut write_to(&self.tasks, &self.rings, &self.bins)) {
            // Which is said elsewhere.
            Err(Error::Ended { .. }) => 0,
            late => late?,
        };
        if late > 0 {
            self.late += late;
            self.doubtful = self::now();
        }
        Ok(())
    }

    /// How many threads have got their breakpoints only after [`Recorder::began`]: what they did before is missing.
    #[must_use]
    pub fn late(&self) -> usize {
        self.late
    }

    /// When all breakpoints were set, in nanoseconds of CLOCK_MONOTONIC_RAW. No earlier hit is given.
    #[must_use]
    pub fn began(&self) -> u64 {
        self.began
    }

    /// Whether the process is still watched: it has not ended, and executes the same program.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.armed.is_alive()
    }

    /// Waits until buffers fill, the process ends or time is up. Returns whether it has ended.
    ///
    /// # Errors
    /// Whatever the system said.
    pub fn wait(&mut self, longest: Duration) -> Result<bool, Error> {
        self.look_for_threads()?;
        let fds = self.rings.iter().map(Ring::fd);
        let mut polled: Vec<_> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        polled.push(PollFd::new(self.process.as_fd(), PollFlags::POLLIN));
        let timeout = PollTimeout::try_from(longest).unwrap_or(PollTimeout::MAX);
        match poll(&mut polled, timeout) {
            Ok(_) => Ok(polled.last().and_then(PollFd::any).unwrap_or(false)),
            // A signal: the caller may want to end.
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(Error::System { what: "wait for the recording", pid: self.pid, source: errno.into() }),
        }
    }

    /// Gives what was recorded until now, in the order of time.
    ///
    /// A hit that depends on another, because one thread waited for the other or it is the same goroutine on another
    /// thread, never comes before it.
    pub fn drain(&mut self, visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>) {
        // A trap that was over by now has been recorded, and so has every one that made this one wait. What is being
        // recorded at this moment may be earlier than what is recorded already, but nobody has waited for it yet.
        self.drain_until(now().saturating_sub(SKEW), visit);
    }

    /// Takes the breakpoints away, gives what is left of before, and returns how many hits were lost in all.
    pub fn finish(&mut self, visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>) -> u64 {
        // What can't be found out any more is not worth an error: here it ends anyway.
        self.next_look = 0;
        let _ = self.look_for_threads();
        self.ended = now();
        let mut missing = 0;
        for _ in 0..ATTEMPTS {
            self.armed.disable();
            self.drain_until(u64::MAX, visit);
            let tasks = &self.tasks;
            let met = self.armed.count_of(|place| tasks.get(place) == Some(&Task::Note));
            missing = met.saturating_sub(self.read);
            if missing == 0 {
                break;
            }
            // If it is not lost, a thread that was just being born has escaped, and what it met can be read by now.
        }
        self.lost = self.lost.max(missing);
        self.lost
    }

    fn drain_until(&mut self, until: u64, visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>) {
        for ring in &mut self.rings {
            if ring.refresh() {
                self.doubtful = u64::MAX;
            }
        }
        while let Some(number) = self.earliest(until)
            && self.step(number, visit).is_continue()
        {}
        let mut was_full = self.doubtful == u64::MAX;
        for ring in &mut self.rings {
            was_full |= ring.release();
        }
        if was_full {
            self.doubtful = now();
        }
    }

    /// The ring whose next record is the earliest of all.
    fn earliest(&self, until: u64) -> Option<usize> {
        // In its trap it may not have come to its second breakpoint yet.
        let is_half = |ring: &Ring| {
            let is_half = |next: Next| self.is_first_half(next) && !ring.has_behind(next);
            until != u64::MAX && ring.peek().is_some_and(|next| is_half(next) && until < next.time + LONGEST_TRAP)
        };
        if !self.doubled.is_empty() && self.rings.iter().any(is_half) {
            return None;
        }
        let next = |(number, ring): (usize, &Ring)| {
            let next = ring.peek()?;
            // Whatever is no sample comes when the samples before it have come.
            Some((if next.kind == PERF_RECORD_SAMPLE { next.time } else { 0 }, number))
        };
        let (time, number) = self.rings.iter().enumerate().filter_map(next).min()?;
        (time <= until).then_some(number)
    }

    /// Whether a record is of a thread that has met the first of two breakpoints.
    fn is_first_half(&self, next: Next) -> bool {
        next.kind == PERF_RECORD_SAMPLE && next.words != TIME_ONLY && self.doubled.contains(&next.address)
    }

    /// Takes the next record of a ring.
    fn step(&mut self, number: usize, visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let Some(ring) = self.rings.get_mut(number) else { return ControlFlow::Break(()) };
        let Some(next) = ring.peek() else { return ControlFlow::Continue(()) };
        ring.pop(next, &mut self.record);
        let until = if self.doubled.contains(&next.address) { ring.pop_time(next) } else { None };
        if ring.is_much_unreleased() && ring.release() {
            self.doubtful = u64::MAX;
        }
        match next.kind {
            PERF_RECORD_SAMPLE => {
                if next.words == TIME_ONLY {
                    // What was noted in the same trap is lost.
                    return ControlFlow::Continue(());
                }
                self.read += 1;
                let Some(mut hit) = Hit::parse(&self.record, self.take) else { return ControlFlow::Continue(()) };
                hit.until = until.unwrap_or(hit.at);
                let is_again = self.noted.get_mut(number).is_some_and(|noted| noted.is_again(&hit));
                if is_again || !(self.began..=self.ended).contains(&hit.at) {
                    return ControlFlow::Continue(());
                }
                if self.doubtful > 0 {
                    visit(Record::Gap)?;
                }
                // The first that is beyond doubt still comes after a gap.
                if hit.at > self.doubtful && self.throttled == 0 {
                    self.doubtful = 0;
                }
                visit(Record::Hit(hit))
            }
            // A number, and how many.
            PERF_RECORD_LOST => {
                let lost = self.record.get(1).copied().unwrap_or(0);
                // Where each hit has two records, it may be either.
                let lost = if self.doubled.is_empty() { lost } else { lost.div_ceil(2) };
                self.lost += lost;
                visit(Record::Lost(lost))
            }
            PERF_RECORD_THROTTLE => {
                self.throttled += 1;
                self.doubtful = self.doubtful.max(1);
                ControlFlow::Continue(())
            }
            PERF_RECORD_UNTHROTTLE => {
                self.throttled = self.throttled.saturating_sub(1);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Has events write into the buffers of their processor.
fn write_to(tasks: &[Task], rings: &[Ring], bins: &[Bin]) -> impl FnMut(&Counter, usize, usize) -> io::Result<()> {
    |event, place, number| {
        let taken = match tasks.get(place) {
            Some(Task::Wait) => bins.get(number).map(|bin| bin.take_from(event)),
            _ => rings.get(number).map(|ring| ring.take_from(event)),
        };
        taken.unwrap_or_else(|| Err(Errno::EINVAL.into()))
    }
}

/// Now, in nanoseconds of CLOCK_MONOTONIC_RAW, the clock of all records.
#[must_use]
pub fn now() -> u64 {
    // Every kernel has this clock.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).map(Duration::from).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// A file that becomes readable when the process ends.
fn open_process(pid: i32) -> Result<OwnedFd, Error> {
    // SAFETY: the call takes two numbers.
    #[allow(unsafe_code)]
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = Errno::result(fd).map_err(|errno| match errno {
        Errno::ESRCH => Error::Ended { pid },
        errno => Error::System { what: "open a file", pid, source: errno.into() },
    })?;
    // SAFETY: the kernel has just given us this file, and nobody else knows its number.
    #[allow(unsafe_code)]
    let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    Ok(fd)
}

/// A buffer for each processor, none larger than `memory` bytes.
fn rings(pid: i32, cpus: &[usize], take: Take, memory: usize) -> Result<Vec<Ring>, Error> {
    let mut size = memory.clamp(page_size(), LARGEST);
    loop {
        // The largest power of two that is no more.
        let pages = 1 << (size / page_size()).max(1).ilog2();
        match cpus.iter().map(|cpu| ring(*cpu, take, pages)).collect() {
            Ok(rings) => return Ok(rings),
            Err(error) if is(&error, Errno::EPERM) || is(&error, Errno::ENOMEM) => {
                size /= 2;
                if size < SMALLEST {
                    return Err(Error::NoBuffer);
                }
            }
            Err(error) => return Err(refused(pid, error)),
        }
    }
}

/// What only takes time is written to this.
fn bin(cpu: usize) -> io::Result<Bin> {
    let mut builder = Builder::new(Software::DUMMY);
    builder.one_cpu(cpu).clockid(CLOCK);
    Bin::new(builder.build()?)
}

fn ring(cpu: usize, take: Take, pages: usize) -> io::Result<Ring> {
    let mut builder = Builder::new(Software::DUMMY);
    // It wakes us each time that so much has been written.
    builder.one_cpu(cpu).clockid(CLOCK).wakeup_watermark(pages * page_size() / 4);
    Ring::new(builder.build()?, pages, take.largest())
}

/// The numbers of the processors that are in use.
fn processors() -> Vec<usize> {
    let list = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    });
    let found: Vec<_> = ranges.flatten().collect();
    if found.is_empty() {
        // Without /sys we can count them.
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        return (0..count).collect();
    }
    found
}
