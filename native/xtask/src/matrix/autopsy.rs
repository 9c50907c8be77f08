//! How often `redhanded autopsy` puts the culprit first, per Go version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tempfile::TempDir;

use super::Arguments;
use super::culprits::{Fatal, HURRY, Printed, RACES, Who};
use crate::samples::{self, Built};
use crate::{go, products};

/// How long a sample may take to meet its race, and redhanded to read a core.
const LIMIT: Duration = Duration::from_secs(120);

/// The exit status that says that it was a map's race.
const RACE: i32 = 1;

/// How a core is made.
#[derive(Clone, Copy)]
enum Maker {
    /// `redhanded stakeout --then core`
    Stakeout,
    /// `GOTRACEBACK=crash`, and the kernel
    Crash,
}

impl Maker {
    const ALL: [Maker; 2] = [Maker::Stakeout, Maker::Crash];

    fn name(self) -> &'static str {
        match self {
            Maker::Stakeout => "`stakeout --then core`",
            Maker::Crash => "`GOTRACEBACK=crash`",
        }
    }
}

/// Counts cores; says whether what is promised was kept.
pub(super) fn count(arguments: &Arguments, tables: &mut Vec<String>) -> Result<bool> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern")?;
    if pattern.starts_with('|') || pattern.contains('/') {
        bail!(
            "the kernel's cores go elsewhere (kernel.core_pattern is {}): `sysctl kernel.core_pattern=core`",
            pattern.trim()
        );
    }
    let names = RACES.map(|(name, _)| name);
    let autopsy = Autopsy {
        redhanded: &products::command()?,
        built: samples::build(&names, &go::toolchains(&arguments.go)?)?,
        runs: arguments.runs,
    };
    let rows = arguments.go.iter().map(|version| autopsy.row(version)).collect::<Result<Vec<_>>>()?;
    tables.push(table(&rows, arguments.runs));
    Ok(rows.iter().all(|row| row.is_as_promised(arguments.runs)))
}

/// What was counted for one version.
struct Row {
    version: String,
    /// Cores in which the culprit came first: of each way to make one, each race.
    first: Vec<u32>,
}

impl Row {
    /// 9 of 10.
    fn is_as_promised(&self, runs: u32) -> bool {
        self.first.iter().all(|first| first * 10 >= runs * 9)
    }
}

fn table(rows: &[Row], runs: u32) -> String {
    let columns = Maker::ALL.iter().flat_map(|maker| RACES.map(|(name, _)| format!(" {}, {name} |", maker.name())));
    let mut lines = vec![
        format!("`redhanded autopsy`: the culprit is the first of the suspects; {runs} cores each"),
        String::new(),
        format!("| Go |{} |", columns.collect::<String>()),
        format!("|---|{}---|", "---|".repeat(Maker::ALL.len() * RACES.len())),
    ];
    for row in rows {
        let first: String = row.first.iter().map(|first| format!(" {first} of {runs} |")).collect();
        lines.push(format!("| {} |{first} {} |", row.version, if row.is_as_promised(runs) { "ok" } else { "TOO FEW" }));
    }
    lines.join("\n")
}

struct Autopsy<'a> {
    redhanded: &'a Path,
    built: Built,
    runs: u32,
}

impl Autopsy<'_> {
    fn row(&self, version: &str) -> Result<Row> {
        let mut first = Vec::new();
        for maker in Maker::ALL {
            for (sample, culprits) in RACES {
                first.push(self.first(version, maker, sample, culprits)?);
            }
        }
        Ok(Row { version: version.to_owned(), first })
    }

    /// Cores in which the culprit comes first.
    fn first(&self, version: &str, maker: Maker, sample: &str, culprits: [&str; 2]) -> Result<u32> {
        let mut count = 0;
        for number in 1..=self.runs {
            let folder = tempfile::tempdir()?;
            let core = self.core(maker, self.built.get(sample, version)?, &folder)?;
            let mut command = Command::new(self.redhanded);
            command.args(["autopsy", "--json", "--core"]).arg(&core);
            let printed =
                Printed::of(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()), LIMIT)?;
            let so = printed.status == Some(RACE) && puts_first(&printed, culprits)?;
            count += u32::from(so);
            let title = format!("Go {version} autopsy {sample}, {}", maker.name());
            eprintln!("{title} {number}/{}: {}", self.runs, if so { "yes" } else { "no" });
            if !so {
                eprintln!("{}", printed.lines.join("\n"));
            }
        }
        Ok(count)
    }

    /// The core of a sample that its race has ended.
    fn core(&self, maker: Maker, program: &Path, folder: &TempDir) -> Result<PathBuf> {
        let mut command = match maker {
            Maker::Stakeout => {
                let mut command = Command::new(self.redhanded);
                command.args(["stakeout", "--wait", "0", "--then", "core", "--core-file", "core.stakeout", "--"]);
                command
            }
            Maker::Crash => {
                let mut command = Command::new("prlimit");
                command.arg("--core=unlimited").env("GOTRACEBACK", "crash");
                command
            }
        };
        command.arg(program).args(HURRY).current_dir(folder.path());
        let printed = Printed::of(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()), LIMIT)?;
        let files = fs::read_dir(folder.path())?.map(|entry| entry.map(|entry| entry.path()));
        let files = files.collect::<std::io::Result<Vec<_>>>()?;
        let core = files.into_iter().next().ok_or_else(|| anyhow!("it said: {}", printed.lines.join("\n")));
        core.with_context(|| format!("{} has left no core by {}", program.display(), maker.name()))
    }
}

/// What autopsy says.
#[derive(Deserialize)]
struct Found {
    fatal: Option<Fatal>,
    suspects: Option<Suspects>,
}

#[derive(Deserialize)]
struct Suspects {
    suspects: Vec<Who>,
}

/// Whether the first of the suspects is the other culprit.
fn puts_first(printed: &Printed, culprits: [&str; 2]) -> Result<bool> {
    let Some(found) = printed.first::<Found>("redhanded.autopsy/1")? else { return Ok(false) };
    let Some(fatal) = found.fatal else { return Ok(false) };
    let other = fatal.other(culprits)?;
    Ok(found.suspects.is_some_and(|all| all.suspects.first().is_some_and(|first| first.is_within(other))))
}
