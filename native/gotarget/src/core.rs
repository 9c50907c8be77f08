//! The memory of a process as a core file keeps it.

use std::path::Path;

use crate::error::Error;
use crate::memory::{Memory, RuntimeAddr, Unreadable};

/// The memory of a process as a core file keeps it.
#[derive(Debug)]
pub struct CoreMemory {}

impl CoreMemory {
    /// Opens a core file.
    ///
    /// # Errors
    /// It is none, or one of another machine.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let _ = path;
        Ok(CoreMemory {})
    }
}

impl Memory for CoreMemory {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        Err(Unreadable::unmapped(addr, buf.len()))
    }
}
