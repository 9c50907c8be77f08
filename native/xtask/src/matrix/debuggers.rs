//! How often a race is caught by `gomap watch`, in each debugger and per Go version.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

use super::Arguments;
use super::runs::{self, Seen};
use crate::debugger::{Debugger, Kind, Release};
use crate::samples::{self, Built};
use crate::session::{Ended, Session, Start, WATCHING};
use crate::{go, products};

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

/// Counts catches; says whether what is promised was kept.
pub(super) fn count(arguments: &Arguments, tables: &mut Vec<String>) -> Result<bool> {
    let toolchains = go::toolchains(&arguments.go)?;
    let native = products::library()?;
    let mut kept = true;
    for release in &arguments.debugger {
        let debugger = release.ready()?;
        let catches = Catches {
            debugger: &debugger,
            native: &native,
            built: samples::build(&["clobber", "locked"], &toolchains)?,
            runs: arguments.runs,
            seconds: arguments.seconds,
        };
        let rows = arguments.go.iter().map(|version| catches.row(version)).collect::<Result<Vec<_>>>()?;
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

struct Catches<'a> {
    debugger: &'a Debugger,
    native: &'a Path,
    built: Built,
    runs: u32,
    seconds: u32,
}

impl Catches<'_> {
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
        runs::count(self.runs, &format!("Go {version} clobber"), || {
            let (seen, ended) = self.watch("clobber", version, &command, self.seconds)?;
            Ok((seen.both, seen, ended))
        })
    }

    fn accused(&self, version: &str) -> Result<u32> {
        let command = format!("gomap watch main.shared --hold 5 --for {} --json", self.seconds);
        runs::count(self.runs, &format!("Go {version} locked"), || {
            let (seen, ended) = self.watch("locked", version, &command, self.seconds)?;
            if seen.accesses == 0 || !ended.sample.is_running()? {
                bail!("Go {version} locked: not watched at all, or ended: {}", seen.other.join("; "));
            }
            Ok((seen.races > 0, seen, ended))
        })
    }

    fn survived(&self, version: &str) -> Result<u32> {
        let command = format!("gomap watch main.shared --hold 5 --rescue --for {RESCUE_SECONDS} --json");
        runs::count(RESCUE_RUNS, &format!("Go {version} rescue"), || {
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
            program: self.built.get(sample, version)?,
            command: &|pid| self.debugger.on(pid, self.native, &[&watching, command]),
            start: Start::Watched,
            limit,
        };
        let ended = session.run(|_| (), |line| seen.hear(line, ["main.writerA", "main.writerB"]))?;
        Ok((seen, ended))
    }
}
