//! What the kernel says of a thread, as an event.

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::ptrace;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction, signal};
use nix::unistd::Pid;

use super::{Stand, State, Tracer};
use crate::access::field;
use crate::thread::{EVENT_STOP, Request, request};

/// Something that happened to a traced process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A thread was born, and stands before its first instruction.
    Born {
        /// Its number.
        tid: i32,
    },
    /// A thread stands at a breakpoint or watchpoint.
    Trap {
        /// Its number.
        tid: i32,
        /// What kind of trap (`si_code` of include/uapi/asm-generic/siginfo.h): 4 a debug register that was set by
        /// ptrace, 6 a perf event's.
        code: i32,
    },
    /// A thread stands, and is about to get a signal: resume it with that, so that it does.
    Signal {
        /// Its number.
        tid: i32,
        /// The signal; nix has no names for real-time ones.
        signal: i32,
    },
    /// The process executes another program. All other threads are gone, and the one that is left has the
    /// process's number and stands before its first instruction.
    Exec {
        /// The number of the thread that called exec: that of the process, from now on.
        former: i32,
    },
    /// The whole process was stopped (Ctrl-Z, SIGSTOP). Its threads go on with it; there is nothing to resume.
    Paused {
        /// By which signal.
        signal: i32,
    },
    /// A thread has ended.
    ThreadEnded {
        /// Its number.
        tid: i32,
    },
    /// The process has ended, and with it all its threads.
    Ended(End),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited, with this status.
    Exited(i32),
    /// A signal ended it.
    Killed {
        /// Which.
        signal: i32,
        /// Whether it left a core.
        core: bool,
    },
    /// It is gone, and another one has got its status.
    Unknown,
}

/// What a shell makes of a process that a signal has ended: this and the signal's number.
const BY_SIGNAL: i32 = 128;

/// Nobody can say that it went well.
const UNKNOWN: i32 = 2;

impl End {
    /// Ends this process as that one has ended.
    pub fn pass_on(self) -> ! {
        let status = match self {
            End::Exited(status) => status,
            End::Killed { signal, .. } => {
                die_of(signal);
                // Ignored, as all are by the first process of a container.
                BY_SIGNAL + signal
            }
            End::Unknown => UNKNOWN,
        };
        std::process::exit(status)
    }

    /// Waits for the end of a child that nobody traces, and of any others until then.
    #[must_use]
    pub fn of_child(pid: i32) -> Self {
        // Whoever ignores it, as those do whose starter did, is told of no end.
        // SAFETY: no handler is set.
        #[allow(unsafe_code)]
        let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
        loop {
            let mut status = 0;
            // SAFETY: the kernel writes one int.
            #[allow(unsafe_code)]
            let ended = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
            match ended {
                ended if ended == pid => return End::of(status),
                ended if ended < 0 && Errno::last() != Errno::EINTR => return End::Unknown,
                _ => {}
            }
        }
    }

    fn of(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            End::Killed { signal: libc::WTERMSIG(status), core: libc::WCOREDUMP(status) }
        } else {
            End::Exited(libc::WEXITSTATUS(status))
        }
    }
}

/// Gets a signal, and dies of it if that is what it does. The core is the other process's to leave.
fn die_of(signal: i32) {
    let Ok(signal) = Signal::try_from(signal) else { return };
    let _ = prctl::set_dumpable(false);
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default needs no code of ours.
    #[allow(unsafe_code)]
    let _ = unsafe { sigaction(signal, &action) };
    let _ = SigSet::from_iter([signal]).thread_unblock();
    let _ = raise(signal);
}

impl Tracer {
    /// Takes what the kernel says of a thread; an event if the caller is to know.
    pub(super) fn take(&mut self, tid: i32, status: i32) -> Option<Event> {
        if !libc::WIFSTOPPED(status) {
            return self.gone(tid, End::of(status));
        }
        let signal = libc::WSTOPSIG(status);
        match status >> 16 {
            libc::PTRACE_EVENT_CLONE => {
                let child = ptrace::getevent(Pid::from_raw(tid)).ok().and_then(|child| i32::try_from(child).ok());
                // Often it has been heard of first.
                if let Some(child) = child.filter(|child| !self.early.remove(child)) {
                    self.threads.insert(child, State::Unborn { is_announced: true });
                }
                self.pass(tid)
            }
            libc::PTRACE_EVENT_EXEC => {
                let former = ptrace::getevent(Pid::from_raw(tid)).ok().and_then(|former| i32::try_from(former).ok());
                self.threads.clear();
                self.early.clear();
                self.due.clear();
                self.stand(tid, 0);
                Some(Event::Exec { former: former.unwrap_or(tid) })
            }
            EVENT_STOP => self.stopped(tid, signal),
            0 => Some(self.signalled(tid, signal)),
            _ => self.pass(tid),
        }
    }

    /// A stop without a signal to pass on: at birth, because we asked, or with the whole process.
    fn stopped(&mut self, tid: i32, signal: i32) -> Option<Event> {
        let with_process = signal != libc::SIGTRAP;
        match self.threads.get(&tid) {
            None | Some(State::Unborn { .. }) => {
                if self.threads.get(&tid) != Some(&State::Unborn { is_announced: true }) {
                    self.early.insert(tid);
                }
                if !self.is_ours(tid) {
                    self.threads.remove(&tid);
                    request(tid, Request::Detach, 0);
                    return None;
                }
                self.threads.insert(tid, State::Stands(Stand { with_process, ..Stand::default() }));
                Some(Event::Born { tid })
            }
            Some(State::Asked) => {
                self.threads.insert(tid, State::Stands(Stand { with_process, with_all: true, signal: 0 }));
                None
            }
            _ if with_process => {
                let is_first = !self.threads.values().any(|state| *state == State::Listens);
                request(tid, Request::Listen, 0);
                self.threads.insert(tid, State::Listens);
                is_first.then_some(Event::Paused { signal })
            }
            // Its process goes on, or we had asked it and something else has stopped it first.
            _ => self.pass(tid),
        }
    }

    /// A stop at a signal.
    fn signalled(&mut self, tid: i32, signal: i32) -> Event {
        if signal == libc::SIGTRAP {
            let info = ptrace::getsiginfo(Pid::from_raw(tid));
            // Above 0 the kernel made it, else a process sent it.
            if let Some(code) = info.ok().map(|info| info.si_code).filter(|code| *code > 0) {
                self.stand(tid, 0);
                return Event::Trap { tid, code };
            }
        }
        self.stand(tid, signal);
        Event::Signal { tid, signal }
    }

    /// Something that nobody needs to know: the thread goes on, unless all are being stopped.
    fn pass(&mut self, tid: i32) -> Option<Event> {
        let is_asked = self.threads.get(&tid) == Some(&State::Asked);
        self.threads.insert(tid, State::Stands(Stand { with_all: is_asked, ..Stand::default() }));
        if !is_asked {
            self.resume(tid, 0);
        }
        None
    }

    fn stand(&mut self, tid: i32, signal: i32) {
        self.threads.insert(tid, State::Stands(Stand { signal, ..Stand::default() }));
    }

    /// Whether a thread that came to be traced is one of the process: a child that shares nothing but the memory may
    /// be born as a thread is.
    fn is_ours(&self, tid: i32) -> bool {
        field(&format!("/proc/{tid}/status"), "Tgid") == Some(self.pid.to_string())
    }

    /// A thread is no more; or it is no thread of the process, but an orphan that has come to us.
    fn gone(&mut self, tid: i32, end: End) -> Option<Event> {
        self.threads.remove(&tid)?;
        // The kernel gives away the end of the first thread only after that of all others. Without it, another
        // tracer's or a debugger's end came first.
        if tid == self.pid || self.threads.is_empty() {
            return Some(self.ended(end));
        }
        self.due.retain(|event| event.thread() != Some(tid));
        Some(Event::ThreadEnded { tid })
    }

    pub(super) fn ended(&mut self, end: End) -> Event {
        self.threads.clear();
        self.due.clear();
        self.end = Some(end);
        Event::Ended(end)
    }
}

impl Event {
    /// The thread that it is about.
    fn thread(&self) -> Option<i32> {
        match self {
            Event::Born { tid } | Event::Trap { tid, .. } | Event::Signal { tid, .. } | Event::ThreadEnded { tid } => {
                Some(*tid)
            }
            Event::Exec { .. } | Event::Paused { .. } | Event::Ended(_) => None,
        }
    }
}
