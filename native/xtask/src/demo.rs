//! `cargo xtask demo`: a real gdb on a really racing program, once on each kind of map.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::samples::{self, Built};
use crate::session::Session;
use crate::{cdylib, go, system};

/// The last release with classic maps that is widely used, and a Swiss one.
pub(crate) const VERSIONS: [&str; 2] = ["1.23.4", "1.27.3"];

/// How often to try: it is a matter of chance.
const TRIES: usize = 2;

/// For how long to watch (the command says it too), and for gdb to start and to end.
const LIMIT: Duration = Duration::from_secs(10 + 60);

/// Shows it on each version; true if every one was caught.
pub(crate) fn run(versions: &[String]) -> Result<bool> {
    let gdb = system::gdb()?;
    let toolchains = go::toolchains(versions)?;
    let native = cdylib::build()?;
    let built = samples::build(&["clobber"], &toolchains)?;
    let mut all = true;
    for version in versions {
        all &= show(version, &gdb, &native, &built)?;
    }
    Ok(all)
}

fn show(version: &str, gdb: &Path, native: &Path, built: &Built) -> Result<bool> {
    let lines =
        [samples::marked_line("clobber", "writer A's write")?, samples::marked_line("clobber", "writer B's write")?];
    let session = Session {
        gdb,
        native,
        program: built.get("clobber", version)?,
        command: "gomap watch main.shared --hold 5 --for 10",
        limit: LIMIT,
    };
    for left in (0..TRIES).rev() {
        println!("== Go {version}: two goroutines write one map, with no lock (samples/clobber)");
        println!("$ {}", session.typed());
        let mut evidence = Evidence::default();
        let ended = session.run(|line| {
            println!("{line}");
            evidence.add(line);
        })?;
        println!();
        let lacks = evidence.lacks(lines);
        if lacks.is_empty() {
            return Ok(true);
        }
        let gdb = ended.gdb.map_or("gdb hung".to_owned(), |status| format!("gdb: {status}"));
        let sample = if ended.sample.is_running()? { "clobber lives" } else { "clobber died of its race" };
        let next = if left > 0 { "once more" } else { "giving up" };
        eprintln!("Go {version}: not shown: {} ({gdb}; {sample}); {next}", lacks.join(", "));
    }
    Ok(false)
}

/// What gdb has shown so far.
#[derive(Default)]
struct Evidence {
    /// The goroutine that set the flag, in the first such line.
    setter: Option<u64>,
    /// Whether another goroutine's access came after it.
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
        if line.contains(" by goroutine ") {
            self.culprits.insert(goid);
            self.report.push(line.to_owned());
        } else if self.setter.is_some_and(|setter| setter != goid) {
            self.intruded = true;
        } else if line.contains("0→1") {
            self.setter = Some(goid);
        }
    }

    /// What is missing, in words.
    fn lacks(&self, lines: [usize; 2]) -> Vec<String> {
        let mut lacks = Vec::new();
        if self.setter.is_none() {
            lacks.push("a flag going 0→1".to_owned());
        } else if !self.intruded {
            lacks.push("another goroutine's access after it".to_owned());
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
