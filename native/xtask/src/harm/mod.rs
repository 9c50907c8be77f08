//! `cargo xtask harm`: whether a process goes on unharmed, whatever becomes of it and of the one that watches it.
//!
//! Each run has a process of its own, a program that proves all the time that it is well, and ends with a look at
//! what is left in it: nothing may be.

mod aftermath;
mod case;
mod mode;
mod run;
mod table;
mod target;
pub(crate) mod unprivileged;
mod watcher;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::median::median;
use crate::{go, ground, programs};
use case::{COLUMNS, Case, Column};
use mode::{Mode, Tools};
use run::{Outcome, Run};
use table::{Cell, Row};

/// Both kinds of maps, the ends of the range, and where the fatal functions moved.
const VERSIONS: [&str; 4] = ["1.21.13", "1.23.4", "1.24.11", "1.27.3"];

/// How many kills of each way are tried whenever all is tested.
const SLICE: u32 = 8;

/// What to try.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Ways to look or to watch; all if it isn't said
    #[arg(long, value_enum, default_values_t = Mode::value_variants().iter().copied())]
    mode: Vec<Mode>,
    /// What happens; all if it isn't said
    #[arg(long, value_enum, default_values_t = Case::value_variants().iter().copied())]
    case: Vec<Case>,
    /// Go versions that take their turns
    #[arg(long, value_name = "VERSION", default_values = VERSIONS)]
    go: Vec<String>,
    /// Kills of each way; of whatever else happens there are fewer
    #[arg(long, default_value_t = 200)]
    runs: u32,
    /// Begin with these random moments, which were shown for a run that went wrong
    #[arg(long)]
    seed: Option<u64>,
    /// Runs at a time [default: as many as there are processors]
    #[arg(long)]
    jobs: Option<usize>,
}

/// How many undisturbed runs tell how long a run is, at least.
const MEASURED: u32 = 3;

/// Tries everything, prints the table, and says whether nothing was harmed.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let harm = Harm::new(arguments)?;
    let rows = arguments.mode.iter().map(|mode| harm.row(*mode)).collect::<Result<Vec<_>>>()?;
    let text = harm.text(&rows);
    println!("{text}");
    ground::write(&ground::ours()?.join("harm.md"), &format!("{text}\n"))?;
    Ok(rows.iter().all(Row::is_kept))
}

/// A few runs of each of redhanded's own modes, for whenever all is tested; true if nothing was harmed.
pub(crate) fn slice() -> Result<bool> {
    let mode = Mode::value_variants().iter().copied().filter(|mode| mode.debugger().is_none()).collect();
    let go = [VERSIONS[1], VERSIONS[3]].map(str::to_owned).to_vec();
    run(&Arguments { mode, case: Case::value_variants().to_vec(), go, runs: SLICE, seed: None, jobs: None })
}

struct Harm<'a> {
    arguments: &'a Arguments,
    tools: Tools,
    /// The program, by Go version.
    programs: Vec<(String, PathBuf)>,
    seed: u64,
    jobs: usize,
    /// What can't be tried here, and why.
    left_out: Mutex<BTreeSet<String>>,
}

impl<'a> Harm<'a> {
    fn new(arguments: &'a Arguments) -> Result<Self> {
        // Processes that are harmed would leave their cores here.
        let (_, most) = getrlimit(Resource::RLIMIT_CORE)?;
        setrlimit(Resource::RLIMIT_CORE, 0, most)?;
        // A process whose starter is killed becomes ours.
        set_child_subreaper(true)?;
        let toolchains = go::toolchains(&arguments.go)?;
        let program =
            |(version, go): (&String, &PathBuf)| Ok((version.clone(), programs::build("ledger", version, go)?));
        Ok(Harm {
            arguments,
            tools: Tools::ready(&arguments.mode)?,
            programs: toolchains.iter().map(program).collect::<Result<_>>()?,
            seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..)),
            jobs: arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            left_out: Mutex::default(),
        })
    }

    /// Tries all cases of a mode.
    fn row(&self, mode: Mode) -> Result<Row> {
        let quiet = self.batch(mode, Case::Undisturbed, MEASURED, Duration::ZERO)?;
        // In a single run the process may have got no processor meanwhile.
        if !quiet.iter().any(|outcome| outcome.saw) {
            bail!("{} does not see the process that it watches", mode.name());
        }
        let whole = Duration::from_secs_f64(median(quiet.iter().map(|outcome| outcome.took.as_secs_f64())));
        let cells = COLUMNS.iter().map(|column| self.cell(mode, column, whole)).collect::<Result<_>>()?;
        Ok(Row { mode, cells })
    }

    fn cell(&self, mode: Mode, column: &Column, whole: Duration) -> Result<Cell> {
        let mut cell = Cell::default();
        for case in column.cases {
            if !self.arguments.case.contains(case) {
                continue;
            }
            if let Some(why) = case.why_not(mode) {
                self.left_out.lock().unwrap_or_else(PoisonError::into_inner).insert(why.to_owned());
                continue;
            }
            let outcomes = self.batch(mode, *case, column.runs(self.arguments.runs, mode), whole)?;
            let wrong = outcomes.iter().filter(|outcome| !outcome.wrongs.is_empty()).count();
            cell.runs += u32::try_from(outcomes.len())?;
            cell.wrong += u32::try_from(wrong)?;
            cell.announced = mode.safety().announces(*case);
        }
        Ok(cell)
    }

    /// Makes runs, several at a time.
    fn batch(&self, mode: Mode, case: Case, runs: u32, whole: Duration) -> Result<Vec<Outcome>> {
        let next = AtomicU32::new(0);
        let work = || -> Result<Vec<Outcome>> {
            let mut outcomes = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= runs {
                    return Ok(outcomes);
                }
                outcomes.push(self.one(mode, case, number, whole)?);
            }
        };
        let outcomes = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs).map(|_| scope.spawn(work)).collect();
            let join = |worker: ScopedJoinHandle<'_, _>| worker.join().unwrap_or_else(|_| bail!("a run panicked"));
            workers.into_iter().map(join).collect::<Result<Vec<_>>>()
        })?;
        Ok(outcomes.into_iter().flatten().collect())
    }

    fn one(&self, mode: Mode, case: Case, number: u32, whole: Duration) -> Result<Outcome> {
        let (version, program) = self.programs.get(number as usize % self.programs.len()).context("no Go version")?;
        let seed = self.seed.wrapping_add(number.into());
        let run = Run { mode, case, version, seed, program, tools: &self.tools, whole };
        let outcome = run.perform().with_context(|| run.again())?;
        if !outcome.wrongs.is_empty() {
            eprintln!("{}, after {:.1?} of {whole:.1?}: {}", run.again(), outcome.moment, outcome.wrongs.join("; "));
        }
        Ok(outcome)
    }

    fn text(&self, rows: &[Row]) -> String {
        let Arguments { runs, go, .. } = self.arguments;
        let mut lines =
            vec![format!("`cargo xtask harm --runs {runs} --seed {}`; Go {}", self.seed, go.join(", ")), String::new()];
        lines.extend(table::lines(rows));
        let left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        if !left_out.is_empty() {
            let all: Vec<&str> = left_out.iter().map(String::as_str).collect();
            lines.extend([String::new(), format!("Not tried here: {}.", all.join("; "))]);
        }
        lines.join("\n")
    }
}

impl Run<'_> {
    /// The command that does this run again.
    fn again(&self) -> String {
        let name = |value: Option<PossibleValue>| value.map_or_else(String::new, |value| value.get_name().to_owned());
        let (mode, case) = (name(self.mode.to_possible_value()), name(self.case.to_possible_value()));
        format!("cargo xtask harm --mode {mode} --case {case} --go {} --runs 1 --seed {}", self.version, self.seed)
    }
}
