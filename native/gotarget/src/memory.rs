//! Where the bytes of a Go process come from.

use gomap::Part;
use goprogram::LinkAddr;

/// An address in a running process or its core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuntimeAddr(pub u64);

impl RuntimeAddr {
    /// The address so many bytes further on; wraps around, as addresses from a damaged process may.
    #[must_use]
    pub fn plus(self, bytes: u64) -> Self {
        RuntimeAddr(self.0.wrapping_add(bytes))
    }
}

impl std::fmt::Display for RuntimeAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Bytes that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {len} bytes at {addr}: {cause}")]
pub struct Unreadable {
    /// Where the read began.
    pub addr: RuntimeAddr,
    /// How many bytes were asked for.
    pub len: usize,
    /// Why they could not be read.
    pub cause: Cause,
}

impl Unreadable {
    /// Bytes where nothing is mapped, as far as can be told.
    #[must_use]
    pub fn unmapped(addr: RuntimeAddr, len: usize) -> Self {
        Unreadable { addr, len, cause: Cause::NotMapped }
    }
}

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Nothing is mapped there.
    #[error("nothing is mapped there; check the address, and that the process still runs")]
    NotMapped,
    /// The process has ended, or runs another program by now.
    #[error("process {pid} has ended; start it again, or give a core of it with --core")]
    Ended {
        /// Its number.
        pid: i32,
    },
    /// The system no longer lets us read the process.
    #[error("the system does not allow to read process {pid}; see `redhanded doctor`")]
    Denied {
        /// Its number.
        pid: i32,
    },
    /// The core has nothing for the address.
    #[error("the core holds nothing there; check the address, or take the core with gcore, which leaves less out")]
    NotInCore,
    /// The core knows the address, but its file ends before these bytes.
    #[error(
        "the core file is cut off before these bytes; raise `ulimit -c` or the disk's free space and take it again"
    )]
    CutOff,
    /// The core leaves out what was mapped from a file, and no file that matches is here.
    #[error("the core leaves it out, for it was mapped from a file that is not here; give the executable with --exe")]
    FileMissing,
}

/// The memory of a process: live, a core, or whatever a debugger gives.
pub trait Memory {
    /// Fills `buf` from `addr`, or fails as a whole.
    ///
    /// # Errors
    /// Any byte of the range is not mapped.
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable>;

    /// Fills many parts, and marks each that it filled wholly. What can read several ranges with one call does so.
    fn read_parts(&self, parts: &mut [Part<'_>]) {
        for part in parts {
            part.read = self.read(RuntimeAddr(part.addr), part.buf).is_ok();
        }
    }
}

impl<M: Memory + ?Sized> Memory for &M {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        (**self).read(addr, buf)
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        (**self).read_parts(parts);
    }
}

/// A process's memory, as crate `gomap` wants it.
#[derive(Clone, Copy)]
pub struct MapSource<'a>(pub &'a dyn Memory);

impl gomap::Source for MapSource<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        self.0.read(RuntimeAddr(addr), buf).is_ok()
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        self.0.read_parts(parts);
    }
}

/// Reads a little-endian unsigned integer of 1, 2, 4 or 8 bytes.
///
/// # Errors
/// The bytes are not mapped.
pub fn read_uint(memory: &dyn Memory, addr: RuntimeAddr, size: u64) -> Result<u64, Unreadable> {
    let mut bytes = [0u8; 8];
    let len = (size as usize).min(bytes.len());
    if let Some(part) = bytes.get_mut(..len) {
        memory.read(addr, part)?;
    }
    Ok(u64::from_le_bytes(bytes))
}

/// Reads `len` bytes.
///
/// # Errors
/// Any of them is not mapped.
pub fn read_bytes(memory: &dyn Memory, addr: RuntimeAddr, len: usize) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = vec![0; len];
    memory.read(addr, &mut bytes)?;
    Ok(bytes)
}

/// How far a position-independent program was moved when it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadBias(pub u64);

impl LoadBias {
    /// Where a link-time address lies in the process.
    #[must_use]
    pub fn to_runtime(self, addr: LinkAddr) -> RuntimeAddr {
        RuntimeAddr(addr.0.wrapping_add(self.0))
    }

    /// Where an address of the process lies in the file.
    #[must_use]
    pub fn to_link(self, addr: RuntimeAddr) -> LinkAddr {
        LinkAddr(addr.0.wrapping_sub(self.0))
    }
}
