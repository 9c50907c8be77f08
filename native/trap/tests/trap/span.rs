//! How long a thread is known to be in its trap.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use trap::At;
use trap::perf::{Record, Recorder, RegisterSet, Span, Take, amd64};

use crate::breakpoint::toucher;
use crate::process::LONGEST;

#[test]
fn who_has_waited_for_another_comes_when_its_trap_is_over() {
    let lengths = [Span::Trap, Span::Long].map(check_span);
    assert!(lengths[0] < lengths[1], "{lengths:?}");
}

/// Checks the spans of traps, and gives the median of their lengths in nanoseconds.
fn check_span(span: Span) -> u64 {
    let (mut target, addr) = toucher();
    let take = Take { registers: RegisterSet::default().with(amd64::IP), stack: true, span };
    let mut recorder = Recorder::new(target.pid(), &[At::Byte(addr)], take).unwrap();
    let mut traps = Vec::new();
    let begun = Instant::now();
    while traps.len() < 100 {
        recorder.wait(Duration::from_millis(10)).unwrap();
        recorder.drain(&mut |record| {
            if let Record::Hit(hit) = record {
                assert!(hit.register(amd64::IP).is_some());
                traps.push((hit.at, hit.until, hit.tid));
            }
            ControlFlow::Continue(())
        });
        assert!(begun.elapsed() < LONGEST);
    }
    assert_eq!(recorder.finish(&mut |_| ControlFlow::Continue(())), 0);
    // A thread that was made while the breakpoints were set may have but one of them.
    let first = traps[0].2;
    traps.retain(|(_, _, tid)| *tid != first);
    assert!(traps.iter().all(|(at, until, _)| at < until), "each was noted twice: {traps:?}");
    // Each of its threads ends before the next begins.
    for pair in traps.windows(2) {
        assert!(pair[0].1 < pair[1].0, "{pair:?}");
    }
    target.check_progress();
    let mut lengths: Vec<u64> = traps.iter().map(|(at, until, _)| until - at).collect();
    lengths.sort_unstable();
    lengths[lengths.len() / 2]
}

#[test]
fn more_breakpoints_can_be_added_and_only_memory_has_two() {
    let (mut target, addr) = toucher();
    let take = Take { registers: RegisterSet::default().with(amd64::IP), stack: false, span: Span::Long };
    let mut recorder = Recorder::new(target.pid(), &[At::Byte(addr)], take).unwrap();
    let mut after = None;
    let begun = Instant::now();
    while after.is_none() {
        recorder.wait(Duration::from_millis(10)).unwrap();
        recorder.drain(&mut |record| {
            if let Record::Hit(hit) = record {
                after = hit.register(amd64::IP);
            }
            ControlFlow::Continue(())
        });
        assert!(begun.elapsed() < LONGEST);
    }
    let after = after.unwrap();
    let began = recorder.add(&[At::Instruction(after)]).unwrap();
    let mut seen: Vec<(u64, u32)> = Vec::new();
    while seen.len() < 40 {
        recorder.wait(Duration::from_millis(10)).unwrap();
        recorder.drain(&mut |record| {
            if let Record::Hit(hit) = record
                && hit.at >= began
            {
                assert_eq!(hit.until > hit.at, hit.address == addr);
                seen.push((hit.address, hit.tid));
            }
            ControlFlow::Continue(())
        });
        assert!(begun.elapsed() < LONGEST);
    }
    // The instruction behind each access follows it. (The first may have been between the two.)
    let first = seen.iter().position(|(address, _)| *address == addr).unwrap();
    for pair in seen[first..].chunks_exact(2) {
        assert_eq!(pair, [(addr, pair[0].1), (after, pair[0].1)]);
    }
    target.check_progress();
}
