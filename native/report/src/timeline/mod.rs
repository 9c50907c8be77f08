//! What a watch tells, in the form that files of it take: a trace, a page.
//!
//! A watch of a map's flag byte and one of any other variable differ in their reports, and not here: whoever
//! watches turns its own lines into an [`Access`] and an [`Overlap`].

mod density;
mod draw;
mod from;
mod gather;
mod page;
mod trace;

use std::io;

pub use page::Page;
pub use trace::Trace;

use crate::{Frame, HeaderReport, Subject, WatchSummary};

/// A file that a watch writes. Each access and each overlap is given as it comes, in the order of time as far as the
/// watch knows it, and [`finish`](Timeline::finish) last.
pub trait Timeline {
    /// Takes one access.
    ///
    /// # Errors
    /// It cannot be written.
    fn access(&mut self, access: &Access<'_>) -> io::Result<()>;

    /// Takes two accesses whose windows overlap.
    ///
    /// # Errors
    /// It cannot be written.
    fn overlap(&mut self, overlap: &Overlap<'_>) -> io::Result<()>;

    /// Takes note that accesses are missing here: so many traps were not recorded.
    ///
    /// # Errors
    /// It cannot be written.
    fn loss(&mut self, lost: u64) -> io::Result<()>;

    /// Writes the end. Nothing may be given afterwards.
    ///
    /// # Errors
    /// It cannot be written.
    fn finish(&mut self, summary: &WatchSummary) -> io::Result<()>;
}

/// What is watched, and in which process.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The variable.
    pub subject: Subject,
    /// What the numbers in [`Access::before`] and [`Access::after`] are: `flag byte`, `value`.
    pub quantity: &'static str,
    /// The map's header when the watch began; `None` if it is no map that is watched.
    pub header: Option<HeaderReport>,
    /// The executable's path.
    pub program: String,
    /// The number of the process.
    pub pid: u32,
    /// When the watch began, `2026-11-23 17:53:26 UTC`.
    pub began: String,
    /// The command line that asked for it.
    pub command: String,
}

/// One access.
#[derive(Debug, Clone)]
pub struct Access<'a> {
    /// When, in nanoseconds since the watch began.
    pub time_ns: u64,
    /// The thread's id as the kernel has it; `None` if it is not known.
    pub thread: Option<u32>,
    /// The goroutine's id; `None` if it is not known.
    pub goroutine: Option<u64>,
    /// Address of the goroutine's `runtime.g`, which is never shared.
    pub g: u64,
    /// What the access is for, a noun: `write`, `read`.
    pub kind: &'static str,
    /// What the goroutine does, a verb: `sets`, `checks`.
    pub step: &'static str,
    /// What that does to what is watched, in words: `writing 0→1`.
    pub change: String,
    /// What is watched, before the access; `None` if it is not known.
    pub before: Option<f64>,
    /// What is watched, after the access; `None` if it is not known.
    pub after: Option<f64>,
    /// When its window began, in nanoseconds since the watch began; `None` if that was not seen, or if there is none.
    pub entered_ns: Option<u64>,
    /// Whether the goroutine has just left that window.
    pub left: bool,
    /// Whether it is about to end the process, or kept from it.
    pub fatal: bool,
    /// The runtime function that it happens in.
    pub function: Option<&'a str>,
    /// The innermost frame outside the runtime; `None` if there is none.
    pub caller: Option<&'a Frame>,
    /// The stack, innermost frame first; empty where none was taken.
    pub stack: &'a [Frame],
}

/// Two accesses whose windows overlap.
#[derive(Debug, Clone)]
pub struct Overlap<'a> {
    /// What it is: `data race`, `lost update`.
    pub title: &'static str,
    /// The same in words, with the variable between backquotes: ``Two goroutines writing `main.shared` at the same
    /// time``.
    pub headline: String,
    /// What happened, in one sentence.
    pub sentence: String,
    /// The access that was there first.
    pub first: Culprit<'a>,
    /// The access that walked in on it.
    pub second: Culprit<'a>,
    /// What the second has to do with the first, which is called 1: `while 1 was inside`.
    pub meets: &'static str,
    /// From when to when all of it was, in nanoseconds since the watch began.
    pub span_ns: (u64, u64),
}

/// One of the two accesses of an overlap.
#[derive(Debug, Clone)]
pub struct Culprit<'a> {
    /// The goroutine's id; `None` if it is not known.
    pub goroutine: Option<u64>,
    /// Address of the goroutine's `runtime.g`.
    pub g: u64,
    /// The thread's id as the kernel has it; `None` if it is not known.
    pub thread: Option<u32>,
    /// When it did what shows the overlap, in nanoseconds since the watch began.
    pub time_ns: u64,
    /// What the access is for, a noun: `write`, `read`.
    pub kind: &'static str,
    /// What it did, for a sentence that begins with the goroutine: `found it set`.
    pub deed: String,
    /// Where it is now: `held inside its window`.
    pub whereabouts: &'static str,
    /// The stack, innermost frame first.
    pub stack: &'a [Frame],
    /// The `go` statement that created the goroutine; `None` if it is not known.
    pub created_by: Option<&'a Frame>,
}

impl Culprit<'_> {
    /// The innermost frame outside the runtime; where there is none, the innermost at all.
    pub(crate) fn place(&self) -> Option<&Frame> {
        self.stack.iter().find(|frame| !frame.is_runtime()).or(self.stack.first())
    }
}

/// Whether two numbers of a `runtime.g`'s goroutine may be of the same one: where one of them isn't known, they are.
fn is_same(one: Option<u64>, other: Option<u64>) -> bool {
    one.is_none() || other.is_none() || one == other
}
