//! What a command runs in, and how it ends.

use std::io;

use gotarget::threads::Thread;
use gotarget::{FrameContext, Limits, Target, ThreadRegisters};
use report::Palette;

/// What a command looks at, and where.
pub struct Context<'a> {
    /// The process.
    pub target: Target<'a>,
    /// The frame whose locals an expression may name.
    pub frame: Option<FrameContext<'a>>,
    /// Whether the process runs on while it is read, so that a map may be written meanwhile.
    pub unstopped: bool,
    /// The stopped threads; none of a process that runs.
    pub threads: &'a [Thread],
    /// The registers of the stopped threads, for the commands that follow them.
    pub registers: &'a [ThreadRegisters],
    /// The signal that a core's process was killed by.
    pub signal: Option<u64>,
    /// The thread that the user has selected.
    pub selected: Option<u32>,
    /// Colours of the text.
    pub palette: Palette,
    /// How much of each value is shown, where the command doesn't say.
    pub limits: Limits,
    /// Called now and then in long work, with the entries so far and of how many.
    pub progress: Option<&'a dyn Fn(u64, u64)>,
    /// Takes what must not be mixed with an answer that a program reads (what is wrong with a map that is
    /// written as CSV); `None` if there is no other place for it.
    pub notes: Option<&'a dyn Fn(&str)>,
    /// Whether the user wants the command to end now.
    pub interrupted: &'a dyn Fn() -> bool,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It answered, and found nothing wrong.
    Clean,
    /// It found damage, a race, no such key, or a map that was written meanwhile.
    Found,
}

impl Status {
    /// [`Status::Found`] if so.
    #[must_use]
    pub fn found(found: bool) -> Status {
        if found { Status::Found } else { Status::Clean }
    }
}

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process doesn't give it.
    #[error(transparent)]
    Target(#[from] gotarget::Error),
    /// A map has entries, and this is none.
    #[error("{expression} is not a map, and {option} choose among a map's entries: leave them out")]
    NoEntries {
        /// What was given.
        expression: String,
        /// What was asked for.
        option: &'static str,
    },
    /// No variable is shown.
    #[error("no package variable whose name contains `{pattern}` is a map: `maps` without a pattern lists all of them")]
    NoMaps {
        /// What the names should contain.
        pattern: String,
    },
    /// Variables of which frame?
    #[error("no frame is selected: choose one with --goroutine N [--frame K]; `goroutines` lists them")]
    NoFrame,
    /// The threads must stand.
    #[error("an autopsy needs a process that stands still: give --stop, or a core with --core")]
    Unstopped,
    /// The stacks are not all there.
    #[error("what the process ended of can't be told: {0}")]
    Ending(#[source] gotarget::Error),
    /// The answer cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl From<goprogram::Error> for Error {
    fn from(error: goprogram::Error) -> Self {
        Error::Target(error.into())
    }
}

impl Error {
    /// Whether whoever reads the output has gone away (`| head`), which is no error of anyone's.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
