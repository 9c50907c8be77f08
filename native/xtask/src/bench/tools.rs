//! The programs that are compared, and how each is asked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::debugger::{Debugger, Release};
use crate::products::{self, cargo};
use crate::{go, ground, run, system};

/// The Delve that is installed where there is none.
const DELVE: &str = "1.27.2";

/// How long `go` may take to fetch and build it.
const DOWNLOAD: Duration = Duration::from_secs(900);

/// More entries than any map here has: Delve shows 64 by default.
const ALL: u64 = 1_000_000_000;

/// All that takes part.
pub(super) struct Tools {
    redhanded: PathBuf,
    native: PathBuf,
    measure: PathBuf,
    itself: PathBuf,
    gdb: PathBuf,
    lldb: Debugger,
    delve: Option<PathBuf>,
}

impl Tools {
    /// Builds ours and finds or installs theirs.
    pub(super) fn ready(go: &Path) -> Result<Self> {
        run::visibly(cargo().args(["build", "--release", "--package", "gotarget", "--example", "measure"]))?;
        run::visibly(cargo().args(["build", "--release", "--package", "trap", "--example", "itself"]))?;
        let delve = delve(go).inspect_err(|error| eprintln!("no Delve, so its column stays empty: {error:#}")).ok();
        Ok(Tools {
            redhanded: products::command()?,
            native: products::library()?,
            measure: products::released("examples/measure")?,
            itself: products::released("examples/itself")?,
            gdb: system::gdb()?,
            lldb: Release::Lldb19.ready()?,
            delve,
        })
    }

    /// The command line of ours: `print`, `get` …
    pub(super) fn redhanded(&self, words: &[&str], pid: &str) -> Command {
        let mut command = Command::new(&self.redhanded);
        command.args(words).args(["-p", pid]);
        command
    }

    /// Delve prints an expression; `None` without Delve.
    pub(super) fn delve(&self, expression: &str, pid: &str) -> Result<Option<Command>> {
        self.delve_doing(&format!("config max-array-values {ALL}\nprint {expression}\nexit\n"), pid)
    }

    /// Delve traces each access to a byte: it prints a line, and lets the process run on; `None` without Delve. Its
    /// command `on 1 trace` refuses the name that it has given the watchpoint itself, so that is left out.
    pub(super) fn delve_watching(&self, address: u64, pid: &str) -> Result<Option<Command>> {
        let script = ground::made(ground::ours()?.join("bench"))?.join("trace.star");
        ground::write(
            &script,
            "def main():\n    watchpoint = get_breakpoint(1).Breakpoint\n    watchpoint.Name = \"\"\n    \
             watchpoint.Tracepoint = True\n    amend_breakpoint(watchpoint)\n",
        )?;
        let watch = format!("watch -rw *(*uint8)({address:#x})");
        self.delve_doing(&format!("{watch}\nsource {}\ncontinue\n", script.display()), pid)
    }

    fn delve_doing(&self, commands: &str, pid: &str) -> Result<Option<Command>> {
        let Some(delve) = &self.delve else { return Ok(None) };
        let script = ground::made(ground::ours()?.join("bench"))?.join("delve.init");
        ground::write(&script, commands)?;
        let mut command = Command::new(delve);
        command.args(["attach", pid, "--allow-non-terminal-interactive=true", "--init"]).arg(script);
        // Neither the user's settings nor traces in them.
        command.env("XDG_CONFIG_HOME", ground::made(ground::cache()?.join("config"))?);
        Ok(Some(command))
    }

    /// gdb as it is, with more commands.
    pub(super) fn gdb(&self, commands: &[&str], pid: &str) -> Command {
        let mut command = Command::new(&self.gdb);
        command
            .current_dir(ground::root())
            .args(["-nx", "-q", "-batch", "-iex", "set auto-load off", "-iex", "set print thread-events off"])
            .args(["-iex", "set debuginfod enabled off", "-p", pid])
            .env("REDHANDED_NATIVE", &self.native)
            .args(commands.iter().flat_map(|command| ["-ex", command]));
        command
    }

    /// gdb asks a function in Python at each access to a byte, which does this and lets the process run on.
    pub(super) fn gdb_watching(&self, address: u64, pid: &str, stop: &str) -> Result<Command> {
        let script = ground::made(ground::ours()?.join("bench"))?.join("awatch.py");
        let text = format!(
            r#"import time

import gdb

noted = []


class Access(gdb.Breakpoint):
    def stop(self):
{stop}
        return False


Access("*(char *) {address:#x}", gdb.BP_WATCHPOINT, gdb.WP_ACCESS)
"#
        );
        ground::write(&script, &text)?;
        Ok(self.gdb(&["set language c", &format!("source {}", script.display()), "continue"], pid))
    }

    /// A process that traps itself, and says how many microseconds each trap took.
    pub(super) fn traps_itself(&self, traps: u64) -> Command {
        let mut command = Command::new(&self.itself);
        command.arg(traps.to_string());
        command
    }

    /// lldb with the plugin, with more commands.
    pub(super) fn lldb(&self, commands: &[&str], pid: &str) -> Command {
        self.lldb.on(pid, &self.native, commands)
    }

    /// The scan against the bare system call, and what a lookup reads.
    pub(super) fn measure(&self, pid: &str, expression: &str, key: &str, rounds: u32) -> Command {
        let mut command = Command::new(&self.measure);
        command.args([pid, expression, key, &rounds.to_string()]);
        command
    }

    /// What the table says of its columns.
    pub(super) fn versions(&self) -> String {
        let first = |program: &Path, argument: &str, line: usize| {
            let text = run::quietly(Command::new(program).arg(argument), system::ANSWER).unwrap_or_default();
            text.lines().nth(line).unwrap_or_default().trim().to_owned()
        };
        let delve = self.delve.as_deref().map_or_else(
            || "no Delve (not on PATH, and not to be had from the module proxy)".to_owned(),
            |delve| format!("Delve {}", first(delve, "version", 1).replace("Version: ", "")),
        );
        format!("{delve}; {}; {}", first(&self.gdb, "--version", 0), first(&self.lldb.program, "--version", 0))
    }
}

/// Delve from PATH, or installed into the cache.
fn delve(go: &Path) -> Result<PathBuf> {
    if let Some(delve) = system::on_path("dlv").into_iter().next() {
        return Ok(delve);
    }
    let folder = ground::made(ground::cache()?.join(format!("delve-{DELVE}")))?;
    let program = folder.join("dlv");
    if !program.is_file() {
        eprintln!("installing Delve {DELVE} through the Go module proxy");
        let package = format!("github.com/go-delve/delve/cmd/dlv@v{DELVE}");
        let mut command = go::offline(go)?;
        command.env_remove("GOPROXY").env("GOBIN", &folder).args(["install", &package]);
        run::quietly(&mut command, DOWNLOAD).context("can't install Delve")?;
    }
    Ok(program)
}

/// Go's own script for gdb, of the toolchain that built the program.
pub(super) fn runtime_script(go: &Path) -> Result<PathBuf> {
    let root = go.ancestors().nth(2).context("a toolchain has a root")?;
    Ok(root.join("src/runtime/runtime-gdb.py"))
}
