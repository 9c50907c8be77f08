//! Stdout, written by a thread of its own: whoever reads it may be slow (`| less`), and no process should stand
//! still for that.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The most that waits to be read.
const MOST: usize = 64 << 20;

/// How long what comes is gathered: to be woken for each line would take time from what is watched.
const GATHER: Duration = Duration::from_millis(5);

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Nothing more will come.
    is_over: bool,
    /// Why nothing can be written any more.
    failed: Option<io::ErrorKind>,
}

type Shared = Arc<(Mutex<Waiting>, Condvar)>;

/// Stdout, written later. What is written with one call is written as a whole, or left out where too much waits.
#[derive(Debug)]
pub(crate) struct Queue {
    shared: Shared,
    writer: Option<JoinHandle<io::Result<()>>>,
    left_out: u64,
}

impl Queue {
    pub(crate) fn new() -> io::Result<Self> {
        let shared = Shared::default();
        let theirs = Arc::clone(&shared);
        let writer = thread::Builder::new().name("output".to_owned()).spawn(move || write(&theirs))?;
        Ok(Queue { shared, writer: Some(writer), left_out: 0 })
    }

    /// How often something was left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Writes later, or not at all where too much waits.
    pub(crate) fn write(&mut self, text: &str) -> io::Result<()> {
        let is_taken = self.with(|waiting| waiting.take(text, MOST))?;
        self.left_out += u64::from(!is_taken);
        Ok(())
    }

    /// Writes later, however much waits: for what must not be missing.
    pub(crate) fn write_surely(&mut self, text: &str) -> io::Result<()> {
        self.with(|waiting| waiting.take(text, usize::MAX)).map(drop)
    }

    /// Waits until all is written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.with(|waiting| waiting.is_over = true);
        match self.writer.take() {
            Some(writer) => writer.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())),
            None => Ok(()),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        let (waiting, changed) = &*self.shared;
        let mut guard = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = guard.bytes.is_empty();
        let result = change(&mut guard);
        drop(guard);
        if is_first {
            changed.notify_one();
        }
        result
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Whoever had to know has asked before.
        let _ = self.finish();
    }
}

impl Waiting {
    /// Takes a text, unless that would be more than `most` bytes; returns whether it did.
    fn take(&mut self, text: &str, most: usize) -> io::Result<bool> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        let is_taken = self.bytes.len().saturating_add(text.len()) <= most;
        if is_taken {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        Ok(is_taken)
    }
}

fn write((waiting, changed): &(Mutex<Waiting>, Condvar)) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let mut guard = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while guard.bytes.is_empty() && !guard.is_over {
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        if !guard.is_over {
            drop(guard);
            thread::sleep(GATHER);
            guard = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut guard.bytes, &mut bytes);
        drop(guard);
        if bytes.is_empty() {
            return Ok(());
        }
        let written = io::stdout().write_all(&bytes).and_then(|()| io::stdout().flush());
        if let Err(error) = written {
            waiting.lock().unwrap_or_else(PoisonError::into_inner).failed = Some(error.kind());
            return Err(error);
        }
    }
}
