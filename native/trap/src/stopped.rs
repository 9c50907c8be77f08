//! A process whose threads are all stopped.

use std::collections::BTreeMap;
use std::io;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;

use crate::access::{self, field};
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

/// What the upper half of a stop's `si_code` is when a thread stopped because we asked or because its
/// process is stopped (`PTRACE_EVENT_STOP`, include/uapi/linux/ptrace.h), and not to be given a signal.
const EVENT_STOP: i32 = 128;

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
                    let floating = ptrace::getregset::<ptrace::regset::NT_PRFPREG>(Pid::from_raw(*tid)).ok();
                    threads.push(Thread { tid: *tid, registers, vectors: floating.map(|it| it.xmm_space) });
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
                State::Stands { signal } => !release(*tid, signal),
                State::Asked => false,
                State::Gone => true,
            };
            if is_gone {
                // Only SIGKILL takes a thread that stands away from us, and then it ends at once.
                let begun = Instant::now();
                while !is_dead(self.pid, *tid) && begun.elapsed() < LONGEST {
                    std::thread::sleep(SOON);
                }
                bury(self.pid, *tid);
            }
        }
    }
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

/// Lets a thread go on, with the signal that it was about to get; false if it is gone.
fn release(tid: i32, signal: i32) -> bool {
    let signal = usize::try_from(signal).unwrap_or(0);
    // SAFETY: PTRACE_DETACH reads no memory of ours: its last argument is a number. (nix::sys::ptrace::detach
    // has no names for real-time signals, which a program in C may use.)
    #[allow(unsafe_code)]
    let result = unsafe { libc::ptrace(libc::PTRACE_DETACH, tid, 0usize, signal) };
    result == 0
}

/// Takes note of a thread's end, as a tracer must: its own parent learns of it only then. If the parent is
/// us, that is left to whoever waits for the process.
fn bury(pid: i32, tid: i32) {
    let parent = field(&format!("/proc/{pid}/status"), "PPid").and_then(|text| text.parse().ok());
    if tid != pid || parent != Some(std::process::id()) {
        let _ = waitpid(Pid::from_raw(tid), Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL));
    }
}

/// The threads of a process, in the order of their numbers.
///
/// # Errors
/// There is no such process, or it is hidden from us.
pub fn threads_of(pid: i32) -> io::Result<Vec<i32>> {
    let mut tids = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        tids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    tids.sort_unstable();
    Ok(tids)
}

/// Whether a thread has ended, buried or not.
fn is_dead(pid: i32, tid: i32) -> bool {
    field(&format!("/proc/{pid}/task/{tid}/status"), "State").is_none_or(|state| state.starts_with(['Z', 'X']))
}

/// Why the kernel did not give us a thread.
fn refused(pid: i32, tid: i32, errno: Errno) -> Error {
    if errno != Errno::EPERM {
        return Error::System { what: "stop a thread", pid, source: errno.into() };
    }
    let tracer = field(&format!("/proc/{pid}/task/{tid}/status"), "TracerPid").filter(|tracer| tracer != "0");
    match tracer {
        Some(tracer) => {
            // The kernel names the thread that traces; people know its process.
            let tracer = field(&format!("/proc/{tracer}/status"), "Tgid").unwrap_or(tracer);
            let name = std::fs::read_to_string(format!("/proc/{tracer}/comm")).unwrap_or_default();
            let name = if name.is_empty() { "another debugger".to_owned() } else { name.trim().to_owned() };
            Error::Traced { pid, tracer: format!("{name} (pid {tracer})") }
        }
        None => Error::Denied { pid, remedy: access::remedy(pid) },
    }
}
