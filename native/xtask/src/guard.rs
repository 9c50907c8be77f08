//! A process that outlives this one by a moment, to kill what it leaves behind.
//!
//! Every child runs in a process group of its own. The guard is told of each, and when the pipe to it closes
//! (this process ended: well, by a panic, by Ctrl-C or by SIGKILL) it kills the groups that are still there.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The hidden subcommand that is the guard.
pub(crate) const NAME: &str = "guard";

static GUARD: Mutex<Option<Child>> = Mutex::new(None);

/// Starts the guard.
pub(crate) fn start() -> Result<()> {
    let guard = Command::new("/proc/self/exe")
        .arg(NAME)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("can't start the guard that cleans up after this run")?;
    *GUARD.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
    Ok(())
}

/// Ends the guard: it kills what is left.
pub(crate) fn stop() {
    if let Some(mut guard) = GUARD.lock().unwrap_or_else(PoisonError::into_inner).take() {
        drop(guard.stdin.take());
        // It ends by itself; there is nothing to do if it has done so already.
        let _ = guard.wait();
    }
}

/// Puts a group under guard.
pub(crate) fn watch(group: Pid) -> Result<()> {
    tell(&format!("+{group}\n"))
}

/// Takes a group that has ended from under guard, before its number can belong to somebody else.
pub(crate) fn forget(group: Pid) -> Result<()> {
    tell(&format!("-{group}\n"))
}

fn tell(line: &str) -> Result<()> {
    match GUARD.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|guard| guard.stdin.as_mut()) {
        Some(pipe) => pipe.write_all(line.as_bytes()).context("the guard that cleans up after this run is gone"),
        None => Ok(()),
    }
}

/// The guard itself: reads groups until its input ends, then kills those that are left.
pub(crate) fn keep() {
    let mut groups = BTreeSet::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        note(&mut groups, &line);
    }
    for group in groups {
        // Gone already is fine.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
}

fn note(groups: &mut BTreeSet<i32>, line: &str) {
    // Group 0 would be the guard's own, and 1 means everybody.
    let number = |text: &str| text.parse().ok().filter(|group| *group > 1);
    if let Some(group) = line.strip_prefix('+').and_then(number) {
        groups.insert(group);
    } else if let Some(group) = line.strip_prefix('-').and_then(number) {
        groups.remove(&group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_guarded_until_it_is_forgotten_and_never_group_0_or_1() {
        let mut groups = BTreeSet::new();
        for line in ["+12", "+13", "-12", "+0", "+1", "+-5", "rubbish", ""] {
            note(&mut groups, line);
        }
        assert_eq!(groups, BTreeSet::from([13]));
    }
}
