//! What a person types after `redhanded`.

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};

// Which process, and how it is read. (No doc comment: it would become every command's description.)
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which process")]
pub(crate) struct ProcessArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The executable, where it is not found by itself
    #[arg(long, value_name = "FILE")]
    pub(crate) exe: Option<PathBuf>,
    /// Stop the process for the time of the read
    #[arg(long, requires = "pid")]
    pub(crate) stop: bool,
    /// See the variables of this goroutine
    #[arg(long, value_name = "N")]
    pub(crate) goroutine: Option<u64>,
    /// See the variables of this frame of the goroutine's stack, 0 the innermost
    #[arg(long, value_name = "K", requires = "goroutine")]
    pub(crate) frame: Option<usize>,
}

// A process or a core file.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SourceArgs {
    /// A running process
    #[arg(short, long, value_name = "PID")]
    pub(crate) pid: Option<i32>,
    /// A core file
    #[arg(long, value_name = "FILE")]
    pub(crate) core: Option<PathBuf>,
}

/// The command line, read.
pub(crate) enum Cli {
    /// A command on a process.
    Look(command::Command, ProcessArgs),
}

/// The whole command line. The commands on a process are the debuggers', each with [`ProcessArgs`] beside its own.
pub(crate) fn cli() -> clap::Command {
    let cli = clap::Command::new("redhanded")
        .about("Reads the maps of a Go process, live or dead, exactly and fast")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true);
    command::Command::augment_subcommands(cli).mut_subcommands(ProcessArgs::augment_args)
}

impl Cli {
    /// Reads the command line; ends the process where it is wrong or asks for help.
    pub(crate) fn parse() -> Cli {
        let matches = cli().get_matches();
        Cli::from_matches(&matches).unwrap_or_else(|error| error.format(&mut cli()).exit())
    }

    fn from_matches(matches: &ArgMatches) -> Result<Cli, clap::Error> {
        let command = command::Command::from_arg_matches(matches)?;
        let (_, matches) = matches.subcommand().unwrap_or(("", matches));
        Ok(Cli::Look(command, ProcessArgs::from_arg_matches(matches)?))
    }
}
