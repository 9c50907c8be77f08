//! A wait for threads that ends in time: the kernel's wait has no deadline of its own, but a signal ends it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigEvent, SigHandler, SigSet, SigevNotify, Signal, sigaction};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use nix::unistd::{Pid, getpid, gettid};

/// The signal that ends a wait. Nothing else of ours uses it.
const SIGNAL: Signal = Signal::SIGALRM;

/// A signal that comes just before the wait begins ends nothing: it comes again so much later.
const AGAIN: Duration = Duration::from_millis(1);

/// Ends the waits of one thread when their time is up, or when another thread says so.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: Timer,
    /// When it goes off; `None` while it is switched off.
    set: Option<Instant>,
    woken: Arc<AtomicBool>,
    tid: Pid,
}

/// Ends the wait of a [`Tracer`](super::Tracer) from another thread.
#[derive(Clone, Debug)]
pub struct Waker {
    woken: Arc<AtomicBool>,
    tid: Pid,
}

impl Waker {
    /// Ends the tracer's present or next wait. Returns once it has taken note, or is no more.
    pub fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        while self.woken.load(Ordering::SeqCst) && Arc::strong_count(&self.woken) > 1 {
            // SAFETY: a system call on numbers; the signal has a handler for as long as we live.
            #[allow(unsafe_code)]
            let sent = unsafe { libc::syscall(libc::SYS_tgkill, getpid().as_raw(), self.tid.as_raw(), SIGNAL as i32) };
            if sent != 0 {
                return;
            }
            std::thread::sleep(AGAIN);
        }
    }
}

extern "C" fn nothing(_: libc::c_int) {}

impl Alarm {
    /// One for the thread that calls.
    pub(super) fn new() -> io::Result<Self> {
        static ONCE: Once = Once::new();
        // Without SA_RESTART: the very point is to interrupt.
        let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing.
        #[allow(unsafe_code)]
        ONCE.call_once(|| {
            let _ = unsafe { sigaction(SIGNAL, &action) };
        });
        let tid = gettid();
        let notify = SigevNotify::SigevThreadId { signal: SIGNAL, thread_id: tid.as_raw(), si_value: 0 };
        let timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify))?;
        Ok(Alarm { timer, set: None, woken: Arc::default(), tid })
    }

    pub(super) fn waker(&self) -> Waker {
        Waker { woken: Arc::clone(&self.woken), tid: self.tid }
    }

    /// Whether somebody has asked for an end of the wait since this was asked last.
    pub(super) fn take_wake(&self) -> bool {
        self.woken.swap(false, Ordering::SeqCst)
    }

    /// Waits for a change of any thread that the calling thread traces or has begotten: its number and the kernel's
    /// word on it. `Ok(None)` at the deadline, or earlier if [`Alarm::take_wake`] has something.
    ///
    /// # Errors
    /// There is nothing to wait for.
    pub(super) fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Option<(i32, i32)>> {
        loop {
            let flags = match deadline {
                Some(deadline) if deadline <= Instant::now() => libc::WNOHANG,
                _ if self.woken.load(Ordering::SeqCst) => libc::WNOHANG,
                deadline => {
                    self.set(deadline)?;
                    0
                }
            };
            let mut status = 0;
            // Not the children of other threads: those are theirs to wait for.
            // SAFETY: the kernel writes one int.
            #[allow(unsafe_code)]
            let tid = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD | flags) };
            match tid {
                0 => return Ok(None),
                tid if tid > 0 => return Ok(Some((tid, status))),
                _ => {}
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Goes off at the deadline, or somewhat earlier: setting it costs a system call.
    fn set(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let now = Instant::now();
        let wanted = match (self.set, deadline) {
            // It is set to an earlier moment that is yet to come.
            (Some(set), Some(deadline)) if now < set && set <= deadline => return Ok(()),
            (None, None) => return Ok(()),
            (_, deadline) => deadline,
        };
        // Nothing as a first time switches it off.
        let first = wanted.map_or(Duration::ZERO, |at| at.saturating_duration_since(now).max(Duration::from_nanos(1)));
        let again = if wanted.is_some() { AGAIN } else { Duration::ZERO };
        let expiration = Expiration::IntervalDelayed(TimeSpec::from(first), TimeSpec::from(again));
        self.timer.set(expiration, TimerSetTimeFlags::empty())?;
        self.set = wanted;
        Ok(())
    }
}
