//! Breakpoints in every thread of a process.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use perf_event::{Builder, Counter};

use super::ring;
use crate::breakpoint::{allow_many_files, is, refused};
use crate::{At, Error, threads_of};

/// Breakpoints in every thread of a process, also in those that it makes later. They are gone when this is dropped.
#[derive(Debug)]
pub struct Armed(Vec<Counter>);

impl Armed {
    /// Breakpoints that only count: see [`Armed::count`].
    ///
    /// # Errors
    /// There is no such process, or the system does not let us watch it.
    pub fn counting(pid: i32, places: &[At]) -> Result<Self, Error> {
        let mut builders: Vec<_> = places.iter().map(|at| at.builder()).collect();
        Armed::open(pid, &mut builders, &[None], &mut |_, _| Ok(()))
    }

    /// Opens events in every thread and on every processor, and switches them on; `prepare` gets each before that, with
    /// the number of its processor among `cpus`.
    pub(super) fn open(
        pid: i32,
        builders: &mut [Builder<'static>],
        cpus: &[Option<usize>],
        prepare: &mut dyn FnMut(&Counter, usize) -> io::Result<()>,
    ) -> Result<Self, Error> {
        allow_many_files();
        let mut armed = Armed(Vec::new());
        let mut known = BTreeSet::new();
        // How many breakpoints a thread can have beside ours.
        let mut free = None;
        // A thread that has none yet may make others meanwhile. Once none has come, all have them, or will inherit them.
        loop {
            let tids = threads_of(pid).map_err(|_| Error::Ended { pid })?;
            let new: Vec<_> = tids.into_iter().filter(|tid| known.insert(*tid)).collect();
            if new.is_empty() {
                break;
            }
            let first = free.is_none();
            for tid in new {
                if free.is_none() {
                    free = free_slots(tid);
                } else if !first && free_slots(tid) < free {
                    // A thread that has them has made it, and it has inherited them.
                    continue;
                }
                match armed.open_in(tid, builders, cpus, prepare) {
                    Ok(()) => {}
                    // It has ended since it was listed.
                    Err(error) if is(&error, Errno::ESRCH) => {}
                    Err(error) => return Err(refused(pid, error)),
                }
            }
        }
        if armed.0.is_empty() {
            return Err(Error::Ended { pid });
        }
        armed.0.iter_mut().try_for_each(Counter::enable).map_err(|error| refused(pid, error))?;
        Ok(armed)
    }

    fn open_in(
        &mut self,
        tid: i32,
        builders: &mut [Builder<'static>],
        cpus: &[Option<usize>],
        prepare: &mut dyn FnMut(&Counter, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        for builder in builders {
            builder.observe_pid(tid);
            for (number, cpu) in cpus.iter().enumerate() {
                let builder = match cpu {
                    Some(cpu) => builder.one_cpu(*cpu),
                    None => builder.any_cpu(),
                };
                let counter = builder.build()?;
                prepare(&counter, number)?;
                self.0.push(counter);
            }
        }
        Ok(())
    }

    /// Switches them off, so that nobody meets them any more; what they have counted is still known.
    pub fn disable(&mut self) {
        for counter in &mut self.0 {
            // It fails for none that is switched on.
            let _ = counter.disable();
        }
    }

    /// How often they were met.
    pub fn count(&mut self) -> u64 {
        self.0.iter_mut().filter_map(|counter| counter.read().ok()).sum()
    }

    /// Whether any thread still has one: none has once the process has ended, or executes another program.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.0.iter().all(|counter| has_hung_up(ring::fd(counter)))
    }
}

fn has_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::new(fd, PollFlags::empty())];
    let _ = poll(&mut polled, PollTimeout::ZERO);
    let [polled] = polled;
    polled.revents().is_some_and(|found| found.contains(PollFlags::POLLHUP))
}

/// More breakpoints than any processor has for a thread.
const MOST_SLOTS: usize = 16;

/// How many more breakpoints a thread can have; `None` if it has ended.
fn free_slots(tid: i32) -> Option<usize> {
    // Any address will do: they are never switched on.
    let mut builder = At::Instruction(0).builder();
    builder.observe_pid(tid);
    let mut counters = Vec::new();
    while counters.len() < MOST_SLOTS {
        match builder.build() {
            Ok(counter) => counters.push(counter),
            Err(error) if is(&error, Errno::ESRCH) => return None,
            Err(_) => break,
        }
    }
    Some(counters.len())
}
