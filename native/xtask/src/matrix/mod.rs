//! `cargo xtask matrix`: the proof's tables, and how often a race is caught, per Go version, against what is promised.

mod autopsy;
mod culprits;
mod debuggers;
mod runs;
mod stakeout;
mod watch;

use anyhow::Result;
use clap::ValueEnum;

use crate::debugger::Release;
use crate::go::VERSIONS;
use crate::{ground, proof, test};

/// What to count.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Go versions
    #[arg(long, value_name = "VERSION", default_values = VERSIONS)]
    go: Vec<String>,
    /// What of it; all if it isn't said
    #[arg(long, value_enum, default_values_t = Part::value_variants().iter().copied())]
    part: Vec<Part>,
    /// Which debugger: Debian's gdb 13 and lldb 19, or newer ones from the package index; all if it isn't said
    #[arg(long, value_enum, default_values_t = Release::ALL)]
    debugger: Vec<Release>,
    /// Runs on each program, per version
    #[arg(long, default_value_t = 20)]
    runs: u32,
    /// Seconds per run: within them a race must be caught
    #[arg(long, default_value_t = 10)]
    seconds: u32,
}

/// A part of the matrix.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The tests, with every version
    Tests,
    /// What is read of programs, held against what they say
    Proof,
    /// Catches by `gomap watch`, in each debugger
    Debuggers,
    /// Catches by `redhanded watch`
    Watch,
    /// Catches by `redhanded stakeout`
    Stakeout,
    /// Suspects by `redhanded autopsy`
    Autopsy,
}

impl Part {
    /// Does it; says whether what is promised was kept.
    fn run(self, arguments: &Arguments, tables: &mut Vec<String>) -> Result<bool> {
        match self {
            Part::Tests => test::every_version(),
            Part::Proof => {
                let kept = test::proof()?;
                tables.push(proof::tables()?);
                Ok(kept)
            }
            Part::Debuggers => debuggers::count(arguments, tables),
            Part::Watch => watch::count(arguments, tables),
            Part::Stakeout => stakeout::count(arguments, tables),
            Part::Autopsy => autopsy::count(arguments, tables),
        }
    }
}

/// Does all parts that are wanted, prints the tables, and says whether everything promised was kept.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let (mut tables, mut kept) = (Vec::new(), true);
    for part in Part::value_variants().iter().filter(|part| arguments.part.contains(part)) {
        kept &= part.run(arguments, &mut tables)?;
    }
    let tables = tables.join("\n\n");
    println!("{tables}");
    ground::write(&ground::ours()?.join("matrix.md"), &format!("{tables}\n"))?;
    Ok(kept)
}
