//! `stakeout`: waits where the runtime ends a process because two use one map, and finds out who the other is.

mod catch;
mod core;
mod lines;
mod program;
mod session;
mod signals;
mod touches;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::{ArgGroup, Args, ColorChoice, ValueEnum, ValueHint};
use command::Status;

use crate::arguments::process_number;
use crate::error::Error;
use lines::Lines;
use session::Session;
use signals::{Relation, Signals};

const USAGE: &str = "redhanded stakeout [OPTIONS] -- <COMMAND>...
       redhanded stakeout [OPTIONS] --pid <PID>";

const EXAMPLES: &str = "\
Examples:
  redhanded stakeout -- ./server --port 8080        starts the program
  redhanded stakeout -p 4711                        one that runs already
  redhanded stakeout --then hold -- ./server        keeps it stopped, for a debugger
  redhanded stakeout --then core -- ./server        writes a core first, for `redhanded autopsy`
  redhanded stakeout -o race.txt -- ./server        keeps the reports apart, in a file

Where a shell starts the program, let it do so with exec: child processes are left alone.

Exit status with `--`: that of the program. With -p: 0 no race was found; 1 a race; 2 an error.";

// Options of `stakeout`. (No doc comment: it would become the command's description.)
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
#[command(group(ArgGroup::new("whom").required(true).args(["pid", "command"])))]
pub(crate) struct StakeoutArgs {
    /// A running process
    #[arg(short, long, value_name = "PID", value_parser = process_number())]
    pub(crate) pid: Option<i32>,
    /// The executable, where it is not found by itself
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) exe: Option<PathBuf>,
    /// How long to watch who else uses the map, once somebody has found it in use
    #[arg(long, value_name = "SECONDS", value_parser = wait, default_value = "5")]
    pub(crate) wait: Duration,
    /// What becomes of the program then
    #[arg(long, value_enum, value_name = "WHAT", default_value = "die")]
    pub(crate) then: Then,
    /// Where `--then core` writes to [default: core.PID here]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) core_file: Option<PathBuf>,
    /// Where the reports go [default: stdout; with a command stderr, since stdout is the command's]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// The program to start, and its arguments
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

/// What becomes of a program that is about to end because of a race.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Then {
    /// It ends as it would have without redhanded
    Die,
    /// A core of the moment is written, before it ends
    Core,
    /// It is left stopped, for a debugger
    Hold,
}

/// Waits for a race, or for the end of the program.
pub(crate) fn run(args: &StakeoutArgs, color: ColorChoice) -> Result<Status, Error> {
    core::check(args)?;
    let lines = |relation| Lines::new(args.json, relation, color, args.output.as_deref());
    match (args.pid, args.command.split_first()) {
        (Some(pid), _) => {
            let lines = lines(Relation::Other)?;
            let signals = Signals::take(Relation::Other)?;
            Session::attach(args, pid, signals, lines)?.follow()
        }
        (None, Some((program, arguments))) => {
            let lines = lines(Relation::Child)?;
            let signals = Signals::take(Relation::Child)?;
            let mut command = Command::new(program);
            command.args(arguments);
            Session::spawn(args, command, signals, lines)?.follow()
        }
        // One of the two is required.
        (None, None) => Ok(Status::Clean),
    }
}

/// The longest wait, a day.
const LONGEST_S: f64 = 24.0 * 3600.0;

/// Reads a time.
fn wait(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.0..=LONGEST_S).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "give seconds, as in 5 or 0.5; 0 for no wait".to_owned())
}
