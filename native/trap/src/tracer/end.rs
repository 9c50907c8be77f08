//! The tracing ends: the process runs on as if nobody had ever traced it.

use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;

use super::{State, Tracer};
use crate::thread::{EVENT_STOP, Request, bury_killed, request};

/// How long to wait for a thread that won't stop. The kernel lets it go when this program ends.
const PATIENCE: Duration = Duration::from_secs(1);

impl Tracer {
    /// Lets the process go. Signals that it was about to get arrive; traps don't.
    ///
    /// Take away first what makes the traps: close the perf events; clear the debug registers after
    /// [`Tracer::stop_all`].
    pub fn detach(self) {}

    /// Whether a thread runs into a trap's signal, which waits for it, before its next instruction.
    pub(super) fn has_trap_due(tid: i32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
        let set = |name| {
            let line = status.lines().find_map(|line: &str| line.strip_prefix(name));
            line.and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
        };
        let is_in = |set: Option<u64>| set.is_some_and(|set| set & 1 << (libc::SIGTRAP - 1) != 0);
        is_in(set("SigPnd:")) && !is_in(set("SigBlk:"))
    }

    /// Lets a thread that stands run into the signals that wait for it, until none of a trap is among them. It does no
    /// instruction of its own meanwhile. Gives the signal that it is to get in the end; `None` if it is gone.
    fn swallow_traps(tid: i32, mut signal: i32) -> Option<i32> {
        while Self::has_trap_due(tid) {
            if !request(tid, Request::Continue, signal) {
                return None;
            }
            let mut status = 0;
            let found = loop {
                // SAFETY: the kernel writes one int.
                #[allow(unsafe_code)]
                let found = unsafe { libc::waitpid(tid, &raw mut status, libc::__WALL) };
                // The alarm of an earlier wait may still go off.
                if found >= 0 || Errno::last() != Errno::EINTR {
                    break found;
                }
            };
            if found != tid || !libc::WIFSTOPPED(status) {
                return None;
            }
            let sent = || ptrace::getsiginfo(Pid::from_raw(tid)).is_ok_and(|info| info.si_code <= 0);
            signal = match libc::WSTOPSIG(status) {
                _ if status >> 16 == EVENT_STOP => 0,
                libc::SIGTRAP if !sent() => 0,
                signal => signal,
            };
        }
        Some(signal)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.stop_all(PATIENCE);
        let (pid, leader) = (self.pid, |tid: i32| tid == self.pid);
        let stand = |(tid, state): (&i32, &State)| match state {
            State::Stands(stand) => Some((*tid, stand.signal)),
            _ => None,
        };
        let mut standing: Vec<(i32, i32)> = self.threads.iter().filter_map(stand).collect();
        // The kernel gives away the end of the first thread only after that of all others.
        standing.sort_by_key(|(tid, _)| leader(*tid));
        for (tid, signal) in standing {
            let signal = Self::swallow_traps(tid, signal);
            if !signal.is_some_and(|signal| request(tid, Request::Detach, signal)) {
                bury_killed(pid, tid);
            }
        }
    }
}
