//! Single threads: which there are, whether they live, and the few ptrace requests that take numbers only.

use std::io;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::Error;
use crate::access::{self, field};

/// What the upper half of a stop's `si_code` is when a thread stopped because we asked or because its
/// process is stopped (`PTRACE_EVENT_STOP`, include/uapi/linux/ptrace.h), and not to be given a signal.
pub(crate) const EVENT_STOP: i32 = 128;

/// How long a thread may take to end once it was killed, and how often to look.
const LONGEST_END: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_micros(20);

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

/// The number of a thread by which the kernel shows the process's memory and its program: of the first one, which
/// is the process's own, or of another once that has ended.
#[must_use]
pub fn living(pid: i32) -> i32 {
    if !is_dead(pid, pid) {
        return pid;
    }
    let others = threads_of(pid).unwrap_or_default();
    others.into_iter().find(|tid| !is_dead(pid, *tid)).unwrap_or(pid)
}

/// Whether a thread has ended, buried or not.
pub(crate) fn is_dead(pid: i32, tid: i32) -> bool {
    field(&format!("/proc/{pid}/task/{tid}/status"), "State").is_none_or(|state| state.starts_with(['Z', 'X']))
}

/// A request for a stopped thread that takes no more than a number: the signal that it is to get, or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// It runs on.
    Continue,
    /// It stays stopped with its process, and says so when that goes on.
    Listen,
    /// It runs on, and is nobody's.
    Detach,
}

/// Sends a request to a stopped thread; false if it is gone.
pub(crate) fn request(tid: i32, request: Request, signal: i32) -> bool {
    let number = match request {
        Request::Continue => libc::PTRACE_CONT,
        Request::Listen => libc::PTRACE_LISTEN,
        Request::Detach => libc::PTRACE_DETACH,
    };
    let signal = usize::try_from(signal).unwrap_or(0);
    // SAFETY: none of these reads or writes memory of ours: the last argument is a number. (Those of
    // nix::sys::ptrace have no names for real-time signals, which a program in C may use.)
    #[allow(unsafe_code)]
    let result = unsafe { libc::ptrace(number, tid, 0usize, signal) };
    result == 0
}

/// Takes note of a thread's end, as a tracer must: its own parent learns of it only then. If the parent is
/// us, that is left to whoever waits for the process.
pub(crate) fn bury(pid: i32, tid: i32) {
    let parent = field(&format!("/proc/{pid}/status"), "PPid").and_then(|text| text.parse().ok());
    if tid != pid || parent != Some(std::process::id()) {
        let _ = waitpid(Pid::from_raw(tid), Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL));
    }
}

/// Takes note of the end of a thread that stood, and now does not: only SIGKILL takes it away from us, and then
/// it ends at once.
pub(crate) fn bury_killed(pid: i32, tid: i32) {
    let begun = Instant::now();
    while !is_dead(pid, tid) && begun.elapsed() < LONGEST_END {
        std::thread::sleep(SOON);
    }
    bury(pid, tid);
}

/// The thread that traces this one; `None` for none.
pub(crate) fn tracer_of(pid: i32, tid: i32) -> Option<i32> {
    field(&format!("/proc/{pid}/task/{tid}/status"), "TracerPid")?.parse().ok().filter(|tracer| *tracer != 0)
}

/// Why the kernel did not give us a thread.
pub(crate) fn refused(pid: i32, tid: i32, errno: Errno) -> Error {
    if errno != Errno::EPERM {
        return Error::System { what: "stop a thread", pid, source: errno.into() };
    }
    match tracer_of(pid, tid) {
        Some(tracer) => {
            // The kernel names the thread that traces; people know its process.
            let tracer = field(&format!("/proc/{tracer}/status"), "Tgid").unwrap_or(tracer.to_string());
            let name = std::fs::read_to_string(format!("/proc/{tracer}/comm")).unwrap_or_default();
            let name = if name.is_empty() { "another debugger".to_owned() } else { name.trim().to_owned() };
            Error::Traced { pid, tracer: format!("{name} (pid {tracer})") }
        }
        None => Error::Denied { pid, remedy: access::remedy(pid) },
    }
}
