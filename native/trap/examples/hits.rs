//! Counts or records the accesses to one byte of a process, and says what each cost it: the one beside the other for a
//! bench. `hits PID ADDRESS SECONDS [count|record|record-stacks]...`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use trap::At;
use trap::perf::{Armed, Record, Recorder, RegisterSet, Span, Take};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let pid: i32 = words[0].parse().unwrap();
    let address = u64::from_str_radix(words[1].trim_start_matches("0x"), 16).unwrap();
    let time = Duration::from_secs_f64(words[2].parse().unwrap());
    let place = At::Byte(address);
    for mode in &words[3..] {
        let begun = Instant::now();
        let (hits, lost, took) = match mode.as_str() {
            "count" => {
                let mut armed = Armed::counting(pid, &[place]).unwrap();
                std::thread::sleep(time);
                armed.disable();
                (armed.count(), 0, begun.elapsed())
            }
            _ => {
                let take =
                    Take { registers: RegisterSet::ALL_AMD64, stack: mode == "record-stacks", span: Span::Moment };
                let mut recorder = Recorder::new(pid, &[place], take).unwrap();
                let mut hits = 0;
                let mut last = 0;
                let mut visit = |record: Record<'_>| {
                    if let Record::Hit(hit) = record {
                        assert!(hit.at >= last, "in order");
                        last = hit.at;
                        hits += 1;
                    }
                    ControlFlow::Continue(())
                };
                while begun.elapsed() < time {
                    recorder.wait(Duration::from_millis(10)).unwrap();
                    recorder.drain(&mut visit);
                }
                let took = begun.elapsed();
                let lost = recorder.finish(&mut visit);
                (hits, lost, took)
            }
        };
        let each = took.as_secs_f64() * 1e6 / (hits + lost) as f64;
        println!("{mode}: {hits} hits, {lost} lost, {each:.2} µs each");
    }
}
