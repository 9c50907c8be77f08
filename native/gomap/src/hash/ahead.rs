//! The strings of many keys, read together before each is hashed.

use super::Hasher;
use super::memory::u64_at;
use super::plan::Op;
use crate::source::{Part, Source};

/// Longer strings are read one by one, in bytes.
const LONGEST: u64 = 256;

/// So many bytes are read ahead at most.
const MOST: u64 = 8 << 20;

/// So many bytes between two strings are read with them: a read of its own costs more.
const GAP: u64 = 512;

/// Strings that have been read.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    bytes: Vec<u8>,
    /// The pieces of memory that were read, by address: their lengths, and where in `bytes` they begin.
    pieces: Vec<(u64, usize, usize)>,
    wanted: Vec<(u64, usize)>,
}

impl Ahead {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
        self.wanted.clear();
    }

    /// Notes the strings of a key, to be read by [`Ahead::read`].
    pub(crate) fn want(&mut self, hasher: &Hasher, key: &[u8]) {
        for step in hasher.plan.iter().filter(|step| matches!(step.op, Op::String)) {
            let string = u64_at(key, step.offset).zip(u64_at(key, step.offset.saturating_add(8)));
            if let Some((addr, len @ 1..=LONGEST)) = string {
                self.wanted.push((addr, len as usize));
            }
        }
    }

    /// Reads what is wanted: strings near each other, as Go allocates them, in one piece with what is between them.
    pub(crate) fn read(&mut self, read_all: impl FnOnce(&mut [Part<'_>])) {
        self.wanted.sort_unstable();
        let mut pieces: Vec<(u64, u64)> = Vec::new();
        let mut total = 0;
        for &(addr, len) in &self.wanted {
            let Some(end) = addr.checked_add(len as u64) else { continue };
            match pieces.last_mut() {
                Some((_, last)) if addr <= last.saturating_add(GAP) => {
                    total += end.saturating_sub(*last);
                    *last = end.max(*last);
                }
                _ => {
                    total += len as u64;
                    pieces.push((addr, end));
                }
            }
            if total > MOST {
                break;
            }
        }
        self.bytes.resize(total as usize, 0);
        let mut free = self.bytes.as_mut_slice();
        let mut parts = Vec::with_capacity(pieces.len());
        for &(addr, end) in &pieces {
            let Some((buf, rest)) = std::mem::take(&mut free).split_at_mut_checked((end - addr) as usize) else {
                break;
            };
            free = rest;
            parts.push(Part { addr, buf, read: false });
        }
        read_all(&mut parts);
        let mut start = 0;
        for part in parts {
            if part.read {
                self.pieces.push((part.addr, part.buf.len(), start));
            }
            start += part.buf.len();
        }
    }

    fn at(&self, addr: u64, len: usize) -> Option<&[u8]> {
        let after = self.pieces.partition_point(|(start, ..)| *start <= addr);
        let &(start, size, place) = self.pieces.get(after.checked_sub(1)?)?;
        let from = usize::try_from(addr - start).ok()?;
        self.bytes.get(place..place + size)?.get(from..)?.get(..len)
    }

    /// A source that has what was read, and takes the rest from another.
    pub(crate) fn over<'a>(&'a self, source: &'a dyn Source) -> impl Source + 'a {
        Over { ahead: self, source }
    }
}

struct Over<'a> {
    ahead: &'a Ahead,
    source: &'a dyn Source,
}

impl Source for Over<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        let known = self.ahead.at(addr, buf.len());
        match known {
            Some(known) => {
                buf.copy_from_slice(known);
                true
            }
            None => self.source.read(addr, buf),
        }
    }
}
