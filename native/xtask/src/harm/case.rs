//! What may happen to a process while it is watched, or to the one that watches it: the columns of the table.

use clap::ValueEnum;
use nix::unistd::Uid;

use super::mode::{Mode, Safety};

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Case {
    /// Nothing.
    Undisturbed,
    /// SIGKILL to the watcher, at a random moment of its whole run.
    Killed,
    /// SIGKILL to the watcher and to the process that it leaves its tracing to.
    KeeperKilled,
    /// SIGINT to the watcher, at a random moment.
    Interrupted,
    /// SIGKILL to the process, at a random moment.
    TargetKilled,
    /// The process ends by itself at a random moment.
    TargetEnds,
    /// A hundred threads a second come and go.
    Threads,
    /// The process starts children, and forks copies of itself that touch the map.
    Children,
    /// The process replaces its program at a random moment.
    Exec,
    /// The first thread of the process has ended before.
    LeaderGone,
    /// The first thread of the process ends at a random moment.
    LeaderGoes,
    /// A race begins that ends the process.
    Race,
    /// SIGKILL to the watcher, at a random moment after a race has begun that ends the process.
    RaceKilled,
    /// SIGINT to the watcher, at such a moment.
    RaceInterrupted,
    /// Another tracer has the process.
    Traced,
    /// The watcher is another user, without privileges.
    OtherUser,
    /// A filter forbids the watcher the system calls that it needs.
    Sandboxed,
    /// Yama forbids it to the process's own user, who is no parent of it and has no privileges.
    Yama,
}

/// Cases that the table shows together.
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) cases: &'static [Case],
    /// Of so many runs of this, where one of all is asked for.
    share: u32,
}

pub(super) const COLUMNS: [Column; 11] = [
    Column { title: "undisturbed", cases: &[Case::Undisturbed], share: 20 },
    Column { title: "SIGKILL", cases: &[Case::Killed], share: 1 },
    Column { title: "SIGKILL, keeper too", cases: &[Case::KeeperKilled], share: 10 },
    Column { title: "Ctrl-C", cases: &[Case::Interrupted], share: 4 },
    Column { title: "process dies", cases: &[Case::TargetKilled, Case::TargetEnds], share: 8 },
    Column { title: "threads", cases: &[Case::Threads], share: 10 },
    Column { title: "fork", cases: &[Case::Children], share: 10 },
    Column { title: "exec", cases: &[Case::Exec], share: 10 },
    Column { title: "first thread ends", cases: &[Case::LeaderGone, Case::LeaderGoes], share: 20 },
    Column { title: "at the fatal", cases: &[Case::Race, Case::RaceKilled, Case::RaceInterrupted], share: 4 },
    Column { title: "denied", cases: &[Case::Traced, Case::OtherUser, Case::Sandboxed, Case::Yama], share: 40 },
];

/// With a debugger, which takes ten times as long to start, so many times fewer runs are made.
const DEBUGGERS: u32 = 10;

/// The setting of Yama from which on an unprivileged user may not trace what is no child of his.
const ONLY_DESCENDANTS: u32 = 1;

impl Column {
    /// How many runs of each case to make.
    pub(super) fn runs(&self, all: u32, mode: Mode) -> u32 {
        let fewer = if mode.debugger().is_some() { DEBUGGERS } else { 1 };
        (all / self.share / fewer).max(1)
    }
}

impl Case {
    /// Why there is nothing to see of it in this mode or on this machine, if so.
    pub(super) fn why_not(self, mode: Mode) -> Option<&'static str> {
        match self {
            Case::KeeperKilled if !matches!(mode.safety(), Safety::UnlessKeeper(_)) => {
                Some("only two modes have a keeper")
            }
            Case::Race | Case::RaceKilled | Case::RaceInterrupted if mode.at_the_fatal().is_none() => {
                Some("only a stakeout, and a watch that holds, keep a process from its end")
            }
            Case::Traced | Case::OtherUser | Case::Sandboxed | Case::Yama | Case::LeaderGone if mode.is_starter() => {
                Some("a process that redhanded starts is its own, and new")
            }
            Case::Traced | Case::OtherUser | Case::Sandboxed | Case::Yama if mode.debugger().is_some() => {
                Some("who is denied is the debugger")
            }
            Case::Exec if mode.debugger().is_some() => {
                Some("debuggers alone hang with a process that executes another program while they attach")
            }
            Case::OtherUser | Case::Yama if !Uid::effective().is_root() => Some("another user: only root can try that"),
            Case::Yama if trap::ptrace_scope().is_none_or(|scope| scope < ONLY_DESCENDANTS) => {
                Some("yama: this kernel has none, or it allows everything")
            }
            _ => None,
        }
    }

    /// Whether it ends the watcher or the process.
    pub(super) fn is_blow(self) -> bool {
        matches!(
            self,
            Case::Killed
                | Case::KeeperKilled
                | Case::Interrupted
                | Case::TargetKilled
                | Case::TargetEnds
                | Case::RaceKilled
                | Case::RaceInterrupted
        )
    }

    /// Whether a race begins, which ends the process.
    pub(super) fn has_race(self) -> bool {
        matches!(self, Case::Race | Case::RaceKilled | Case::RaceInterrupted)
    }

    /// Whether it kills what watches.
    pub(super) fn kills(self) -> bool {
        matches!(self, Case::Killed | Case::KeeperKilled | Case::RaceKilled)
    }

    /// Whether the watcher must be refused; none if nobody tries to.
    pub(super) fn denies(self, mode: Mode) -> Option<bool> {
        match self {
            // Who only reads or records traces nobody.
            Case::Traced => Some(!matches!(mode, Mode::Print | Mode::Record | Mode::Var)),
            // There are two ways to read.
            Case::Sandboxed => Some(mode != Mode::Print),
            Case::OtherUser | Case::Yama => Some(true),
            _ => None,
        }
    }

    /// Whether it happens at a moment.
    pub(super) fn has_moment(self) -> bool {
        self.is_blow() || matches!(self, Case::Exec | Case::LeaderGoes)
    }

    /// Whether the watcher may end with an error.
    pub(super) fn may_fail(self) -> bool {
        !matches!(self, Case::Undisturbed | Case::Race | Case::Threads | Case::Children | Case::LeaderGone)
    }
}
