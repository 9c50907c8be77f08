//! What ends a recording that finds nothing, and what else recordings have in common.

use std::time::Duration;

use report::Outcome;
use trap::perf::{self, Recorder};

use super::WatchArgs;
use crate::interrupt;

/// How long to wait for more. The sooner it is looked at, the surer it is whose it was.
const BUSY: Duration = Duration::from_millis(1);
const QUIET: Duration = Duration::from_millis(10);

/// What is said of a process that is watched no more, although it has not ended.
pub(super) const EXECUTES: &str = "The process executes another program now.";

/// What the user wants to end it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    count: Option<u64>,
    time: Option<Duration>,
    /// When it began, in nanoseconds of the recorder's clock.
    began: u64,
}

impl Limits {
    /// Those of a recording that began then.
    pub(super) fn new(args: &WatchArgs, began: u64) -> Self {
        Limits { count: args.count, time: args.time, began }
    }

    /// How long to wait for more now.
    pub(super) fn pause(&self, is_quiet: bool) -> Duration {
        let pause = if is_quiet { QUIET } else { BUSY };
        self.left().map_or(pause, |left| left.min(pause))
    }

    /// Whether so many accesses are enough.
    pub(super) fn has_enough(&self, accesses: u64) -> bool {
        self.count.is_some_and(|count| accesses >= count)
    }

    /// Why it is to end, after so many accesses; `None` while it is not.
    pub(super) fn reached(&self, accesses: u64) -> Option<Outcome> {
        if interrupt::happened() {
            return Some(Outcome::Interrupted);
        }
        if self.has_enough(accesses) {
            return Some(Outcome::Count);
        }
        self.left().is_some_and(|left| left.is_zero()).then_some(Outcome::Time)
    }

    /// How much is left of the time that was given.
    fn left(&self) -> Option<Duration> {
        let passed = Duration::from_nanos(perf::now().saturating_sub(self.began));
        self.time.map(|time| time.saturating_sub(passed))
    }
}

/// What is to be said of threads that were watched only a little later.
pub(super) fn late(recorder: &Recorder) -> Option<String> {
    let late = recorder.late();
    (late > 0)
        .then(|| format!("{late} threads were just being made when the watch began, and were watched a little later."))
}
