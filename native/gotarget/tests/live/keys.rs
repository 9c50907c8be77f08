//! The runtime's hash of every kind of key, and lookups by it, in every state of growth.

use std::collections::HashMap;

use gomap::{Hasher, Overlay};
use gotarget::hasher::{Types, hasher};
use gotarget::literal::Key;
use gotarget::lookup::get;
use gotarget::map::{self, Map};
use gotarget::{Error, MapSource, RuntimeAddr, Target, expression, read_bytes};
use serde_json::Value;

use crate::process::Process;
use crate::toolchain::{Go, newest, toolchains_and_experiments};

/// A process that hashes as this machine can, and one that hashes without AES instructions.
fn of_each_kind(go: &Go) -> [Process; 2] {
    let plain = Process::start_with(go, "keys", &[], &[("GODEBUG", "cpu.aes=off")]);
    let name = if go.minor >= 27 { "internal/runtime/maps.UseAeshash" } else { "runtime.useAeshash" };
    let target = plain.target();
    let uses_aes = target.bias.to_runtime(target.program.variable(name).unwrap().addr);
    assert_eq!(target.uint(uses_aes, 1).unwrap(), 0, "{go}");
    [Process::start(go, "keys", &[]), plain]
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn map_named(target: &Target<'_>, variable: &str) -> Map {
    map::open(target, &expression::map(target, None, variable).unwrap()).unwrap()
}

#[test]
fn the_runtimes_hash_is_computed_for_every_kind_of_key() {
    for go in toolchains_and_experiments() {
        for process in of_each_kind(&go) {
            let target = process.target();
            let (types, source) = (Types::new(&target), MapSource(target.memory));
            let mut hashers: HashMap<String, Hasher> = HashMap::new();
            let mut wrong = Vec::new();
            for told in &process.told {
                let Some(variable) = told["hashed"].as_str() else { continue };
                let hasher = hashers.entry(variable.to_owned()).or_insert_with(|| {
                    hasher(&target, &map_named(&target, variable), &types)
                        .unwrap_or_else(|why| panic!("{go} {variable}: {why}"))
                });
                let size = told["size"].as_u64().unwrap() as usize;
                let key = read_bytes(target.memory, RuntimeAddr(number(&told["key"])), size).unwrap();
                let hash = hasher.hash(&key, number(&told["seed"]), &source, &types);
                let equal = hasher.equal(&key, &key, &source, &types);
                if (hash, equal) != (Some(number(&told["hash"])), Some(true)) {
                    wrong.push(format!("{told}: {hash:x?}, equal to itself: {equal:?}"));
                }
            }
            assert!(hashers.len() > 40, "{go}");
            assert!(
                wrong.is_empty(),
                "{go}: {} wrong hashes, such as\n{}",
                wrong.len(),
                wrong[..wrong.len().min(20)].join("\n")
            );
            process.end();
        }
    }
}

/// The map that a line of the program tells of.
fn map_told(target: &Target<'_>, told: &Value) -> Option<Map> {
    let mut map = map_named(target, told["of"].as_str()?);
    map.value.header = RuntimeAddr(number(&told["header"]));
    Some(map)
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap())
}

#[test]
fn keys_are_found_by_their_hash_and_no_others() {
    for go in toolchains_and_experiments() {
        for process in of_each_kind(&go) {
            let target = process.target();
            let (types, source) = (Types::new(&target), MapSource(target.memory));
            let mut most = 0;
            for told in &process.told {
                let Some(map) = map_told(&target, told) else { continue };
                let state = format!("{go} {} {} with {} entries", told["of"], told["header"], told["len"]);
                let hasher = hasher(&target, &map, &types);
                // Of the largest maps not every key, but some of every part.
                let step = 1 + told["present"].as_array().unwrap().len() / 100;
                let present = texts(&told["present"]).step_by(step).map(|text| (text, true));
                for (text, present) in present.chain(texts(&told["absent"]).map(|text| (text, false))) {
                    let Ok(hasher) = &hasher else { panic!("{state}: {}", hasher.unwrap_err()) };
                    let key = Key::parse(&target, map.key, text).unwrap_or_else(|error| panic!("{state}: {error}"));
                    let source = Overlay::new(&source, key.arena());
                    let found = gomap::find(
                        &map.view(),
                        &source,
                        &mut |seed| hasher.hash(&key.bytes, seed, &source, &types),
                        &mut |other| hasher.equal(&key.bytes, other, &source, &types),
                    )
                    .unwrap();
                    assert_eq!((found.entry.is_some(), found.findings), (present, Vec::new()), "{state}: {text}");
                    most = most.max(found.bytes_read);
                }
            }
            assert!(most < 4096, "{go}: {most} bytes were read for one key");
            process.end();
        }
    }
}

#[test]
fn a_lookup_proves_the_hash_and_reads_little() {
    for go in toolchains_and_experiments() {
        let process = Process::start(&go, "keys", &[]);
        let target = process.target();
        for told in process.told.iter().filter(|told| told["of"] == "main.ints") {
            let map = map_told(&target, told).unwrap();
            let one = texts(&told["present"]).last().map(|text| (text, true));
            for (text, present) in one.into_iter().chain(texts(&told["absent"]).take(1).map(|text| (text, false))) {
                let found = get(&target, &map, &Key::parse(&target, map.key, text).unwrap()).unwrap();
                assert_eq!((found.scanned, found.findings, found.written_meanwhile), (None, Vec::new(), false), "{go}");
                // One may lie alone in 1,024 buckets, of which 8 bytes are read each.
                let most = if told["len"] == 1 { 16384 } else { 8192 };
                assert!(found.bytes_read < most, "{go}: {}", found.bytes_read);
                let elem = found.entry.map(|entry| u64::from_le_bytes(entry.elem.try_into().unwrap()));
                let expected: u64 = text.parse().unwrap();
                assert_eq!(elem, present.then_some(expected * 7), "{go} {text}");
            }
        }
        process.end();
    }
}

#[test]
fn nan_is_in_no_map_and_a_nil_map_has_no_key() {
    for go in toolchains_and_experiments() {
        let process = Process::start(&go, "keys", &[]);
        let target = process.target();
        for (variable, text, elem) in [
            ("main.nans", "NaN", None),
            ("main.nans", "-2.5", Some(4)),
            ("main.nans", "0x1p0", Some(3)),
            ("main.nans", "7", None),
            ("main.none", "alice", None),
            ("main.strs", "alice", None),
        ] {
            let map = map_named(&target, variable);
            let found = get(&target, &map, &Key::parse(&target, map.key, text).unwrap()).unwrap();
            assert_eq!((found.scanned, found.findings), (None, Vec::new()), "{go} {variable} {text}");
            let found = found.entry.map(|entry| u64::from_le_bytes(entry.elem.try_into().unwrap()));
            assert_eq!(found, elem, "{go} {variable} {text}");
        }
        process.end();
    }
}

#[test]
fn a_key_that_its_type_cannot_be_is_refused_in_one_line() {
    let process = Process::start(&newest(), "keys", &[]);
    let target = process.target();
    let cases = [
        ("main.int8s", "300", "`300` is no int8: out of range; it goes from -128 to 127"),
        ("main.int8s", "x", "`x` is no int8: give a number, such as 42, 0x2a, 0b101 or 'x'"),
        ("main.uint16s", "-1", "`-1` is no uint16: out of range; it goes from 0 to 65535"),
        ("main.bools", "yes", "`yes` is no bool: give true or false"),
        ("main.twos", "{1}", "`{1}` is no main.Two: give all its fields, {A: …, B: …}, or name them"),
        ("main.twos", "{C: 1}", "`{C: 1}` is no main.Two: its fields are {A: …, B: …}"),
        ("main.twos", "{1, 2", "`{1, 2` is no main.Two: `}` is missing"),
        (
            "main.twos",
            "{1, 2} 3",
            "`{1, 2} 3` is no main.Two: `3` is left over; put the key in quotes if the shell splits it",
        ),
        ("main.strs", "\"a", "`\"a` is no string: the closing quote is missing"),
        ("main.anys", "[]int{1}", "`[]int{1}` is no []int: hash of unhashable type []int: no map has such a key"),
        (
            "main.anys",
            "alice",
            "`alice` is no interface {}: say which type it has, as in int8(3) or main.T{1}, and put strings in quotes",
        ),
        ("main.bytes3", "{1,2,3,4}", "`{1,2,3,4}` is no [3]uint8: it has 3 elements, and more are given"),
        ("main.pointers", "here", "`here` is no *int: give its address, such as 0xc000012180, or nil"),
    ];
    for (variable, text, line) in cases {
        let error = Key::parse(&target, map_named(&target, variable).key, text).unwrap_err();
        assert!(matches!(error, Error::Key { .. }));
        assert_eq!(error.to_string(), line);
    }
    process.end();
}
