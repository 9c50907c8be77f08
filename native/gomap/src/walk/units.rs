//! Buckets or groups, as many as are read at once.

use crate::source::Part;
use crate::walk::reader::Reader;

/// Where some buckets or groups belong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Home {
    /// Buckets of an array of 2^n (`of`), the first with this number, or one overflow bucket of that number's.
    Buckets { number: u64, of: u64 },
    /// The only group of a small map.
    SmallGroup,
    /// All groups of a table, one more than `mask`. Hashes that lead to it begin with the `bits` bits of `prefix`.
    Table { mask: u64, prefix: u64, bits: u8 },
}

/// Buckets or groups that follow each other in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Address of the first.
    pub(crate) addr: u64,
    /// How many there are.
    pub(crate) count: usize,
    /// Where they belong.
    pub(crate) home: Home,
}

/// Buckets or groups with their bytes, numbered from 0. The buffers are kept from one filling to the next.
#[derive(Debug)]
pub(crate) struct Units {
    /// Bytes of one.
    size: usize,
    /// The runs, each with the number of its first unit.
    runs: Vec<(usize, Run)>,
    bytes: Vec<u8>,
    /// Which units could be read.
    present: Vec<bool>,
    /// Of each unit, the slots that hold an entry: bit 0 is slot 0.
    pub(crate) masks: Vec<u8>,
}

impl Units {
    pub(crate) fn new(size: usize) -> Self {
        Units { size, runs: Vec::new(), bytes: Vec::new(), present: Vec::new(), masks: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.present.clear();
        self.masks.clear();
    }

    /// Bytes of one unit.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// How many units there are.
    pub(crate) fn len(&self) -> usize {
        self.present.len()
    }

    pub(crate) fn runs(&self) -> &[(usize, Run)] {
        &self.runs
    }

    /// The address of a unit.
    pub(crate) fn address(&self, at: usize) -> u64 {
        let after = self.runs.partition_point(|(first, _)| *first <= at);
        let Some((first, run)) = after.checked_sub(1).and_then(|run| self.runs.get(run)) else { return 0 };
        run.addr.wrapping_add(((at - first) * self.size) as u64)
    }

    /// The bytes of a unit that could be read.
    pub(crate) fn unit(&self, at: usize) -> Option<&[u8]> {
        if !*self.present.get(at)? {
            return None;
        }
        self.bytes.get(at * self.size..)?.get(..self.size)
    }

    /// The bytes of a run whose first unit has this number; those of units that could not be read are any.
    pub(crate) fn bytes_of(&self, first: usize, run: &Run) -> &[u8] {
        self.bytes.get(first * self.size..(first + run.count) * self.size).unwrap_or_default()
    }

    /// The tophash array or control word of a unit that could be read: slot 0's byte is the lowest.
    pub(crate) fn word(&self, at: usize) -> Option<u64> {
        self.unit(at)?.first_chunk().copied().map(u64::from_le_bytes)
    }

    /// The word at an offset in a unit that could be read.
    pub(crate) fn word_at(&self, at: usize, offset: usize) -> Option<u64> {
        self.unit(at)?.get(offset..)?.first_chunk().copied().map(u64::from_le_bytes)
    }

    /// How many of these units could not be read.
    pub(crate) fn missing(&self, units: std::ops::Range<usize>) -> usize {
        self.present.get(units).unwrap_or_default().iter().filter(|present| !**present).count()
    }

    /// Sets the mask of each unit by its word; that of a unit that could not be read is empty.
    pub(crate) fn set_masks(&mut self, mask: impl Fn(u64) -> u8) {
        let Units { size, bytes, present, masks, .. } = self;
        masks.clear();
        masks.extend(bytes.chunks_exact(*size).zip(present.iter()).map(|(unit, present)| match unit.first_chunk() {
            Some(word) if *present => mask(u64::from_le_bytes(*word)),
            _ => 0,
        }));
    }

    /// Reads more units. A run that can't be read as a whole is read unit by unit.
    pub(crate) fn add(&mut self, reader: &Reader<'_>, runs: &[Run]) {
        let first = self.present.len();
        let count: usize = runs.iter().map(|run| run.count).sum();
        let (start, end) = (first * self.size, (first + count) * self.size);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut free = self.bytes.get_mut(start..end).unwrap_or_default();
        let mut parts = Vec::with_capacity(runs.len());
        for run in runs {
            let Some((buf, rest)) = free.split_at_mut_checked(run.count * self.size) else { break };
            free = rest;
            parts.push(Part { addr: run.addr, buf, read: false });
            self.runs.push((self.present.len(), *run));
            self.present.resize(self.present.len() + run.count, true);
        }
        reader.read_all(&mut parts);
        let mut at = first;
        for (run, part) in runs.iter().zip(&mut parts) {
            let present = self.present.get_mut(at..at + run.count).unwrap_or_default();
            at += run.count;
            if !part.read {
                one_by_one(reader, run, part.buf, self.size, present);
            }
        }
    }
}

/// The smallest page: of each either every byte can be read, or none.
const PAGE: u64 = 4096;

/// Reads as many of a run's units as can be read.
fn one_by_one(reader: &Reader<'_>, run: &Run, buf: &mut [u8], size: usize, present: &mut [bool]) {
    present.fill(false);
    if run.count == 1 {
        return;
    }
    // Most often nothing is there at all: one byte of each page tells.
    let first = run.addr / PAGE;
    let pages = run.addr.saturating_add(buf.len() as u64).div_ceil(PAGE).saturating_sub(first);
    let mut bytes = vec![0; pages as usize];
    let mut probes: Vec<Part<'_>> = bytes
        .chunks_mut(1)
        .zip(first..)
        .map(|(buf, page)| Part { addr: (page * PAGE).max(run.addr), buf, read: false })
        .collect();
    reader.read_all(&mut probes);
    let is_there = |addr: u64| {
        let probe = usize::try_from(addr / PAGE - first).ok().and_then(|page| probes.get(page));
        probe.is_some_and(|probe| probe.read)
    };
    let addrs = (0..).map_while(|at: u64| run.addr.checked_add(at * size as u64));
    let there = buf.chunks_mut(size).zip(present).zip(addrs).filter(|(_, addr)| is_there(*addr));
    let (mut parts, presents): (Vec<Part<'_>>, Vec<&mut bool>) =
        there.map(|((buf, present), addr)| (Part { addr, buf, read: false }, present)).unzip();
    reader.read_all(&mut parts);
    for (present, part) in presents.into_iter().zip(&parts) {
        *present = part.read;
    }
}
