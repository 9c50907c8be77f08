use gomap::{ClassicBits, ClassicLayout, Header, Layout, PlacedTable, SwissLayout, Table, TableLayout, Tables};
use report::{HeaderReport, Subject};

use crate::{json, plain, subject};

const CLASSIC: Layout = Layout::Classic(ClassicLayout {
    size: 48,
    count: 0,
    flags: 8,
    b: 9,
    noverflow: 10,
    hash0: 12,
    buckets: 16,
    oldbuckets: 24,
    nevacuate: 32,
    clear_seq: None,
    extra: 40,
    bits: ClassicBits::GO,
});

const SWISS: Layout = Layout::Swiss(SwissLayout {
    size: 48,
    used: 0,
    seed: 8,
    dir_ptr: 16,
    dir_len: 24,
    global_depth: 32,
    global_shift: 33,
    writing: 34,
    clear_seq: 40,
    tombstone_possible: Some(35),
    table: TableLayout {
        size: 32,
        used: 0,
        capacity: 2,
        growth_left: 4,
        local_depth: 6,
        index: 8,
        groups_data: 16,
        groups_length_mask: 24,
    },
});

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A classic map in the middle of doubling, while it is written and iterated.
fn doubling() -> HeaderReport {
    let bytes = words(&[420, 0x1234_5678_0003_0705, 0xc0_0010_0000, 0xc0_0008_0000, 37, 0xc0_0001_4000]);
    let header = Header::decode(&CLASSIC, &bytes).unwrap();
    let findings = header.findings(subject().address, &mut |_, _| true);
    HeaderReport::new(subject(), &CLASSIC, &header, None, &findings)
}

fn swiss(dir_len: u64) -> HeaderReport {
    let bytes = words(&[2000, 0x5eed, 0xc0_0002_0000, dir_len, 0x0100_3e02, 1]);
    let header = Header::decode(&SWISS, &bytes).unwrap();
    let placed = |first_entry, last_entry, used| PlacedTable {
        address: 0xc0_0003_0000 + 32 * first_entry,
        first_entry,
        last_entry,
        entries: last_entry - first_entry + 1,
        table: Table {
            used,
            capacity: 1024,
            growth_left: 896 - used,
            local_depth: if first_entry == 2 { 1 } else { 2 },
            index: first_entry.cast_signed(),
            groups_data: 0xc0_0004_0000,
            groups_length_mask: 127,
        },
    };
    let tables = Tables {
        entries: 4,
        tables: vec![placed(0, 0, 600), placed(1, 1, 650), placed(2, 3, 750)],
        unreadable: Vec::new(),
    };
    let findings = header.findings(subject().address, &mut |_, _| true);
    let subject = Subject { go: "1.27.3".into(), ..subject() };
    HeaderReport::new(subject, &SWISS, &header, Some(&tables), &findings)
}

#[test]
fn a_growing_classic_map_is_shown_field_by_field() {
    assert_eq!(
        plain(&doubling()),
        "\
main.shared: map[int]int at 0xc000012180 (Go 1.23.4, classic runtime.hmap)
  count       0x1a4         420 entries
  flags       0x5           iterator|hashWriting
  B           0x7           2^7 buckets
  noverflow   0x3           3 overflow buckets
  hash0       0x12345678    hash seed
  buckets     0xc000100000  128 buckets
  oldbuckets  0xc000080000  64 old buckets
  nevacuate   0x25          doubling: first 37 of 64 old buckets evacuated
  extra       0xc000014000  mapextra: lists of overflow buckets
  growth                    doubling: first 37 of 64 old buckets evacuated
  shape                     128 buckets
"
    );
}

#[test]
fn a_swiss_map_counts_shared_tables_once() {
    assert_eq!(
        plain(&swiss(4)),
        "\
main.shared: map[int]int at 0xc000012180 (Go 1.27.3, Swiss internal/runtime/maps.Map)
  used               0x7d0         2000 entries
  seed               0x5eed        hash seed
  dirPtr             0xc000020000  directory of tables
  dirLen             0x4           directory of 4
  globalDepth        0x2           the top 2 bits of a hash choose the table
  globalShift        0x3e          hash >> 62 is the directory entry
  writing            0x0           nothing set
  tombstonePossible  0x1           a table may have tombstones
  clearSeq           0x1           cleared once
  growth                           not growing
  shape                            directory of 4, 3 tables with 2000 entries
"
    );
}

#[test]
fn damage_is_said_below_the_fields() {
    let text = plain(&swiss(3));
    assert_eq!(text.lines().last(), Some("DAMAGED: dirLen = 3: not a power of two"));
    let text = plain(&swiss(2));
    assert_eq!(text.lines().last(), Some("DAMAGED, OR WRITTEN UNMARKED: dirLen = 2: not 2^2, while globalDepth is 2"));
}

#[test]
fn the_json_of_a_header_has_its_schema() {
    let value = json(&doubling());
    assert_eq!(value["schema"], "redhanded.header/1");
    assert_eq!(value["map"]["address"], "0xc000012180");
    assert_eq!(value["map"]["type"], "map[int]int");
    assert_eq!(value["flag_names"], "iterator|hashWriting");
    assert_eq!(value["writing"], true);
    assert_eq!(value["growth"]["kind"], "doubling");
    assert_eq!(value["growth"]["evacuated"], 37);
    assert_eq!(value["shape"]["count"], 128);
    assert_eq!(value["fields"][7]["field"], "nevacuate");
    let value = json(&swiss(3));
    assert_eq!(value["findings"][0]["verdict"], "damaged");
    assert_eq!(value["findings"][0]["field"], "dirLen");
    assert_eq!(value["tables"]["used"], 2000);
}
