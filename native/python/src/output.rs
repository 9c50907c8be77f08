//! A command's way out to Python, and Python's way in to end it.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Bytes gathered for one call of `write`.
const CHUNK: usize = 64 * 1024;

/// How often Python is asked whether to go on: a person who has typed Ctrl-C notices no delay.
const BREATH: Duration = Duration::from_millis(50);

/// Writes text to a callable `write(str)`.
pub(crate) struct Output<'py> {
    write: Bound<'py, PyAny>,
    waiting: Vec<u8>,
    raised: Option<PyErr>,
}

impl<'py> Output<'py> {
    pub(crate) fn new(write: Bound<'py, PyAny>) -> Self {
        Output { write, waiting: Vec::with_capacity(CHUNK), raised: None }
    }

    /// What the callable raised, such as the KeyboardInterrupt of a person who has quit the pager.
    pub(crate) fn raised(self) -> PyResult<()> {
        self.raised.map_or(Ok(()), Err)
    }

    /// Writes the first `len` waiting bytes.
    fn pass_on(&mut self, len: usize) -> io::Result<()> {
        let gathered: Vec<u8> = self.waiting.drain(..len).collect();
        match self.write.call1((String::from_utf8_lossy(&gathered),)) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.raised.get_or_insert(error);
                Err(io::Error::other("Python has raised an exception"))
            }
        }
    }
}

impl io::Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.raised.is_some() {
            return Err(io::Error::other("Python has raised an exception"));
        }
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK {
            // What ends in the middle of a character waits for the rest of it; lines are short, so that one
            // ends within these bytes.
            let line = self.waiting.iter().rposition(|byte| *byte == b'\n').map_or(self.waiting.len(), |at| at + 1);
            self.pass_on(line)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on(self.waiting.len())
    }
}

/// Asks a callable `breathe()` now and then whether to go on.
pub(crate) struct Pulse<'py> {
    breathe: Bound<'py, PyAny>,
    last: Cell<Instant>,
    raised: RefCell<Option<PyErr>>,
}

impl<'py> Pulse<'py> {
    pub(crate) fn new(breathe: Bound<'py, PyAny>) -> Self {
        Pulse { breathe, last: Cell::new(Instant::now()), raised: RefCell::new(None) }
    }

    /// Whether it has raised.
    pub(crate) fn is_over(&self) -> bool {
        if self.raised.borrow().is_none() && self.last.get().elapsed() >= BREATH {
            self.last.set(Instant::now());
            *self.raised.borrow_mut() = self.breathe.call0().err();
        }
        self.raised.borrow().is_some()
    }

    /// What it raised.
    pub(crate) fn raised(self) -> PyResult<()> {
        self.raised.into_inner().map_or(Ok(()), Err)
    }
}
