//! `cargo xtask matrix`: the proof's tables, and how often a race is caught, per Go version, against what is promised.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::debugger::{Debugger, Kind, Release};
use crate::samples::{self, Built};
use crate::session::{Ended, Session, WATCHING};
use crate::watch::{Said, parse, shows_both};
use crate::{go, ground, products, proof, test};

/// The versions of the table: every release since 1.21 but 1.22, whose maps are 1.21's and 1.23's.
const VERSIONS: [&str; 6] = ["1.21.13", "1.23.4", "1.24.11", "1.25.5", "1.26.6", "1.27.3"];

/// The versions on which the process must outlive its races: one of each kind of map.
const RESCUED: [&str; 2] = ["1.23.4", "1.27.3"];

/// How many races it must outlive, and how many of so many runs.
const OVERLAPS: u64 = 100;
const RESCUE_RUNS: u32 = 10;

/// For how long to rescue.
const RESCUE_SECONDS: u32 = 20;

/// How long a debugger may take to start and to end.
const SLACK: Duration = Duration::from_secs(60);

/// How often a process must be seen to go on (its threads to go to sleep by themselves) after the
/// debugger has let go of it.
const NAPS: u64 = 20;

/// How long it may take for that: some hundred times as long as it does.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// What to count.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Go versions
    #[arg(long, value_name = "VERSION", default_values = VERSIONS)]
    go: Vec<String>,
    /// Which debugger: Debian's gdb 13 and lldb 19, or newer ones from the package index; all if it isn't said
    #[arg(long, value_enum, default_values_t = Release::ALL)]
    debugger: Vec<Release>,
    /// Don't run the tests with every version
    #[arg(long)]
    no_tests: bool,
    /// Don't hold what is read of programs against what they say
    #[arg(long)]
    no_proof: bool,
    /// Don't count catches
    #[arg(long)]
    no_races: bool,
    /// Runs on the racing and on the locked program, per version
    #[arg(long, default_value_t = 20)]
    runs: u32,
    /// Seconds per run: within them a race must be caught
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

/// Runs the tests with every version and the proof, counts, prints the tables, and says whether everything promised was kept.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let (mut tables, mut kept) = (Vec::new(), true);
    if !arguments.no_tests {
        kept &= test::every_version()?;
    }
    if !arguments.no_proof {
        kept &= test::proof()?;
        tables.push(proof::tables()?);
    }
    if !arguments.no_races {
        kept &= races(arguments, &mut tables)?;
    }
    let tables = tables.join("\n\n");
    println!("{tables}");
    ground::write(&ground::ours()?.join("matrix.md"), &format!("{tables}\n"))?;
    Ok(kept)
}

/// Counts catches; says whether what is promised was kept.
fn races(arguments: &Arguments, tables: &mut Vec<String>) -> Result<bool> {
    let toolchains = go::toolchains(&arguments.go)?;
    let native = products::library()?;
    let mut kept = true;
    for release in &arguments.debugger {
        let debugger = release.ready()?;
        let bench = Bench {
            debugger: &debugger,
            native: &native,
            built: samples::build(&["clobber", "locked"], &toolchains)?,
            runs: arguments.runs,
            seconds: arguments.seconds,
        };
        let rows = arguments.go.iter().map(|version| bench.row(version)).collect::<Result<Vec<_>>>()?;
        kept &= rows.iter().all(|row| row.is_as_promised(arguments.runs, release.kind()));
        tables.push(table(&rows, *release, arguments));
    }
    Ok(kept)
}

/// How many of how many runs must catch both culprits, or outlive the race.
fn promised(kind: Kind) -> (u32, u32) {
    match kind {
        Kind::Gdb => (19, 20),
        Kind::Lldb => (9, 10),
    }
}

/// What was counted for one version.
struct Row {
    version: String,
    /// Runs that reported both culprits.
    caught: u32,
    /// Runs that reported anything on the locked program.
    accused: u32,
    /// Runs in which the process outlived its races, and went on.
    survived: Option<u32>,
}

impl Row {
    fn is_as_promised(&self, runs: u32, kind: Kind) -> bool {
        let (least, of) = promised(kind);
        let survived = self.survived.is_none_or(|count| count * of >= RESCUE_RUNS * least);
        self.caught * of >= runs * least && self.accused == 0 && survived
    }
}

fn table(rows: &[Row], release: Release, arguments: &Arguments) -> String {
    let Arguments { runs, seconds, .. } = arguments;
    let mut lines = vec![
        format!("{release}; {runs} runs of up to {seconds} s each; rescue: {RESCUE_RUNS} runs of {RESCUE_SECONDS} s"),
        String::new(),
        format!("| Go | clobber: both culprits | locked: reports | clobber: outlives {OVERLAPS} overlaps | |"),
        "|---|---|---|---|---|".to_owned(),
    ];
    for row in rows {
        let survived = row.survived.map_or("–".to_owned(), |count| format!("{count} of {RESCUE_RUNS}"));
        let verdict = if row.is_as_promised(*runs, release.kind()) { "ok" } else { "TOO FEW OR TOO MANY" };
        lines.push(format!(
            "| {} | {} of {runs} | {} of {runs} | {survived} | {verdict} |",
            row.version, row.caught, row.accused
        ));
    }
    lines.join("\n")
}

/// What a single watch showed.
#[derive(Default)]
struct Seen {
    both: bool,
    races: u64,
    accesses: u64,
    end: Option<(String, u64, u64)>,
    /// What the debugger said that is no JSON.
    other: Vec<String>,
}

struct Bench<'a> {
    debugger: &'a Debugger,
    native: &'a Path,
    built: Built,
    runs: u32,
    seconds: u32,
}

impl Bench<'_> {
    fn row(&self, version: &str) -> Result<Row> {
        Ok(Row {
            version: version.to_owned(),
            caught: self.caught(version)?,
            accused: self.accused(version)?,
            survived: RESCUED.contains(&version).then(|| self.survived(version)).transpose()?,
        })
    }

    fn caught(&self, version: &str) -> Result<u32> {
        let command = format!("gomap watch main.shared --hold 5 --for {} --json", self.seconds);
        self.count(self.runs, &format!("Go {version} clobber"), || {
            let (seen, ended) = self.watch("clobber", version, &command, self.seconds)?;
            Ok((seen.both, seen, ended))
        })
    }

    fn accused(&self, version: &str) -> Result<u32> {
        let command = format!("gomap watch main.shared --hold 5 --for {} --json", self.seconds);
        self.count(self.runs, &format!("Go {version} locked"), || {
            let (seen, ended) = self.watch("locked", version, &command, self.seconds)?;
            if seen.accesses == 0 || !ended.sample.is_running()? {
                bail!("Go {version} locked: not watched at all, or ended: {}", seen.other.join("; "));
            }
            Ok((seen.races > 0, seen, ended))
        })
    }

    fn survived(&self, version: &str) -> Result<u32> {
        let command = format!("gomap watch main.shared --hold 5 --rescue --for {RESCUE_SECONDS} --json");
        self.count(RESCUE_RUNS, &format!("Go {version} rescue"), || {
            let (seen, ended) = self.watch("clobber", version, &command, RESCUE_SECONDS)?;
            let overlaps = seen.end.as_ref().map_or(0, |end| end.1);
            let well = overlaps >= OVERLAPS && ended.sample.goes_on(NAPS, AFTERWARDS)?;
            Ok((well, seen, ended))
        })
    }

    fn watch(&self, sample: &str, version: &str, command: &str, seconds: u32) -> Result<(Seen, Ended)> {
        let mut seen = Seen::default();
        let limit = Duration::from_secs(seconds.into()) + SLACK;
        // With --json the plugin announces nothing. It needn't: the debugger has stopped the sample by now, and the
        // sample reads what it waits for only when the watch lets it run.
        let watching = self.debugger.say(WATCHING);
        let session = Session {
            debugger: self.debugger,
            native: self.native,
            program: self.built.get(sample, version)?,
            commands: &[&watching, command],
            limit,
        };
        let ended = session.run(
            |_| (),
            |line| match parse(line) {
                Some(Said::Access {}) => seen.accesses += 1,
                Some(Said::Race { first, second }) => {
                    seen.races += 1;
                    seen.both |= shows_both(&first, &second, ["main.writerA", "main.writerB"]);
                }
                Some(Said::End { outcome, overlaps, rescued }) => seen.end = Some((outcome, overlaps, rescued)),
                None => seen.other.push(line.to_owned()),
            },
        )?;
        Ok((seen, ended))
    }

    /// Counts the runs that were so, and says on stderr what each showed.
    fn count(&self, runs: u32, title: &str, run: impl Fn() -> Result<(bool, Seen, Ended)>) -> Result<u32> {
        let mut count = 0;
        for number in 1..=runs {
            let (so, seen, ended) = run()?;
            count += u32::from(so);
            let end = seen.end.map_or_else(
                || format!("no end; the debugger said: {}", seen.other.join("; ")),
                |(outcome, overlaps, rescued)| format!("{outcome}, {overlaps} overlaps, {rescued} rescued"),
            );
            let sample = ended.sample.end()?;
            let died = ["fatal error:", "panic:", "SIG", "unexpected"];
            let fatal = sample.iter().find(|line| died.iter().any(|word| line.starts_with(word)));
            let held = fatal.or(sample.last()).map_or("nothing", String::as_str);
            eprintln!(
                "{title} {number}/{runs}: {}; {end}; {} accesses; the program ended with {held:?}",
                if so { "yes" } else { "no" },
                seen.accesses
            );
        }
        Ok(count)
    }
}
