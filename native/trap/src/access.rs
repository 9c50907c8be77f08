//! What the system lets us do to a process, and what to do where it doesn't.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::unistd::{Uid, User};

/// Capabilities (include/uapi/linux/capability.h).
const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;

/// Up to this setting of `kernel.perf_event_paranoid` everyone may set breakpoints in their own processes. (Linux
/// itself knows no more than 2; Debian and Ubuntu add 3 and 4.)
const PARANOID: i32 = 2;

/// Yama's setting, where the kernel has Yama: 0 everyone's own processes, 1 only descendants, 2 only with
/// `CAP_SYS_PTRACE`, 3 nobody.
#[must_use]
pub fn ptrace_scope() -> Option<u32> {
    fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

/// Whether we have `CAP_SYS_PTRACE`, by which any process of this user namespace may be read and stopped.
#[must_use]
pub fn has_ptrace_capability() -> bool {
    has_capability(CAP_SYS_PTRACE)
}

fn has_capability(number: u32) -> bool {
    let effective = field("/proc/self/status", "CapEff").and_then(|text| u64::from_str_radix(&text, 16).ok());
    effective.is_some_and(|set: u64| set & (1 << number) != 0)
}

/// What to do so that perf events may be opened on a process, in one line: for when the system has refused.
#[must_use]
pub fn perf_remedy() -> String {
    let container = "start the container with --cap-add=PERFMON (in Kubernetes securityContext.capabilities.add)";
    let paranoid: Option<i32> =
        fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").ok().and_then(|it| it.trim().parse().ok());
    match paranoid {
        Some(level) if level > PARANOID && !has_capability(CAP_PERFMON) && !has_capability(CAP_SYS_ADMIN) => format!(
            "kernel.perf_event_paranoid is {level}: run with sudo, or allow it with `sudo sysctl kernel.perf_event_paranoid={PARANOID}`"
        ),
        _ => format!("a sandbox (seccomp) or another user namespace forbids it: run outside of it, or {container}"),
    }
}

/// What to do so that the process may be read and stopped, in one line: for when the system has refused.
#[must_use]
pub fn remedy(pid: i32) -> String {
    let ours = Uid::effective();
    let owner = field(&format!("/proc/{pid}/status"), "Uid").and_then(|text| text.split('\t').next()?.parse().ok());
    let owner = owner.map_or(ours, Uid::from_raw);
    let container = "start the container with --cap-add=SYS_PTRACE (in Kubernetes securityContext.capabilities.add)";
    if has_ptrace_capability() {
        return match ptrace_scope() {
            Some(3) => {
                "kernel.yama.ptrace_scope is 3, which forbids it to everyone until the next boot: take a core instead"
                    .to_owned()
            }
            _ => format!("a sandbox (seccomp) or another user namespace forbids it: run outside of it, or {container}"),
        };
    }
    if owner != ours {
        let name = User::from_uid(owner).ok().flatten().map_or_else(String::new, |user| format!(" {}", user.name));
        return format!(
            "it belongs to user{name} (uid {owner}), and you are uid {ours}: run as that user, or with sudo (which gives CAP_SYS_PTRACE)"
        );
    }
    match ptrace_scope() {
        Some(1) => {
            "kernel.yama.ptrace_scope is 1: run with sudo, or allow it with `sudo sysctl kernel.yama.ptrace_scope=0`"
                .to_owned()
        }
        Some(2) => "kernel.yama.ptrace_scope is 2, which asks for CAP_SYS_PTRACE: run with sudo".to_owned(),
        Some(3) => {
            "kernel.yama.ptrace_scope is 3, which forbids it to everyone until the next boot: take a core instead"
                .to_owned()
        }
        _ if is_undumpable(pid, owner) => {
            "it has changed its user or capabilities, or asked for no one to look: run with sudo".to_owned()
        }
        _ => format!("run with sudo; in a container {container}"),
    }
}

/// Whether the kernel has hidden the process from its own user: the files of its folder are then root's.
fn is_undumpable(pid: i32, owner: Uid) -> bool {
    fs::metadata(format!("/proc/{pid}/auxv")).is_ok_and(|data| data.uid() != owner.as_raw())
}

/// A line of one of the kernel's status files.
pub(crate) fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}
