//! Where the bytes of a Go process come from.

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
#[error(
    "cannot read {len} bytes at {addr}: nothing is mapped there; check the address, and that the process still runs"
)]
pub struct Unreadable {
    /// Where the read began.
    pub addr: RuntimeAddr,
    /// How many bytes were asked for.
    pub len: usize,
}

/// The memory of a process: live, a core, or whatever a debugger gives.
pub trait Memory {
    /// Fills `buf` from `addr`, or fails as a whole.
    ///
    /// # Errors
    /// Any byte of the range is not mapped.
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable>;
}

impl<M: Memory + ?Sized> Memory for &M {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        (**self).read(addr, buf)
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
