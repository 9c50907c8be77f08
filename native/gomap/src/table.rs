//! The tables of a Swiss map, and what the runtime keeps true about them.

use std::collections::HashMap;

use crate::bytes::{Error, i64_at, u8_at, u16_at, u64_at};
use crate::finding::{Finding, Judge};
use crate::layout::{SwissLayout, TableLayout};
use crate::slots::SLOTS;
use crate::swiss::{POINTER_SIZE, SwissHeader};

/// The fields of an `internal/runtime/maps.table`, as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// `used`: the number of entries in this table.
    pub used: u16,
    /// `capacity`: the number of slots.
    pub capacity: u16,
    /// `growthLeft`: how many more slots may be filled before the table grows.
    pub growth_left: u16,
    /// `localDepth`: how many bits of a hash lead to this table.
    pub local_depth: u8,
    /// `index`: the first directory entry that names this table; -1 once it is replaced.
    pub index: i64,
    /// `groups.data`: address of the groups.
    pub groups_data: u64,
    /// `groups.lengthMask`: the number of groups, less one.
    pub groups_length_mask: u64,
}

/// maxTableCapacity in src/internal/runtime/maps/table.go: a table that would grow beyond so many
/// slots is split instead.
pub(crate) const MAX_TABLE_CAPACITY: u16 = 1024;

/// The most entries that a table ever holds: 7/8 of its slots (maxAvgGroupLoad in
/// src/internal/runtime/maps/group.go).
pub(crate) const MAX_TABLE_USED: u16 = MAX_TABLE_CAPACITY / 8 * 7;

/// The longest directory that is read, in entries: 1 GiB of them, and as many tables of a KiB or
/// more, is more than a machine has.
pub(crate) const MAX_ENTRIES: u64 = 1 << 27;

/// How many directory entries are read at once.
pub(crate) const ENTRIES_AT_ONCE: u64 = 8192;

impl Table {
    /// Reads a table's fields from its bytes.
    ///
    /// # Errors
    ///
    /// [`Error::TooShort`] if `bytes` end before a field does.
    pub fn decode(layout: &TableLayout, bytes: &[u8]) -> Result<Table, Error> {
        Ok(Table {
            used: u16_at(bytes, layout.used, "table.used")?,
            capacity: u16_at(bytes, layout.capacity, "table.capacity")?,
            growth_left: u16_at(bytes, layout.growth_left, "table.growthLeft")?,
            local_depth: u8_at(bytes, layout.local_depth, "table.localDepth")?,
            index: i64_at(bytes, layout.index, "table.index")?,
            groups_data: u64_at(bytes, layout.groups_data, "table.groups.data")?,
            groups_length_mask: u64_at(bytes, layout.groups_length_mask, "table.groups.lengthMask")?,
        })
    }

    /// How many slots the runtime fills before it grows the table (maxGrowthLeft).
    pub(crate) fn max_used(&self) -> u16 {
        if u64::from(self.capacity) <= SLOTS { self.capacity.saturating_sub(1) } else { self.capacity / 8 * 7 }
    }
}

/// A table and where its directory names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedTable {
    /// The table's address.
    pub address: u64,
    /// The first directory entry that names it.
    pub first_entry: u64,
    /// The last directory entry that names it.
    pub last_entry: u64,
    /// How many directory entries name it.
    pub entries: u64,
    /// Its fields.
    pub table: Table,
}

/// All the tables of a Swiss map, each once. Tables are told apart by their address: while a
/// directory doubles, several may have the same `index`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tables {
    /// How many directory entries were read.
    pub entries: u64,
    /// The tables, in the order of their first entry.
    pub tables: Vec<PlacedTable>,
    /// Directory entries whose table could not be read, each with the address that it names. A
    /// table that several entries name is here once.
    pub unreadable: Vec<(u64, u64)>,
}

impl Tables {
    /// Reads the directory and every table once; a small map has none.
    ///
    /// `read` gives as many bytes (second argument) as asked for from an address (first), or
    /// `None`. Reading stops where the directory can't be read: compare `entries` with `dirLen`.
    pub fn read(
        header: &SwissHeader,
        layout: &SwissLayout,
        read: &mut dyn FnMut(u64, u64) -> Option<Vec<u8>>,
    ) -> Tables {
        let mut tables = Tables::default();
        let mut seen = HashMap::new();
        let Ok(dir_len) = u64::try_from(header.dir_len) else {
            return tables;
        };
        let dir_len = dir_len.min(MAX_ENTRIES);
        while tables.entries < dir_len {
            let count = (dir_len - tables.entries).min(ENTRIES_AT_ONCE);
            let Some(bytes) = header
                .dir_ptr
                .checked_add(tables.entries * POINTER_SIZE)
                .and_then(|address| read(address, count * POINTER_SIZE))
            else {
                break;
            };
            let (pointers, _) = bytes.as_chunks();
            if pointers.is_empty() {
                break;
            }
            for &pointer in pointers {
                let address = u64::from_le_bytes(pointer);
                tables.place(address, &mut seen, &layout.table, read);
            }
        }
        tables
    }

    /// Takes the next directory entry, which names `address`.
    fn place(
        &mut self,
        address: u64,
        seen: &mut HashMap<u64, Option<usize>>,
        layout: &TableLayout,
        read: &mut dyn FnMut(u64, u64) -> Option<Vec<u8>>,
    ) {
        let entry = self.entries;
        self.entries += 1;
        if let Some(place) = seen.get(&address) {
            if let Some(placed) = place.and_then(|place| self.tables.get_mut(place)) {
                placed.entries += 1;
                placed.last_entry = entry;
            }
            return;
        }
        let table = (address != 0)
            .then(|| read(address, layout.size))
            .flatten()
            .and_then(|bytes| Table::decode(layout, &bytes).ok());
        let place = match table {
            Some(table) => {
                self.tables.push(PlacedTable { address, first_entry: entry, last_entry: entry, entries: 1, table });
                Some(self.tables.len() - 1)
            }
            None => {
                self.unreadable.push((entry, address));
                None
            }
        };
        seen.insert(address, place);
    }

    /// The sum of the tables' `used`, which a map at rest has in its header too.
    pub fn used(&self) -> u64 {
        self.tables.iter().map(|placed| u64::from(placed.table.used)).sum()
    }

    /// Everything in the tables that contradicts what the runtime keeps true, with the field that
    /// shows it: as [`Header::findings`](crate::Header::findings).
    /// `address` is the header's.
    pub fn findings(
        &self,
        header: &SwissHeader,
        address: u64,
        mapped: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Vec<Finding> {
        let mut judge = Judge { address, writing: header.is_writing(), mapped, findings: Vec::new() };
        for &(entry, table) in &self.unreadable {
            judge.address = header.dir_ptr.wrapping_add(entry * POINTER_SIZE);
            let why = if table == 0 {
                format!("entry {entry} is nil")
            } else {
                format!("entry {entry} names a table that cannot be read")
            };
            judge.damaged("directory", table, why);
        }
        for placed in &self.tables {
            judge.address = placed.address;
            judge_table(placed, header, &mut judge);
        }
        judge.address = address;
        let complete = self.unreadable.is_empty() && u64::try_from(header.dir_len) == Ok(self.entries);
        let used = self.used();
        if complete && self.entries != 0 && used != header.used {
            // A write counts in the table first, a split has old and new tables in the directory,
            // and a clear empties one table after the other.
            let why = format!("the tables hold {used}");
            judge.in_between("used", header.used, why);
        }
        judge.findings
    }
}

pub(crate) fn judge_table(placed: &PlacedTable, header: &SwissHeader, judge: &mut Judge<'_>) {
    let PlacedTable { address, table, .. } = placed;
    let capacity = table.capacity;
    let groups = u64::from(capacity) / SLOTS;
    let possible = capacity.is_power_of_two() && groups >= 1 && capacity <= MAX_TABLE_CAPACITY;
    if !possible {
        let why = format!("table {address:#x}: not a power of two from 8 to {MAX_TABLE_CAPACITY}");
        judge.damaged("table.capacity", capacity.into(), why);
    }
    if possible && table.groups_length_mask != groups - 1 {
        let why = format!("table {address:#x}: not {}, while capacity is {capacity}", groups - 1);
        judge.damaged("table.groups.lengthMask", table.groups_length_mask, why);
    }
    let most = table.max_used();
    if possible && table.used > most {
        let why = format!("table {address:#x}: grows before it holds more than {most}");
        judge.damaged("table.used", table.used.into(), why);
    } else if possible && table.growth_left > most - table.used {
        // Every step counts growthLeft down before used up, and used down before growthLeft up.
        let why =
            format!("table {address:#x}: more than {}, while used is {} of {capacity}", most - table.used, table.used);
        judge.damaged("table.growthLeft", table.growth_left.into(), why);
    }
    if possible {
        // Of each group at least the control word.
        judge.pointer("table.groups.data", table.groups_data, groups * SLOTS);
    }
    judge_place(placed, header, judge);
}

/// A table at `index` is named by the 2^(globalDepth - localDepth) entries from there on. A split
/// doubles `index` and globalDepth before it publishes the doubled directory, and then replaces
/// one entry after the other.
fn judge_place(placed: &PlacedTable, header: &SwissHeader, judge: &mut Judge<'_>) {
    let PlacedTable { address, first_entry, last_entry, entries, table } = placed;
    let Some(spare) = header.global_depth.checked_sub(table.local_depth) else {
        let why = format!("table {address:#x}: more than globalDepth, which is {}", header.global_depth);
        judge.damaged("table.localDepth", table.local_depth.into(), why);
        return;
    };
    let most = header.dir_len.saturating_mul(2);
    if table.index < 0 || table.index >= most {
        let why = format!("table {address:#x}: outside the directory that names it");
        judge.damaged("table.index", table.index.cast_unsigned(), why);
    } else if table.index.cast_unsigned() != *first_entry {
        let why = format!("table {address:#x}: not {first_entry}, the first entry that names it");
        judge.in_between("table.index", table.index.cast_unsigned(), why);
    }
    let expected = 1u64.checked_shl(spare.into()).unwrap_or(u64::MAX);
    if *entries != expected || last_entry - first_entry + 1 != *entries {
        let why = format!("{entries} entries from {first_entry} to {last_entry} name it, not {expected} in a row");
        judge.in_between("directory", *address, why);
    }
}
