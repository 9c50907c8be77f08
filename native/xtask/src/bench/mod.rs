//! `cargo xtask bench`: how fast maps are read and how much memory that takes, beside Delve and gdb with Go's
//! own script. Whole processes, from start to end, by turns, medians; but inside lldb without lldb's own start. And
//! what it costs a program to be watched.

pub(crate) mod measured;
mod subject;
mod table;
mod tools;
mod trapping;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::median::median;
use crate::{go, ground, programs};
use subject::Subject;
use table::{Bound, MEMORY, Row, Scan, Took};
use tools::Tools;

/// The Go of the processes: Swiss maps, and classic ones for Go's own script.
const SWISS: &str = "1.27.3";
const CLASSIC: &str = "1.23.4";

/// A program that takes longer is run only once.
const SLOW: f64 = 20.0;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What of it; all if it isn't said
    #[arg(long, value_enum, default_values_t = Part::value_variants().iter().copied())]
    part: Vec<Part>,
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

/// A part of the bench.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// How fast maps are read, and how much memory that takes
    Reading,
    /// What it costs a program to be watched
    Watching,
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
    let (mut tables, mut kept) = (Vec::new(), true);
    if arguments.part.contains(&Part::Reading) {
        let (large, what) = subject::large(SWISS, go(SWISS)?)?;
        let swiss = programs::build("entries", SWISS, go(SWISS)?)?;
        let classic = programs::build("entries", CLASSIC, go(CLASSIC)?)?;
        let mut rows = vec![bench.first_answer(&large, &what)?, bench.print(&swiss)?];
        let (row, scan) = bench.many(&swiss)?;
        rows.extend(row);
        rows.push(bench.in_gdb(&classic, go(CLASSIC)?)?);
        rows.push(bench.in_lldb(&swiss)?);
        kept &= rows.iter().all(Row::is_kept) && scan.is_kept();
        tables.push(bench.table(&rows, &scan));
    }
    if arguments.part.contains(&Part::Watching) {
        let busy = programs::build("busy", SWISS, go(SWISS)?)?;
        let rows = trapping::rows(&bench.tools, &busy, arguments.runs)?;
        kept &= rows.iter().all(|row| row.kept);
        tables.push(bench.table_of_watching(&rows));
    }
    let text = tables.join("\n\n");
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

    /// lldb takes longer to start and to attach than to print, so that is taken off.
    fn in_lldb(&self, program: &Path) -> Result<Row> {
        let entries = self.arguments.entries;
        let subject = Subject::start(program, &[&entries.to_string()])?;
        let pid = subject.pid();
        let last = format!("{}: {}", entries - 1, 2 * (entries - 1));
        let header = "gomap header main.Entries";
        let with = self.tools.lldb(&[header, "gomap print main.Entries"], &pid);
        let without = self.tools.lldb(&[header], &pid);
        let alone = self.tools.redhanded(&["print", "main.Entries"], &pid);
        let [with, without, alone] =
            self.by_turns([(Some(with), last.as_str()), (Some(without), "hash seed"), (Some(alone), &last)])?;
        Ok(Row {
            what: format!(
                "print all {entries} entries inside lldb (lldb with `gomap print`, less lldb without it), beside the whole of `redhanded print`"
            ),
            ours: with.less(without),
            theirs: vec![("`redhanded print`", alone)],
            promised: Some(0.5),
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
        let Arguments { entries, many, runs, cap, .. } = self.arguments;
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

    fn table_of_watching(&self, rows: &[Bound]) -> String {
        let runs = self.arguments.runs;
        let mut lines = vec![
            format!("`cargo xtask bench --part watching --runs {runs}`"),
            String::new(),
            format!(
                "{}; {} processors. A program of Go {SWISS} in which one goroutine does nothing but write to a map. What an access costs is by how much longer the program takes for each access to the map's flag byte, on its own clock; the median of {runs} runs, of debuggers one.",
                self.tools.versions(),
                std::thread::available_parallelism().map_or(0, usize::from),
            ),
            String::new(),
            "| what | measured | promised | |".to_owned(),
            "|---|---|---|---|".to_owned(),
        ];
        lines.extend(rows.iter().map(Bound::line));
        lines.join("\n")
    }
}
