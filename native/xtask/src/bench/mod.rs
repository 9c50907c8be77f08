//! `cargo xtask bench`: how fast maps are read and how much memory that takes, beside Delve and gdb with Go's
//! own script. Whole processes, from start to end, by turns, medians.

pub(crate) mod measured;
mod subject;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{go, ground};
use subject::Subject;
use tools::Tools;

/// The Go of the processes: Swiss maps, and classic ones for Go's own script.
const SWISS: &str = "1.27.3";
const CLASSIC: &str = "1.23.4";

/// A program that takes longer is run only once.
const SLOW: f64 = 20.0;

/// The most memory that printing may take, in KiB, and the most bytes of the map that `get` may read.
const MEMORY: i64 = 64 << 10;
const GET_BYTES: u64 = 64 << 10;

/// The least part of the bare system call's speed that a scan must have.
const SCAN: f64 = 0.5;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Entries of the map that is printed
    #[arg(long, default_value_t = 1_000_000)]
    entries: u64,
    /// Entries of the map in which one is looked up
    #[arg(long, default_value_t = 10_000_000)]
    many: u64,
    /// Runs of each command, of which the median is shown (one that takes long is run once)
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Seconds after which a command is given up
    #[arg(long, default_value_t = 600)]
    cap: u64,
}

/// What a command took: the median of its runs.
#[derive(Clone, Copy)]
enum Took {
    Seconds { wall: f64, processor: f64, peak_kib: i64, runs: usize },
    MoreThan(f64),
    Absent,
}

/// One row of the table.
struct Row {
    what: String,
    ours: Took,
    theirs: Vec<(&'static str, Took)>,
    /// How many times faster we have to be.
    promised: Option<f64>,
    /// The most memory that we may take, in KiB.
    memory: Option<i64>,
}

struct Bench<'a> {
    arguments: &'a Arguments,
    tools: Tools,
    output: PathBuf,
}

/// Measures all, prints the table, and says whether everything promised was kept.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let toolchains = go::toolchains(&[SWISS, CLASSIC])?;
    let go = |version: &str| toolchains.get(version).context("a toolchain that was asked for");
    let output = ground::made(ground::ours()?.join("bench"))?.join("output");
    let bench = Bench { arguments, tools: Tools::ready(go(SWISS)?)?, output };
    let (large, what) = subject::large(SWISS, go(SWISS)?)?;
    let swiss = subject::entries(SWISS, go(SWISS)?)?;
    let classic = subject::entries(CLASSIC, go(CLASSIC)?)?;

    let mut rows = vec![bench.first_answer(&large, &what)?, bench.print(&swiss)?];
    let (row, scan) = bench.many(&swiss)?;
    rows.extend(row);
    rows.push(bench.in_gdb(&classic, go(CLASSIC)?)?);

    let kept = rows.iter().all(Row::is_kept) && scan.is_kept();
    let text = bench.table(&rows, &scan);
    println!("{text}");
    ground::write(&ground::ours()?.join("bench.md"), &format!("{text}\n"))?;
    Ok(kept)
}

impl Bench<'_> {
    fn first_answer(&self, large: &Path, what: &str) -> Result<Row> {
        let subject = Subject::start(large, &[])?;
        let pid = subject.pid();
        let ours = self.tools.redhanded(&["print", "main.Answers"], &pid);
        let delve = self.tools.delve("main.Answers", &pid)?;
        let gdb = self.tools.gdb(&["print 'main.Answers'"], &pid);
        let [ours, delve, gdb] =
            self.by_turns([(Some(ours), "\"all\": 42"), (delve, "\"all\": 42"), (Some(gdb), "$1 = ")])?;
        Ok(Row {
            what: format!("first answer on a large executable ({what})"),
            ours,
            theirs: vec![("Delve", delve), ("gdb", gdb)],
            promised: Some(5.0),
            memory: None,
        })
    }

    fn print(&self, program: &Path) -> Result<Row> {
        let entries = self.arguments.entries;
        let subject = Subject::start(program, &[&entries.to_string()])?;
        let pid = subject.pid();
        let ours = self.tools.redhanded(&["print", "main.Entries"], &pid);
        let delve = self.tools.delve("main.Entries", &pid)?;
        let last = format!("{}: {}", entries - 1, 2 * (entries - 1));
        let [ours, delve] = self.by_turns([(Some(ours), &last), (delve, &last)])?;
        Ok(Row {
            what: format!("print all {entries} entries of a `map[int]int`, live, to a file"),
            ours,
            theirs: vec![("Delve", delve)],
            promised: Some(100.0),
            memory: Some(MEMORY),
        })
    }

    fn many(&self, program: &Path) -> Result<([Row; 2], Scan)> {
        let many = self.arguments.many;
        let subject = Subject::start(program, &[&many.to_string()])?;
        let pid = subject.pid();
        let key = self.key_half_way(&pid)?;
        let expression = format!("main.Entries[{key}]");
        let ours = self.tools.redhanded(&["get", "main.Entries", &key], &pid);
        let delve = self.tools.delve(&expression, &pid)?;
        let elem = (2 * key.parse::<u64>()?).to_string();
        let [ours, delve] = self.by_turns([(Some(ours), &elem), (delve, &elem)])?;
        let get = Row {
            what: format!("get one key among {many} entries (the one half-way through memory)"),
            ours,
            theirs: vec![("Delve", delve)],
            promised: Some(300.0),
            memory: None,
        };
        let last = format!("{}: {}", many - 1, 2 * (many - 1));
        let [ours] = self.by_turns([(Some(self.tools.redhanded(&["print", "main.Entries"], &pid)), &last)])?;
        let print = Row {
            what: format!("print all {many} entries"),
            ours,
            theirs: Vec::new(),
            promised: None,
            memory: Some(MEMORY),
        };
        let mut measure = self.tools.measure(&pid, "main.Entries", &key, self.arguments.runs);
        let scan = crate::run::quietly(&mut measure, Duration::from_secs(self.arguments.cap))?;
        Ok(([get, print], serde_json::from_str(&scan).context("the example measure's answer")?))
    }

    /// The key that whoever scans the map finds when half of it is done.
    fn key_half_way(&self, pid: &str) -> Result<String> {
        let half = (self.arguments.many / 2).max(1).to_string();
        let mut command = self.tools.redhanded(&["print", "main.Entries", "--csv", "--limit", &half], pid);
        let rows = crate::run::quietly(&mut command, Duration::from_secs(self.arguments.cap))?;
        let last = rows.lines().last().and_then(|row| row.split(',').next());
        Ok(last.context("the map is empty")?.to_owned())
    }

    fn in_gdb(&self, program: &Path, go: &Path) -> Result<Row> {
        let entries = self.arguments.entries;
        let subject = Subject::start(program, &[&entries.to_string()])?;
        let pid = subject.pid();
        let last = format!("{}: {}", entries - 1, 2 * (entries - 1));
        let ours = self.tools.gdb(&["source gdb-plugin/redhanded.py", "gomap print main.Entries"], &pid);
        let script = format!("source {}", tools::runtime_script(go)?.display());
        let theirs = self.tools.gdb(&[&script, "set print elements 0", "print 'main.Entries'"], &pid);
        let [ours] = self.by_turns([(Some(ours), last.as_str())])?;
        // Alone, and last: it is killed when it takes too long, and its process may die with it.
        let [theirs] = self.by_turns([(Some(theirs), "")])?;
        Ok(Row {
            what: format!("print all {entries} entries of a classic map inside gdb"),
            ours,
            theirs: vec![("runtime-gdb.py", theirs)],
            promised: Some(300.0),
            memory: None,
        })
    }

    /// Runs several commands by turns, so that all meet the same machine; each must print what is expected.
    fn by_turns<const N: usize>(&self, commands: [(Option<Command>, &str); N]) -> Result<[Took; N]> {
        let mut runs: [Vec<measured::Run>; N] = std::array::from_fn(|_| Vec::new());
        let mut given_up = [false; N];
        let cap = Duration::from_secs(self.arguments.cap);
        for _ in 0..self.arguments.runs {
            for (((command, expected), runs), given_up) in commands.iter().zip(&mut runs).zip(&mut given_up) {
                let Some(command) = command else { continue };
                if *given_up || runs.first().is_some_and(|run| run.seconds > SLOW) {
                    continue;
                }
                let name = command.get_program().to_string_lossy();
                match measured::once(command, &self.output, cap)? {
                    Some(run) => {
                        let text = std::fs::read(&self.output)?;
                        if !String::from_utf8_lossy(&text).contains(expected) {
                            bail!("{name} did not print {expected:?}: see {}", self.output.display());
                        }
                        eprintln!("{name}: {:.3} s", run.seconds);
                        runs.push(run);
                    }
                    None => {
                        eprintln!("{name}: given up after {} s", cap.as_secs());
                        *given_up = true;
                    }
                }
            }
        }
        let took = |index: usize| match (runs.get(index), given_up.get(index)) {
            (_, Some(true)) => Took::MoreThan(cap.as_secs_f64()),
            (Some(runs), _) if !runs.is_empty() => Took::Seconds {
                wall: median(runs.iter().map(|run| run.seconds)),
                processor: median(runs.iter().map(|run| run.processor_seconds)),
                peak_kib: runs.iter().map(|run| run.peak_kib).max().unwrap_or(0),
                runs: runs.len(),
            },
            _ => Took::Absent,
        };
        Ok(std::array::from_fn(took))
    }

    fn table(&self, rows: &[Row], scan: &Scan) -> String {
        let Arguments { entries, many, runs, cap } = self.arguments;
        let mut lines = vec![
            format!("`cargo xtask bench --entries {entries} --many {many} --runs {runs} --cap {cap}`"),
            String::new(),
            format!(
                "{}; {} processors. Whole processes, from start to end, the median of up to {runs} runs (one of those that take more than {SLOW} s); in brackets the seconds on processors, and the peak of memory. Processes of Go {SWISS}, in gdb of Go {CLASSIC}.",
                self.tools.versions(),
                std::thread::available_parallelism().map_or(0, usize::from),
            ),
            String::new(),
            "| what | Redhanded | the others | faster | promised | |".to_owned(),
            "|---|---|---|---|---|---|".to_owned(),
        ];
        lines.extend(rows.iter().map(Row::line));
        lines.extend(["", "| what | measured | promised | |", "|---|---|---|---|"].map(str::to_owned));
        lines.extend(scan.lines());
        lines.join("\n")
    }
}

impl Took {
    fn wall(self) -> Option<f64> {
        match self {
            Took::Seconds { wall, .. } | Took::MoreThan(wall) => Some(wall),
            Took::Absent => None,
        }
    }

    fn text(self) -> String {
        match self {
            Took::Seconds { wall, processor, peak_kib, runs } => {
                let once = if runs == 1 { ", one run" } else { "" };
                format!("{wall:.3} s ({processor:.3} s, {} MiB{once})", peak_kib / 1024)
            }
            Took::MoreThan(seconds) => format!("given up after {seconds} s"),
            Took::Absent => "not here".to_owned(),
        }
    }
}

impl Row {
    /// How many times faster we are than each of the others.
    fn ratios(&self) -> impl Iterator<Item = (&'static str, f64, bool)> {
        let ours = self.ours.wall();
        self.theirs
            .iter()
            .filter_map(move |(name, took)| Some((*name, took.wall()? / ours?, matches!(took, Took::MoreThan(_)))))
    }

    fn is_kept(&self) -> bool {
        let fast = self.promised.is_none_or(|promised| self.ratios().all(|(_, ratio, _)| ratio >= promised));
        let small = match (self.memory, self.ours) {
            (Some(most), Took::Seconds { peak_kib, .. }) => peak_kib <= most,
            (Some(_), _) => false,
            (None, _) => true,
        };
        fast && small
    }

    fn line(&self) -> String {
        let theirs: Vec<String> = self.theirs.iter().map(|(name, took)| format!("{name}: {}", took.text())).collect();
        let ratio =
            |(name, ratio, more): (&str, f64, bool)| format!("{}{ratio:.0}× ({name})", if more { ">" } else { "" });
        let ratios: Vec<String> = self.ratios().map(ratio).collect();
        let mut promised: Vec<String> = self.promised.iter().map(|times| format!("≥ {times}×")).collect();
        promised.extend(self.memory.map(|most| format!("≤ {} MiB", most / 1024)));
        format!(
            "| {} | {} | {} | {} | {} | {} |",
            self.what,
            self.ours.text(),
            theirs.join("; "),
            ratios.join(", "),
            promised.join(", "),
            verdict(self.is_kept())
        )
    }
}

/// The answer of the example `measure` of crate `gotarget`.
#[derive(Deserialize)]
struct Scan {
    entries: u64,
    bytes: u64,
    scan_seconds: f64,
    read_seconds: f64,
    get_bytes: u64,
}

impl Scan {
    fn fraction(&self) -> f64 {
        self.read_seconds / self.scan_seconds
    }

    fn is_kept(&self) -> bool {
        self.fraction() >= SCAN && self.get_bytes < GET_BYTES
    }

    fn lines(&self) -> [String; 2] {
        let speed = |seconds: f64| self.bytes as f64 / seconds / 1e9;
        [
            format!(
                "| scan {} entries ({} MB), as a part of process_vm_readv's speed for the same bytes | {:.0} % ({:.2} of {:.2} GB/s) | ≥ {:.0} % | {} |",
                self.entries,
                self.bytes / 1_000_000,
                self.fraction() * 100.0,
                speed(self.scan_seconds),
                speed(self.read_seconds),
                SCAN * 100.0,
                verdict(self.fraction() >= SCAN)
            ),
            format!(
                "| bytes of memory that `get` reads, with the proof of its hash | {} | < {GET_BYTES} | {} |",
                self.get_bytes,
                verdict(self.get_bytes < GET_BYTES)
            ),
        ]
    }
}

fn verdict(kept: bool) -> &'static str {
    if kept { "ok" } else { "NOT KEPT" }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(wall: f64, peak_kib: i64) -> Took {
        Took::Seconds { wall, processor: wall, peak_kib, runs: 5 }
    }

    #[test]
    fn one_that_is_given_up_counts_with_the_time_it_was_given() {
        let row = Row {
            what: "print".to_owned(),
            ours: seconds(2.0, 1024),
            theirs: vec![("theirs", Took::MoreThan(600.0)), ("absent", Took::Absent)],
            promised: Some(300.0),
            memory: None,
        };
        assert!(row.is_kept());
        assert!(row.line().contains("| >300× (theirs) |"), "{}", row.line());
        assert!(!Row { promised: Some(301.0), ..row }.is_kept());
    }

    #[test]
    fn too_much_memory_is_not_kept() {
        let row = |peak_kib| Row {
            what: "print".to_owned(),
            ours: seconds(1.0, peak_kib),
            theirs: Vec::new(),
            promised: None,
            memory: Some(MEMORY),
        };
        assert!(row(MEMORY).is_kept());
        assert!(!row(MEMORY + 1).is_kept());
    }
}
