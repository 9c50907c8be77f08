//! What a person types after `redhanded`.

use std::path::PathBuf;

use clap::builder::{StyledStr, ValueParser};
use clap::{Arg, ArgMatches, Args, ColorChoice, FromArgMatches, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::stakeout::StakeoutArgs;
use crate::watch::WatchArgs;

// Which process, and how it is read. (No doc comment: it would become every command's description.)
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which process")]
pub(crate) struct ProcessArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// The executable, where it is not found by itself
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) exe: Option<PathBuf>,
    /// Stop the process for the time of the read
    #[arg(long, conflicts_with = "core")]
    pub(crate) stop: bool,
}

// Whose variables an expression sees, for the commands that take one.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Whose variables")]
pub(crate) struct FrameArgs {
    /// See the variables of this goroutine
    #[arg(long, value_name = "N")]
    pub(crate) goroutine: Option<u64>,
    /// See the variables of this frame of the goroutine's stack: 0 is the innermost [default: the innermost
    /// outside the runtime]
    #[arg(long, value_name = "K", requires = "goroutine")]
    pub(crate) frame: Option<usize>,
}

// A process or a core file.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SourceArgs {
    /// A running process: it is not stopped, unless you say --stop
    #[arg(short, long, value_name = "PID", value_parser = process_number())]
    pub(crate) pid: Option<i32>,
    /// A core file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) core: Option<PathBuf>,
}

/// The commands that are only here, and not in the debuggers.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Own {
    /// Record who touches a map, and catch two who do at the same time
    Watch(WatchArgs),
    /// Wait where the runtime ends a process because two use one map, and name both
    Stakeout(StakeoutArgs),
    /// Say what this machine allows, and what to do where it doesn't
    Doctor(DoctorArgs),
    /// Print a script that completes commands and options in your shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Your shell
        shell: Shell,
    },
    /// Print the manual page
    Man {
        /// Write the pages of all commands into this folder instead
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

// What the doctor looks at.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Exit status 1: something that the commands need is not allowed.")]
pub(crate) struct DoctorArgs {
    /// Say also whether this process can be looked at
    #[arg(short, long, value_name = "PID", value_parser = process_number())]
    pub(crate) pid: Option<i32>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const COMPLETIONS: &str = "\
Examples:
  redhanded completions bash > ~/.local/share/bash-completion/completions/redhanded
  redhanded completions zsh > ~/.zfunc/_redhanded
  redhanded completions fish > ~/.config/fish/completions/redhanded.fish";

const ABOUT: &str = "Catches Go map data races red-handed, and reads any Go map, in a process or a core";

const EXAMPLES: &str = "\
Examples:
  redhanded stakeout -- ./server --port 8080        who uses a map together with the one that dies of it?
  redhanded maps -p 4711                            which maps are there?
  redhanded print -p 4711 main.users                all entries of one
  redhanded get -p 4711 main.users '\"alice\"'        one entry, by its hash
  redhanded check --core core.4711                  is any map damaged?
  redhanded print --core core.4711 main.users --where 'elem.Age > 30' --csv > users.csv

Exit status: 0 nothing is wrong; 1 a race, damage, a map that was written while it was read, or no such key; 2 an error.";

/// The commands on a process in which no expression is looked up.
const WITHOUT_EXPRESSIONS: [&str; 3] = ["maps", "goroutines", "autopsy"];

/// The command line, read.
pub(crate) enum Cli {
    /// A command on a process.
    Look { command: Box<command::Command>, process: ProcessArgs, frame: FrameArgs, color: ColorChoice },
    /// Another one.
    Own { own: Own, color: ColorChoice },
}

/// The whole command line. The commands on a process are the debuggers', each with [`ProcessArgs`] beside its own,
/// and [`FrameArgs`] where it looks up an expression.
pub(crate) fn cli() -> clap::Command {
    let color = Arg::new("color")
        .long("color")
        .global(true)
        .value_name("WHEN")
        .value_parser(clap::value_parser!(ColorChoice))
        .default_value("auto")
        .help("When to use colours");
    let cli = clap::Command::new("redhanded")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(EXAMPLES)
        .max_term_width(120)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true);
    let cli =
        command::Command::augment_subcommands(cli).mut_subcommands(|command| with_examples(with_process(command)));
    // The descriptions of the enums would stand here else.
    Own::augment_subcommands(cli).about(ABOUT).arg(color)
}

/// The options that say which process, and which of its frames.
fn with_process(command: clap::Command) -> clap::Command {
    let command = ProcessArgs::augment_args(command);
    if WITHOUT_EXPRESSIONS.contains(&command.get_name()) { command } else { FrameArgs::augment_args(command) }
}

/// The examples of a command as one types them here.
fn with_examples(command: clap::Command) -> clap::Command {
    let name = command.get_name();
    // What it wants to see has died as a rule.
    let which = if name == "autopsy" { "--core CORE" } else { "-p PID" };
    let (bare, here) = (format!("\n  {name}"), format!("\n  redhanded {name} {which}"));
    let typed = |help: Option<&StyledStr>| help.map(|help| help.to_string().replace(&bare, &here));
    let (short, long) = (typed(command.get_after_help()), typed(command.get_after_long_help()));
    let command = short.into_iter().fold(command, clap::Command::after_help);
    long.into_iter().fold(command, clap::Command::after_long_help)
}

impl Cli {
    /// Reads the command line; ends the process where it is wrong or asks for help.
    pub(crate) fn parse() -> Cli {
        let matches = cli().get_matches();
        Cli::from_matches(&matches).unwrap_or_else(|error| error.format(&mut cli()).exit())
    }

    fn from_matches(matches: &ArgMatches) -> Result<Cli, clap::Error> {
        let color = matches.get_one("color").copied().unwrap_or(ColorChoice::Auto);
        let (name, rest) = matches.subcommand().unwrap_or(("", matches));
        if Own::has_subcommand(name) {
            return Ok(Cli::Own { own: Own::from_arg_matches(matches)?, color });
        }
        let command = Box::new(command::Command::from_arg_matches(matches)?);
        let process = ProcessArgs::from_arg_matches(rest)?;
        let sees_frames = !WITHOUT_EXPRESSIONS.contains(&name);
        let frame = if sees_frames { FrameArgs::from_arg_matches(rest)? } else { FrameArgs::default() };
        Ok(Cli::Look { command, process, frame, color })
    }
}

/// Numbers of processes begin at 1.
pub(crate) fn process_number() -> ValueParser {
    clap::value_parser!(i32).range(1..).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        cli().debug_assert();
        assert!(cli().render_help().to_string().starts_with(ABOUT));
    }

    #[test]
    fn a_process_or_a_core_is_required_and_only_one() {
        let parse = |words: &str| cli().try_get_matches_from(words.split(' '));
        assert!(parse("redhanded print -p 1 main.m").is_ok());
        assert!(parse("redhanded print --core core main.m").is_ok());
        assert!(parse("redhanded print main.m").is_err());
        assert!(parse("redhanded print -p 1 --core core main.m").is_err());
        assert!(parse("redhanded print -p 0 main.m").is_err());
        assert!(parse("redhanded print --core core --stop main.m").is_err());
        assert!(parse("redhanded print -p 1 main.m --frame 1").is_err());
    }

    #[test]
    fn a_frame_is_for_commands_that_look_up_an_expression() {
        let parse = |command: &str| cli().try_get_matches_from(command.split(' '));
        assert!(parse("redhanded print -p 1 m --goroutine 1 --frame 1").is_ok());
        assert!(parse("redhanded locals -p 1 --goroutine 1").is_ok());
        assert!(parse("redhanded maps -p 1 --goroutine 1").is_err());
        assert!(parse("redhanded autopsy --core core --goroutine 1").is_err());
    }
}
