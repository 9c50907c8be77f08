//! The debuggers that are tried: where each comes from, and how it is told what to do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::python::{self, Venv};
use crate::{ground, system};

/// A debugger of a certain version: of Debian's, or a newer one from the package index.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Release {
    #[value(name = "gdb-13")]
    Gdb13,
    #[value(name = "gdb-18")]
    Gdb18,
    #[value(name = "lldb-19")]
    Lldb19,
    #[value(name = "lldb-23")]
    Lldb23,
}

/// How a debugger is talked to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gdb,
    Lldb,
}

impl Release {
    pub(crate) const ALL: [Self; 4] = [Self::Gdb13, Self::Gdb18, Self::Lldb19, Self::Lldb23];

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Gdb13 | Self::Gdb18 => Kind::Gdb,
            Self::Lldb19 | Self::Lldb23 => Kind::Lldb,
        }
    }

    /// The variable that tells tests where it is.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Gdb13 => "REDHANDED_GDB13",
            Self::Gdb18 => "REDHANDED_GDB18",
            Self::Lldb19 => "REDHANDED_LLDB19",
            Self::Lldb23 => "REDHANDED_LLDB23",
        }
    }

    /// Finds its program, or installs it.
    pub(crate) fn program(self) -> Result<PathBuf> {
        match self {
            Self::Gdb13 => system::gdb(),
            Self::Gdb18 => from_index(python::GDB, "gdb"),
            Self::Lldb19 => system::lldb(),
            Self::Lldb23 => from_index(python::LLDB, "lldb"),
        }
    }

    /// Finds it or installs it, to use it.
    pub(crate) fn ready(self) -> Result<Debugger> {
        Ok(Debugger { release: self, program: self.program()? })
    }
}

/// As in a sentence: "gdb 13".
impl fmt::Display for Release {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Gdb13 => "gdb 13",
            Self::Gdb18 => "gdb 18",
            Self::Lldb19 => "lldb 19",
            Self::Lldb23 => "lldb 23",
        })
    }
}

fn from_index(package: python::Package, program: &str) -> Result<PathBuf> {
    let venv = Venv::open()?;
    venv.install(&[package])?;
    Ok(venv.program(program))
}

/// A debugger that is there.
pub(crate) struct Debugger {
    pub(crate) release: Release,
    pub(crate) program: PathBuf,
}

impl Debugger {
    /// Attaches to a process, loads the plugin with that library, does what the commands say, and lets the process go.
    pub(crate) fn on(&self, pid: &str, native: &Path, commands: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(ground::root()).env("REDHANDED_NATIVE", native);
        match self.release.kind() {
            // Without auto-load gdb doesn't lecture on Go's own script, which it declines to load anyway.
            Kind::Gdb => command
                .args(["-nx", "-q", "-batch", "-iex", "set auto-load off", "-iex", "set print thread-events off"])
                .args(["-p", pid, "-ex", "source gdb-plugin/redhanded.py"])
                .args(commands.iter().flat_map(|command| ["-ex", command])),
            Kind::Lldb => command
                .args(["--no-lldbinit", "--batch", "-p", pid])
                .args(["-o", "command script import lldb-plugin/redhanded.py"])
                .args(commands.iter().chain(&["detach"]).flat_map(|command| ["-o", command])),
        };
        command
    }

    /// The command that prints a line.
    pub(crate) fn say(&self, line: &str) -> String {
        match self.release.kind() {
            Kind::Gdb => format!("echo {line}\\n"),
            Kind::Lldb => format!("script print('{line}', flush=True)"),
        }
    }
}
