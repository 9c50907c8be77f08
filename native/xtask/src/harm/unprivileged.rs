//! Commands that are not allowed what they need: as another user, and in a sandbox.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// The user and the group that have no rights.
const NOBODY: u32 = 65534;

/// The name of the hidden chore that forbids itself system calls and then becomes a command.
pub(crate) const NAME: &str = "sandboxed";

/// What a container forbids that watching needs.
const FORBIDDEN: [i64; 4] =
    [libc::SYS_ptrace, libc::SYS_perf_event_open, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev];

/// What to become.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// The command as a user without rights.
pub(super) fn as_nobody(mut command: Command) -> Command {
    command.uid(NOBODY).gid(NOBODY);
    command
}

/// The command in a sandbox.
pub(super) fn sandboxed(command: &Command) -> Result<Command> {
    let mut sandbox = Command::new(std::env::current_exe()?);
    sandbox.args([NAME, "--"]).arg(command.get_program()).args(command.get_args());
    Ok(sandbox)
}

/// The hidden chore.
pub(crate) fn become_sandboxed(arguments: &Arguments) -> Result<bool> {
    let (program, words) = arguments.command.split_first().context("no program to become")?;
    let rules = FORBIDDEN.map(|call| (call, Vec::new()));
    let denied = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let filter = SeccompFilter::new(rules.into(), SeccompAction::Allow, denied, std::env::consts::ARCH.try_into()?)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?;
    bail!("can't start {}: {}", program.to_string_lossy(), Command::new(program).args(words).exec())
}
