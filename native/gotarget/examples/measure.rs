//! Measures the scan of a map of a live process against the bare system call for the same bytes, and what
//! a lookup reads: `measure PID EXPRESSION KEY ROUNDS`. Prints one JSON object.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cell::RefCell;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use gomap::{Part, ScanOptions, Source};
use gotarget::literal::Key;
use gotarget::{LiveMemory, MapSource, Memory, Process, expression, lookup, map};

/// Notes every range that is read, and in which batches.
struct Recording<'a> {
    source: MapSource<'a>,
    batches: RefCell<Vec<Vec<(u64, usize)>>>,
}

impl Source for Recording<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        self.batches.borrow_mut().push(vec![(addr, buf.len())]);
        self.source.read(addr, buf)
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        self.batches.borrow_mut().push(parts.iter().map(|part| (part.addr, part.buf.len())).collect());
        self.source.read_parts(parts);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pid, expression, key, rounds] = arguments.as_slice() else { panic!("give PID EXPRESSION KEY ROUNDS") };
    let (pid, rounds): (i32, u32) = (pid.parse().unwrap(), rounds.parse().unwrap());
    let process = Process::live(pid, None).unwrap();
    let target = process.target();
    let map = map::open(&target, &expression::map(&target, None, expression).unwrap()).unwrap();
    let key = Key::parse(&target, map.key, key).unwrap();
    let lookup = lookup::get(&target, &map, &key).unwrap();
    assert!(lookup.entry.is_some() && lookup.scanned.is_none(), "not found by its hash: {lookup:?}");

    let options = ScanOptions::default();
    let scan = |source: &dyn Source| {
        gomap::scan(&map.view(), source, &options, &mut |entry| {
            // By reference: to copy it would cost more than to find it.
            black_box(&entry);
            ControlFlow::Continue(())
        })
        .unwrap()
    };
    let recording = Recording { source: MapSource(target.memory), batches: RefCell::default() };
    let entries = scan(&recording).entries;
    let batches = recording.batches.into_inner();
    let bytes: usize = batches.iter().flatten().map(|(_, len)| len).sum();
    let longest = batches.iter().map(|batch| batch.iter().map(|(_, len)| len).sum::<usize>()).max().unwrap_or(0);
    let memory = LiveMemory::of(pid).unwrap();
    let mut buffer = vec![0u8; longest];
    let (mut scans, mut reads) = (Vec::new(), Vec::new());
    // By turns, so that both meet the same machine.
    for _ in 0..rounds {
        let begun = Instant::now();
        assert_eq!(scan(&MapSource(target.memory)).entries, entries);
        scans.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for batch in &batches {
            let mut rest = buffer.as_mut_slice();
            let mut parts = Vec::with_capacity(batch.len());
            for (addr, len) in batch {
                let (buf, more) = rest.split_at_mut(*len);
                parts.push(Part { addr: *addr, buf, read: false });
                rest = more;
            }
            memory.read_parts(&mut parts);
        }
        black_box(&buffer);
        reads.push(begun.elapsed().as_secs_f64());
    }
    let median = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or(0.0)
    };
    println!(
        "{{\"entries\":{entries},\"bytes\":{bytes},\"scan_seconds\":{},\"read_seconds\":{},\"get_bytes\":{}}}",
        median(scans),
        median(reads),
        lookup.bytes_read
    );
}
