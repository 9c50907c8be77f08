//! The path of a hash through a Swiss map: getWithKey and getWithKeySmall in Go's src/internal/runtime/maps/map.go
//! and table.go, and what growToTable and installTableSplit there leave behind between their steps.

use super::{OwnedEntry, Path};
use crate::layout::SwissLayout;
use crate::slots::SLOTS;
use crate::swiss::{MAX_DEPTH, POINTER_SIZE, SwissHeader, depth_of_shift};
use crate::table::{MAX_TABLE_CAPACITY, Table};
use crate::walk::marks::{CTRL_DELETED, CTRL_EMPTY, h1, h2};

/// The capacity of a small map's first table, in slots (growToTable).
const FIRST_CAPACITY: u16 = 16;

/// What a group has said.
enum Seen {
    Entry(OwnedEntry),
    /// Not here: the next one may have it.
    Full,
    /// Not here, nor anywhere further on.
    End,
}

impl Path<'_> {
    pub(super) fn swiss(&mut self, header: &SwissHeader, layout: &SwissLayout, hash: u64) -> Option<OwnedEntry> {
        if header.used == 0 || header.dir_ptr == 0 {
            return None;
        }
        let Some(entries) = u64::try_from(header.dir_len).ok().filter(|len| *len == 0 || len.is_power_of_two()) else {
            let why = "not a power of two";
            self.wrong(true, "dirLen", self.map.header, header.dir_len.cast_unsigned(), why);
            return None;
        };
        if entries == 0 {
            return self.small(header, layout, hash);
        }
        let depth = entries.trailing_zeros();
        if depth > MAX_DEPTH.into() {
            let why = "such a directory does not fit into the address space";
            self.wrong(true, "dirLen", self.map.header, entries, why);
            return None;
        }
        let index = hash.checked_shr(64 - depth).unwrap_or(0);
        let table = self.table_at(header, layout, index);
        let found = table.and_then(|(addr, table)| self.table(addr, &table, hash));
        let of_shift = depth_of_shift(header.global_shift).map(u32::from);
        if found.is_some() || of_shift == Some(depth) || depth == 0 {
            return found;
        }
        if of_shift != Some(depth + 1) {
            let why = format!("not {}, while dirLen is {entries}", 64 - depth);
            self.wrong(true, "globalShift", self.map.header, header.global_shift.into(), why);
            return None;
        }
        // installTableSplit lowers globalShift, stores the doubled directory, and its length last.
        let why = format!("not {}, while dirLen is {entries}", 64 - depth);
        self.wrong(false, "globalShift", self.map.header, header.global_shift.into(), why);
        let findings = self.findings.len();
        let index = hash.checked_shr(header.global_shift.into()).unwrap_or(0);
        let table = self.table_at(header, layout, index);
        let found = table.and_then(|(addr, table)| self.table(addr, &table, hash));
        // If the directory is still the old one, this was beyond its end.
        self.findings.truncate(findings);
        found
    }

    fn small(&mut self, header: &SwissHeader, layout: &SwissLayout, hash: u64) -> Option<OwnedEntry> {
        // growToTable stores the directory of one before its length. Eight entries fill a group: it has no other
        // reason to look like a pointer to a table.
        if header.used == SLOTS
            && let Some(addr) = self.pointer(header.dir_ptr)
            && let Some(table) = self.read_table(layout, addr)
            && table.capacity == FIRST_CAPACITY
            && table.groups_length_mask == 1
            && table.used == SLOTS as u16
            && (table.index, table.local_depth) == (0, 0)
        {
            let why = "0, while dirPtr names a directory";
            self.wrong(false, "dirLen", self.map.header, 0, why);
            return self.table(addr, &table, hash);
        }
        match self.group(header.dir_ptr, hash)? {
            Seen::Entry(entry) => Some(entry),
            Seen::Full | Seen::End => None,
        }
    }

    /// The table that a directory entry names, and its address.
    fn table_at(&mut self, header: &SwissHeader, layout: &SwissLayout, index: u64) -> Option<(u64, Table)> {
        let entry = index.checked_mul(POINTER_SIZE).and_then(|offset| header.dir_ptr.checked_add(offset))?;
        let Some(addr) = self.pointer(entry) else {
            let why = format!("entry {index} of the directory cannot be read");
            self.wrong(true, "dirPtr", self.map.header, header.dir_ptr, why);
            return None;
        };
        let table = self.read_table(layout, addr);
        if table.is_none() {
            let why = format!("entry {index} names a table that cannot be read");
            self.wrong(true, "directory", entry, addr, why);
        }
        table.map(|table| (addr, table))
    }

    fn read_table(&mut self, layout: &SwissLayout, addr: u64) -> Option<Table> {
        if addr == 0 || !addr.is_multiple_of(POINTER_SIZE) {
            return None;
        }
        let bytes = self.bytes(addr, layout.table.size)?;
        Table::decode(&layout.table, &bytes).ok()
    }

    /// Follows the probe sequence (makeProbeSeq) until a group has an empty slot.
    fn table(&mut self, addr: u64, table: &Table, hash: u64) -> Option<OwnedEntry> {
        let mask = table.groups_length_mask;
        let groups = mask.saturating_add(1);
        if !groups.is_power_of_two() || groups.saturating_mul(SLOTS) > MAX_TABLE_CAPACITY.into() {
            let why = format!("table {addr:#x}: not one less than a power of two up to 128");
            self.wrong(true, "table.groups.lengthMask", addr, mask, why);
            return None;
        }
        let mut offset = h1(hash) & mask;
        for step in 1..=groups {
            let group = offset.checked_mul(self.map.slots.unit)?.checked_add(table.groups_data)?;
            match self.group(group, hash)? {
                Seen::Entry(entry) => return Some(entry),
                Seen::End => return None,
                Seen::Full => offset = (offset + step) & mask,
            }
        }
        let why = format!("table {addr:#x}: no group has an empty slot, so no search in it ends");
        self.wrong(true, "table.groups.data", addr, table.groups_data, why);
        None
    }

    fn group(&mut self, group: u64, hash: u64) -> Option<Seen> {
        let Some(controls) = self.word(group) else {
            self.wrong(true, "group", group, group, "the group cannot be read");
            return None;
        };
        for (slot, &control) in (0..).zip(&controls) {
            if control == h2(hash) {
                if let Some(entry) = self.slot(group, slot) {
                    return Some(Seen::Entry(entry));
                }
            } else if control > CTRL_EMPTY && control != CTRL_DELETED {
                let why = format!("slot {slot} is neither full, empty nor deleted");
                self.wrong(true, "ctrl", group, control.into(), why);
            }
        }
        Some(if controls.contains(&CTRL_EMPTY) { Seen::End } else { Seen::Full })
    }
}
