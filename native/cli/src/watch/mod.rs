//! `watch`: who touches a map or any other variable, and whether two do at the same time.

mod files;
mod hold;
mod limits;
mod lines;
mod queue;
mod record;
mod var;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ColorChoice, ValueHint};
use command::Status;
use gotarget::catch::FlagTrap;
use gotarget::value::Time;
use gotarget::variable::Variable;
use gotarget::{Process, Target, expression, map};
use report::timeline::Watched;
use report::{Subject, facts};

use crate::arguments::process_number;
use crate::error::Error;
use crate::{colour, interrupt};
use files::{Files, Wanted};
use hold::HoldArgs;
use lines::Lines;

const EXPRESSION: &str = "\
The map: a package variable (main.shared), a path from one (main.srv.cache), *EXPR, or a typed address \
((map[int]string)0xc000012180)";

const EXAMPLES: &str = "\
Examples:
  redhanded watch -p 4711 main.shared
  redhanded watch -p 4711 main.srv.cache --for 30
  redhanded watch -p 4711 main.shared --count 1000 --json > accesses.jsonl
  redhanded watch -p 4711 main.shared -o report.html -o trace.json
  redhanded watch -p 4711 main.shared --hold 5          hold whoever is inside: rare races are caught soon
  redhanded watch -p 4711 --var main.stats.hits         any variable: a race, or not?
  redhanded watch -p 4711 --var 'main.m[\"k\"]'           an entry: are updates of it lost?

Exit status: 0 nothing was found; 1 a race, or a lost update; 2 an error.";

// Options of `watch`. (No doc comment: it would become the command's description.)
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WatchArgs {
    /// The running process
    #[arg(short, long, value_name = "PID", value_parser = process_number())]
    pub(crate) pid: i32,
    /// The executable, where it is not found by itself
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) exe: Option<PathBuf>,
    #[arg(value_name = "EXPR", required_unless_present = "variable", help = EXPRESSION)]
    pub(crate) expression: Option<String>,
    /// Watch this variable instead, of 1, 2, 4 or 8 bytes: of a package, a field, an item, an entry of a map, what a
    /// pointer points to. No thread is stopped. What the kernel does to it, as in a read system call, is not seen
    #[arg(long = "var", value_name = "EXPR", conflicts_with_all = ["expression", "hold"])]
    pub(crate) variable: Option<String>,
    /// Stop no thread: the processor and the kernel record every access, the process runs on (the default)
    #[arg(long)]
    pub(crate) record: bool,
    /// Take no stacks: cheaper
    #[arg(long)]
    pub(crate) no_stacks: bool,
    /// End after N accesses
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End after that time
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) time: Option<Duration>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Write also a file, complete once the watch ends: FILE.html, a page of its own; FILE.json, a trace for Perfetto
    /// (ui.perfetto.dev). May be given twice
    #[arg(short, long = "output", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Vec<Wanted>,
    #[command(flatten)]
    pub(crate) holding: HoldArgs,
}

impl WatchArgs {
    /// Whether it is to be done by a keeper, since the process may come to harm if whoever does it is killed.
    pub(crate) fn needs_keeper(&self) -> bool {
        self.holding.hold.is_some()
    }
}

/// What a mode watches, and where it says what it sees.
pub(crate) struct Watch<'a> {
    pub(crate) args: &'a WatchArgs,
    pub(crate) process: &'a Process,
    pub(crate) trap: FlagTrap,
    pub(crate) lines: Lines,
}

/// Watches until a race is found or a limit is reached.
pub(crate) fn run(args: &WatchArgs, color: ColorChoice) -> Result<Status, Error> {
    let process = Process::live(args.pid, args.exe.as_deref())?;
    let target = process.target();
    if let Some(variable) = &args.variable {
        let variable = Variable::find(&target, variable)?;
        let subject = report::variable::facts::subject(&target, &variable);
        let lines = lines(args, color, &watched(args, &target, subject, "value"))?;
        interrupt::listen();
        return var::run(args, &process, variable, lines);
    }
    let map = expression::map(&target, None, args.expression.as_deref().unwrap_or_default())?;
    let trap = FlagTrap::new(&target, map.clone())?;
    let subject = facts::subject(target.program, &map);
    let header = map::facts(&target, map).ok().map(|map| facts::header(target.program, &map));
    let watched = Watched { header, ..watched(args, &target, subject, "flag byte") };
    let lines = lines(args, color, &watched)?;
    if args.holding.hold.is_some() {
        interrupt::listen_patiently();
        return hold::run(Watch { args, process: &process, trap, lines });
    }
    interrupt::listen();
    record::run(Watch { args, process: &process, trap, lines })
}

fn lines(args: &WatchArgs, color: ColorChoice, watched: &Watched) -> Result<Lines, Error> {
    Lines::new(args.json, colour::palette(color), Files::create(&args.output, watched)?)
}

/// What the files of a watch say of it.
fn watched(args: &WatchArgs, target: &Target<'_>, subject: Subject, quantity: &'static str) -> Watched {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // The program may have been opened by a name that only this machine's kernel knows.
    let exe = std::fs::read_link(format!("/proc/{}/exe", args.pid));
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = std::iter::once("redhanded".to_owned()).chain(words).collect();
    Watched {
        subject,
        quantity,
        header: None,
        program: exe.unwrap_or_else(|_| target.program.path().to_owned()).display().to_string(),
        pid: args.pid.cast_unsigned(),
        began: Time { unix: now.cast_signed(), nanosecond: 0 }.to_string(),
        command: words.join(" "),
    }
}

/// The longest watch, a year.
const LONGEST_S: f64 = 366.0 * 24.0 * 3600.0;

/// Reads a time.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds > 0.0 && *seconds < LONGEST_S);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "give seconds, as in 10 or 0.5".to_owned())
}
