//! Map headers of both generations, in every state, as their own programs print them.

use std::collections::BTreeMap;

use gomap::{Growth, Header, Shape, Tables};
use gotarget::map::{self, HeaderFacts};
use gotarget::{Error, RuntimeAddr, expression};
use serde_json::{Value, json};

use crate::process::Process;
use crate::toolchain::{newest, toolchains_and_experiments};

fn fields(header: &Header) -> BTreeMap<&'static str, u64> {
    match header {
        Header::Classic(header) => {
            let mut fields = BTreeMap::from([
                ("count", header.count.cast_unsigned()),
                ("flags", header.flags.into()),
                ("B", header.b.into()),
                ("noverflow", header.noverflow.into()),
                ("hash0", header.hash0.into()),
                ("buckets", header.buckets),
                ("oldbuckets", header.oldbuckets),
                ("nevacuate", header.nevacuate),
                ("extra", header.extra),
            ]);
            fields.extend(header.clear_seq.map(|clears| ("clearSeq", clears)));
            fields
        }
        Header::Swiss(header) => {
            let mut fields = BTreeMap::from([
                ("used", header.used),
                ("seed", header.seed),
                ("dirPtr", header.dir_ptr),
                ("dirLen", header.dir_len.cast_unsigned()),
                ("globalDepth", header.global_depth.into()),
                ("globalShift", header.global_shift.into()),
                ("writing", header.writing.into()),
                ("clearSeq", header.clear_seq),
            ]);
            fields.extend(header.tombstone_possible.map(|possible| ("tombstonePossible", possible.into())));
            fields
        }
    }
}

fn growth(growth: Growth) -> Value {
    let (kind, evacuated, old_buckets) = match growth {
        Growth::NotGrowing => ("not_growing", 0, 0),
        Growth::Doubling { evacuated, old_buckets } => ("doubling", evacuated, old_buckets),
        Growth::SameSize { evacuated, old_buckets } => ("same_size", evacuated, old_buckets),
    };
    json!({"kind": kind, "evacuated": evacuated, "old_buckets": old_buckets})
}

fn tables(tables: Option<&Tables>) -> Value {
    let Some(tables) = tables else {
        return json!({"entries": 0, "distinct": 0, "used": 0, "tombstones": 0});
    };
    let each = tables.tables.iter().map(|placed| placed.table);
    let tombstones: u16 = each.map(|table| table.capacity / 8 * 7 - table.used - table.growth_left).sum();
    let distinct = tables.tables.len();
    json!({"entries": tables.entries, "distinct": distinct, "used": tables.used(), "tombstones": tombstones})
}

/// Compares every map of a process with what it prints. Returns which states were seen.
fn compare(process: &Process, about: &str) -> Vec<(Growth, Shape)> {
    let target = process.target();
    target.verify().unwrap();
    let mut states = Vec::new();
    for told in &process.told {
        let variable = told["variable"].as_str().unwrap();
        let about = format!("{about} {variable}");
        let found = expression::map(&target, None, variable).and_then(|map| map.not_nil().map(|_| map));
        if told["address"] == 0 {
            assert!(matches!(found, Err(Error::NilMap { .. })), "{about}: {found:?}");
            continue;
        }
        let map = found.unwrap_or_else(|error| panic!("{about}: {error}"));
        assert_eq!(json!(map.header.0), told["address"], "{about}");
        assert_eq!(json!(map.type_name), told["type"], "{about}");
        let HeaderFacts { header, tables: read, findings, .. } = map::facts(&target, map).unwrap().facts;
        assert_eq!(json!(fields(&header)), told["fields"], "{about}");
        assert_eq!(json!(header.len()), told["len"], "{about}");
        assert_eq!(growth(header.growth()), told["growth"], "{about}");
        assert_eq!(tables(read.as_ref()), told["tables"], "{about}");
        assert_eq!(findings, [], "{about}");
        assert!(!header.is_writing(), "{about}");
        let kind = if matches!(header, Header::Classic(_)) { "classic" } else { "swiss" };
        assert_eq!(told["kind"], kind, "{about}");
        states.push((header.growth(), header.shape()));
    }
    states
}

#[test]
fn every_header_is_decoded_as_its_program_prints_it() {
    for go in toolchains_and_experiments() {
        let process = Process::start(&go, "headers", &[]);
        let states = compare(&process, &go.to_string());
        let any = |state: fn(&(Growth, Shape)) -> bool| states.iter().any(state);
        if go.minor < 24 || go.experiment == "noswissmap" {
            assert!(any(|(growth, _)| matches!(growth, Growth::Doubling { evacuated: 1.., .. })), "{go}");
            assert!(any(|(growth, _)| matches!(growth, Growth::SameSize { evacuated: 1.., .. })), "{go}");
        } else {
            assert!(any(|(_, shape)| matches!(shape, Shape::SmallGroup)), "{go}");
            assert!(any(|(_, shape)| matches!(shape, Shape::Directory { entries: 4.. })), "{go}");
        }
        process.end();
    }
}

#[test]
fn headers_of_a_program_that_was_moved_when_it_was_loaded_are_found() {
    let process = Process::start(&newest(), "headers", &["-buildmode=pie"]);
    assert_ne!(process.target().bias.0, 0);
    compare(&process, "pie");
    process.end();
}

#[test]
fn another_program_than_the_one_that_runs_is_refused() {
    let process = Process::start(&newest(), "headers", &[]);
    let moved = Process::start(&newest(), "headers", &["-buildmode=pie"]);
    let mut target = process.target();
    target.program = moved.target().program;
    assert!(matches!(target.verify(), Err(Error::WrongProgram { .. } | Error::Unreadable(_))));
}

#[test]
fn a_header_that_is_not_mapped_is_an_error_of_one_line() {
    let process = Process::start(&newest(), "headers", &[]);
    let error = map::header_at(&process.target(), RuntimeAddr(0x10)).unwrap_err();
    assert!(matches!(error, Error::Unreadable(_)));
    let message = error.to_string();
    assert!(message.starts_with("cannot read 48 bytes at 0x10: ") && !message.contains('\n'), "{message}");
}
