//! The entries of buckets or groups, shown one by one.

use std::ops::ControlFlow;

use crate::bytes::Error;
use crate::scan::Entry;
use crate::slots::{SLOTS, Slots, Stored};
use crate::source::Part;
use crate::walk::marks::byte;
use crate::walk::places::Place;
use crate::walk::reader::MOST_PARTS;
use crate::walk::units::{Run, Units};
use crate::walk::{BLOCK, Visit, Walk};

/// The largest bucket or group: eight keys and elems of at most 128 bytes, with a good margin.
const LARGEST_UNIT: u64 = 1 << 16;

/// The largest indirect key or elem that is read. Go itself allows no array or struct near it in a map.
const LARGEST_VALUE: u64 = 1 << 28;

/// Where slots lie, checked to be within a bucket or group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) unit: usize,
    key: Placed,
    elem: Placed,
    /// Bytes of a key, itself.
    pub(super) key_len: usize,
    /// Bytes of an elem, itself.
    elem_len: usize,
    /// Offset of the overflow pointer; only buckets have one.
    pub(super) overflow: usize,
}

#[derive(Debug, Clone, Copy)]
struct Placed {
    offset: usize,
    stride: usize,
    /// Bytes in the slot.
    len: usize,
    indirect: bool,
}

impl Placed {
    fn of<'u>(&self, unit: &'u [u8], slot: usize) -> Option<&'u [u8]> {
        unit.get(self.at(slot)..)?.get(..self.len)
    }

    fn at(&self, slot: usize) -> usize {
        self.offset + slot * self.stride
    }
}

impl Geometry {
    /// # Errors
    /// The slots don't fit into a bucket or group, or there is no overflow pointer where one must be.
    pub(super) fn new(slots: &Slots, classic: bool) -> Result<Self, Error> {
        let unit = slots.unit;
        let placed = |stored: &Stored| {
            let end =
                stored.stride.checked_mul(SLOTS - 1)?.checked_add(stored.offset)?.checked_add(stored.in_slot())?;
            let fits = end <= unit && stored.offset >= 8 && stored.size <= LARGEST_VALUE;
            let (offset, stride) = (stored.offset as usize, stored.stride as usize);
            fits.then(|| Placed { offset, stride, len: stored.in_slot() as usize, indirect: stored.indirect })
        };
        let overflow = match slots.overflow {
            Some(offset) => offset.checked_add(8).filter(|end| *end <= unit).map(|_| offset as usize),
            None => (!classic).then_some(0),
        };
        match (placed(&slots.key), placed(&slots.elem), overflow) {
            (Some(key), Some(elem), Some(overflow)) if (8..=LARGEST_UNIT).contains(&unit) => {
                let (key_len, elem_len) = (slots.key.size as usize, slots.elem.size as usize);
                Ok(Geometry { unit: unit as usize, key, elem, key_len, elem_len, overflow })
            }
            _ => Err(Error::Slots),
        }
    }

    /// What a slot itself holds of its key and its elem: the address and the bytes of each.
    pub(super) fn slot<'u>(&self, addr: u64, unit: &'u [u8], slot: usize) -> Option<Entry<'u>> {
        Some(Entry {
            key: self.key.of(unit, slot)?,
            elem: self.elem.of(unit, slot)?,
            key_addr: addr.wrapping_add(self.key.at(slot) as u64),
            elem_addr: addr.wrapping_add(self.elem.at(slot) as u64),
        })
    }

    pub(super) fn is_indirect(&self) -> bool {
        self.key.indirect || self.elem.indirect
    }
}

/// A checksum over entries, in their order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Digest(pub(crate) u64);

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        // An odd multiplier spreads each bit upwards, the rotation brings it down again.
        let mut mix = |word: u64| self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let (words, rest) = bytes.as_chunks();
        for word in words {
            mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        mix(u64::from_le_bytes(last) ^ (bytes.len() as u64).rotate_left(56));
    }
}

/// Entries whose key or elem lies elsewhere, and the bytes from there.
#[derive(Debug, Default)]
pub(super) struct Indirect {
    /// Of each entry its unit, its run (by number), and its slot.
    slots: Vec<(usize, usize, usize)>,
    bytes: Vec<u8>,
}

/// Shows the entries at some places of a run of which nothing else is wanted. By itself, for its speed is that of
/// most scans: nothing that it uses has to leave the registers.
#[inline(never)]
fn show_all(
    geometry: &Geometry,
    bytes: &[u8],
    addr: u64,
    places: &[Place],
    visit: Visit<'_>,
    shown: &mut u64,
) -> ControlFlow<()> {
    let Geometry { unit, key, elem, .. } = *geometry;
    for place in places {
        let (k, slot) = place.unit_and_slot();
        let (key_at, elem_at) = (k * unit + key.at(slot), k * unit + elem.at(slot));
        let (key, elem) = (bytes.get(key_at..key_at + key.len), bytes.get(elem_at..elem_at + elem.len));
        let (Some(key), Some(elem)) = (key, elem) else { break };
        let (key_addr, elem_addr) = (addr.wrapping_add(key_at as u64), addr.wrapping_add(elem_at as u64));
        *shown += 1;
        visit(Entry { key, elem, key_addr, elem_addr })?;
    }
    ControlFlow::Continue(())
}

impl Walk<'_> {
    /// Shows the entries that the masks name.
    pub(super) fn emit(&mut self, units: &Units) -> ControlFlow<()> {
        if self.geometry.is_indirect() {
            return self.emit_indirect(units);
        }
        let geometry = self.geometry;
        if let Some(examiner) = &mut self.examiner {
            let full = units.masks.iter().enumerate().filter_map(|(at, mask)| Some((units.unit(at)?, *mask)));
            let keys = full.flat_map(|(unit, mask)| {
                super::marks::slots(mask).filter_map(move |slot| geometry.slot(0, unit, slot)).map(|entry| entry.key)
            });
            examiner.read_ahead(keys, &self.reader);
        }
        let mut places = std::mem::take(&mut self.places);
        let shown = units.runs().iter().try_for_each(|(first, run)| {
            places.fill(units.masks.get(*first..first + run.count).unwrap_or_default());
            self.emit_run(units, (*first, run), places.list())
        });
        self.places = places;
        shown
    }

    /// Shows the entries at some places of a run.
    fn emit_run(&mut self, units: &Units, (first, run): (usize, &Run), places: &[Place]) -> ControlFlow<()> {
        let geometry = self.geometry;
        if self.examiner.is_none() && self.digest.is_none() {
            let bytes = units.bytes_of(first, run);
            return show_all(&geometry, bytes, run.addr, places, self.visit, &mut self.entries);
        }
        for place in places {
            let (k, slot) = place.unit_and_slot();
            let Some(unit) = units.unit(first + k) else { continue };
            let addr = run.addr.wrapping_add((k * geometry.unit) as u64);
            if let Some(entry) = geometry.slot(addr, unit, slot) {
                self.show(units, (first, run), k, slot, entry)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn show(
        &mut self,
        units: &Units,
        (first, run): (usize, &Run),
        k: usize,
        slot: usize,
        entry: Entry<'_>,
    ) -> ControlFlow<()> {
        if let Some(examiner) = &mut self.examiner
            && !examiner.fits(units, first, run, k, slot, &entry, &self.reader, &mut self.findings)
        {
            return ControlFlow::Continue(());
        }
        self.entries += 1;
        if let Some(digest) = &mut self.digest {
            digest.add(entry.key);
            digest.add(entry.elem);
        }
        (self.visit)(entry)
    }

    fn emit_indirect(&mut self, units: &Units) -> ControlFlow<()> {
        let mut indirect = std::mem::take(&mut self.indirect);
        indirect.slots.clear();
        for (number, (first, run)) in units.runs().iter().enumerate() {
            let masks = units.masks.get(*first..first + run.count).unwrap_or_default();
            for (k, mask) in masks.iter().enumerate().filter(|(_, mask)| **mask != 0) {
                indirect.slots.extend(super::marks::slots(*mask).map(|slot| (k, number, slot)));
            }
        }
        let Geometry { key, elem, key_len, elem_len, .. } = self.geometry;
        let each = if key.indirect { key_len } else { 0 } + if elem.indirect { elem_len } else { 0 };
        let at_once = (BLOCK / each.max(1)).clamp(1, MOST_PARTS / 2);
        indirect.bytes.resize(each * at_once, 0);
        let Indirect { slots, bytes } = &mut indirect;
        let shown = slots.chunks(at_once).try_for_each(|slots| self.follow(units, slots, bytes));
        self.indirect = indirect;
        shown
    }

    /// Shows some entries with what their pointers lead to.
    fn follow(&mut self, units: &Units, slots: &[(usize, usize, usize)], bytes: &mut [u8]) -> ControlFlow<()> {
        let geometry = self.geometry;
        let in_slot = |&(k, number, slot): &(usize, usize, usize)| {
            let (first, run) = units.runs().get(number)?;
            let addr = run.addr.wrapping_add((k * geometry.unit) as u64);
            geometry.slot(addr, units.unit(first + k)?, slot)
        };
        let mut free = bytes;
        let mut take = |stored: &Placed, pointer: &[u8], len: usize| {
            let addr = stored.indirect.then(|| pointer.first_chunk().copied().map(u64::from_le_bytes))??;
            let (buf, rest) = std::mem::take(&mut free).split_at_mut_checked(len)?;
            free = rest;
            Some(Part { addr, buf, read: false })
        };
        let mut parts = Vec::with_capacity(2 * slots.len());
        for entry in slots.iter().filter_map(in_slot) {
            parts.extend(take(&geometry.key, entry.key, geometry.key_len));
            parts.extend(take(&geometry.elem, entry.elem, geometry.elem_len));
        }
        self.reader.read_all(&mut parts);
        let mut parts = parts.iter();
        for at in slots {
            let Some(mut entry) = in_slot(at) else { continue };
            let mut whole = true;
            if geometry.key.indirect
                && let Some(part) = parts.next()
            {
                whole &= self.followed("key", entry.key_addr, part);
                (entry.key, entry.key_addr) = (&*part.buf, part.addr);
            }
            if geometry.elem.indirect
                && let Some(part) = parts.next()
            {
                whole &= self.followed("elem", entry.elem_addr, part);
                (entry.elem, entry.elem_addr) = (&*part.buf, part.addr);
            }
            let (k, number, slot) = *at;
            if whole && let Some((first, run)) = units.runs().get(number) {
                self.show(units, (*first, run), k, slot, entry)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether what a pointer leads to could be read.
    fn followed(&mut self, field: &'static str, slot: u64, part: &Part<'_>) -> bool {
        if part.addr == 0 {
            // A delete clears the pointers first.
            self.findings.in_between(slot, field, 0, format_args!("nil, where a pointer to the {field} must be"));
        } else if !part.read {
            let why = format_args!("the {} bytes of the {field} cannot be read", part.buf.len());
            self.findings.damaged(slot, field, part.addr, why);
        }
        part.read && part.addr != 0
    }
}

/// The mark of a slot: its tophash or control byte.
pub(super) fn mark(units: &Units, at: usize, slot: usize) -> u8 {
    byte(units.word(at).unwrap_or_default(), slot)
}
