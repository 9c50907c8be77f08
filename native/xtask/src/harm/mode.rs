//! The ways to look at a process or to watch it: the rows of the table.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// `stakeout --`
    Stakeout,
    Gdb,
    Lldb,
}

/// What runs them.
pub(super) struct Tools {
    /// A copy that every user may run, and that nobody builds anew meanwhile.
    redhanded: PathBuf,
    _folder: TempDir,
    native: PathBuf,
    gdb: Option<Debugger>,
    lldb: Option<Debugger>,
}

/// What a way is.
struct Facts {
    /// As one types it.
    name: &'static str,
    /// The words before and after `-p PID`.
    words: (&'static str, &'static str),
    /// The exit statuses with which it may end when nothing was found.
    good: &'static [i32],
    safety: Safety,
}

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
        let facts = |name, words, good, safety| Facts { name, words, good, safety };
        let watch = |name, words, safety| facts(name, ("watch", words), &[0], safety);
        let gomap = |name| {
            let safety = Safety::Unsafe("would kill the process");
            facts(name, ("", "gomap watch main.Accounts --hold 5 --for 0.5"), &[0], safety)
        };
        match self {
            // A map that was written meanwhile is a finding.
            Mode::Print => facts("`print`", ("print", "main.Accounts"), &[0, 1], Safety::Safe),
            Mode::PrintStop => facts("`print --stop`", ("print", "main.Accounts --stop"), &[0, 1], Safety::Safe),
            Mode::Record => watch("`watch --record`", "main.Accounts --record --for 0.2", Safety::Safe),
            Mode::Hold => watch("`watch --hold`", "main.Accounts --hold 5 --for 0.2", keeper),
            Mode::Rescue => watch("`watch --hold --rescue`", "main.Accounts --hold 5 --rescue --for 0.2", keeper),
            Mode::Var => watch("`watch --var`", "--var main.Transfers --for 0.2", Safety::Safe),
            Mode::StakeoutPid => facts("`stakeout -p`", ("stakeout --wait 0.3", ""), &[0], Safety::Safe),
            Mode::Stakeout => facts("`stakeout --`", ("stakeout --wait 0.3 --", ""), &[0], Safety::Safe),
            Mode::Gdb => gomap("`gomap watch` in gdb"),
            Mode::Lldb => gomap("`gomap watch` in lldb"),
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.facts().name
    }

    pub(super) fn good(self) -> &'static [i32] {
        self.facts().good
    }

    pub(super) fn safety(self) -> Safety {
        self.facts().safety
    }

    pub(super) fn is_debugger(self) -> bool {
        matches!(self, Mode::Gdb | Mode::Lldb)
    }

    /// Whether it goes on until somebody ends it.
    pub(super) fn is_endless(self) -> bool {
        matches!(self, Mode::StakeoutPid | Mode::Stakeout)
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
        if self.is_debugger() { Registers::Off } else { Registers::Clear }
    }

    /// The command line that starts a program.
    pub(super) fn starting(self, tools: &Tools, program: &Path) -> Command {
        let mut command = Command::new(&tools.redhanded);
        command.args(self.facts().words.0.split_whitespace()).arg(program);
        command
    }

    /// The command line for a process.
    pub(super) fn command(self, tools: &Tools, pid: Pid) -> Command {
        let (before, after) = self.facts().words;
        let pid = pid.to_string();
        let debugger = match self {
            Mode::Gdb => tools.gdb.as_ref(),
            Mode::Lldb => tools.lldb.as_ref(),
            _ => None,
        };
        if let Some(debugger) = debugger {
            return debugger.on(&pid, &tools.native, &[after]);
        }
        let mut command = Command::new(&tools.redhanded);
        command.args(before.split_whitespace()).args(["-p", &pid]).args(after.split_whitespace());
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
        let debugger = |mode: Mode, release: Release| modes.contains(&mode).then(|| release.ready()).transpose();
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let redhanded = folder.path().join("redhanded");
        fs::copy(products::command()?, &redhanded)?;
        Ok(Tools {
            redhanded,
            _folder: folder,
            native: products::library()?,
            gdb: debugger(Mode::Gdb, Release::Gdb13)?,
            lldb: debugger(Mode::Lldb, Release::Lldb19)?,
        })
    }
}
