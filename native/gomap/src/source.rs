//! Where a map's memory comes from.

/// One of several ranges of memory that are read in one go.
#[derive(Debug)]
pub struct Part<'a> {
    /// Address of the first byte.
    pub addr: u64,
    /// What is to be filled.
    pub buf: &'a mut [u8],
    /// Whether it was filled, wholly: set by the source.
    pub read: bool,
}

/// The memory that a map lies in.
pub trait Source {
    /// Fills `buf` from `addr` on. False if any byte of it is not there; `buf` is anything then.
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool;

    /// Fills many parts, and marks each that it filled. A source that can do so with fewer calls than
    /// one a part should.
    fn read_parts(&self, parts: &mut [Part<'_>]) {
        for part in parts {
            part.read = self.read(part.addr, part.buf);
        }
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        (**self).read(addr, buf)
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        (**self).read_parts(parts);
    }
}
