//! The memory of real maps with bytes flipped: whatever it then says, looking at it does no harm.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use gomap::{Entry, Hasher, KeyTypes, MapView, ScanOptions, Source};
use gotarget::hasher::{Types, hasher};
use gotarget::map::{self, Map};
use gotarget::{MapSource, expression};

use crate::process::Process;
use crate::toolchain::toolchains_and_experiments;

/// How often memory is damaged, over all maps of all Go versions.
fn rounds() -> u64 {
    std::env::var("REDHANDED_MUTATIONS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(100_000)
}

/// The largest map that is damaged, in bytes: larger ones have the same parts, only more of them.
const LARGEST: usize = 24 << 10;

/// So many reads, and so many bytes for each byte there is, one look at a damaged map may take at most: chains that
/// meet and tables that lie in each other are read more than once, but never without end.
const MOST_READS: u64 = 50_000;
const MOST_TIMES: u64 = 200;

/// Remembers what is read.
struct Recorder<'a> {
    source: MapSource<'a>,
    read: RefCell<BTreeMap<u64, Vec<u8>>>,
}

impl Source for Recorder<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        let read = self.source.read(addr, buf);
        if read && !buf.is_empty() {
            let mut all = self.read.borrow_mut();
            let known = all.entry(addr).or_default();
            if known.len() < buf.len() {
                *known = buf.to_vec();
            }
        }
        read
    }
}

/// Memory that holds one map and nothing else.
struct Snapshot {
    /// Ranges that don't touch each other.
    ranges: Vec<(u64, Vec<u8>)>,
    reads: Cell<u64>,
    bytes: Cell<u64>,
}

impl Snapshot {
    fn of(read: BTreeMap<u64, Vec<u8>>) -> Snapshot {
        let mut ranges: Vec<(u64, Vec<u8>)> = Vec::new();
        for (addr, bytes) in read {
            match ranges.last_mut() {
                Some((start, whole)) if addr <= *start + whole.len() as u64 => {
                    let at = (addr - *start) as usize;
                    whole.truncate(whole.len().max(at));
                    let kept = (whole.len() - at).min(bytes.len());
                    whole.extend(&bytes[kept..]);
                }
                _ => ranges.push((addr, bytes)),
            }
        }
        Snapshot { ranges, reads: Cell::default(), bytes: Cell::default() }
    }

    fn len(&self) -> usize {
        self.ranges.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    fn byte(&mut self, mut at: usize) -> &mut u8 {
        let range = self.ranges.iter_mut().find(|(_, bytes)| match at.checked_sub(bytes.len()) {
            Some(rest) => {
                at = rest;
                false
            }
            None => true,
        });
        &mut range.unwrap().1[at]
    }
}

impl Source for Snapshot {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        self.reads.set(self.reads.get() + 1);
        self.bytes.set(self.bytes.get() + buf.len() as u64);
        let after = self.ranges.partition_point(|(start, _)| *start <= addr);
        let Some((start, bytes)) = after.checked_sub(1).map(|at| &self.ranges[at]) else { return false };
        let Some(bytes) = bytes.get((addr - start) as usize..).and_then(|rest| rest.get(..buf.len())) else {
            return false;
        };
        buf.copy_from_slice(bytes);
        true
    }
}

/// Numbers that look random, and are the same each time (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// Scans, checks and looks up, and returns how many entries were seen.
fn look(view: &MapView<'_>, source: &dyn Source, hasher: &Hasher, types: &dyn KeyTypes, key: &[u8]) -> u64 {
    let options = ScanOptions { hasher: Some(hasher), types, digest: true, ..ScanOptions::default() };
    let mut entries = 0;
    let mut visit = |_: Entry<'_>| {
        entries += 1;
        ControlFlow::Continue(())
    };
    let _ = gomap::scan(view, source, &options, &mut visit);
    let _ = gomap::check(view, source, &options);
    let mut hash = |seed| hasher.hash(key, seed, source, types);
    let mut equal = |other: &[u8]| hasher.equal(key, other, source, types);
    let _ = gomap::find(view, source, &mut hash, &mut equal);
    entries
}

/// Damages one map, again and again, a little each time. Returns how often.
fn damage(map: &Map, hasher: &Hasher, types: &dyn KeyTypes, source: MapSource<'_>, rounds: u64, about: &str) -> u64 {
    let view = map.view();
    let recorder = Recorder { source, read: RefCell::default() };
    let mut key = Vec::new();
    let mut first = |entry: Entry<'_>| {
        key = entry.key.to_vec();
        ControlFlow::Break(())
    };
    gomap::scan(&view, &source, &ScanOptions::default(), &mut first).unwrap();
    let healthy = look(&view, &recorder, hasher, types, &key);
    let mut snapshot = Snapshot::of(recorder.read.into_inner());
    if snapshot.len() > LARGEST {
        return 0;
    }
    assert_eq!(look(&view, &snapshot, hasher, types, &key), healthy, "{about}: the snapshot is not whole");
    let size = snapshot.len();
    let header: usize =
        snapshot.ranges.iter().take_while(|(start, _)| *start < view.header).map(|(_, b)| b.len()).sum();
    let mut random = Random(0x5eed_0000 + size as u64);
    for round in 0..rounds {
        let mut flipped = Vec::new();
        for _ in 0..=random.below(4) {
            // Headers are few, and say most.
            let at = if random.below(3) == 0 { header + random.below(48) } else { random.below(size) }.min(size - 1);
            let byte = snapshot.byte(at);
            flipped.push((at, *byte));
            *byte = match random.below(3) {
                0 => *byte ^ 1 << random.below(8),
                1 => random.below(256) as u8,
                _ => [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 8][random.below(8)],
            };
        }
        snapshot.reads.set(0);
        snapshot.bytes.set(0);
        look(&view, &snapshot, hasher, types, &key);
        let (reads, bytes) = (snapshot.reads.get(), snapshot.bytes.get());
        let most = size as u64 * MOST_TIMES + (64 << 20);
        assert!(reads <= MOST_READS && bytes <= most, "{about}, round {round}: {reads} reads of {bytes} bytes");
        for (at, byte) in flipped.into_iter().rev() {
            *snapshot.byte(at) = byte;
        }
    }
    rounds
}

#[test]
fn a_map_of_flipped_bytes_does_no_harm() {
    let toolchains = toolchains_and_experiments();
    let mut left = rounds();
    for (number, go) in toolchains.iter().enumerate() {
        let process = Process::start(go, "headers", &[]);
        let target = process.target();
        let types = Types::new(&target);
        let maps: Vec<(Map, Hasher)> = process
            .told
            .iter()
            .filter(|told| told["address"] != 0)
            .map(|told| expression::map(&target, None, told["variable"].as_str().unwrap()).unwrap())
            .map(|value| map::open(&target, &value).unwrap())
            .filter_map(|map| hasher(&target, &map, &types).ok().map(|hasher| (map, hasher)))
            .collect();
        // What large maps leave of their share goes to the next.
        let share = left / (toolchains.len() - number) as u64;
        let mut here = share;
        for (number, (map, hasher)) in maps.iter().enumerate() {
            let rounds = here.div_ceil((maps.len() - number) as u64);
            let about = format!("{go} {}", map.value.expression);
            here -= damage(map, hasher, &types, MapSource(target.memory), rounds, &about);
        }
        left -= share - here;
        process.end();
    }
    assert!(left < 1000, "{left} rounds are left over");
}
