//! The ways to look at a process or to watch it: the rows of the table.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;
use nix::unistd::Pid;
use tempfile::TempDir;

use super::aftermath::Registers;
use crate::debugger::{Debugger, Release};
use crate::products;

/// A way to look or to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    Print,
    PrintStop,
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
    /// What it says before it starts, if to kill it does harm.
    warning: Option<&'static str>,
}

impl Mode {
    fn facts(self) -> Facts {
        match self {
            // A map that was written meanwhile is a finding.
            Mode::Print => Facts { name: "`print`", words: ("print", "main.Accounts"), good: &[0, 1], warning: None },
            Mode::PrintStop => {
                Facts { name: "`print --stop`", words: ("print", "main.Accounts --stop"), good: &[0, 1], warning: None }
            }
            Mode::Gdb | Mode::Lldb => Facts {
                name: if self == Mode::Gdb { "`gomap watch` in gdb" } else { "`gomap watch` in lldb" },
                words: ("", "gomap watch main.Accounts --hold 5 --for 0.5"),
                good: &[0],
                warning: Some("would kill the process"),
            },
        }
    }

    pub(super) fn name(self) -> &'static str {
        self.facts().name
    }

    pub(super) fn good(self) -> &'static [i32] {
        self.facts().good
    }

    pub(super) fn warning(self) -> Option<&'static str> {
        self.facts().warning
    }

    pub(super) fn is_debugger(self) -> bool {
        matches!(self, Mode::Gdb | Mode::Lldb)
    }

    /// Whether it is so short that it is done several times in a row.
    pub(super) fn is_short(self) -> bool {
        matches!(self, Mode::Print | Mode::PrintStop)
    }

    pub(super) fn registers(self) -> Registers {
        if self.is_debugger() { Registers::Off } else { Registers::Clear }
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
