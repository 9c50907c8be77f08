//! Random changes of maps: after each the scan, the lookups and the check must agree with the program.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::json;

use crate::builds::{is_thorough, toolchains};
use crate::compare::canonical;
use crate::figures::{self, Problems};
use crate::reading::Reader;
use crate::script::{KINDS, Script, expression};

/// A change of a map.
#[derive(Clone, Debug)]
enum Change {
    Make(u32),
    Put {
        key: u32,
        elem: u32,
        count: u32,
    },
    Delete {
        key: u32,
        count: u32,
    },
    Clear,
    /// Begins to range over it, and stays there.
    Iterate(u32),
}

impl Change {
    fn words(&self) -> String {
        match self {
            Change::Make(hint) => format!("make {hint}"),
            Change::Put { key, elem, count } => format!("put {key} {elem} {count}"),
            Change::Delete { key, count } => format!("delete {key} {count}"),
            Change::Clear => "clear".to_owned(),
            Change::Iterate(after) => format!("iterate {after}"),
        }
    }
}

/// Keys are few, so that they meet again; now and then come many at once, so that maps grow.
fn change() -> impl Strategy<Value = Change> {
    let count = prop_oneof![8 => 1..3u32, 4 => 3..30u32, 2 => 30..300u32, 1 => 300..2500u32];
    let key = prop_oneof![4 => 0..40u32, 2 => 0..600u32, 1 => 0..5000u32];
    prop_oneof![
        12 => (key.clone(), 0..1000u32, count.clone())
            .prop_map(|(key, elem, count)| Change::Put { key, elem, count }),
        6 => (key, count).prop_map(|(key, count)| Change::Delete { key, count }),
        1 => Just(Change::Clear),
        1 => (0..2000u32).prop_map(Change::Make),
        1 => (0..50u32).prop_map(Change::Iterate),
    ]
}

#[derive(Default)]
struct Counts {
    changes: u64,
    entries: u64,
    gets: u64,
    scanned: u64,
}

/// Applies the changes to a new map, and compares after each.
fn apply(script: &mut Script, kind: &str, changes: &[Change], counts: &mut Counts) -> Result<(), String> {
    script.run(&format!("{kind} make 0"));
    for change in changes {
        script.run(&format!("{kind} {}", change.words()));
        let content = script.content(kind);
        let absent: Vec<String> = [1_000_000, 1_000_003].iter().filter_map(|key| script.literal(kind, *key)).collect();
        let reader = Reader::new(script.process.target(), &expression(kind));
        let reading = reader.read(false);
        let about = |what: String| format!("{kind}, after {change:?}: {what}");
        if !reading.findings.is_empty() {
            return Err(about(format!("found {:?}", reading.findings)));
        }
        let found = reading.canonical();
        if found != content.entries {
            let missing: Vec<_> =
                content.entries.iter().filter(|(entry, times)| found.get(*entry) != Some(times)).collect();
            let wrong: Vec<_> =
                found.iter().filter(|(entry, times)| content.entries.get(*entry) != Some(times)).collect();
            return Err(about(format!("missing {missing:.300?}, too much {wrong:.300?}")));
        }
        let checked = reader.check();
        if !checked.is_empty() {
            return Err(about(format!("check found {checked:?}")));
        }
        // Not all of thousands.
        let few = (content.gets.len() / 40).max(1);
        for (literal, elem) in content.gets.iter().step_by(few) {
            let (got, scanned) = reader.get(literal).map_err(|error| about(error.to_string()))?;
            let got = got.map(|got| canonical(&serde_json::from_str(&got).unwrap()).to_string());
            if got.as_ref() != Some(elem) {
                return Err(about(format!("{literal} is {got:?}, not {elem}")));
            }
            counts.gets += 1;
            counts.scanned += u64::from(scanned.is_some());
        }
        // Of a byte every value may be there.
        for literal in absent.iter().filter(|_| kind != "uint8") {
            let (got, scanned) = reader.get(literal).map_err(|error| about(error.to_string()))?;
            if got.is_some() {
                return Err(about(format!("{literal}, which isn't there, is {got:?}")));
            }
            counts.gets += 1;
            counts.scanned += u64::from(scanned.is_some());
        }
        counts.changes += 1;
        counts.entries += content.entries.len() as u64;
    }
    Ok(())
}

#[test]
fn a_map_holds_what_the_program_says_after_every_random_change() {
    let mut all = Problems::default();
    for go in toolchains() {
        let script = RefCell::new(Script::start(&go.plainly()));
        let counts = RefCell::new(Counts::default());
        let cases = if is_thorough() { 100 } else { 15 };
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        let changes = (proptest::sample::select(&KINDS[..]), proptest::collection::vec(change(), 1..25));
        let result = TestRunner::new(config).run(&changes, |(kind, changes)| {
            apply(&mut script.borrow_mut(), kind, &changes, &mut counts.borrow_mut()).map_err(TestCaseError::fail)
        });
        let Counts { changes, entries, gets, scanned } = counts.into_inner();
        figures::note(&json!({
            "proof": "random", "go": go.name(), "changes": changes, "entries": entries, "gets": gets,
            "scanned": scanned, "wrong": u8::from(result.is_err()),
        }));
        all.add(&go.name(), &result.err().map(|error| error.to_string()).into_iter().collect::<Vec<_>>());
        script.into_inner().end();
    }
    all.settle();
}
