//! Groups of Swiss maps: the only one of a small map, and those of tables.

use std::ops::ControlFlow;

use crate::layout::TableLayout;
use crate::slots::SLOTS;
use crate::swiss::SwissHeader;
use crate::table::{MAX_TABLE_CAPACITY, Table};
use crate::walk::marks;
use crate::walk::units::{Home, Run, Units};
use crate::walk::{BLOCK, Walk};

/// Tables that are read together.
pub(super) struct Batch {
    units: Units,
    runs: Vec<Run>,
    tables: Vec<(u64, Table)>,
    /// Bytes of all the groups.
    bytes: u64,
}

impl Batch {
    pub(super) fn new(walk: &Walk<'_>) -> Self {
        Batch { units: walk.units(), runs: Vec::new(), tables: Vec::new(), bytes: 0 }
    }
}

/// Slots of a table that growToTable makes.
const FIRST_CAPACITY: u16 = 16;

impl Walk<'_> {
    /// Shows the entries of a Swiss map.
    pub(super) fn swiss(&mut self, header: &SwissHeader, layout: &TableLayout) -> ControlFlow<()> {
        match u64::try_from(header.dir_len) {
            _ if header.dir_ptr == 0 => ControlFlow::Continue(()),
            Ok(0) if self.has_first_table(header, layout) => self.directory(header, 1, layout),
            Ok(0) => self.small(header),
            Ok(entries) => {
                let entries = self.entries_of_directory(header, entries);
                self.directory(header, entries, layout)
            }
            Err(_) => ControlFlow::Continue(()),
        }
    }

    fn small(&mut self, header: &SwissHeader) -> ControlFlow<()> {
        let mut units = self.units();
        units.add(&self.reader, &[Run { addr: header.dir_ptr, count: 1, home: Home::SmallGroup }]);
        match units.word(0) {
            None => {
                let why = format_args!("the group of {} bytes cannot be read", self.unit());
                self.findings.damaged(self.map.header, "dirPtr", header.dir_ptr, why);
            }
            Some(word) if marks::deleted(word) != 0 => {
                let why = format_args!("a small map never has a tombstone");
                self.findings.damaged(header.dir_ptr, "control", word, why);
            }
            Some(word) => self.judge_control(header.dir_ptr, word),
        }
        units.set_masks(marks::full);
        self.emit(&units)?;
        self.end_of_block();
        ControlFlow::Continue(())
    }

    /// growToTable stores dirPtr before dirLen. For a moment a map looks small, while dirPtr already leads to a
    /// directory of one table, which holds what the group held.
    fn has_first_table(&self, header: &SwissHeader, layout: &TableLayout) -> bool {
        let table = self.reader.word(header.dir_ptr).and_then(|address| self.table(address, layout));
        table.is_some_and(|table| {
            table.capacity == FIRST_CAPACITY
                && table.groups_length_mask == u64::from(FIRST_CAPACITY) / SLOTS - 1
                && u64::from(table.used) == header.used
                && table.used.checked_add(table.growth_left) == Some(table.max_used())
                && (table.local_depth, table.index) == (0, 0)
        })
    }

    /// Takes a table whose groups are to be shown; `None` for one that can't have any.
    pub(super) fn take(
        &mut self,
        batch: &mut Batch,
        address: u64,
        table: &Table,
        (prefix, bits): (u64, u8),
    ) -> Option<ControlFlow<()>> {
        let groups = table.groups()?;
        let home = Home::Table { mask: groups - 1, prefix, bits };
        batch.runs.push(Run { addr: table.groups_data, count: groups as usize, home });
        batch.tables.push((address, *table));
        batch.bytes += groups * self.unit();
        Some(if batch.bytes >= BLOCK as u64 { self.show_batch(batch) } else { ControlFlow::Continue(()) })
    }

    /// Shows the tables taken so far.
    pub(super) fn show_batch(&mut self, batch: &mut Batch) -> ControlFlow<()> {
        let Batch { units, runs, tables, bytes } = batch;
        units.clear();
        units.add(&self.reader, runs);
        units.set_masks(marks::full);
        for ((address, table), (first, run)) in tables.iter().zip(units.runs()) {
            self.judge_groups(units, *address, table, *first..first + run.count);
        }
        runs.clear();
        tables.clear();
        *bytes = 0;
        self.emit(units)?;
        self.end_of_block();
        ControlFlow::Continue(())
    }

    fn judge_groups(&mut self, units: &Units, address: u64, table: &Table, groups: std::ops::Range<usize>) {
        let missing = units.missing(groups.clone());
        if missing > 0 {
            let why = format_args!("{missing} of {} groups cannot be read", groups.len());
            self.findings.damaged(address, "table.groups.data", table.groups_data, why);
            return;
        }
        let masks = units.masks.get(groups.clone()).unwrap_or_default();
        let full: u32 = masks.iter().map(|mask| mask.count_ones()).sum();
        if full != u32::from(table.used) {
            self.findings.in_between(address, "table.used", table.used.into(), format_args!("the table holds {full}"));
        }
        if !self.thorough {
            return;
        }
        let mut tombstones = 0;
        for at in groups {
            let word = units.word(at).unwrap_or_default();
            tombstones += marks::deleted(word).count_ones();
            self.judge_control(units.address(at), word);
        }
        let room = u32::from(table.growth_left) + u32::from(table.used) + tombstones;
        if full == u32::from(table.used) && room != u32::from(table.max_used()) {
            let why = format_args!("not {} less {full} entries and {tombstones} tombstones", table.max_used());
            self.findings.in_between(address, "table.growthLeft", table.growth_left.into(), why);
        }
        let header = self.map.header;
        if let crate::Header::Swiss(SwissHeader { tombstone_possible: Some(0), .. }) = self.header
            && tombstones > 0
        {
            let why = format_args!("the table at {address:#x} holds {tombstones} tombstones");
            self.findings.in_between(header, "tombstonePossible", 0, why);
        }
    }

    /// Control bytes that stand for nothing.
    fn judge_control(&mut self, group: u64, word: u64) {
        let strange = !(marks::full(word) | marks::empty(word) | marks::deleted(word));
        if word == 0 {
            // Groups are allocated, and cleared, as zeros; then the control word is set.
            self.findings.in_between(group, "control", 0, format_args!("not set, while the group is in use"));
        } else if strange != 0 {
            let slot = strange.trailing_zeros() as usize;
            let value = marks::byte(word, slot).into();
            let why = format_args!("neither empty, nor deleted, nor a part of a hash");
            self.findings.damaged(group.wrapping_add(slot as u64), "control", value, why);
        }
    }
}

impl Table {
    /// How many groups the table has, by its fields; `None` if they make no sense.
    fn groups(&self) -> Option<u64> {
        let most = u64::from(MAX_TABLE_CAPACITY) / SLOTS;
        let plausible = |groups: u64| (1..=most).contains(&groups) && groups.is_power_of_two();
        let by_mask = self.groups_length_mask.checked_add(1).filter(|groups| plausible(*groups));
        let by_capacity = Some(u64::from(self.capacity) / SLOTS).filter(|groups| plausible(*groups));
        // Lookups go by the mask.
        let aligned = self.groups_data != 0 && self.groups_data.is_multiple_of(8);
        by_mask.or(by_capacity).filter(|_| aligned)
    }
}
