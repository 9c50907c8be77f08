//! A Go process as a whole: its program, where it was loaded, and its memory.

use goprogram::Program;

use crate::error::Error;
use crate::memory::{LoadBias, Memory, RuntimeAddr, read_bytes, read_uint};
use crate::stack::Names;

/// A Go process to look at. Nothing here stops, changes or calls into it.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The executable file.
    pub program: &'a Program,
    /// How far it was moved when it was loaded; 0 unless it is position-independent.
    pub bias: LoadBias,
    /// The process's memory.
    pub memory: &'a dyn Memory,
    /// Names and lines looked up so far.
    pub names: &'a Names,
}

impl Target<'_> {
    /// Reads a pointer.
    ///
    /// # Errors
    /// It is not mapped.
    pub fn pointer(&self, addr: RuntimeAddr) -> Result<RuntimeAddr, Error> {
        Ok(RuntimeAddr(read_uint(self.memory, addr, 8)?))
    }

    /// Reads an unsigned integer of `size` bytes.
    ///
    /// # Errors
    /// It is not mapped.
    pub fn uint(&self, addr: RuntimeAddr, size: u64) -> Result<u64, Error> {
        Ok(read_uint(self.memory, addr, size)?)
    }

    /// Reads a Go string of at most `longest` bytes; invalid UTF-8 is replaced.
    ///
    /// # Errors
    /// It is not mapped.
    pub fn string(&self, addr: RuntimeAddr, longest: usize) -> Result<String, Error> {
        let data = self.pointer(addr)?;
        let len = usize::try_from(self.uint(addr.plus(8), 8)?).unwrap_or(usize::MAX).min(longest);
        Ok(String::from_utf8_lossy(&read_bytes(self.memory, data, len)?).into_owned())
    }

    /// Whether the process really runs this program: the code in memory must be that of the file.
    ///
    /// # Errors
    /// [`Error::WrongProgram`] where it isn't.
    pub fn verify(&self) -> Result<(), Error> {
        let wrong = || Error::WrongProgram { path: self.program.path().to_owned() };
        // In every Go program, and over before anyone could set a breakpoint in it.
        // Without symbols there is nothing to compare, and nothing that could be answered wrongly either.
        let Some(function) = self.program.function("runtime.schedinit") else { return Ok(()) };
        let len = function.end.0.saturating_sub(function.entry.0).min(256);
        let code = self.program.code(function.entry, len).ok_or_else(wrong)?;
        let running = read_bytes(self.memory, self.bias.to_runtime(function.entry), code.len())?;
        if running == code { Ok(()) } else { Err(wrong()) }
    }
}
