//! Why there is no answer.

use std::io;
use std::path::PathBuf;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The process or core cannot be opened.
    #[error(transparent)]
    Target(#[from] gotarget::Error),
    /// The process cannot be stopped, and need not be.
    #[error("{0}; or leave out --stop")]
    Stop(gotarget::Error),
    /// The process cannot be traced.
    #[error(transparent)]
    Trap(#[from] trap::Error),
    /// Signals cannot be taken.
    #[error("cannot take signals: {0}")]
    Signals(#[from] nix::Error),
    /// The runtime has no function that ends the process because of a map.
    #[error(
        "{} has no function that ends it because of a race (runtime.fatal): is it really a Go program's executable?",
        program.display()
    )]
    NoFatalFunction {
        /// The program.
        program: PathBuf,
    },
    /// The command has no answer.
    #[error(transparent)]
    Command(#[from] command::Error),
    /// The answer cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// A file cannot be written.
    #[error("cannot write to {}: {source}; {}", path.display(), remedy(source))]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Where to write what nobody asked for.
    #[error("--core-file says where `--then core` writes to: give both, or neither")]
    CoreFileAlone,
    /// It ended while it was read.
    #[error(
        "process {pid} ended while it was read, so that the answer is not to be trusted: start it again, or look at its core with --core"
    )]
    Ended {
        /// Its number.
        pid: i32,
    },
    /// There is no such frame.
    #[error("goroutine {goroutine} has no frame {frame}: give --frame with one of {frames}")]
    NoFrame {
        /// The goroutine.
        goroutine: u64,
        /// What was asked for.
        frame: usize,
        /// What there is.
        frames: String,
    },
    /// The goroutine's stack cannot be walked.
    #[error(
        "the stack of goroutine {goroutine} cannot be read: leave out --goroutine, or stop the process with --stop"
    )]
    NoStack {
        /// The goroutine.
        goroutine: u64,
    },
}

/// What to do where a file cannot be written.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room there, or give another place",
        _ => "give a folder that you may write to",
    }
}
