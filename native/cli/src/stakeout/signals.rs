//! Signals that redhanded gets while a program runs: most are the program's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getpgid, getpgrp};
use trap::Waker;

use crate::say;

/// Signals that are meant for the program that redhanded has started.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];

/// Signals that stop a job: of the terminal's Ctrl-Z, and for one in the background that uses the terminal.
const STOPS: [Signal; 3] = [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];

/// Signals that end a stakeout on a process that runs by itself.
const ENDS: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// Who a process is to redhanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Redhanded has started it.
    Child,
    /// It runs by itself.
    Other,
}

/// The signals that redhanded gets come here instead of to itself.
pub(crate) struct Signals {
    source: Option<SignalFd>,
    /// The signals that were blocked before.
    before: SigSet,
    wishes: Arc<Wishes>,
}

/// What the signals ask of redhanded itself.
#[derive(Debug, Default)]
struct Wishes {
    end: AtomicBool,
    stop: AtomicBool,
    /// Whether to stop at once, without the program, which is stopped anyway.
    stops_alone: AtomicBool,
}

impl Signals {
    /// Takes the signals, from before any other thread is made.
    pub(crate) fn take(relation: Relation) -> nix::Result<Self> {
        let wanted = match relation {
            Relation::Child => [&PASSED_ON[..], &STOPS].concat(),
            Relation::Other => [&ENDS[..], &STOPS].concat(),
        };
        // What is ignored (nohup) stays so.
        let ignored = ignored();
        let set: SigSet = wanted.into_iter().filter(|signal| ignored & 1 << (*signal as i32 - 1) == 0).collect();
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let source = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?;
        Ok(Signals { source: Some(source), before, wishes: Arc::default() })
    }

    /// The signals that were blocked before, and are to be so in the program.
    pub(crate) fn before(&self) -> SigSet {
        self.before
    }

    /// Passes on the signals from now on, or notes what they want and wakes the tracer.
    pub(crate) fn pass_on(&mut self, relation: Relation, pid: i32, waker: Waker) {
        let Some(source) = self.source.take() else { return };
        let wishes = Arc::clone(&self.wishes);
        thread::spawn(move || {
            loop {
                let info = match source.read_signal() {
                    Ok(Some(info)) => info,
                    // The alarm that ends the tracer's waits, sent by somebody else.
                    Ok(None) | Err(Errno::EINTR) => continue,
                    Err(_) => return,
                };
                let Ok(signal) = Signal::try_from(info.ssi_signo.cast_signed()) else { continue };
                let to_group = info.ssi_code == libc::SI_KERNEL;
                match relation {
                    Relation::Child => {
                        if STOPS.contains(&signal) {
                            if wishes.stops_alone.load(Ordering::SeqCst) {
                                let _ = raise(Signal::SIGSTOP);
                                continue;
                            }
                            wishes.stop.store(true, Ordering::SeqCst);
                        }
                        // The terminal sends its signals to all of a job.
                        if !to_group || !is_in_our_job(pid) {
                            let _ = kill(Pid::from_raw(pid), signal);
                        }
                    }
                    Relation::Other if STOPS.contains(&signal) => {
                        say(&format!("not stopped: process {pid} would stand still as well; Ctrl-C lets it go"));
                    }
                    Relation::Other => wishes.end.store(true, Ordering::SeqCst),
                }
                waker.wake();
            }
        });
    }

    /// Whether somebody wants the stakeout to end.
    pub(crate) fn wants_end(&self) -> bool {
        self.wishes.end.load(Ordering::SeqCst)
    }

    /// Stops redhanded, if its job is to stop and the program has done so; both go on together.
    pub(crate) fn stop_with(&self, pid: i32) {
        if self.wishes.stop.swap(false, Ordering::SeqCst) {
            let _ = raise(Signal::SIGSTOP);
            // A shell lets the whole job go on; `kill -CONT` may mean redhanded alone.
            self.wishes.stop.store(false, Ordering::SeqCst);
            let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
        }
    }

    /// Lets the terminal stop redhanded by itself from now on: the program is stopped anyway.
    pub(crate) fn stop_alone(&self) {
        self.wishes.stops_alone.store(true, Ordering::SeqCst);
    }
}

fn is_in_our_job(pid: i32) -> bool {
    getpgid(Some(Pid::from_raw(pid))) == Ok(getpgrp())
}

/// The signals that this process ignores, a bit each.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}
