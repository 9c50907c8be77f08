//! Reading ahead: what a map's keys and elems point to, read together with them.
//!
//! A read of a process's memory costs a call to the kernel, whatever its size; a `map[string]string` with a million
//! entries takes two million of them. Here the strings of a whole batch of buckets or groups are read with a few
//! calls, right after these, and given out when [`super::Values`] asks for them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use gomap::{Part, Stored};

use super::types::{Shape, TypeId};
use super::{Limits, Values, part, word};
use crate::map::Map;
use crate::memory::{Memory, RuntimeAddr, Unreadable};
use crate::target::Target;

/// Slots of a bucket or group.
const SLOTS: u64 = 8;

/// What is longer is read when it is shown, in bytes.
const LONGEST: u64 = 4096;

/// Bytes and places that are kept, of what was read last and of what was read before that.
const MOST: usize = 4 << 20;
const MOST_PLACES: usize = 1 << 16;

/// Bytes that are read with one call, and in one piece.
const AT_ONCE: usize = 1 << 20;
const LONGEST_RANGE: u64 = 4 * PAGE;

/// Memory is mapped in pieces of at least so many bytes.
const PAGE: u64 = 4096;

/// Structures in structures are looked through so deep, and so many pointers of one entry are followed.
const DEEPEST: u32 = 4;
const MOST_SPOTS: usize = 16;

/// A process's memory for one scan of one map.
pub struct Ahead<'a> {
    memory: &'a dyn Memory,
    limits: Limits,
    /// Size of a bucket or group.
    unit: u64,
    /// Where in a bucket or group keys and elems lie, and what of them points somewhere.
    stored: Vec<(Stored, Vec<Spot>)>,
    /// Where the first batch began: when it comes again, only the bytes of entries are compared.
    first: Cell<Option<u64>>,
    is_over: Cell<bool>,
    kept: RefCell<[Kept; 2]>,
}

/// What was read ahead: the bytes, and where those of an address begin and end.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    places: HashMap<u64, (usize, usize)>,
}

/// A pointer in a value, at an offset in bytes.
struct Spot {
    offset: u64,
    to: To,
}

enum To {
    /// So many items of this size as the word after the pointer says.
    Items(u64),
    /// So many bytes, which have pointers themselves.
    Whole(u64, Vec<Spot>),
}

/// Something to be read.
struct Wanted<'s> {
    addr: u64,
    len: usize,
    spots: &'s [Spot],
}

impl<'a> Ahead<'a> {
    /// Reads ahead for a scan of this map whose entries are shown within these limits.
    #[must_use]
    pub fn new(target: &Target<'a>, map: &Map, limits: Limits) -> Self {
        let values = Values::new(*target, limits);
        let spots = |ty| {
            let mut spots = Vec::new();
            gather(&values, values.decoder(ty).0, 0, true, DEEPEST, &mut spots);
            spots
        };
        let stored = [(map.slots.key, spots(map.key)), (map.slots.elem, spots(map.elem))];
        Ahead {
            memory: target.memory,
            limits,
            unit: map.slots.unit,
            stored: stored.into_iter().filter(|(stored, spots)| !stored.indirect && !spots.is_empty()).collect(),
            first: Cell::new(None),
            is_over: Cell::new(false),
            kept: RefCell::default(),
        }
    }

    fn read_on(&self, parts: &[Part<'_>]) {
        let mut wanted = Vec::new();
        for part in parts.iter().filter(|part| part.read && self.is_units(part)) {
            for unit in part.buf.chunks_exact(usize::try_from(self.unit).unwrap_or(usize::MAX)) {
                self.want(unit, &mut wanted);
            }
        }
        let [kept, before] = &mut *self.kept.borrow_mut();
        // Overflow buckets are read after the buckets, and shown with them: what was read last may not go first.
        if kept.bytes.len() >= MOST || kept.places.len() >= MOST_PLACES {
            std::mem::swap(kept, before);
            kept.bytes.clear();
            kept.places.clear();
        }
        let next = self.fetch(kept, wanted);
        // What is behind the pointers' own pointers.
        self.fetch(kept, next);
    }

    fn is_units(&self, part: &Part<'_>) -> bool {
        let len = part.buf.len() as u64;
        self.unit != 0 && len >= self.unit && len.is_multiple_of(self.unit)
    }

    fn want<'s>(&'s self, unit: &[u8], wanted: &mut Vec<Wanted<'s>>) {
        for (stored, spots) in &self.stored {
            for slot in 0..SLOTS {
                let offset = stored.offset.wrapping_add(slot.wrapping_mul(stored.stride));
                if let Some(value) = part(unit, offset, stored.size) {
                    wanted.extend(spots.iter().filter_map(|spot| self.wanted(spot, value)));
                }
            }
        }
    }

    fn wanted<'s>(&self, spot: &'s Spot, value: &[u8]) -> Option<Wanted<'s>> {
        let addr = word(value, spot.offset).filter(|addr| *addr != 0)?;
        let (len, spots) = match &spot.to {
            // The items of strings are bytes.
            To::Items(1) => (word(value, spot.offset + 8)?.min(self.limits.string as u64), &[] as &[Spot]),
            To::Items(size) => {
                (word(value, spot.offset + 8)?.min(self.limits.items as u64).checked_mul(*size)?, &[] as &[Spot])
            }
            To::Whole(size, spots) => (*size, spots.as_slice()),
        };
        let len = usize::try_from(Some(len).filter(|len| (1..=LONGEST).contains(len))?).ok()?;
        Some(Wanted { addr, len, spots })
    }

    /// Reads what is wanted; gives what that wants.
    fn fetch<'s>(&self, kept: &mut Kept, mut wanted: Vec<Wanted<'s>>) -> Vec<Wanted<'s>> {
        // What was made together lies together, in whatever order the map has it.
        wanted.sort_unstable_by_key(|wanted| wanted.addr);
        let mut next = Vec::new();
        let mut rest = wanted.as_slice();
        while !rest.is_empty() && kept.bytes.len() < MOST {
            let mut ranges = Vec::new();
            let mut total = 0;
            while let Some((range, after)) = Range::first(rest)
                && (total == 0 || total + range.len <= AT_ONCE)
            {
                total += range.len;
                ranges.push(range);
                rest = after;
            }
            let mut buffer = vec![0; total];
            let mut left = buffer.as_mut_slice();
            let mut parts = Vec::with_capacity(ranges.len());
            for range in &ranges {
                let Some((buf, after)) = std::mem::take(&mut left).split_at_mut_checked(range.len) else { break };
                parts.push(Part { addr: range.addr, buf, read: false });
                left = after;
            }
            self.memory.read_parts(&mut parts);
            for (range, part) in ranges.iter().zip(&parts).filter(|(_, part)| part.read) {
                for wanted in range.wanted {
                    let value = super::part(part.buf, wanted.addr - range.addr, wanted.len as u64);
                    let Some(value) = value else { continue };
                    kept.add(wanted.addr, value);
                    next.extend(wanted.spots.iter().filter_map(|spot| self.wanted(spot, value)));
                }
            }
        }
        next
    }
}

impl Kept {
    fn get(&self, addr: u64, len: usize) -> Option<&[u8]> {
        let (from, to) = self.places.get(&addr)?;
        self.bytes.get(*from..*to)?.get(..len)
    }

    /// Keeps bytes, unless as many are kept from that address on already.
    fn add(&mut self, addr: u64, value: &[u8]) {
        if self.places.get(&addr).is_some_and(|(from, to)| to - from >= value.len()) {
            return;
        }
        let from = self.bytes.len();
        self.bytes.extend(value);
        self.places.insert(addr, (from, self.bytes.len()));
    }
}

/// A piece of memory with some of what is wanted in it.
struct Range<'w, 's> {
    addr: u64,
    len: usize,
    wanted: &'w [Wanted<'s>],
}

impl<'w, 's> Range<'w, 's> {
    /// The first range of what is wanted, in the order of addresses; and what comes after it.
    fn first(wanted: &'w [Wanted<'s>]) -> Option<(Self, &'w [Wanted<'s>])> {
        let first = wanted.first()?;
        let end_of = |wanted: &Wanted<'_>| wanted.addr.saturating_add(wanted.len as u64);
        let mut end = end_of(first);
        let mut count = 0;
        for wanted in wanted {
            // Nothing that is not mapped lies between two bytes of one page.
            let is_near = wanted.addr / PAGE <= end.saturating_sub(1) / PAGE;
            if count > 0 && !(is_near && end_of(wanted) - first.addr <= LONGEST_RANGE) {
                break;
            }
            end = end.max(end_of(wanted));
            count += 1;
        }
        let (wanted, after) = wanted.split_at_checked(count)?;
        let len = usize::try_from(end - first.addr).ok()?;
        Some((Range { addr: first.addr, len, wanted }, after))
    }
}

impl Memory for Ahead<'_> {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        let kept = self.kept.borrow();
        match kept.iter().find_map(|kept| kept.get(addr.0, buf.len())) {
            Some(known) => {
                buf.copy_from_slice(known);
                Ok(())
            }
            None => self.memory.read(addr, buf),
        }
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        self.memory.read_parts(parts);
        let Some(first) = parts.iter().find(|part| self.is_units(part)).map(|part| part.addr) else { return };
        match self.first.get() {
            None => self.first.set(Some(first)),
            Some(begun) => self.is_over.set(self.is_over.get() || begun == first),
        }
        if !self.stored.is_empty() && !self.is_over.get() {
            self.read_on(parts);
        }
    }
}

/// The pointers in a value of this type that are followed when it is shown.
fn gather(values: &Values<'_>, ty: TypeId, offset: u64, follow: bool, depth: u32, spots: &mut Vec<Spot>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let plan = values.plan(ty);
    let to = match &plan.shape {
        Shape::String => To::Items(1),
        Shape::Slice(elem) => match values.plan(*elem).size {
            // A slice of bytes has as many as items are shown, not as a string's.
            0 | 1 => return,
            size => To::Items(size),
        },
        Shape::Pointer(Some(to)) if follow => {
            let mut inner = Vec::new();
            gather(values, *to, 0, false, depth, &mut inner);
            To::Whole(values.plan(*to).size, inner)
        }
        Shape::Struct(members) => {
            for member in members {
                gather(values, member.ty, offset.wrapping_add(member.offset), follow, depth, spots);
            }
            return;
        }
        _ => return,
    };
    if spots.len() < MOST_SPOTS {
        spots.push(Spot { offset, to });
    }
}
