//! A process whose threads are all stopped.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::thread::{EVENT_STOP, Request, bury, bury_killed, is_dead, refused, request, threads_of};
use crate::{Error, Registers};

/// One stopped thread.
#[derive(Debug)]
pub struct Thread {
    /// The kernel's number of the thread.
    pub tid: i32,
    /// Its registers.
    pub registers: Registers,
    /// Its vector registers, 32 bits at a time, four for each; `None` where the kernel doesn't give them.
    pub vectors: Option<[u32; 64]>,
}

/// A process whose threads are all stopped. It runs on when this is dropped, and also when this program
/// is killed: the kernel lets a process go whose tracer ends.
///
/// While it stands, the signals that it gets wait for it. A process that was stopped before (Ctrl-Z)
/// stays so afterwards.
#[derive(Debug)]
pub struct Stopped {
    threads: Vec<Thread>,
    _held: Held,
}

/// The longest that a process may take to stop. A thread stops within microseconds unless it waits in the
/// kernel for something that no signal interrupts.
const LONGEST: Duration = Duration::from_secs(5);

/// How long to wait before looking again, at first and at most.
const SOON: Duration = Duration::from_micros(20);
const LATER: Duration = Duration::from_millis(2);

/// Threads that are ours. They are let go when this is dropped.
#[derive(Debug)]
struct Held {
    pid: i32,
    /// By number: how far each one is.
    threads: BTreeMap<i32, State>,
    /// Only the thread that stopped them may ask about them or let them go.
    _not_send: PhantomData<*const ()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It will stop.
    Asked,
    /// It stands, and is to get this signal when it goes on; 0 for none.
    Stands { signal: i32 },
    /// It has ended, or was ending when it was found.
    Gone,
}

impl Stopped {
    /// Stops all threads of a process, also those that it makes meanwhile.
    ///
    /// # Errors
    /// There is no such process, it is traced already, a thread of it cannot be stopped, or the system does
    /// not allow it. It runs on then.
    pub fn new(pid: i32) -> Result<Self, Error> {
        let mut held = Held { pid, threads: BTreeMap::new(), _not_send: PhantomData };
        let deadline = Instant::now() + LONGEST;
        // A thread that runs may make others. Once none has come, all stand, and none can come.
        while held.take_new()? {
            held.wait(deadline)?;
        }
        let mut threads = Vec::new();
        for (tid, state) in &mut held.threads {
            if *state == State::Gone {
                continue;
            }
            match ptrace::getregs(Pid::from_raw(*tid)) {
                Ok(registers) => {
                    threads.push(Thread { tid: *tid, registers, vectors: vectors(*tid) });
                }
                // Only SIGKILL ends a thread that stands.
                Err(_) => *state = State::Gone,
            }
        }
        if threads.is_empty() { Err(Error::Ended { pid }) } else { Ok(Stopped { threads, _held: held }) }
    }

    /// All threads of the process that have not ended.
    #[must_use]
    pub fn threads(&self) -> &[Thread] {
        &self.threads
    }
}

impl Held {
    /// Takes every thread that is not ours yet, and asks it to stop; false if there was none.
    fn take_new(&mut self) -> Result<bool, Error> {
        let pid = self.pid;
        let mut any = false;
        for tid in threads_of(pid).map_err(|_| Error::Ended { pid })? {
            match self.threads.get(&tid) {
                // The number of one that has ended may be given to a new one.
                Some(State::Gone) if !is_dead(pid, tid) => {}
                Some(_) => continue,
                None => {}
            }
            any = true;
            let thread = Pid::from_raw(tid);
            let state = match ptrace::seize(thread, ptrace::Options::empty()) {
                Ok(()) => {
                    // It fails for a thread that is just ending, of which we shall be told all the same.
                    let _ = ptrace::interrupt(thread);
                    State::Asked
                }
                // It has ended since it was listed; one that is dead and not yet buried cannot be traced either.
                Err(Errno::ESRCH) => State::Gone,
                Err(Errno::EPERM) if is_dead(pid, tid) => State::Gone,
                Err(errno) => return Err(refused(pid, tid, errno)),
            };
            self.threads.insert(tid, state);
        }
        Ok(any)
    }

    /// Waits until every thread that was asked to stop stands.
    fn wait(&mut self, deadline: Instant) -> Result<(), Error> {
        let pid = self.pid;
        for (tid, state) in &mut self.threads {
            let mut pause = SOON;
            while *state == State::Asked {
                if let Some(now) = look(pid, *tid) {
                    *state = now;
                    break;
                }
                if Instant::now() > deadline {
                    return Err(Error::Stuck { pid, tid: *tid, seconds: LONGEST.as_secs() });
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(LATER);
            }
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The first thread is last: the kernel gives away its end only after that of all others.
        for (tid, state) in self.threads.iter().rev() {
            // One that was asked and has not stopped yet cannot be let go by name; it is when we end. Most
            // often it has stopped by now.
            let state = if *state == State::Asked { look(self.pid, *tid).unwrap_or(*state) } else { *state };
            let is_gone = match state {
                State::Stands { signal } => !request(*tid, Request::Detach, signal),
                State::Asked => false,
                State::Gone => true,
            };
            if is_gone {
                bury_killed(self.pid, *tid);
            }
        }
    }
}

/// The vector registers of a thread that stands.
pub(crate) fn vectors(tid: i32) -> Option<[u32; 64]> {
    Some(ptrace::getregset::<ptrace::regset::NT_PRFPREG>(Pid::from_raw(tid)).ok()?.xmm_space)
}

/// Whether a thread that was asked to stop has done so; `None` while it has not.
fn look(pid: i32, tid: i32) -> Option<State> {
    let thread = Pid::from_raw(tid);
    // Only stops: the end of the process is its parent's to see, which may be us.
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::__WALL;
    // What has come is asked for below: nix knows no names for real-time signals, and calls them an error.
    if waitid(Id::Pid(thread), flags) == Err(Errno::ECHILD) {
        bury(pid, tid);
        return Some(State::Gone);
    }
    match ptrace::getsiginfo(thread) {
        Ok(info) if info.si_code >> 8 == EVENT_STOP => Some(State::Stands { signal: 0 }),
        Ok(info) => Some(State::Stands { signal: info.si_signo }),
        // In the stop of a whole process that began before ours there is nothing to tell.
        Err(Errno::EINVAL) => Some(State::Stands { signal: 0 }),
        Err(_) if is_dead(pid, tid) => {
            bury(pid, tid);
            Some(State::Gone)
        }
        Err(_) => None,
    }
}
