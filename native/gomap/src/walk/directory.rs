//! The directory of a Swiss map, and each of its tables once.
//!
//! A table is named by entries that follow each other. In the middle of a write (installTableSplit and replaceTable
//! in src/internal/runtime/maps/map.go) some entries may name a table that the write replaces, and others already
//! what replaces it. The replaced table is whole until the write ends, and then nothing names it any more: as long
//! as one entry does, it is shown, and what replaces it is not.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::layout::TableLayout;
use crate::source::{Part, Source};
use crate::swiss::{POINTER_SIZE, SwissHeader};
use crate::table::{ENTRIES_AT_ONCE, MAX_ENTRIES, PlacedTable, Table, judge_table};
use crate::walk::Walk;
use crate::walk::groups::Batch;

/// So many tables are remembered, to find one that is named again where it shouldn't: half a billion entries' worth.
const MOST_REMEMBERED: usize = 1 << 20;

/// So many entries in a row that name no table end the walk: this is no directory.
const MOST_WRONG: u32 = 4096;

/// A table's header is not larger in any version of Go.
const LARGEST_TABLE: u64 = 256;

/// A directory, and the entries of it that were read last.
struct Directory {
    addr: u64,
    entries: u64,
    /// Number of the first entry that was read.
    first: u64,
    /// What the entries name, the same only once in a row, with the number of the first entry that does.
    named: Vec<(u64, u64, Option<Table>)>,
    read: u64,
}

impl Directory {
    /// Bits of a hash that choose an entry.
    fn bits(&self) -> u32 {
        self.entries.checked_ilog2().unwrap_or(0)
    }

    /// The table that an entry names, and its address.
    fn table(&self, walk: &Walk<'_>, entry: u64, layout: &TableLayout) -> Option<(u64, Table)> {
        if (self.first..self.first + self.read).contains(&entry) {
            let after = self.named.partition_point(|(first, ..)| *first <= entry);
            let (_, address, table) = self.named.get(after.checked_sub(1)?)?;
            return Some((*address, (*table)?));
        }
        let address = walk.reader.word(self.addr.checked_add(entry * POINTER_SIZE)?)?;
        Some((address, walk.table(address, layout)?))
    }

    /// The entries that belong to a table, by its own fields.
    fn range(&self, table: &Table) -> Option<std::ops::Range<u64>> {
        let len = 1u64 << self.bits().checked_sub(table.local_depth.into())?;
        let first = u64::try_from(table.index).ok()?;
        let end = first.checked_add(len)?;
        (first.is_multiple_of(len) && end <= self.entries).then_some(first..end)
    }

    /// Whether the table that `entry` names is a replacement of one that the directory still names: entries are
    /// replaced from the first to the last.
    fn is_replacement(&self, walk: &Walk<'_>, entry: u64, table: &Table, layout: &TableLayout) -> bool {
        let Some(own) = self.range(table).filter(|range| range.contains(&entry)) else { return false };
        let len = own.end - own.start;
        let last = |of: u64, len: u64| self.table(walk, of + len - 1, layout).map(|(_, last)| last);
        // (*table).grow: twice as large, in the same place.
        let grown = last(own.start, len).is_some_and(|old| {
            (old.index, old.local_depth) == (table.index, table.local_depth)
                && u32::from(old.capacity) * 2 == u32::from(table.capacity)
        });
        // (*table).split: the half of it.
        let both = own.start - own.start % (2 * len);
        let split = table.local_depth > 0
            && both + 2 * len <= self.entries
            && last(both, 2 * len)
                .is_some_and(|old| old.local_depth == table.local_depth - 1 && u64::try_from(old.index) == Ok(both));
        grown || split
    }
}

impl Walk<'_> {
    /// The table at an address, as it says itself.
    pub(super) fn table(&self, address: u64, layout: &TableLayout) -> Option<Table> {
        let mut bytes = [0; LARGEST_TABLE as usize];
        let bytes = bytes.get_mut(..layout.size as usize)?;
        let read = address != 0 && address.is_multiple_of(8) && self.reader.read(address, bytes);
        read.then(|| Table::decode(layout, bytes).ok()).flatten()
    }

    /// How many entries a directory has.
    ///
    /// installTableSplit stores globalDepth, then dirPtr, then dirLen: in between a directory may be twice as long as
    /// dirLen says. In a new one each table is named by two entries more; in the old one, the table that made the
    /// directory grow was named by one.
    pub(super) fn entries_of_directory(&mut self, header: &SwissHeader, entries: u64) -> u64 {
        let entries = entries.min(MAX_ENTRIES);
        let doubling =
            entries >= 2 && entries.is_power_of_two() && u32::from(header.global_depth) == entries.trailing_zeros() + 1;
        let all_twice = || {
            (0..entries).step_by(ENTRIES_AT_ONCE as usize).all(|first| {
                let count = ENTRIES_AT_ONCE.min(entries - first);
                let read = self.read_entries(header.dir_ptr, first, count);
                read.is_some_and(|entries| entries.chunks(2).all(|pair| pair.first() == pair.last()))
            })
        };
        if doubling && all_twice() { entries * 2 } else { entries }
    }

    fn read_entries(&self, addr: u64, first: u64, count: u64) -> Option<Vec<u64>> {
        let mut bytes = vec![0; (count * POINTER_SIZE) as usize];
        let read = self.reader.read(addr.checked_add(first * POINTER_SIZE)?, &mut bytes);
        let (pointers, _) = bytes.as_chunks();
        read.then(|| pointers.iter().copied().map(u64::from_le_bytes).collect())
    }

    /// Shows the entries of all tables.
    pub(super) fn directory(&mut self, header: &SwissHeader, entries: u64, layout: &TableLayout) -> ControlFlow<()> {
        if layout.size > LARGEST_TABLE {
            return ControlFlow::Continue(());
        }
        // What dirLen is to become, in the middle of a write.
        let header = &SwissHeader { dir_len: entries.cast_signed(), ..*header };
        let mut directory = Directory { addr: header.dir_ptr, entries, first: 0, named: Vec::new(), read: 0 };
        let mut batch = Batch::new(self);
        let mut seen = HashSet::new();
        let mut open: Option<PlacedTable> = None;
        let (mut wrong, mut used) = (0, 0);
        while directory.first < entries && wrong < MOST_WRONG {
            let last = directory.named.last().map(|(_, address, _)| *address);
            if !self.read_directory(&mut directory, layout) {
                let why = format_args!("entries from {} of {entries} on cannot be read", directory.first);
                self.findings.damaged(self.map.header, "dirPtr", header.dir_ptr, why);
                break;
            }
            let end = directory.first + directory.read;
            for (place, (entry, address, table)) in directory.named.iter().enumerate() {
                let (entry, address) = (*entry, *address);
                let next = directory.named.get(place + 1).map_or(end, |(next, ..)| *next);
                if let Some(open) = &mut open
                    && place == 0
                    && last == Some(address)
                {
                    (open.entries, open.last_entry) = (open.entries + next - entry, next - 1);
                    continue;
                }
                self.judge_placed(open.take(), header);
                let Some(table) = table else {
                    wrong += 1;
                    self.no_table(&directory, entry, address);
                    continue;
                };
                if seen.len() < MOST_REMEMBERED && !seen.insert(address) {
                    wrong += 1;
                    let why = format_args!("entry {entry} names a table that other entries, not next to it, name too");
                    self.findings.damaged(directory.addr.wrapping_add(entry * POINTER_SIZE), "directory", address, why);
                    continue;
                }
                let (first_entry, last_entry, entries) = (entry, next - 1, next - entry);
                open = Some(PlacedTable { address, first_entry, last_entry, entries, table: *table });
                if directory.is_replacement(self, entry, table, layout) {
                    continue;
                }
                used += u64::from(table.used);
                let prefix = directory.bits().checked_sub(table.local_depth.into()).map(|spare| entry >> spare);
                let prefix = prefix.map_or((0, 0), |prefix| (prefix, table.local_depth));
                match self.take(&mut batch, address, table, prefix) {
                    Some(shown) => {
                        wrong = 0;
                        shown?;
                    }
                    None => {
                        wrong += 1;
                        let why = format_args!("its capacity {} and groups make no sense", table.capacity);
                        self.findings.damaged(address, "table.groups.lengthMask", table.groups_length_mask, why);
                    }
                }
            }
            directory.first = end;
        }
        self.judge_placed(open, header);
        if self.thorough && wrong < MOST_WRONG && used != header.used {
            self.findings.in_between(self.map.header, "used", header.used, format_args!("the tables say {used}"));
        }
        self.show_batch(&mut batch)
    }

    /// Reads the next entries, and the tables that they name.
    fn read_directory(&self, directory: &mut Directory, layout: &TableLayout) -> bool {
        let count = ENTRIES_AT_ONCE.min(directory.entries - directory.first);
        let Some(pointers) = self.read_entries(directory.addr, directory.first, count) else { return false };
        directory.read = count;
        directory.named.clear();
        for (entry, address) in (directory.first..).zip(pointers) {
            if directory.named.last().is_none_or(|(_, last, _)| *last != address) {
                directory.named.push((entry, address, None));
            }
        }
        let size = layout.size as usize;
        let mut bytes = vec![0; size * directory.named.len()];
        let mut parts: Vec<Part<'_>> = bytes
            .chunks_mut(size.max(1))
            .zip(&directory.named)
            .map(|(buf, (_, addr, _))| Part { addr: *addr, buf, read: false })
            .collect();
        self.reader.read_all(&mut parts);
        for (part, (_, address, table)) in parts.iter().zip(&mut directory.named) {
            if part.read && *address != 0 && address.is_multiple_of(8) {
                *table = Table::decode(layout, part.buf).ok();
            }
        }
        true
    }

    fn no_table(&mut self, directory: &Directory, entry: u64, address: u64) {
        let why = if address == 0 { "is nil" } else { "names a table that cannot be read" };
        let at = directory.addr.wrapping_add(entry * POINTER_SIZE);
        self.findings.damaged(at, "directory", address, format_args!("entry {entry} {why}"));
    }

    fn judge_placed(&mut self, placed: Option<PlacedTable>, header: &SwissHeader) {
        if let Some(placed) = placed.filter(|_| self.thorough) {
            self.judge(placed.address, |judge| judge_table(&placed, header, judge));
        }
    }
}
