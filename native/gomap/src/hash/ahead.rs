//! The strings of many keys, read together before each is hashed.

use std::collections::HashMap;

use super::Hasher;
use super::memory::u64_at;
use super::plan::Op;
use crate::source::{Part, Source};

/// Longer strings are read one by one, in bytes.
const LONGEST: u64 = 256;

/// So many bytes are read ahead at most.
const MOST: usize = 4 << 20;

/// Strings that have been read.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    bytes: Vec<u8>,
    /// By address and length, where in `bytes` they begin.
    places: HashMap<(u64, usize), usize>,
    wanted: Vec<(u64, usize)>,
}

impl Ahead {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
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

    /// Reads what is wanted.
    pub(crate) fn read(&mut self, read_all: impl FnOnce(&mut [Part<'_>])) {
        let mut end = 0;
        self.wanted.retain(|(_, len)| {
            end += len;
            end <= MOST
        });
        self.bytes.resize(end.min(MOST), 0);
        let mut free = self.bytes.as_mut_slice();
        let mut parts = Vec::with_capacity(self.wanted.len());
        for &(addr, len) in &self.wanted {
            let Some((buf, rest)) = std::mem::take(&mut free).split_at_mut_checked(len) else { break };
            free = rest;
            parts.push(Part { addr, buf, read: false });
        }
        read_all(&mut parts);
        let mut start = 0;
        for part in &parts {
            if part.read {
                self.places.insert((part.addr, part.buf.len()), start);
            }
            start += part.buf.len();
        }
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
        let place = self.ahead.places.get(&(addr, buf.len()));
        let known = place.and_then(|&start| self.ahead.bytes.get(start..)?.get(..buf.len()));
        match known {
            Some(known) => {
                buf.copy_from_slice(known);
                true
            }
            None => self.source.read(addr, buf),
        }
    }
}
