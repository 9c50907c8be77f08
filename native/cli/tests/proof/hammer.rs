//! Maps that two goroutines change without end, under a lock that we know nothing of.

use serde_json::json;

use crate::builds::{is_thorough, toolchains};
use crate::figures::{self, Problems};
use crate::process::Corpus;
use crate::reading::{Reader, Reading};

const MAPS: [&str; 3] = ["main.hammerInt", "main.hammerString", "main.hammerWide"];

/// The number in a key: 5 of `5`, of `"key 5"`, and of `[5,0,0,…]`.
fn number(key: &str) -> Option<u64> {
    if let Some(bytes) = key.strip_prefix('[') {
        let mut bytes = bytes.trim_end_matches(']').split(',').map(|byte| byte.parse::<u64>().ok());
        let [low, middle, high] = [bytes.next()??, bytes.next()??, bytes.next()??];
        let rest: Vec<u64> = bytes.map(|byte| byte.unwrap_or(1)).collect();
        let (last, zeros) = rest.split_last()?;
        return (*last == 7 && zeros.iter().all(|byte| *byte == 0)).then_some(low | middle << 8 | high << 16);
    }
    key.trim_matches('"').trim_start_matches("key ").parse().ok()
}

/// What is wrong with a reading that has no finding.
fn wrong(reading: &Reading, kept: u64) -> Option<String> {
    let mut seen = 0;
    let mut last = std::collections::HashSet::new();
    for ((key, elem), times) in &reading.entries {
        let Some(number) = number(key) else { return Some(format!("no such key: {key}")) };
        // A key that has just come has no elem yet. Those that stay have had theirs since before.
        let is_right = *elem == (number * 7 + 1).to_string() || (elem == "0" && number >= kept);
        if !is_right {
            return Some(format!("{key} has the elem {elem}"));
        }
        if *times > 1 || !last.insert(number) {
            return Some(format!("{key} is there more than once"));
        }
        seen += u64::from(number < kept);
    }
    (seen != kept).then(|| format!("{seen} of the {kept} keys that are always there"))
}

#[test]
fn a_map_that_is_changed_while_it_is_read_is_never_wrong_without_a_finding() {
    let (reads, stops) = if is_thorough() { (10_000, 1_000) } else { (200, 40) };
    let mut all = Problems::default();
    for go in toolchains() {
        let corpus = Corpus::start(&go.plainly(), "hammer");
        let kept = corpus.said[0]["kept"].as_u64().unwrap();
        let process = gotarget::Process::live(corpus.pid(), None).unwrap();
        let mut problems = Vec::new();
        let mut counts = [0u32; 2];
        for (stopped, reads) in [(false, reads), (true, stops)] {
            for read in 0..reads {
                let expression = MAPS[read % MAPS.len()];
                let stop = stopped.then(|| process.stop().unwrap());
                let reading = Reader::new(process.target(), expression).read(!stopped);
                drop(stop);
                if reading.findings.is_empty() {
                    counts[usize::from(stopped)] += 1;
                    problems.extend(
                        wrong(&reading, kept).map(|problem| {
                            format!("{expression}{}: {problem}", if stopped { ", stopped" } else { "" })
                        }),
                    );
                }
            }
        }
        figures::note(&json!({
            "proof": "hammer", "go": go.name(), "reads": reads, "without_finding": counts[0], "stopped_reads": stops,
            "stopped_without_finding": counts[1], "wrong": problems.len(),
        }));
        all.add(&go.name(), &problems);
        assert!(counts[1] > 0, "{}: no stopped read without a finding", go.name());
        corpus.end();
    }
    all.settle();
}
