//! Ctrl-C for all that is started here.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

/// Begins anew with signals that are heard, if Ctrl-C is ignored here, as in what a script starts in the background: all
/// that is started would ignore it too, and nobody could see what becomes of a process whose watcher is interrupted.
pub(crate) fn listen() -> Result<()> {
    if !is_ignored()? {
        return Ok(());
    }
    let own = std::env::current_exe().context("where this program is")?;
    let error = Command::new("env").arg("--default-signal=INT,QUIT").arg(own).args(std::env::args_os().skip(1)).exec();
    Err(error).context("can't run env")
}

fn is_ignored() -> Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).context("no signals in /proc")?;
    Ok(u64::from_str_radix(ignored.trim(), 16)? & 1 << (Signal::SIGINT as i32 - 1) != 0)
}
