//! What is read ahead of the entries of a map.

use std::cell::Cell;
use std::ops::ControlFlow;

use gomap::{NoTypes, Part, ScanOptions};
use gotarget::value::{Ahead, Value, Values};
use gotarget::{Limits, Memory, RuntimeAddr, Target, Unreadable, expression, map};

use crate::process::Process;
use crate::toolchain::toolchains;

/// Maps of a thousand entries with a string each.
const STRINGS: [&str; 4] = ["main.byInt32.Many", "main.byString.Many", "main.byPoint.Many", "main.asSet.Many"];

/// Counts how often memory is read.
struct Counting<'a> {
    memory: &'a dyn Memory,
    calls: Cell<usize>,
}

impl Memory for Counting<'_> {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.calls.set(self.calls.get() + 1);
        self.memory.read(addr, buf)
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        self.calls.set(self.calls.get() + 1);
        self.memory.read_parts(parts);
    }
}

/// All entries of a map.
fn entries(target: &Target<'_>, map: &map::Map) -> Vec<(Value, Value)> {
    let values = Values::new(*target, Limits::default());
    let (key, elem) = (values.decoder(map.key), values.decoder(map.elem));
    let options = ScanOptions { hasher: None, types: &NoTypes, digest: false, progress: None, nobody_inside: None };
    let mut entries = Vec::new();
    let mut visit = |entry: gomap::Entry<'_>| {
        let addr = |addr| Some(RuntimeAddr(addr));
        let key = values.decode_with(key, entry.key, addr(entry.key_addr));
        entries.push((key, values.decode_with(elem, entry.elem, addr(entry.elem_addr))));
        ControlFlow::Continue(())
    };
    // As of a process that is not stopped, so that the map is read twice.
    map::scan(target, map, &options, true, &mut visit).unwrap();
    entries
}

#[test]
fn what_entries_point_to_is_the_same_and_takes_far_fewer_reads() {
    for go in toolchains() {
        let process = Process::start(&go, "corpus", &[]);
        let target = process.target();
        let (mut one_by_one, mut together) = (0, 0);
        let maps = process.told.iter().filter(|line| line["map"].is_array()).map(|line| line["name"].as_str().unwrap());
        for name in maps {
            let map = map::open(&target, &expression::map(&target, None, name).unwrap()).unwrap();
            let plain = Counting { memory: target.memory, calls: Cell::new(0) };
            let expected = entries(&Target { memory: &plain, ..target }, &map);
            let counting = Counting { memory: target.memory, calls: Cell::new(0) };
            let ahead = Ahead::new(&Target { memory: &counting, ..target }, &map, Limits::default());
            let found = entries(&Target { memory: &ahead, ..target }, &map);
            // Floats that are not numbers equal nothing.
            assert_eq!(format!("{expected:?}"), format!("{found:?}"), "{go} {name}");
            if STRINGS.contains(&name) {
                one_by_one += plain.calls.get();
                together += counting.calls.get();
            }
        }
        assert!(together * 20 < one_by_one, "{go}: {together} reads, not {one_by_one}");
        process.end();
    }
}
