//! A process that is traced while it runs: what happens to its threads comes as events, one at a time.

mod alarm;
mod begin;
mod debug;
mod end;
mod event;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::uio::{RemoteIoVec, process_vm_writev};
use nix::unistd::Pid;

use crate::stopped::vectors;
use crate::thread::{Request, is_dead, request};
use crate::{Error, Registers, Thread};
use alarm::Alarm;
pub use alarm::Waker;
pub use debug::TRAP_HWBKPT;
pub use event::{End, Event};

/// A process that is traced while it runs.
///
/// Whatever needs a decision stops one thread and comes as an [`Event`]; that thread stands until
/// [`Tracer::resume`]. The rest runs on. A thread that is not resumed is held.
///
/// All threads are traced, also those that are born later; processes that it forks are not. Signals reach the
/// process as its caller passes them on, and job control (Ctrl-Z, `fg`) works as without a tracer.
///
/// When this is dropped, the process runs on, and nothing of the tracing is left in it. When this program is
/// killed, the kernel lets it go: a thread whose stop has come as an event goes on, without the signal that it
/// stood for; one that has just run into a trap, of which nobody has heard yet, gets that trap's signal, which
/// ends a Go program.
#[derive(Debug)]
pub struct Tracer {
    pid: i32,
    threads: BTreeMap<i32, State>,
    /// Threads that were born, and perhaps have ended, before the one that made them has said so.
    early: BTreeSet<i32>,
    /// What happened while something else was waited for.
    due: VecDeque<Event>,
    /// The end of the process, once it is known.
    end: Option<End>,
    alarm: Alarm,
    /// While this is open, no processor sleeps deeply.
    awake: Option<File>,
    /// Only the thread that traces may ask about the threads or let them go.
    _not_send: PhantomData<*const ()>,
}

/// How far a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is traced from its birth, and will stop before its first instruction. Whether the one that made it has
    /// said so.
    Unborn { is_announced: bool },
    /// It runs.
    Runs,
    /// It runs, and was asked to stop.
    Asked,
    /// It is stopped with its process (Ctrl-Z), and will say so when that goes on.
    Listens,
    /// It stands still until we let it go on.
    Stands(Stand),
    /// The first thread has ended before the others: the kernel says so only when all have.
    Dead,
}

/// A thread that stands still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stand {
    /// The signal that it is about to get; 0 for none.
    signal: i32,
    /// Its process is stopped (Ctrl-Z), and it is to stay so.
    with_process: bool,
    /// It stands because all were asked to, and goes on with all.
    with_all: bool,
}

/// Within this time a thread stops, as a rule; else it is worth a look at it.
const SOON: Duration = Duration::from_millis(2);

impl Tracer {
    fn new(pid: i32) -> Result<Self, Error> {
        let alarm =
            Alarm::new().map_err(|source| Error::System { what: "set a timer for the tracing", pid, source })?;
        Ok(Tracer {
            pid,
            threads: BTreeMap::new(),
            early: BTreeSet::new(),
            due: VecDeque::new(),
            end: None,
            alarm,
            awake: None,
            _not_send: PhantomData,
        })
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The numbers of all its threads.
    pub fn threads(&self) -> impl Iterator<Item = i32> {
        self.threads.keys().copied()
    }

    /// The numbers of the threads that stand still.
    pub fn standing(&self) -> impl Iterator<Item = i32> {
        self.threads.iter().filter(|(_, state)| matches!(state, State::Stands(_))).map(|(tid, _)| *tid)
    }

    /// Whether the whole process is stopped (Ctrl-Z), for all that we have heard.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.threads.values().any(|state| *state == State::Listens)
    }

    /// How the process ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Ends a wait from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.alarm.waker()
    }

    /// Keeps the processors from sleeping deeply for as long as this lives: an event then costs a fraction.
    /// For bursts of events only, since it takes power.
    ///
    /// # Errors
    /// What the system said: it takes root.
    pub fn stay_awake(&mut self) -> io::Result<()> {
        // The latency in microseconds that is asked for (Documentation/power/pm_qos_interface.rst).
        let mut file = File::options().write(true).open("/dev/cpu_dma_latency")?;
        file.write_all(&0i32.to_ne_bytes())?;
        self.awake = Some(file);
        Ok(())
    }

    /// Waits for the next event, and takes note of the end of any other child of the calling thread. `None` at the
    /// deadline, after a [`Waker::wake`], and always once the process has ended.
    pub fn wait(&mut self, deadline: Option<Instant>) -> Option<Event> {
        loop {
            if let Some(event) = self.due.pop_front() {
                return Some(event);
            }
            if self.end.is_some() || self.alarm.take_wake() {
                return None;
            }
            match self.alarm.wait(deadline) {
                Ok(Some((tid, status))) => {
                    if let Some(event) = self.take(tid, status) {
                        return Some(event);
                    }
                }
                Ok(None) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => return None,
                Ok(None) => {}
                // Somebody else has taken note of its end.
                Err(_) => return Some(self.ended(End::Unknown)),
            }
        }
    }

    /// Lets a thread that stands run on, with the signal that it is to get; 0 for none. One whose process is stopped
    /// stays so until that goes on.
    pub fn resume(&mut self, tid: i32, signal: i32) {
        let Some(state) = self.threads.get_mut(&tid) else { return };
        let State::Stands(stand) = *state else { return };
        // One that SIGKILL has ended meanwhile says so itself.
        *state = if stand.with_process {
            request(tid, Request::Listen, 0);
            State::Listens
        } else {
            request(tid, Request::Continue, signal);
            State::Runs
        };
    }

    /// Stops all threads, and waits until they stand; gives the numbers of those that don't within this
    /// time, since they wait in the kernel for something that no signal interrupts. What comes meanwhile comes as
    /// an event later, and its thread stands too; so does whoever has run into a trap by then.
    pub fn stop_all(&mut self, patience: Duration) -> Vec<i32> {
        let deadline = Instant::now() + patience;
        for (tid, state) in &mut self.threads {
            // It fails for one that is just ending, of which we shall be told all the same.
            if matches!(state, State::Runs | State::Listens) && ptrace::interrupt(Pid::from_raw(*tid)).is_ok() {
                *state = State::Asked;
            }
        }
        while self.threads.values().any(State::will_stop) {
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            self.take_next(Some(deadline.min(now + SOON)));
            if self.threads.get(&self.pid) == Some(&State::Asked)
                && now + SOON <= Instant::now()
                && is_dead(self.pid, self.pid)
            {
                self.threads.insert(self.pid, State::Dead);
            }
        }
        self.meet_traps();
        self.threads.iter().filter(|(_, state)| state.will_stop()).map(|(tid, _)| *tid).collect()
    }

    /// Lets each thread that we stopped in the instant of a trap come to that, without an instruction in between.
    fn meet_traps(&mut self) {
        let stopped = |(tid, state): (&i32, &State)| match state {
            State::Stands(Stand { with_all: true, with_process: false, .. }) => Some(*tid),
            _ => None,
        };
        let stopped: Vec<i32> = self.threads.iter().filter_map(stopped).collect();
        for tid in stopped.into_iter().filter(|tid| Self::has_trap_due(*tid)) {
            request(tid, Request::Continue, 0);
            self.threads.insert(tid, State::Asked);
            while self.threads.get(&tid) == Some(&State::Asked) {
                self.take_next(None);
            }
        }
    }

    /// Lets all threads go on that [`Tracer::stop_all`] has stopped, and nothing else.
    pub fn resume_all(&mut self) {
        // Those that have not stopped yet go on once they do.
        self.threads.values_mut().filter(|state| **state == State::Asked).for_each(|state| *state = State::Runs);
        let with_all = |state: &State| matches!(state, State::Stands(Stand { with_all: true, .. }));
        let tids: Vec<i32> = self.threads.iter().filter(|(_, state)| with_all(state)).map(|(tid, _)| *tid).collect();
        for tid in tids {
            self.resume(tid, 0);
        }
    }

    /// The registers of a thread that stands.
    ///
    /// # Errors
    /// It does not stand, or has been killed meanwhile.
    pub fn registers(&self, tid: i32) -> Result<Registers, Error> {
        ptrace::getregs(Pid::from_raw(tid)).map_err(|errno| self.failed("read the registers", errno))
    }

    /// A thread that stands, with all its registers.
    ///
    /// # Errors
    /// It does not stand, or has been killed meanwhile.
    pub fn thread(&self, tid: i32) -> Result<Thread, Error> {
        let registers = self.registers(tid)?;
        Ok(Thread { tid, registers, vectors: vectors(tid) })
    }

    /// Changes the registers of a thread that stands.
    ///
    /// # Errors
    /// It does not stand, or has been killed meanwhile.
    pub fn set_registers(&self, tid: i32, registers: Registers) -> Result<(), Error> {
        ptrace::setregs(Pid::from_raw(tid), registers).map_err(|errno| self.failed("set the registers", errno))
    }

    /// Changes memory of the process.
    ///
    /// # Errors
    /// It is not mapped, or not to be written.
    pub fn write(&self, addr: u64, bytes: &[u8]) -> Result<(), Error> {
        let pid = Pid::from_raw(self.pid);
        let there = RemoteIoVec { base: addr as usize, len: bytes.len() };
        let wrote = process_vm_writev(pid, &[IoSlice::new(bytes)], &[there]);
        let wrote = wrote.and_then(|wrote| if wrote == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) });
        wrote.map_err(|errno| self.failed("write to the memory", errno))
    }

    fn failed(&self, what: &'static str, errno: Errno) -> Error {
        match errno {
            Errno::ESRCH => Error::Ended { pid: self.pid },
            errno => Error::System { what, pid: self.pid, source: errno.into() },
        }
    }

    /// Takes what comes next, and keeps it for later if it is an event.
    fn take_next(&mut self, deadline: Option<Instant>) {
        match self.alarm.wait(deadline) {
            Ok(Some((tid, status))) => {
                let event = self.take(tid, status);
                self.due.extend(event);
            }
            Ok(None) => {}
            Err(_) => {
                let event = self.ended(End::Unknown);
                self.due.push_back(event);
            }
        }
    }
}

impl State {
    fn will_stop(&self) -> bool {
        matches!(self, State::Asked | State::Unborn { .. })
    }
}
