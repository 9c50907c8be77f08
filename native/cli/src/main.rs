//! The command `redhanded`: looks at the maps of a Go process, live or dead.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod arguments;
mod colour;
mod doctor;
mod error;
mod interrupt;
mod look;
mod new_file;
mod output;
mod pages;
mod progress;
mod stakeout;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Cli, Own};
use command::Status;
use error::Error;
use trap::Kept;

/// What a command ends with when it has no answer.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let status = match &cli {
        Cli::Own { own: Own::Watch(args), .. } if args.needs_keeper() => keep(&cli),
        _ => answer(&cli),
    };
    ExitCode::from(status)
}

/// Runs the command, and says why there is no answer. Returns the exit status.
fn answer(cli: &Cli) -> u8 {
    let answered = match cli {
        Cli::Look { command, process, frame, color } => look::run(command, process, frame, *color),
        Cli::Own { own: Own::Watch(args), color } => watch::run(args, *color),
        Cli::Own { own: Own::Stakeout(args), color } => stakeout::run(args, *color),
        Cli::Own { own: Own::Doctor(args), color } => doctor::run(args, *color),
        Cli::Own { own: Own::Completions { shell }, .. } => pages::completions(*shell),
        Cli::Own { own: Own::Man { dir }, .. } => pages::man(dir.as_deref()),
    };
    match answered {
        Ok(Status::Clean) => 0,
        Ok(Status::Found) => 1,
        // Whoever read it has seen enough.
        Err(error) if error.is_broken_pipe() => 0,
        Err(error) => {
            say(&error);
            FAILED
        }
    }
}

/// Runs the command in a keeper.
fn keep(cli: &Cli) -> u8 {
    match trap::keep(|| answer(cli).into()) {
        Ok(Kept::Done(status)) => u8::try_from(status).unwrap_or(FAILED),
        Ok(Kept::Killed { pid, signal }) => {
            say(&format!(
                "its keeper (process {pid}) was killed by signal {signal}: what it watched may have come to harm"
            ));
            FAILED
        }
        Err(error) => {
            say(&format!("cannot start another process of ours: {error}"));
            FAILED
        }
    }
}

/// Says something on stderr, which may be closed.
fn say(what: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "redhanded: {what}");
}

impl Error {
    fn is_broken_pipe(&self) -> bool {
        match self {
            Error::Command(error) => error.is_broken_pipe(),
            Error::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }
}
