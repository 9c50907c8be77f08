//! Maps that a Go program has damaged on purpose: each damage is found, and nothing is found in healthy ones.

use std::ops::ControlFlow;

use gomap::{Check, Finding, ScanOptions, Verdict};
use gotarget::hasher::{NoHasher, Types, hasher};
use gotarget::literal::Key;
use gotarget::lookup::get;
use gotarget::map::{self, Map};
use gotarget::{RuntimeAddr, Target, expression};
use serde_json::Value;

use crate::process::Process;
use crate::toolchain::toolchains_and_experiments;

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// The map that a line of the program tells of.
fn map_told(target: &Target<'_>, told: &Value) -> Map {
    let mut value = expression::map(target, None, told["of"].as_str().unwrap()).unwrap();
    value.header = RuntimeAddr(number(&told["header"]));
    map::open(target, &value).unwrap()
}

/// Checks a map of a process in which nobody is inside a map.
fn check(target: &Target<'_>, map: &Map) -> (Check, Option<NoHasher>) {
    let types = Types::new(target);
    let hasher = hasher(target, map, &types);
    let options = ScanOptions {
        hasher: hasher.as_ref().ok(),
        types: &types,
        nobody_inside: Some(true),
        ..ScanOptions::default()
    };
    (map::check(target, map, &options, None).unwrap(), hasher.err())
}

fn lines(findings: &[Finding]) -> String {
    findings
        .iter()
        .take(6)
        .map(|finding| format!("\n    {:#x} {finding} ({:?})", finding.address, finding.verdict))
        .collect()
}

#[test]
fn healthy_maps_of_every_size_have_no_findings() {
    for go in toolchains_and_experiments() {
        let process = Process::start(&go, "damage", &[]);
        let target = process.target();
        let mut checked = 0;
        for told in process.told.iter().filter(|told| !told["healthy"].is_null()) {
            let map = map_told(&target, told);
            let (check, no_hasher) = check(&target, &map);
            let state = format!("{go} {} with {}", told["of"], told["healthy"]);
            assert_eq!(lines(&check.findings), "", "{state}");
            assert_eq!(no_hasher, None, "{state}");
            assert_eq!((check.entries, check.more), (check.header.len(), 0), "{state}");
            checked += 1;
        }
        assert!(checked > 100, "{go}");
        process.end();
    }
}

#[test]
fn every_damage_is_found_with_its_place() {
    for go in toolchains_and_experiments() {
        let process = Process::start(&go, "damage", &[]);
        let target = process.target();
        let mut missed = Vec::new();
        let damaged: Vec<&Value> = process.told.iter().filter(|told| !told["damaged"].is_null()).collect();
        assert!(damaged.len() > 25, "{go}");
        for told in damaged {
            let map = map_told(&target, told);
            let (check, no_hasher) = check(&target, &map);
            let (field, at) = (told["field"].as_str().unwrap(), number(&told["at"]));
            let is_it = |finding: &Finding| {
                finding.verdict != Verdict::BeingWritten
                    && match field {
                        "" => true,
                        "count" => matches!(finding.field, "count" | "used"),
                        field => finding.field == field && (finding.address == at || at == 0),
                    }
            };
            // Where no key is in its place, there is no hash to go by, and that is said.
            let is_contradicted = no_hasher.is_some_and(|no_hasher| no_hasher.finding.is_some());
            let is_found = check.findings.iter().any(is_it) || (field.is_empty() && is_contradicted);
            if !is_found {
                let lines = lines(&check.findings);
                missed.push(format!("{}: expected {field} at {at:#x}, found{lines}", told["damaged"]));
            }
            assert!(check.findings.len() < 1000 && check.bytes_read < 64 << 20, "{go} {told}");
        }
        assert!(missed.is_empty(), "{go}:\n{}", missed.join("\n"));
        process.end();
    }
}

#[test]
fn lookups_and_scans_of_damaged_maps_end() {
    for go in toolchains_and_experiments() {
        let process = Process::start(&go, "damage", &[]);
        let target = process.target();
        for told in process.told.iter().filter(|told| told["of"] == "main.ints") {
            let map = map_told(&target, told);
            for key in [1, 2, 77, 4000, -5] {
                let key = Key::parse(&target, map.key, &key.to_string()).unwrap();
                let found = get(&target, &map, &key).unwrap();
                assert!(found.scanned.is_some() || found.bytes_read < 1 << 16, "{go} {told}: {}", found.bytes_read);
            }
            let mut entries = 0u64;
            let scan = map::scan(&target, &map, &ScanOptions::default(), false, &mut |_| {
                entries += 1;
                ControlFlow::Continue(())
            });
            assert!(scan.unwrap().bytes_read < 256 << 20 && entries < 1 << 22, "{go} {told}");
        }
        process.end();
    }
}
