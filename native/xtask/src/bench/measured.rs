//! One run of a program: how long it takes, and how much memory.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

use crate::run::Tended;

/// The name of the hidden chore that runs a program as its only child: so the kernel's account of its
/// children is that of the program.
pub(crate) const NAME: &str = "measured";

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where its output goes
    output: PathBuf,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// What one run took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// By the clock on the wall.
    pub(crate) seconds: f64,
    /// On processors, in the program and in the kernel for it.
    pub(crate) processor_seconds: f64,
    pub(crate) peak_kib: i64,
}

/// The hidden chore.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let (program, words) = arguments.command.split_first().context("no program to run")?;
    let output = File::create(&arguments.output)?;
    let begun = Instant::now();
    // How it ends says little: Delve without a terminal always ends badly. What it has printed tells.
    Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .with_context(|| format!("can't start {}", program.to_string_lossy()))?;
    let seconds = begun.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let processor = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let run = Run {
        seconds,
        processor_seconds: Duration::from_micros(processor.unsigned_abs()).as_secs_f64(),
        peak_kib: usage.max_rss(),
    };
    println!("{}", serde_json::to_string(&run)?);
    Ok(true)
}

/// Runs a program once; `None` if it took longer than the limit and was killed.
pub(crate) fn once(command: &Command, output: &Path, limit: Duration) -> Result<Option<Run>> {
    let mut measured = Command::new(std::env::current_exe()?);
    measured.arg(NAME).arg(output).arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => measured.env(name, value),
            None => measured.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        measured.current_dir(folder);
    }
    let mut child = Tended::spawn(measured.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let lines = child.lines();
    if child.wait_for(limit)?.is_none() {
        return Ok(None);
    }
    let told = lines.iter().find_map(|line| match line {
        crate::run::Line::Out(line) => serde_json::from_str::<Run>(&line).ok(),
        crate::run::Line::Err(_) => None,
    });
    match told {
        Some(run) => Ok(Some(run)),
        None => bail!("{} could not be run", command.get_program().to_string_lossy()),
    }
}
