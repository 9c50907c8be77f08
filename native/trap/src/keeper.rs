//! Work that outlives whoever started it: done by a process of its own, the keeper.
//!
//! A tracer that is killed in the middle leaves threads behind at traps, which end a Go program. People kill
//! the process that they started, and terminals and supervisors do; so that one traces nothing. It waits for
//! its keeper, which learns of its end and lets go of everything in an orderly way.

use std::io;

use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, setsid};

use crate::threads_of;

/// The signals that ask for an end. The keeper gets the first of them.
const ASKS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// What the keeper gets when whoever started it is gone.
const ORPHANED: Signal = Signal::SIGTERM;

/// How a keeper ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Its work is done, with this exit status.
    Done(i32),
    /// It was killed.
    Killed {
        /// The keeper.
        pid: i32,
        /// By which signal.
        signal: i32,
    },
}

/// Does the work in a keeper, and returns once that has ended. The keeper gets the first signal that asks for
/// an end, and SIGTERM when this process is killed; what it makes of them is its own. It has no terminal, so that
/// Ctrl-Z doesn't stop it: the process that it traces would hang.
///
/// # Errors
/// No process can be made, or this one has several threads, which a copy would not have.
pub fn keep(work: impl FnOnce() -> i32) -> io::Result<Kept> {
    let ours = getpid();
    if threads_of(ours.as_raw())?.len() > 1 {
        return Err(io::Error::other("a keeper is made before other threads are"));
    }
    let mut signals = SigSet::from_iter(ASKS);
    signals.add(Signal::SIGCHLD);
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    // SAFETY: this process has one thread, so that nothing is locked in the copy.
    #[allow(unsafe_code)]
    match unsafe { fork() }? {
        ForkResult::Child => {
            let _ = setsid();
            let _ = prctl::set_name(c"rh-keeper");
            let _ = prctl::set_pdeathsig(ORPHANED);
            let _ = before.thread_set_mask();
            // It may have been killed before the kernel knew that we want to hear of it.
            let status = if getppid() == ours { work() } else { 0 };
            std::process::exit(status)
        }
        ForkResult::Parent { child } => {
            let kept = wait(child, &signals);
            let _ = before.thread_set_mask();
            kept
        }
    }
}

fn wait(keeper: Pid, signals: &SigSet) -> io::Result<Kept> {
    let mut asked = false;
    loop {
        match waitpid(keeper, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::Exited(_, status) => return Ok(Kept::Done(status)),
            WaitStatus::Signaled(_, signal, _) => {
                return Ok(Kept::Killed { pid: keeper.as_raw(), signal: signal as i32 });
            }
            _ => {}
        }
        match signals.wait()? {
            Signal::SIGCHLD => {}
            signal if !asked => {
                asked = true;
                let _ = kill(keeper, signal);
            }
            // It is on its way.
            _ => {}
        }
    }
}
