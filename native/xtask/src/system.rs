//! What comes from the system: programs on PATH, and apt for those that are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::run;

/// How long a program may take to say who it is.
pub(crate) const ANSWER: Duration = Duration::from_secs(60);

/// The programs of that name on PATH, in its order.
pub(crate) fn on_path(name: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).filter(|file| file.is_file()).collect()
}

/// A gdb with Python in it.
pub(crate) fn gdb() -> Result<PathBuf> {
    debugger("gdb", &["/usr/bin/gdb"], &["gdb"], |gdb| {
        Command::new(gdb)
            .args(["-nx", "-q", "-batch", "-ex", "python print(1)"])
            .output()
            .is_ok_and(|answer| answer.stdout == b"1\n")
    })
}

/// An lldb with Python in it.
pub(crate) fn lldb() -> Result<PathBuf> {
    debugger("lldb", &["/usr/bin/lldb-19", "/usr/bin/lldb"], &["lldb-19", "python3-lldb-19"], |lldb| {
        let answer = Command::new(lldb).args(["--no-lldbinit", "--batch", "-o", "script print(1)"]).output();
        answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).lines().any(|line| line == "1"))
    })
}

fn debugger(name: &str, usual: &[&str], packages: &[&str], works: fn(&Path) -> bool) -> Result<PathBuf> {
    let find =
        || usual.iter().map(PathBuf::from).chain(on_path(name)).find(|program| program.is_file() && works(program));
    if let Some(program) = find() {
        return Ok(program);
    }
    install(name, packages)?;
    find().with_context(|| {
        format!("{name} has no working Python: install one that has (Debian: apt-get install {})", packages.join(" "))
    })
}

/// Installs packages with apt, or says in one line what to type.
pub(crate) fn install(what: &str, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if on_path("apt-get").is_empty() {
        bail!("{what} is missing, and this is no Debian: install it and try again (Debian's packages: {list})");
    }
    let sudo = !Uid::effective().is_root();
    if sudo
        && !Command::new("sudo")
            .args(["-n", "true"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    {
        bail!("{what} is missing: run `sudo apt-get install -y {list}`, then this again");
    }
    eprintln!("installing {list} with apt, for {what}");
    if apt(sudo, &["install", "-y", "--no-install-recommends"], packages).is_err() {
        // The lists of a bare machine are empty, or older than the archive.
        apt(sudo, &["update"], &[])?;
        apt(sudo, &["install", "-y", "--no-install-recommends"], packages)
            .with_context(|| format!("{what} is missing, and apt-get install {list} failed"))?;
    }
    Ok(())
}

/// Runs apt-get, as an ordinary child: to kill it with us would leave dpkg half-way.
fn apt(sudo: bool, action: &[&str], packages: &[&str]) -> Result<()> {
    let mut command = if sudo {
        let mut command = Command::new("sudo");
        command.args(["-n", "env"]);
        command
    } else {
        Command::new("env")
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=600"]);
    command.args(action).args(packages).stdin(Stdio::null()).stdout(std::io::stderr());
    let status = command.status().context("can't start apt-get")?;
    if !status.success() {
        bail!("apt-get {}: {status}", action.join(" "));
    }
    Ok(())
}

/// Whether a command ends well; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    run::quietly(command, ANSWER).is_ok()
}
