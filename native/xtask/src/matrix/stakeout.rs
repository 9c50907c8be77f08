//! How often `redhanded stakeout` names both, per Go version.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Arguments;
use super::culprits::{Fatal, HURRY, Printed, RACES, Who};
use crate::samples::{self, Built};
use crate::{go, products};

/// How long a sample may take to meet its race, and redhanded to say so.
const LIMIT: Duration = Duration::from_secs(120);

/// For how long the sample that locks is watched.
const LOCKED: &str = "2s";

/// The exit status of a Go program that ends of a fatal error.
const OWN_END: i32 = 2;

/// What is reported.
const FATAL: &str = "redhanded.fatal/1";
const CULPRIT: &str = "redhanded.culprit/1";

/// Counts catches; says whether what is promised was kept.
pub(super) fn count(arguments: &Arguments, tables: &mut Vec<String>) -> Result<bool> {
    let names = RACES.iter().map(|&(name, _)| name).chain(["locked"]).collect::<Vec<_>>();
    let stakeout = Stakeout {
        redhanded: &products::command()?,
        built: samples::build(&names, &go::toolchains(&arguments.go)?)?,
        runs: arguments.runs,
    };
    let rows = arguments.go.iter().map(|version| stakeout.row(version)).collect::<Result<Vec<_>>>()?;
    tables.push(table(&rows, arguments.runs));
    Ok(rows.iter().all(|row| row.is_as_promised(arguments.runs)))
}

/// What was counted for one version.
struct Row {
    version: String,
    /// Runs of each race that named both.
    named: Vec<u32>,
    /// Runs of the locked program that reported anything.
    accused: u32,
}

impl Row {
    fn is_as_promised(&self, runs: u32) -> bool {
        self.named.iter().all(|&named| named == runs) && self.accused == 0
    }
}

fn table(rows: &[Row], runs: u32) -> String {
    let mut lines = vec![
        format!(
            "`redhanded stakeout --wait 1 -- …`; {runs} runs each. Both are named, and the program ends as it would have"
        ),
        String::new(),
        format!("| Go |{} locked for {LOCKED}: reports | |", RACES.map(|(name, _)| format!(" {name} |")).concat()),
        format!("|---|{}---|---|", "---|".repeat(RACES.len())),
    ];
    for row in rows {
        let named: String = row.named.iter().map(|named| format!(" {named} of {runs} |")).collect();
        let verdict = if row.is_as_promised(runs) { "ok" } else { "TOO FEW OR TOO MANY" };
        lines.push(format!("| {} |{named} {} of {runs} | {verdict} |", row.version, row.accused));
    }
    lines.join("\n")
}

struct Stakeout<'a> {
    redhanded: &'a Path,
    built: Built,
    runs: u32,
}

impl Stakeout<'_> {
    fn row(&self, version: &str) -> Result<Row> {
        let named = RACES.iter().map(|&(name, culprits)| self.named(version, name, culprits));
        Ok(Row { version: version.to_owned(), named: named.collect::<Result<_>>()?, accused: self.accused(version)? })
    }

    fn watch(&self, version: &str, sample: &str, arguments: &[&str]) -> Result<Printed> {
        let mut command = Command::new(self.redhanded);
        command.args(["stakeout", "--json", "--wait", "1", "--"]).arg(self.built.get(sample, version)?).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Printed::of(&mut command, LIMIT).with_context(|| format!("Go {version} {sample}"))
    }

    /// Runs that name both, with the program's own end.
    fn named(&self, version: &str, sample: &str, culprits: [&str; 2]) -> Result<u32> {
        let mut count = 0;
        for number in 1..=self.runs {
            let printed = self.watch(version, sample, &HURRY)?;
            let so = names(&printed, culprits)? && printed.status == Some(OWN_END);
            count += u32::from(so);
            eprintln!("Go {version} stakeout {sample} {number}/{}: {}", self.runs, if so { "yes" } else { "no" });
            if !so {
                eprintln!("{}", printed.lines.join("\n"));
            }
        }
        Ok(count)
    }

    /// Runs that report somebody where there is no race.
    fn accused(&self, version: &str) -> Result<u32> {
        let mut count = 0;
        for number in 1..=self.runs {
            let printed = self.watch(version, "locked", &[HURRY[0], HURRY[1], "-for", LOCKED])?;
            if printed.status != Some(0) {
                bail!("Go {version} locked: ended with {:?}: {}", printed.status, printed.lines.join("\n"));
            }
            let so = printed.first::<IgnoredAny>(FATAL)?.is_some() || printed.first::<IgnoredAny>(CULPRIT)?.is_some();
            count += u32::from(so);
            eprintln!(
                "Go {version} stakeout locked {number}/{}: {}",
                self.runs,
                if so { "a report" } else { "nothing" }
            );
        }
        Ok(count)
    }
}

/// The other culprit.
#[derive(Deserialize)]
struct Culprit {
    access: Who,
    certainty: String,
}

/// Whether it was told who ends the process, and the other one, and not as a mere possibility.
fn names(printed: &Printed, culprits: [&str; 2]) -> Result<bool> {
    let Some(fatal) = printed.first::<Fatal>(FATAL)? else { return Ok(false) };
    let Some(culprit) = printed.first::<Culprit>(CULPRIT)? else { return Ok(false) };
    Ok(culprit.access.is_within(fatal.other(culprits)?) && culprit.certainty != "possible")
}
