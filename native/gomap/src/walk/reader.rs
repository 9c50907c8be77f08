//! A source that counts what is read from it.

use std::cell::Cell;

use crate::source::{Part, Source};

/// The most parts that a system reads in one call (IOV_MAX of Linux).
pub(super) const MOST_PARTS: usize = 1024;

/// Counts the bytes that a source gives.
pub(crate) struct Reader<'a> {
    source: &'a dyn Source,
    bytes: Cell<u64>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a dyn Source) -> Self {
        Reader { source, bytes: Cell::new(0) }
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// A little-endian word.
    pub(crate) fn word(&self, addr: u64) -> Option<u64> {
        let mut word = [0; 8];
        self.read(addr, &mut word).then(|| u64::from_le_bytes(word))
    }

    /// Whether the first and the last byte of a range can be read.
    pub(crate) fn is_mapped(&self, addr: u64, len: u64) -> bool {
        let readable = |addr| self.source.read(addr, &mut [0]);
        addr.checked_add(len.saturating_sub(1)).is_some_and(|last| readable(addr) && readable(last))
    }

    /// As [`Source::read_parts`], of any number of parts.
    pub(crate) fn read_all(&self, parts: &mut [Part<'_>]) {
        for parts in parts.chunks_mut(MOST_PARTS) {
            self.read_parts(parts);
        }
    }
}

impl Source for Reader<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        let read = self.source.read(addr, buf);
        if read {
            self.bytes.set(self.bytes.get() + buf.len() as u64);
        }
        read
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        self.source.read_parts(parts);
        let read: usize = parts.iter().filter(|part| part.read).map(|part| part.buf.len()).sum();
        self.bytes.set(self.bytes.get() + read as u64);
    }
}
