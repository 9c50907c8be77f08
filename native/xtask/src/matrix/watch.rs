//! How often, and how soon, a race is caught by `redhanded watch`, per Go version.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::Arguments;
use super::runs::{self, Seen};
use crate::median::median;
use crate::samples::{self, Built};
use crate::session::{Ended, Session, Start};
use crate::{go, products};

/// How long redhanded may take to start and to end.
const SLACK: Duration = Duration::from_secs(10);

/// How often a program is started that races at once, and may die before it is watched.
const TRIES: usize = 3;

/// Within how many milliseconds of its beginning a watch that holds must have caught both culprits, in half of the runs.
const SOON_MS: f64 = 20.0;

/// The ways to watch.
const HOLD: &str = "--hold 5";
const RECORD: &str = "--record";

/// Counts catches; says whether what is promised was kept.
pub(super) fn count(arguments: &Arguments, tables: &mut Vec<String>) -> Result<bool> {
    let catches = Catches {
        redhanded: &products::command()?,
        built: samples::build(&["clobber", "locked"], &go::toolchains(&arguments.go)?)?,
        runs: arguments.runs,
        seconds: arguments.seconds,
    };
    let rows = arguments.go.iter().map(|version| catches.row(version)).collect::<Result<Vec<_>>>()?;
    tables.push(table(&rows, arguments));
    Ok(rows.iter().all(|row| row.is_as_promised(arguments.runs)))
}

/// What was counted for one version.
struct Row {
    version: String,
    /// Runs that reported both culprits, with holds and without.
    held: u32,
    recorded: u32,
    /// The median time to both culprits with holds, in milliseconds.
    held_ms: f64,
    /// Runs that reported anything on the locked program, with holds and without.
    accused: [u32; 2],
}

impl Row {
    fn is_as_promised(&self, runs: u32) -> bool {
        self.held == runs && self.recorded == runs && self.held_ms <= SOON_MS && self.accused == [0, 0]
    }
}

fn table(rows: &[Row], arguments: &Arguments) -> String {
    let Arguments { runs, seconds, .. } = arguments;
    let mut lines = vec![
        format!("`redhanded watch`; {runs} runs of up to {seconds} s each"),
        String::new(),
        format!(
            "| Go | `{HOLD}`, clobber: both culprits | after (median) | `{RECORD}`, clobber: both culprits | locked: reports with `{HOLD}` | with `{RECORD}` | |"
        ),
        "|---|---|---|---|---|---|---|".to_owned(),
    ];
    for row in rows {
        let Row { version, held, recorded, held_ms, accused: [held_accused, recorded_accused] } = row;
        let verdict = if row.is_as_promised(*runs) { "ok" } else { "TOO FEW, TOO LATE OR TOO MANY" };
        lines.push(format!(
            "| {version} | {held} of {runs} | {held_ms:.1} ms | {recorded} of {runs} | {held_accused} of {runs} | {recorded_accused} of {runs} | {verdict} |"
        ));
    }
    lines.join("\n")
}

struct Catches<'a> {
    redhanded: &'a Path,
    built: Built,
    runs: u32,
    seconds: u32,
}

impl Catches<'_> {
    fn row(&self, version: &str) -> Result<Row> {
        let mut times = Vec::new();
        Ok(Row {
            version: version.to_owned(),
            held: self.caught(version, HOLD, &mut times)?,
            held_ms: median(times),
            recorded: self.caught(version, RECORD, &mut Vec::new())?,
            accused: [self.accused(version, HOLD)?, self.accused(version, RECORD)?],
        })
    }

    /// Runs that report both culprits, and after how many milliseconds.
    fn caught(&self, version: &str, way: &str, times: &mut Vec<f64>) -> Result<u32> {
        runs::count(self.runs, &format!("Go {version} clobber {way}"), || {
            let (seen, ended) = self.watch_alive(version, way)?;
            times.push(seen.both_at_ns.map_or(f64::INFINITY, |ns| ns as f64 / 1e6));
            Ok((seen.both, seen, ended))
        })
    }

    /// A watch of a program that races, again if that had died before it was watched.
    fn watch_alive(&self, version: &str, way: &str) -> Result<(Seen, Ended)> {
        for _ in 1..TRIES {
            let (seen, ended) = self.watch("clobber", version, way)?;
            if seen.accesses > 0 || ended.sample.is_running()? {
                return Ok((seen, ended));
            }
            eprintln!("Go {version} clobber {way}: it had died before it was watched; once more");
        }
        self.watch("clobber", version, way)
    }

    /// Runs that report a race where there is none.
    fn accused(&self, version: &str, way: &str) -> Result<u32> {
        runs::count(self.runs, &format!("Go {version} locked {way}"), || {
            let (seen, ended) = self.watch("locked", version, way)?;
            if seen.accesses == 0 || !ended.sample.is_running()? {
                bail!("Go {version} locked: not watched at all, or ended: {}", seen.other.join("; "));
            }
            Ok((seen.races > 0, seen, ended))
        })
    }

    fn watch(&self, sample: &str, version: &str, way: &str) -> Result<(Seen, Ended)> {
        let seconds = self.seconds.to_string();
        let command = |pid: &str| {
            let mut command = Command::new(self.redhanded);
            command.args(["watch", "-p", pid, "main.shared", "--json", "--for", &seconds]).args(way.split(' '));
            command
        };
        let limit = Duration::from_secs(self.seconds.into()) + SLACK;
        let program = self.built.get(sample, version)?;
        let mut seen = Seen::default();
        let session = Session { program, command: &command, start: Start::Before, limit };
        let ended = session.run(|_| (), |line| seen.hear(line, ["main.writerA", "main.writerB"]))?;
        Ok((seen, ended))
    }
}
