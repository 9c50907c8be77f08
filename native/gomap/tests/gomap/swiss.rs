//! What is called damaged in a Swiss header and its tables, and what is not.

use crate::common::{HEADER, HEAP, SWISS, Spoil, damaged, heap_only, swiss_findings};
use gomap::{Finding, SwissHeader, Table, Tables, Verdict};
use proptest::prelude::*;

/// A Swiss map as the runtime has it in memory.
#[derive(Debug, Clone)]
struct Model {
    header: SwissHeader,
    /// The directory that `dirPtr` names: numbers of tables.
    directory: Vec<usize>,
    tables: Vec<Table>,
}

fn address_of_table(number: usize) -> u64 {
    HEAP + 0x10_0000 + number as u64 * 32
}

impl Model {
    /// A map with one table.
    fn one_table(used: u16) -> Model {
        let mut model = Model {
            header: SwissHeader {
                used: used.into(),
                seed: 0x5eed,
                dir_ptr: HEAP,
                dir_len: 1,
                global_depth: 0,
                global_shift: 64,
                writing: 0,
                tombstone_possible: Some(0),
                clear_seq: 0,
            },
            directory: vec![0],
            tables: Vec::new(),
        };
        model.new_table(used, 0, 0);
        model
    }

    fn new_table(&mut self, used: u16, local_depth: u8, index: i64) -> usize {
        self.tables.push(Table {
            used,
            capacity: 1024,
            growth_left: 896 - used,
            local_depth,
            index,
            groups_data: HEAP + 0x20_0000,
            groups_length_mask: 127,
        });
        self.tables.len() - 1
    }

    /// The bytes of the directory or of a table.
    fn read(&self, address: u64, len: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(number) = (0..self.tables.len()).find(|&number| address_of_table(number) == address) {
            let table = self.tables[number];
            for half in [table.used, table.capacity, table.growth_left] {
                bytes.extend(half.to_le_bytes());
            }
            bytes.extend([table.local_depth, 0]);
            bytes.extend(table.index.to_le_bytes());
            bytes.extend(table.groups_data.to_le_bytes());
            bytes.extend(table.groups_length_mask.to_le_bytes());
        } else {
            let from = usize::try_from(address.checked_sub(self.header.dir_ptr)?).unwrap();
            for &number in &self.directory {
                bytes.extend(address_of_table(number).to_le_bytes());
            }
            bytes.drain(..from.min(bytes.len()));
        }
        bytes.get(..len as usize).map(<[u8]>::to_vec)
    }

    fn tables(&self) -> Tables {
        Tables::read(&self.header, &SWISS, &mut |address, len| self.read(address, len))
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = swiss_findings(&self.header);
        findings.extend(self.tables().findings(&self.header, HEADER, &mut heap_only));
        findings
    }

    /// (*table).split and (*Map).installTableSplit, with a copy after each step.
    fn split(&mut self, number: usize) -> Vec<Model> {
        let mut steps = Vec::new();
        let old = self.tables[number];
        let depth = old.local_depth + 1;
        let left = self.new_table(old.used / 2, depth, -1);
        let right = self.new_table(old.used - old.used / 2, depth, -1);
        steps.push(self.clone());
        if old.local_depth == self.header.global_depth {
            for i in 0..self.directory.len() {
                let table = &mut self.tables[self.directory[i]];
                if table.index == i as i64 {
                    table.index = 2 * i as i64;
                }
                steps.push(self.clone());
            }
            self.header.global_depth += 1;
            steps.push(self.clone());
            self.header.global_shift -= 1;
            steps.push(self.clone());
            self.header.dir_ptr += 0x1000;
            self.directory = self.directory.iter().flat_map(|&t| [t, t]).collect();
            steps.push(self.clone());
            self.header.dir_len *= 2;
            steps.push(self.clone());
        }
        let entries = 1 << (self.header.global_depth - depth);
        let mut index = self.tables[number].index;
        for half in [left, right] {
            self.tables[half].index = index;
            steps.push(self.clone());
            for i in index..index + entries {
                self.directory[i as usize] = half;
                steps.push(self.clone());
            }
            index += entries;
        }
        self.tables[number].index = -1;
        steps.push(self.clone());
        steps
    }
}

prop_compose! {
    /// A map at rest that has split some times, and every state that it went through.
    fn history()(
        used in 0u16..=896,
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) -> (Model, Vec<Model>) {
        let mut model = Model::one_table(used);
        let mut steps = Vec::new();
        for split in splits {
            let number = model.directory[split.index(model.directory.len())];
            steps.extend(model.split(number));
        }
        (model, steps)
    }
}

fn small(used: u64) -> SwissHeader {
    SwissHeader {
        used,
        seed: 1,
        dir_ptr: HEAP,
        dir_len: 0,
        global_depth: 0,
        global_shift: 0,
        writing: 0,
        tombstone_possible: Some(0),
        clear_seq: 3,
    }
}

#[test]
fn a_small_map_is_healthy() {
    for used in 0..=8 {
        assert_eq!(swiss_findings(&small(used)), []);
    }
    let unwritten = SwissHeader { dir_ptr: 0, ..small(0) };
    assert_eq!(swiss_findings(&unwritten), []);
}

#[test]
fn a_table_that_several_entries_name_counts_once() {
    let mut model = Model::one_table(800);
    model.split(0);
    model.split(1);
    let tables = model.tables();
    assert_eq!((tables.entries, tables.tables.len()), (4, 3));
    assert_eq!(tables.used(), 800);
    assert_eq!(tables.tables[2].entries, 2);
}

#[test]
fn growing_out_of_the_small_group_is_not_damage() {
    // (*Map).growToTable stores dirPtr, dirLen, globalDepth and globalShift in this order.
    let mut model = Model::one_table(8);
    model.header.writing = 1;
    for (dir_len, shift) in [(0, 0), (1, 0), (1, 64)] {
        model.header.dir_len = dir_len;
        model.header.global_shift = shift;
        let findings = model.findings();
        assert_eq!(damaged(&findings), [""; 0], "{dir_len} {shift}");
        assert_eq!(findings.is_empty(), (dir_len, shift) != (1, 0));
    }
}

#[test]
fn a_map_that_is_being_made_is_not_damage() {
    // NewMap stores globalDepth and globalShift before the directory.
    for shift in [0, 62] {
        let made = SwissHeader { dir_ptr: 0, global_depth: 2, global_shift: shift, ..small(0) };
        assert_eq!(damaged(&swiss_findings(&made)), [""; 0]);
    }
}

#[test]
fn entries_that_the_tables_do_not_hold_are_found() {
    let mut model = Model::one_table(100);
    model.header.used = 101;
    let verdict = |model: &Model| {
        let findings = model.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].to_string(), "used = 101: the tables hold 100");
        findings[0].verdict
    };
    assert_eq!(verdict(&model), Verdict::Unmarked);
    model.header.writing = 1;
    assert_eq!(verdict(&model), Verdict::BeingWritten);
}

proptest! {
    #[test]
    fn a_healthy_map_has_no_findings((model, _) in history()) {
        prop_assert_eq!(model.findings(), []);
    }

    #[test]
    fn a_map_in_the_middle_of_a_split_is_never_called_damaged(
        (_, steps) in history(),
        writing in 0u8..2,
    ) {
        for mut step in steps {
            step.header.writing = writing;
            let findings = step.findings();
            prop_assert_eq!(damaged(&findings), Vec::<&str>::new(), "{:?}: {:?}", step, findings);
        }
    }

    #[test]
    fn every_impossible_header_field_is_found_and_named(
        (model, _) in history(),
        writing in 0u8..2,
        wild: u64,
    ) {
        let mut base = model.header;
        base.writing = writing;
        let room = base.dir_len.cast_unsigned() * 896;
        let cases: [Spoil<SwissHeader>; 12] = [
            ("used", &|header| header.used = room + 1 + (wild >> 1)),
            ("dirPtr", &|header| header.dir_ptr = 0),
            ("dirPtr", &|header| header.dir_ptr |= 1 + wild % 7),
            ("dirPtr", &|header| header.dir_ptr = (wild >> 32) & !7 | 8),
            ("dirLen", &|header| header.dir_len = -1 - (wild >> 1).cast_signed()),
            ("dirLen", &|header| header.dir_len = header.dir_len * 4 + 3),
            ("dirLen", &|header| header.dir_len *= 2 << (wild % 8)),
            ("globalDepth", &|header| header.global_depth += 2 + (wild % 200) as u8),
            ("globalShift", &|header| header.global_shift ^= 1 + (wild % 63) as u8),
            ("globalShift", &|header| header.global_shift = 65 + (wild % 190) as u8),
            ("writing", &|header| header.writing |= 2 << (wild % 7)),
            ("tombstonePossible", &|header| header.tombstone_possible = Some(2 | wild as u8)),
        ];
        for (field, spoil) in cases {
            let mut spoilt = base;
            spoil(&mut spoilt);
            let findings = swiss_findings(&spoilt);
            prop_assert!(damaged(&findings).contains(&field), "{field}: {:?}: {:?}", spoilt, findings);
        }
    }

    #[test]
    fn every_impossible_small_map_is_found_and_named(used in 1u64..=8, writing in 0u8..2, wild: u64) {
        let base = SwissHeader { writing, ..small(used) };
        let cases: [Spoil<SwissHeader>; 4] = [
            ("used", &|header| header.used = 9 + (wild >> 1)),
            ("dirPtr", &|header| header.dir_ptr = 0),
            ("globalDepth", &|header| header.global_depth = 1 + (wild % 255) as u8),
            ("globalShift", &|header| header.global_shift = 1 + (wild % 255) as u8),
        ];
        for (field, spoil) in cases {
            let mut spoilt = base;
            spoil(&mut spoilt);
            let findings = swiss_findings(&spoilt);
            prop_assert!(damaged(&findings).contains(&field), "{field}: {:?}: {:?}", spoilt, findings);
        }
    }

    #[test]
    fn every_impossible_table_field_is_found_and_named(
        (model, _) in history(),
        at: prop::sample::Index,
        wild: u64,
    ) {
        let number = model.directory[at.index(model.directory.len())];
        let depth = model.header.global_depth;
        let cases: [Spoil<Table>; 8] = [
            ("table.used", &|table| table.used = 897 + (wild % 60_000) as u16),
            ("table.capacity", &|table| table.capacity = 3 << (wild % 14)),
            ("table.capacity", &|table| table.capacity = 1 << (wild % 3)),
            ("table.growthLeft", &|table| table.growth_left = 897 - table.used),
            ("table.localDepth", &|table| table.local_depth = depth + 1 + (wild % 100) as u8),
            ("table.index", &|table| table.index = -1 - (wild >> 1).cast_signed()),
            ("table.groups.data", &|table| table.groups_data = wild >> 32),
            ("table.groups.lengthMask", &|table| table.groups_length_mask = 128 + (wild >> 1)),
        ];
        for (field, spoil) in cases {
            let mut spoilt = model.clone();
            spoil(&mut spoilt.tables[number]);
            let findings = spoilt.findings();
            prop_assert!(damaged(&findings).contains(&field), "{field}: {:?}: {:?}", spoilt, findings);
        }
    }
}
