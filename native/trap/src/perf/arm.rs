//! Breakpoints in every thread of a process.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use perf_event::events::Software;
use perf_event::{Builder, Counter, SampleFlag};

use super::ring;
use crate::breakpoint::{allow_many_files, is, refused};
use crate::registers::ADDRESSES;
use crate::{At, Error, threads_of};

/// Breakpoints in every thread of a process, also in those that it makes later. They are gone when this is dropped.
#[derive(Debug)]
pub struct Armed {
    pid: i32,
    /// The processors; `None` for all.
    cpus: Vec<Option<usize>>,
    builders: Vec<Builder<'static>>,
    /// Each with the number of its builder.
    counters: Vec<(usize, Counter)>,
    /// One a thread, by its number: see [`guard`].
    guards: BTreeMap<i32, (Counter, Guard)>,
    /// The threads that have them by now.
    known: BTreeSet<i32>,
    /// How many breakpoints a thread can have beside ours.
    free: Option<usize>,
}

/// Does something with an event before it is switched on, given the number of its builder, in the order in which they
/// were added, and the number of its processor among all.
pub(super) type Prepare<'a> = dyn FnMut(&Counter, usize, usize) -> io::Result<()> + 'a;

/// A thread that is just making another when it gets its breakpoints may not pass them on. It takes no longer, as a
/// rule.
const BIRTH: Duration = Duration::from_millis(1);

/// A process that makes threads faster than they can be given breakpoints is not waited for any longer.
const LONGEST: Duration = Duration::from_secs(2);

impl Armed {
    /// Breakpoints that only count: see [`Armed::count`].
    ///
    /// # Errors
    /// There is no such process, or the system does not let us watch it.
    pub fn counting(pid: i32, places: &[At]) -> Result<Self, Error> {
        let mut armed = Armed::new(pid, vec![None]);
        armed.add(places.iter().map(|at| at.builder()).collect(), &mut |_, _, _| Ok(()))?;
        Ok(armed)
    }

    /// None so far.
    pub(super) fn new(pid: i32, cpus: Vec<Option<usize>>) -> Self {
        allow_many_files();
        Armed {
            pid,
            cpus,
            builders: Vec::new(),
            counters: Vec::new(),
            guards: BTreeMap::new(),
            known: BTreeSet::new(),
            free: None,
        }
    }

    /// Sets more breakpoints.
    pub(super) fn add(&mut self, builders: Vec<Builder<'static>>, prepare: &mut Prepare<'_>) -> Result<(), Error> {
        let had = self.builders.len();
        let listed = self.threads()?;
        self.free = self.free.or_else(|| listed.iter().find_map(|tid| free_slots(*tid, None).ok()));
        self.builders.extend(builders);
        // None of these can have inherited what is new.
        for tid in listed {
            let is_new = self.known.insert(tid);
            self.open_in(tid, is_new && had > 0, had, prepare)?;
        }
        if self.counters.is_empty() {
            return Err(Error::Ended { pid: self.pid });
        }
        let begun = Instant::now();
        self.catch_up(prepare)?;
        loop {
            std::thread::sleep(BIRTH);
            if self.catch_up(prepare)? == 0 || begun.elapsed() > LONGEST {
                return Ok(());
            }
        }
    }

    /// Sets the breakpoints in threads that have been made and have not inherited them all. Returns in how many.
    pub(super) fn catch_up(&mut self, prepare: &mut Prepare<'_>) -> Result<usize, Error> {
        let mut late = 0;
        let begun = Instant::now();
        // A thread that has none yet may make others meanwhile. Once none has come, all have them, or will inherit them.
        while begun.elapsed() < LONGEST {
            let new: Vec<_> = self.threads()?.into_iter().filter(|tid| self.known.insert(*tid)).collect();
            if new.is_empty() {
                break;
            }
            for tid in new {
                late += usize::from(self.open_in(tid, true, self.builders.len(), prepare)?);
            }
        }
        Ok(late)
    }

    fn threads(&self) -> Result<Vec<i32>, Error> {
        threads_of(self.pid).map_err(|_| Error::Ended { pid: self.pid })
    }

    /// Sets the breakpoints that a thread has not got. The first `had` of them it has, unless `ask` says that this is
    /// to be found out. Returns whether there were any.
    fn open_in(&mut self, tid: i32, ask: bool, had: usize, prepare: &mut Prepare<'_>) -> Result<bool, Error> {
        let first = self.counters.len();
        match self.try_open_in(tid, ask, had, prepare) {
            Ok(()) => {}
            // It has ended since it was listed.
            Err(error) if is(&error, Errno::ESRCH) => {}
            Err(error) => return Err(refused(self.pid, error)),
        }
        let mut opened = self.counters.iter_mut().skip(first);
        opened.try_for_each(|(_, counter)| counter.enable()).map_err(|error| refused(self.pid, error))?;
        Ok(self.counters.len() > first)
    }

    fn try_open_in(&mut self, tid: i32, ask: bool, had: usize, prepare: &mut Prepare<'_>) -> io::Result<()> {
        let guard = match self.guards.entry(tid) {
            Entry::Vacant(place) => place.insert(guard(tid)?).1,
            Entry::Occupied(place) => place.get().1,
        };
        // Where it may have got them already although it seems to have none, they must not be passed on twice.
        let passes_on = guard == Guard::All || !ask;
        for (number, cpu) in self.cpus.iter().enumerate() {
            // Whoever made it may have had only the first of them then, or those of the first processors.
            let has = match self.free.filter(|_| ask) {
                Some(free) => free.saturating_sub(free_slots(tid, *cpu)?).min(had),
                None => had,
            };
            for (place, builder) in self.builders.iter_mut().enumerate().skip(has) {
                on(builder, *cpu).observe_pid(tid).inherit(passes_on).inherit_thread(passes_on);
                let counter = builder.build()?;
                prepare(&counter, place, number)?;
                self.counters.push((place, counter));
            }
        }
        Ok(())
    }

    /// Switches them off, so that nobody meets them any more; what they have counted is still known.
    pub fn disable(&mut self) {
        for (_, counter) in &mut self.counters {
            // It fails for none that is switched on.
            let _ = counter.disable();
        }
    }

    /// How often they were met.
    pub fn count(&mut self) -> u64 {
        self.count_of(|_| true)
    }

    /// How often those were met that come from some of the builders, by their numbers.
    pub(super) fn count_of(&mut self, is_it: impl Fn(usize) -> bool) -> u64 {
        let counters = self.counters.iter_mut().filter(|(builder, _)| is_it(*builder));
        counters.filter_map(|(_, counter)| counter.read().ok()).sum()
    }

    /// Whether any thread still has one: none has once the process has ended, or executes another program.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.counters.iter().all(|(_, counter)| has_hung_up(ring::fd(counter)))
    }
}

fn has_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::new(fd, PollFlags::empty())];
    let _ = poll(&mut polled, PollTimeout::ZERO);
    let [polled] = polled;
    polled.revents().is_some_and(|found| found.contains(PollFlags::POLLHUP))
}

/// An event that counts nothing, and keeps a thread's events its own.
///
/// The kernel takes the events of a thread and of those that have inherited all of them for one and the same: to switch
/// from one such thread to another it lets them exchange their events, but goes on to count the breakpoints of each by
/// whose they were at first. Once one of two has ended, nobody could tell any more whether the other has any. Whoever
/// believes that it has none sets them twice, which may be more than a thread can have: it cannot pass them on then, so
/// that it cannot make a thread, of which a Go program dies.
///
/// Samples that have the thread's own count forbid the exchange, also to all that inherit this.
fn guard(tid: i32) -> io::Result<(Counter, Guard)> {
    let mut builder = Builder::new(Software::DUMMY);
    builder.observe_pid(tid).any_cpu();
    builder.inherit(true).inherit_thread(true).sample(SampleFlag::READ | SampleFlag::TID);
    match builder.build() {
        Ok(counter) => Ok((counter, Guard::All)),
        Err(error) if is(&error, Errno::EINVAL) => {
            // Before Linux 6.12. One that is not passed on forbids it to this thread only.
            let counter = Builder::new(Software::DUMMY).observe_pid(tid).any_cpu().build()?;
            Ok((counter, Guard::One))
        }
        Err(error) => Err(error),
    }
}

/// Whose events stay their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// The thread's, and of those that it makes.
    All,
    /// The thread's.
    One,
}

/// More breakpoints than any processor has for a thread.
const MOST_SLOTS: usize = 16;

/// How many more breakpoints a thread can have on a processor, or on all.
fn free_slots(tid: i32, cpu: Option<usize>) -> io::Result<usize> {
    // Any address will do: they are never switched on. Nor must they be passed on, and be taken for ours there.
    let mut builder = At::Instruction(0).builder();
    on(&mut builder, cpu).observe_pid(tid).inherit(false).inherit_thread(false);
    let mut counters = Vec::new();
    while counters.len() < MOST_SLOTS {
        match builder.build() {
            Ok(counter) => counters.push(counter),
            Err(error) if is(&error, Errno::ENOSPC) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(counters.len())
}

/// How many breakpoints a thread has: those of debuggers and those of events, whoever owns them.
///
/// # Errors
/// There is no such thread, or the system does not let us watch it.
pub fn breakpoints_of(tid: i32) -> io::Result<usize> {
    Ok(ADDRESSES.saturating_sub(free_slots(tid, None)?))
}

/// On one processor, or on all.
fn on<'a>(builder: &'a mut Builder<'static>, cpu: Option<usize>) -> &'a mut Builder<'static> {
    match cpu {
        Some(cpu) => builder.one_cpu(cpu),
        None => builder.any_cpu(),
    }
}
