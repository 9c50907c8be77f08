//! What a person types: the commands, their options, and the help on them.

use clap::{Args, Parser, Subcommand};

/// A command on a Go process.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Print a map, or any other value
    Print(PrintArgs),
    /// Look up one key, by the hash that the runtime itself would compute
    Get(GetArgs),
    /// Show a map's header, decoded
    Header(HeaderArgs),
    /// Look for damage in a map, or in all maps
    Check(CheckArgs),
    /// List the program's map variables
    Maps(MapsArgs),
    /// List the goroutines
    Goroutines(GoroutinesArgs),
    /// Print the arguments and local variables of a frame
    Locals(LocalsArgs),
    /// Say what a process died of: which map, who found it used, and who the other goroutine was
    Autopsy(AutopsyArgs),
}

/// How much of each value is shown.
#[derive(Debug, Clone, Default, Args)]
pub struct LimitArgs {
    /// Show at most so many bytes of a string
    #[arg(long, value_name = "BYTES")]
    pub max_string: Option<usize>,
    /// Show at most so many items of an array, slice or map that is inside a value
    #[arg(long, value_name = "N")]
    pub max_items: Option<usize>,
    /// Show values inside values so deep
    #[arg(long, value_name = "N", value_parser = deep)]
    pub depth: Option<usize>,
}

/// Reads a depth. Values are walked by recursion, whose stack is bounded.
fn deep(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|depth| *depth <= 64).ok_or_else(|| "a number from 0 to 64".to_owned())
}

const EXPRESSION: &str = "\
EXPR is a package variable (main.shared), a path from one (main.srv.users[\"alice\"].roles[0]), a local \
variable where a frame is selected, *EXPR, or a typed address ((map[int]string)0xc000012180).";

const PRINT: &str = "\
Examples:
  print main.shared
  print main.users --key '\"alice\"'
  print main.users --where 'elem.Age > 30' --sort elem.Age --desc --limit 10
  print main.users --where 'key ~ /^a/' --where 'elem.Joined < 2026-01-31'
  print main.users --count --where 'elem.Roles[0] == \"admin\"'
  print main.shared --csv > shared.csv

A condition is a path, a comparison (== != < <= > >= ~) and a value. The path begins with key or elem, and goes \
on with .Field and [index]. ~ finds text in text, or a /regular expression/.";

/// Options of `print`.
#[derive(Debug, Clone, Args)]
#[command(after_help = PRINT, after_long_help = format!("{EXPRESSION}\n\n{PRINT}"))]
pub struct PrintArgs {
    /// What to print
    #[arg(value_name = "EXPR")]
    pub expression: String,
    /// Only the entry with this key
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub key: Option<String>,
    /// Only entries that fulfil the condition; of several, all
    #[arg(long = "where", value_name = "CONDITION")]
    pub wheres: Vec<String>,
    /// Sort by key, elem, or a path from them (elem.Age)
    #[arg(long, value_name = "PATH")]
    pub sort: Option<String>,
    /// Sort from large to small
    #[arg(long, requires = "sort")]
    pub desc: bool,
    /// Stop after so many entries
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Print only how many entries there are
    #[arg(long)]
    pub count: bool,
    /// Print JSON: one line for each entry, and a last one about the map
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print comma-separated values
    #[arg(long)]
    pub csv: bool,
    /// How much of each value
    #[command(flatten)]
    pub limits: LimitArgs,
}

const GET: &str = "\
Examples:
  get main.users '\"alice\"'
  get main.scores 42
  get main.grid 'Point{X: 1, Y: 2}'

KEY is written as in Go: 42, -1, 'x', 1.5, true, \"alice\", {1, 2}, Point{X: 1}, [1, 2]; for a map of interfaces \
with its type: int(42), string(\"alice\").

Only the buckets or groups where the key can be are read. Exit status 1: there is no such key.";

/// Options of `get`.
#[derive(Debug, Clone, Args)]
#[command(after_help = GET, after_long_help = format!("{EXPRESSION}\n\n{GET}"))]
pub struct GetArgs {
    /// The map
    #[arg(value_name = "EXPR")]
    pub expression: String,
    /// The key, as Go writes it
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    pub key: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How much of each value
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// Options of `header`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXPRESSION)]
pub struct HeaderArgs {
    /// The map
    #[arg(value_name = "EXPR")]
    pub expression: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const CHECK: &str = "\
Examples:
  check main.shared
  check

Every bucket or group is read and held against the hash of its keys. Exit status 1: something is damaged.";

/// Options of `check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = CHECK, after_long_help = format!("{EXPRESSION}\n\n{CHECK}"))]
pub struct CheckArgs {
    /// The map; without it, every map that a package variable holds
    #[arg(value_name = "EXPR")]
    pub expression: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const MAPS: &str = "\
Examples:
  maps
  maps main.";

/// Options of `maps`.
#[derive(Debug, Clone, Args)]
#[command(after_help = MAPS)]
pub struct MapsArgs {
    /// Only variables whose name contains this
    #[arg(value_name = "PATTERN", default_value = "", hide_default_value = true)]
    pub pattern: String,
    /// Print JSON: one line for each map, and a last one with the sums
    #[arg(long)]
    pub json: bool,
}

/// Options of `goroutines`.
#[derive(Debug, Clone, Args)]
pub struct GoroutinesArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Options of `locals`.
#[derive(Debug, Clone, Args)]
pub struct LocalsArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How much of each value
    #[command(flatten)]
    pub limits: LimitArgs,
}

const AUTOPSY: &str = "\
Examples:
  autopsy

After `fatal error: concurrent map writes` and the like, in a core of it or in a process that is held there: the \
map, the goroutine that found it used, all others ranked by what their stacks tell, every place in the program \
that can write the map, and a check of the map. A core is made by GOTRACEBACK=crash with `ulimit -c unlimited`, or \
by gcore.

Exit status 1: it is a map's race. 0: it is something else, and what.";

/// Options of `autopsy`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AUTOPSY)]
pub struct AutopsyArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Words that are no command, or that ask for help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Usage {
    /// What to tell the user: the help, or what is wrong.
    pub text: String,
    /// Whether the user asked for it (`--help`): then it is an answer, not an error.
    pub asked_for: bool,
}

/// The words of a command inside a debugger, after `gomap`.
#[derive(Parser)]
#[command(name = "gomap", no_binary_name = true, disable_help_subcommand = true)]
struct Words {
    #[command(subcommand)]
    command: Command,
}

/// Reads a command from its words, `["print", "main.shared", "--limit", "10"]`.
///
/// # Errors
/// The words are no command, or ask for help: [`Usage`] has what to tell the user.
pub fn parse(words: &[String]) -> Result<Command, Usage> {
    Words::try_parse_from(words)
        .map(|words| words.command)
        .map_err(|error| Usage { asked_for: !error.use_stderr(), text: error.to_string().trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Command, Usage> {
        parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_of_a_debugger_are_a_command() {
        let Command::Print(args) = read("print main.m --where elem>3 --where key~a --limit 2 --json").unwrap() else {
            panic!("not print");
        };
        assert_eq!((args.expression.as_str(), args.wheres.len(), args.limit), ("main.m", 2, Some(2)));
        let Command::Get(args) = read("get main.m -1").unwrap() else { panic!("not get") };
        assert_eq!(args.key, "-1");
        assert!(matches!(read("check").unwrap(), Command::Check(CheckArgs { expression: None, json: false })));
    }

    #[test]
    fn wrong_words_are_an_error_and_help_is_an_answer() {
        assert!(!read("print").unwrap_err().asked_for);
        assert!(!read("print main.m --desc").unwrap_err().asked_for);
        assert!(!read("print main.m --json --csv").unwrap_err().asked_for);
        assert!(!read("print main.m --depth 65").unwrap_err().asked_for);
        assert!(!read("nothing").unwrap_err().asked_for);
        let help = read("print --help").unwrap_err();
        assert!(help.asked_for && help.text.contains("Usage: print") && help.text.contains("Examples:"), "{help}");
    }
}
