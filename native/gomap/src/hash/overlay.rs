//! Bytes of ours laid over a process's memory, so that a key of ours can refer to them as the process's keys
//! refer to its memory.

use crate::source::Source;

/// Addresses from here on are ours: the kernel's half of the address space, where no process has anything.
const BASE: u64 = 0xffff_f000_0000_0000;

/// A process's memory, with bytes of ours at addresses that it can't have.
pub struct Overlay<'a> {
    source: &'a dyn Source,
    bytes: &'a [u8],
}

impl std::fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overlay").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl<'a> Overlay<'a> {
    /// Lays `bytes` over `source`: byte 0 of them lies at [`Overlay::address`]`(0)`.
    pub fn new(source: &'a dyn Source, bytes: &'a [u8]) -> Self {
        Overlay { source, bytes }
    }

    /// Where byte `at` of ours lies.
    pub fn address(at: usize) -> u64 {
        BASE.saturating_add(at as u64)
    }
}

impl Source for Overlay<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        let Some(at) = addr.checked_sub(BASE) else { return self.source.read(addr, buf) };
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let ours = start.checked_add(buf.len()).and_then(|end| self.bytes.get(start..end));
        ours.is_some_and(|ours| {
            buf.copy_from_slice(ours);
            true
        })
    }

    fn read_parts(&self, parts: &mut [crate::source::Part<'_>]) {
        self.source.read_parts(parts);
        for part in parts.iter_mut().filter(|part| part.addr >= BASE) {
            part.read = self.read(part.addr, part.buf);
        }
    }
}
