//! `cargo xtask demo`: a real gdb on a really racing program, once on each kind of map.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::debugger::{Debugger, Release};
use crate::samples::{self, Built};
use crate::session::{Session, Start};
use crate::{go, products};

/// The last release with classic maps that is widely used, and a Swiss one.
pub(crate) const VERSIONS: [&str; 2] = ["1.23.4", "1.27.3"];

/// How often to try: it is a matter of chance.
const TRIES: usize = 2;

/// For how long to watch (the command says it too), and for gdb to start and to end.
const LIMIT: Duration = Duration::from_secs(10 + 60);

/// Shows it on each version; true if every one was caught.
pub(crate) fn run(versions: &[String]) -> Result<bool> {
    let gdb = Release::Gdb13.ready()?;
    let toolchains = go::toolchains(versions)?;
    let native = products::library()?;
    let built = samples::build(&["clobber"], &toolchains)?;
    let mut all = true;
    for version in versions {
        all &= show(version, &gdb, &native, &built)?;
    }
    Ok(all)
}

fn show(version: &str, gdb: &Debugger, native: &Path, built: &Built) -> Result<bool> {
    let lines =
        [samples::marked_line("clobber", "writer A's write")?, samples::marked_line("clobber", "writer B's write")?];
    let session = Session {
        program: built.get("clobber", version)?,
        command: &|pid| gdb.on(pid, native, &["gomap watch main.shared --hold 5 --for 10"]),
        start: Start::Watched,
        limit: LIMIT,
    };
    for left in (0..TRIES).rev() {
        println!("== Go {version}: two goroutines write one map, with no lock (samples/clobber)");
        let mut evidence = Evidence::default();
        let ended = session.run(
            |command| println!("$ {command}"),
            |line| {
                println!("{line}");
                evidence.add(line);
            },
        )?;
        println!();
        let lacks = evidence.lacks(lines);
        if lacks.is_empty() {
            return Ok(true);
        }
        let gdb = ended.status.map_or("gdb hung".to_owned(), |status| format!("gdb: {status}"));
        let sample = if ended.sample.is_running()? { "clobber lives" } else { "clobber died of its race" };
        let next = if left > 0 { "once more" } else { "giving up" };
        eprintln!("Go {version}: not shown: {} ({gdb}; {sample}); {next}", lacks.join(", "));
    }
    Ok(false)
}

/// What gdb has shown so far.
#[derive(Default)]
struct Evidence {
    /// Whether the flag was seen going 0→1.
    shown: bool,
    /// The goroutine that has set it, as long as it is set.
    setter: Option<u64>,
    /// The goroutines that found it set: their lines may come before the setter's.
    found: BTreeSet<u64>,
    /// Whether another goroutine's access came while it was set.
    intruded: bool,
    /// The goroutines of the report.
    culprits: BTreeSet<u64>,
    /// The report's lines, from its first culprit on.
    report: Vec<String>,
}

impl Evidence {
    fn add(&mut self, line: &str) {
        let Some(goid) = goroutine(line) else {
            if !self.report.is_empty() {
                self.report.push(line.to_owned());
            }
            return;
        };
        if line.contains(" by goroutine ") && line.ends_with(':') {
            self.culprits.insert(goid);
            self.report.push(line.to_owned());
        } else if line.contains("s  thread ") {
            self.access(goid, line);
        }
    }

    fn access(&mut self, goid: u64, line: &str) {
        self.intruded |= self.setter.is_some_and(|setter| setter != goid);
        if line.contains("0→1") {
            self.shown = true;
            self.setter = Some(goid);
            self.intruded |= self.found.iter().any(|other| *other != goid);
        } else if line.contains("1→0") {
            self.setter = None;
            self.found.clear();
        } else if line.contains("writing 1") {
            self.found.insert(goid);
        }
    }

    /// What is missing, in words.
    fn lacks(&self, lines: [usize; 2]) -> Vec<String> {
        let mut lacks = Vec::new();
        if !self.shown {
            lacks.push("a flag going 0→1".to_owned());
        } else if !self.intruded {
            lacks.push("another goroutine's access while it is set".to_owned());
        }
        if self.culprits.len() != 2 {
            lacks.push(format!("a report with two goroutines (has {:?})", self.culprits));
        }
        for line in lines {
            let place = format!("clobber/main.go:{line}");
            let ends = |text: &String| {
                text.split(&place).skip(1).any(|after| !after.starts_with(|letter: char| letter.is_ascii_digit()))
            };
            if !self.report.iter().any(ends) {
                lacks.push(format!("{place} in the report"));
            }
        }
        lacks
    }
}

/// The number after the word "goroutine".
fn goroutine(line: &str) -> Option<u64> {
    let after = line.split_once("goroutine ")?.1;
    after.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "\
Watching main.shared
   0.001234s  thread 4711  goroutine 18  sets      writing 0→1  main.writerA  main.go:20
   0.006012s  thread 4712  goroutine 19  checks    writing 1    main.writerB  main.go:27
==================
WARNING: DATA RACE
writing 0→1 by goroutine 18, 4.7 ms ago; goroutine 19 found it set

Write at 0x00c000010000 by goroutine 19:
  main.writerB()
      /src/samples/clobber/main.go:27 +0x5c

Previous write at 0x00c000010000 by goroutine 18:
  main.writerA()
      /src/samples/clobber/main.go:20 +0x5c
";

    fn lacks(shown: &str, lines: [usize; 2]) -> usize {
        let mut evidence = Evidence::default();
        shown.lines().for_each(|line| evidence.add(line));
        evidence.lacks(lines).len()
    }

    #[test]
    fn a_full_report_lacks_nothing() {
        assert_eq!(lacks(SHOWN, [20, 27]), 0);
    }

    #[test]
    fn the_second_goroutine_may_be_heard_of_first() {
        let mut lines: Vec<&str> = SHOWN.lines().collect();
        lines.swap(1, 2);
        assert_eq!(lacks(&lines.join("\n"), [20, 27]), 0);
    }

    #[test]
    fn writes_one_after_the_other_are_no_evidence() {
        let one = "1.0s  thread 1  goroutine 18  sets      writing 0→1  main.writerA  main.go:20\n\
                   1.1s  thread 1  goroutine 18  checks    writing 1    main.writerA  main.go:20\n\
                   1.2s  thread 1  goroutine 18  clears    writing 1→0  main.writerA  main.go:20\n";
        let mut evidence = Evidence::default();
        format!("{one}{}", one.replace("18", "19")).lines().for_each(|line| evidence.add(line));
        assert!(evidence.shown && !evidence.intruded);
    }

    #[test]
    fn wrong_lines_one_goroutine_or_a_missing_step_are_noticed() {
        assert_eq!(lacks(SHOWN, [20, 2]), 1);
        assert_eq!(lacks(&SHOWN.replace("by goroutine 19:", "by goroutine 18:"), [20, 27]), 1);
        assert_eq!(lacks(&SHOWN.replace("0→1", "1"), [20, 27]), 1);
        assert_eq!(lacks("", [20, 27]), 4);
    }
}
