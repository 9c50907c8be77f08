//! The ways to look at a process or to watch it: the rows of the table.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use nix::unistd::Pid;
use tempfile::TempDir;

use super::aftermath::Registers;
use super::case::Case;
use crate::debugger::{Debugger, Release};
use crate::products;

/// A way to look or to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    Print,
    PrintStop,
    Record,
    Hold,
    Rescue,
    Var,
    /// `stakeout -p`
    StakeoutPid,
    StakeoutCore,
    /// `stakeout --`
    Stakeout,
    Gdb,
    GdbStakeout,
    Lldb,
    LldbStakeout,
}

/// What runs them.
pub(super) struct Tools {
    /// A copy that every user may run, and that nobody builds anew meanwhile.
    redhanded: PathBuf,
    folder: TempDir,
    native: PathBuf,
    debuggers: Vec<Debugger>,
}

/// What a way is.
struct Facts {
    /// As one types it.
    name: &'static str,
    /// The words before and after `-p PID`.
    words: (&'static str, &'static str),
    /// What one of its lines has once it has begun, or done its work; nothing if it has no such line.
    sign: &'static str,
    safety: Safety,
}

/// What a map's watch is told, and what instead where a race begins.
const BOOKS: &str = "main.Accounts --for 0.1";
const RACED: &str = "main.raced --for 2";

/// What no line has where an access was seen.
const NOTHING: &str = " 0 accesses";

/// What may be killed without harm to the process. Where something may not, these words say so before it starts.
#[derive(Clone, Copy)]
pub(super) enum Safety {
    /// Whatever there is.
    Safe,
    /// Redhanded, but not its keeper too.
    UnlessKeeper(&'static str),
    /// Nothing.
    Unsafe(&'static str),
}

impl Mode {
    fn facts(self) -> Facts {
        let keeper = Safety::UnlessKeeper("killing that too may end the process");
        let debugger = Safety::Unsafe("would kill the process");
        let facts = |name, words, sign, safety| Facts { name, words, sign, safety };
        let print = |name, options| facts(name, ("print", options), "main.Accounts: map[int]int at 0x", Safety::Safe);
        let watch = |name, options, safety| facts(name, ("watch", options), "Watched for ", safety);
        let stakeout = |name, options| facts(name, (options, ""), "redhanded: waiting for a race", Safety::Safe);
        let gomap_watch =
            |name| facts(name, ("", "gomap watch main.Accounts --hold 5 --for 0.5"), "Watched for ", debugger);
        let gomap_stakeout =
            |name| facts(name, ("", "gomap stakeout --for 0.5"), "nobody caught; time is up", debugger);
        match self {
            Mode::Print => print("`print`", "main.Accounts"),
            Mode::PrintStop => print("`print --stop`", "main.Accounts --stop"),
            Mode::Record => watch("`watch --record`", "main.Accounts --for 0.1 --record", Safety::Safe),
            Mode::Hold => watch("`watch --hold`", "main.Accounts --for 0.1 --hold 5", keeper),
            Mode::Rescue => watch("`watch --hold --rescue`", "main.Accounts --for 0.1 --hold 5 --rescue", keeper),
            Mode::Var => watch("`watch --var`", "--var main.Transfers --for 0.1", Safety::Safe),
            Mode::StakeoutPid => stakeout("`stakeout -p`", "stakeout --wait 0.3"),
            Mode::StakeoutCore => stakeout("`stakeout -p --then core`", "stakeout --wait 0.3 --then core"),
            // It says nothing before there is a race.
            Mode::Stakeout => facts("`stakeout --`", ("stakeout --wait 0.3 --", ""), "", Safety::Safe),
            Mode::Gdb => gomap_watch("`gomap watch` in gdb"),
            Mode::GdbStakeout => gomap_stakeout("`gomap stakeout` in gdb"),
            Mode::Lldb => gomap_watch("`gomap watch` in lldb"),
            Mode::LldbStakeout => gomap_stakeout("`gomap stakeout` in lldb"),
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.facts().name
    }

    /// The exit statuses with which it may end when no race was found. A map that was written meanwhile is a finding.
    pub(super) fn good(self) -> &'static [i32] {
        if self.is_short() { &[0, 1] } else { &[0] }
    }

    /// Whether these lines are of one that has done its work, and if so, whether it saw anything.
    pub(super) fn has_worked<'a>(self, mut lines: impl Iterator<Item = &'a String>) -> Option<bool> {
        let sign = self.facts().sign;
        let said = lines.find(|line| line.contains(sign)).map(|line| !line.contains(NOTHING));
        said.or(sign.is_empty().then_some(true))
    }

    pub(super) fn safety(self) -> Safety {
        self.facts().safety
    }

    pub(super) fn debugger(self) -> Option<Release> {
        match self {
            Mode::Gdb | Mode::GdbStakeout => Some(Release::Gdb13),
            Mode::Lldb | Mode::LldbStakeout => Some(Release::Lldb19),
            _ => None,
        }
    }

    /// Whether it goes on until somebody ends it.
    pub(super) fn is_endless(self) -> bool {
        matches!(self, Mode::StakeoutPid | Mode::StakeoutCore | Mode::Stakeout)
    }

    /// For how long, from the beginning of a race on, something may become of a process that it holds.
    pub(super) fn at_the_fatal(self) -> Option<Duration> {
        match self {
            // It ends as soon as it has caught two.
            Mode::Hold => Some(Duration::from_millis(60)),
            Mode::Rescue => Some(Duration::from_millis(300)),
            Mode::StakeoutPid | Mode::StakeoutCore | Mode::Stakeout => Some(Duration::from_millis(600)),
            _ => None,
        }
    }

    /// Whether it starts the process that it watches.
    pub(super) fn is_starter(self) -> bool {
        self == Mode::Stakeout
    }

    /// Whether it is so short that it is done several times in a row.
    pub(super) fn is_short(self) -> bool {
        matches!(self, Mode::Print | Mode::PrintStop)
    }

    pub(super) fn registers(self) -> Registers {
        if self.debugger().is_some() { Registers::Off } else { Registers::Clear }
    }

    /// The command line that starts a program.
    pub(super) fn starting(self, tools: &Tools, program: &Path) -> Command {
        let mut command = Command::new(&tools.redhanded);
        command.args(self.facts().words.0.split_whitespace()).arg(program);
        command
    }

    /// The command line for a process, in which a race begins or not.
    pub(super) fn command(self, tools: &Tools, pid: Pid, races: bool) -> Command {
        let (before, after) = self.facts().words;
        let pid = pid.to_string();
        let debugger = tools.debuggers.iter().find(|debugger| Some(debugger.release) == self.debugger());
        if let Some(debugger) = debugger {
            return debugger.on(&pid, &tools.native, &[after]);
        }
        let after = if races { after.replace(BOOKS, RACED) } else { after.to_owned() };
        let mut command = Command::new(&tools.redhanded);
        command.args(before.split_whitespace()).args(["-p", &pid]).args(after.split_whitespace());
        // Where it writes what it is not asked to write elsewhere.
        command.current_dir(tools.folder.path());
        command
    }
}

impl Safety {
    /// What is said beforehand, if there is something to say.
    pub(super) fn warning(self) -> Option<&'static str> {
        match self {
            Safety::Safe => None,
            Safety::UnlessKeeper(warning) | Safety::Unsafe(warning) => Some(warning),
        }
    }

    /// Whether what is wrong when this happens was announced.
    pub(super) fn announces(self, case: Case) -> bool {
        match case {
            Case::Killed => matches!(self, Safety::Unsafe(_)),
            Case::KeeperKilled => true,
            _ => false,
        }
    }

    /// For the table.
    pub(super) fn text(self) -> &'static str {
        match self {
            Safety::Safe => "yes",
            Safety::UnlessKeeper(_) => "yes; its keeper not, as it says",
            Safety::Unsafe(_) => "no, as it says",
        }
    }
}

impl Tools {
    /// Builds and finds what the modes need.
    pub(super) fn ready(modes: &[Mode]) -> Result<Self> {
        let is_used = |release: &Release| modes.iter().any(|mode| mode.debugger() == Some(*release));
        let debuggers = Release::ALL.into_iter().filter(is_used).map(Release::ready).collect::<Result<_>>()?;
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let redhanded = folder.path().join("redhanded");
        fs::copy(products::command()?, &redhanded)?;
        Ok(Tools { redhanded, folder, native: products::library()?, debuggers })
    }

    /// Takes away the core of a process.
    pub(super) fn tidy(&self, pid: Pid) {
        // Most leave none.
        let _ = fs::remove_file(self.folder.path().join(format!("core.{pid}")));
    }

    /// A copy of a program that every user may run.
    pub(super) fn for_everybody(&self, program: &Path) -> Result<PathBuf> {
        // Others may be running theirs.
        let copy = tempfile::Builder::new().prefix("ledger-").tempdir_in(self.folder.path())?.keep();
        fs::set_permissions(&copy, Permissions::from_mode(0o755))?;
        let copy = copy.join("ledger");
        fs::copy(program, &copy)?;
        Ok(copy)
    }
}
