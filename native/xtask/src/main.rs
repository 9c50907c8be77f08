//! The chores of the project: `cargo xtask demo`, `test`, `matrix`, `bench`, `build`, `setup`.
//!
//! Each finds or installs what it needs, and leaves no process behind (see [`guard`]).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod bench;
mod debugger;
mod demo;
mod fuzz;
mod go;
mod ground;
mod guard;
mod harm;
mod interrupt;
mod matrix;
mod median;
mod products;
mod programs;
mod progress;
mod proof;
mod python;
mod run;
mod samples;
mod session;
mod system;
mod tally;
mod test;
mod watch;
mod wheel;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of Redhanded", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Catch a real race in gdb, on a classic (Go 1.23) and on a Swiss map (Go 1.27)
    Demo {
        /// Go versions to show it on
        #[arg(long, value_name = "VERSION", default_values = demo::VERSIONS)]
        go: Vec<String>,
    },
    /// Check and test everything
    Test,
    /// Hold all that is read against what programs say, and count how often a race is caught, per Go version
    Matrix(matrix::Arguments),
    /// Measure speed and memory beside Delve and gdb, and print the table
    Bench(bench::Arguments),
    /// Count how often a process goes on unharmed when it or what watches it is killed, and in worse cases
    Harm(harm::Arguments),
    /// Build what gdb and lldb load, and the samples
    Build {
        /// Go versions to build the samples with (none: only the library)
        #[arg(long, value_name = "VERSION")]
        go: Vec<String>,
    },
    /// Install whatever any of the others needs: to work without a network afterwards
    Setup,
    /// Run a program and tell its time and memory (started by `bench`)
    #[command(name = bench::measured::NAME, hide = true)]
    Measured(bench::measured::Arguments),
    /// Run a program that may not trace or watch (started by `harm`)
    #[command(name = harm::unprivileged::NAME, hide = true)]
    Sandboxed(harm::unprivileged::Arguments),
    /// Kill the children of an xtask that died (started by each xtask for itself)
    #[command(name = guard::NAME, hide = true)]
    Guard,
}

fn main() -> ExitCode {
    let chore = Arguments::parse().chore;
    if let Chore::Guard = chore {
        guard::keep();
        return ExitCode::SUCCESS;
    }
    let result = match chore {
        // Nobody but the program may be its child.
        Chore::Measured(arguments) => bench::measured::run(&arguments),
        Chore::Sandboxed(arguments) => harm::unprivileged::become_sandboxed(&arguments),
        chore => {
            let result = interrupt::listen().and_then(|()| guard::start()).and_then(|()| perform(chore));
            guard::stop();
            result
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Does the chore; false if it found what it should not have found.
fn perform(chore: Chore) -> Result<bool> {
    match chore {
        Chore::Demo { go } => demo::run(&go),
        Chore::Test => test::run(),
        Chore::Matrix(arguments) => matrix::run(&arguments),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Harm(arguments) => harm::run(&arguments),
        Chore::Build { go } => {
            for program in samples::build_all(&go::toolchains(&go)?)?.paths() {
                println!("{}", program.display());
            }
            println!("{}", products::library()?.display());
            Ok(true)
        }
        Chore::Setup => {
            setup()?;
            Ok(true)
        }
        Chore::Guard | Chore::Measured(_) | Chore::Sandboxed(_) => Ok(true),
    }
}

/// Installs everything, and says where it is.
fn setup() -> Result<()> {
    println!("gdb {}", system::gdb()?.display());
    println!("lldb {}", system::lldb()?.display());
    let venv = python::Venv::open()?;
    venv.install(&python::TOOLS)?;
    println!("venv {}", venv.folder().display());
    for (version, go) in go::toolchains(&go::VERSIONS)? {
        println!("go {version} {}", go.display());
    }
    Ok(())
}
