//! A few of a map's keys, found with little reading.

use crate::bytes::Error;
use crate::classic::MAX_B;
use crate::hash::bytes_at;
use crate::header::Header;
use crate::layout::Layout;
use crate::slots::{MapView, SLOTS};
use crate::source::Source;
use crate::swiss::POINTER_SIZE;
use crate::table::{MAX_TABLE_CAPACITY, Table};
use crate::walk::marks::{CTRL_EMPTY, MIN_TOP_HASH};

/// So many buckets or groups are looked into for keys, while too few are found. A map of no more of them is never
/// missed, however few entries were put into a map made for many.
const PLACES: u64 = 4096;

/// In so many tables of a directory.
const TABLES: u64 = PLACES / (MAX_TABLE_CAPACITY as u64 / SLOTS);

/// A key and its address.
type Key = (u64, Vec<u8>);

/// A map's header, up to `most` of its keys with their addresses, and how many bytes that took.
pub(crate) fn sample(map: &MapView<'_>, source: &dyn Source, most: u64) -> Result<(Header, Vec<Key>, u64), Error> {
    let header = Header::read(map, source)?;
    let mut sampling = Sampling { map, source, most, keys: Vec::new(), bytes_read: map.layout.size() };
    match (&header, map.layout) {
        (Header::Classic(header), _) => {
            let buckets = 1 << header.b.min(MAX_B);
            sampling.spread(header.buckets, buckets, |mark| mark >= MIN_TOP_HASH);
            if header.oldbuckets != 0 {
                let same_size = header.flags & header.bits.same_size_grow != 0;
                let old = if same_size { buckets } else { buckets / 2 };
                sampling.spread(header.oldbuckets, old, |mark| mark >= MIN_TOP_HASH);
            }
        }
        (Header::Swiss(header), Layout::Swiss(layout)) => match u64::try_from(header.dir_len).unwrap_or(0) {
            0 => sampling.spread(header.dir_ptr, 1, |control| control < CTRL_EMPTY),
            entries => {
                for table in steps(entries, TABLES) {
                    if sampling.is_enough() {
                        break;
                    }
                    let pointer = header.dir_ptr.wrapping_add(table.wrapping_mul(POINTER_SIZE));
                    let table = sampling.pointer(pointer).and_then(|addr| bytes_at(source, addr, layout.table.size));
                    let Some(table) = table.and_then(|bytes| Table::decode(&layout.table, &bytes).ok()) else {
                        continue;
                    };
                    let groups = u64::from(table.capacity.min(MAX_TABLE_CAPACITY)) / SLOTS;
                    sampling.bytes_read += layout.table.size;
                    sampling.spread(table.groups_data, groups, |control| control < CTRL_EMPTY);
                }
            }
        },
        (Header::Swiss(_), Layout::Classic(_)) => {}
    }
    Ok((header, sampling.keys, sampling.bytes_read))
}

/// At most `most` numbers below `end`, evenly spread.
fn steps(end: u64, most: u64) -> impl Iterator<Item = u64> {
    let step = end.div_ceil(most).max(1);
    (0..end).step_by(usize::try_from(step).unwrap_or(usize::MAX))
}

struct Sampling<'a> {
    map: &'a MapView<'a>,
    source: &'a dyn Source,
    most: u64,
    keys: Vec<Key>,
    bytes_read: u64,
}

impl Sampling<'_> {
    fn is_enough(&self) -> bool {
        self.keys.len() as u64 >= self.most
    }

    /// Takes a key from each of a few buckets or groups of an array, or more where there are fewer of them; `full`
    /// tells by a slot's mark whether it holds an entry.
    fn spread(&mut self, array: u64, units: u64, full: impl Fn(u8) -> bool) {
        let wanted = self.most.saturating_sub(self.keys.len() as u64);
        let each = wanted.div_ceil(units.clamp(1, wanted.max(1)));
        let end = self.keys.len().saturating_add(usize::try_from(wanted).unwrap_or(usize::MAX));
        for unit in steps(units, PLACES) {
            if self.keys.len() >= end {
                return;
            }
            let unit = array.wrapping_add(unit.wrapping_mul(self.map.slots.unit));
            let mut marks = [0; 8];
            self.bytes_read += 8;
            if !self.source.read(unit, &mut marks) {
                continue;
            }
            let slots = (0..).zip(marks).filter(|&(_, mark)| full(mark)).take(usize::try_from(each).unwrap_or(1));
            for (slot, _) in slots {
                let key = self.key(unit, slot);
                self.keys.extend(key);
            }
        }
    }

    fn key(&mut self, unit: u64, slot: u64) -> Option<Key> {
        let stored = &self.map.slots.key;
        let place = unit.wrapping_add(stored.offset).wrapping_add(stored.stride.wrapping_mul(slot));
        let addr = if stored.indirect { self.pointer(place)? } else { place };
        self.bytes_read = self.bytes_read.saturating_add(stored.size);
        bytes_at(self.source, addr, stored.size).map(|key| (addr, key))
    }

    fn pointer(&mut self, addr: u64) -> Option<u64> {
        let mut word = [0; 8];
        self.bytes_read += 8;
        self.source.read(addr, &mut word).then(|| u64::from_le_bytes(word))
    }
}
