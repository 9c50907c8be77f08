//! What is left of a watch in the process that was watched: nothing may be.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::unistd::Pid;

/// How long the kernel may take to let go of a process whose tracer has ended. It takes a moment.
const LONGEST: Duration = Duration::from_secs(10);

/// How often a wait looks.
const GLANCE: Duration = Duration::from_millis(1);

/// The bits of DR7 that switch debug registers on (Intel SDM, volume 3, section 18.2.4).
const ENABLED: u64 = 0xff;

/// What may be left in debug registers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Registers {
    /// Nothing.
    Clear,
    /// Addresses and kinds that are switched off: gdb leaves the ones, lldb the others.
    Off,
}

/// What is wrong with a process that nobody watches any more; nothing if all is well.
pub(super) fn left_in(pid: Pid, registers: Registers) -> Result<Vec<String>> {
    let mut harms = held(pid, LONGEST);
    if harms.is_empty() {
        harms.extend(set(pid, registers));
        if registers == Registers::Clear {
            harms.extend(owned(pid, LONGEST));
        }
        harms.extend(changed(pid)?);
    }
    Ok(harms)
}

/// The threads that stay stopped or traced for that long.
fn held(pid: Pid, longest: Duration) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let held: Vec<String> = threads(pid).into_iter().filter_map(|tid| one_held(pid, tid)).collect();
        if held.is_empty() || begun.elapsed() > longest {
            return held;
        }
        std::thread::sleep(GLANCE);
    }
}

/// Whether somebody traces the process.
pub(super) fn is_traced(pid: Pid) -> bool {
    state(pid, pid.as_raw()).is_some_and(|(_, tracer)| tracer != "0")
}

/// A thread's state, and who traces it.
fn state(pid: Pid, tid: i32) -> Option<(String, String)> {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
    Some((field("State:")?, field("TracerPid:")?))
}

fn one_held(pid: Pid, tid: i32) -> Option<String> {
    let (state, tracer) = state(pid, tid)?;
    let is_held = tracer != "0" || state.starts_with(['t', 'T']);
    is_held.then(|| format!("thread {tid} is left in state {state}, traced by {tracer}"))
}

/// The debug registers that are set.
fn set(pid: Pid, registers: Registers) -> Vec<String> {
    match trap::debug_registers(pid.as_raw()) {
        Ok(all) => all
            .into_iter()
            .filter(|one| match registers {
                Registers::Clear => !one.is_clear(),
                Registers::Off => one.control & ENABLED != 0,
            })
            .map(|one| format!("thread {} has debug registers {:x?}, DR7 {:#x}", one.tid, one.addresses, one.control))
            .collect(),
        Err(error) => vec![error.to_string()],
    }
}

/// The threads that keep breakpoints for that long, which may be an event's: those show in no register.
fn owned(pid: Pid, longest: Duration) -> Vec<String> {
    let begun = Instant::now();
    loop {
        // Where we may not set any, nobody has.
        let has = |tid: &i32| trap::perf::breakpoints_of(*tid).is_ok_and(|count| count > 0);
        let left: Vec<i32> = threads(pid).into_iter().filter(has).collect();
        if left.is_empty() || begun.elapsed() > longest {
            return left.into_iter().map(|tid| format!("thread {tid} is left with breakpoints")).collect();
        }
        std::thread::sleep(GLANCE);
    }
}

/// Where code is not what the file holds that it comes from.
fn changed(pid: Pid) -> Result<Vec<String>> {
    // The process's own files are empty once its first thread has ended.
    let folders = threads(pid).into_iter().map(|tid| PathBuf::from(format!("/proc/{pid}/task/{tid}")));
    let Some((folder, maps)) =
        folders.filter_map(|folder| Some((mapped(&folder)?, folder))).next().map(|(a, b)| (b, a))
    else {
        return Ok(vec!["it has ended".to_owned()]);
    };
    let memory = File::open(folder.join("mem"))?;
    let mut changes = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" r-xp ") && line.contains('/')) {
        changes.extend(changed_in(&memory, line)?);
    }
    Ok(changes)
}

/// The memory that a thread sees; none if it has ended.
fn mapped(folder: &std::path::Path) -> Option<String> {
    fs::read_to_string(folder.join("maps")).ok().filter(|maps| !maps.is_empty())
}

/// Compares one mapping, a line of proc_pid_maps(5), with its file.
fn changed_in(memory: &File, line: &str) -> io::Result<Vec<String>> {
    let mut fields = line.split_whitespace();
    let mut next = || fields.next().unwrap_or_default();
    let (range, _, offset, _, _, path) = (next(), next(), next(), next(), next(), next());
    let number = |text: &str| u64::from_str_radix(text, 16).map_err(io::Error::other);
    let (start, end) = range.split_once('-').unwrap_or_default();
    let (start, end, offset) = (number(start)?, number(end)?, number(offset)?);
    let mut here = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
    memory.read_exact_at(&mut here, start)?;
    let mut kept = vec![0; here.len()];
    // Beyond the file's end, the last page is zeroes.
    let file = File::open(path)?;
    let mut filled = 0;
    while let Some(rest) = kept.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    let differ = here.iter().zip(&kept).enumerate().filter(|(_, (here, kept))| here != kept);
    Ok(differ
        .map(|(at, (here, kept))| format!("code at {:#x} is {here:#x}, was {kept:#x}", start + at as u64))
        .collect())
}

/// The numbers of a process's threads.
fn threads(pid: Pid) -> Vec<i32> {
    trap::threads_of(pid.as_raw()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use nix::sys::signal::{Signal, kill};

    use super::*;
    use crate::run::{Line, Tended};

    /// A process that has begun.
    fn process() -> Tended {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Tended::spawn(&mut shell).unwrap();
        assert!(matches!(child.lines().recv(), Ok(Line::Out(_))));
        child
    }

    #[test]
    fn a_process_that_nobody_touches_is_well() {
        let process = process();
        assert_eq!(left_in(process.pid(), Registers::Clear).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_process_that_stays_stopped_is_not() {
        let process = process();
        kill(process.pid(), Signal::SIGSTOP).unwrap();
        let found = loop {
            let found = held(process.pid(), Duration::ZERO);
            if !found.is_empty() {
                break found;
            }
        };
        assert!(found.len() == 1 && found[0].contains("state T"), "{found:?}");
    }

    #[test]
    fn a_breakpoint_that_somebody_keeps_is_found() {
        let process = process();
        let Ok(armed) = trap::perf::Armed::counting(process.pid().as_raw(), &[trap::At::Byte(0x1000)]) else {
            return; // Not allowed here.
        };
        let found = left_in(process.pid(), Registers::Off).unwrap();
        assert_eq!(found, Vec::<String>::new(), "it shows in no register");
        assert_eq!(owned(process.pid(), Duration::ZERO).len(), 1);
        drop(armed);
        assert_eq!(owned(process.pid(), LONGEST), Vec::<String>::new());
    }

    #[test]
    fn a_changed_byte_of_code_is_found() {
        let process = process();
        let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid())).unwrap();
        let code = maps.lines().find(|line| line.contains(" r-xp ") && line.contains('/')).unwrap();
        let start = u64::from_str_radix(code.split('-').next().unwrap(), 16).unwrap();
        let memory = File::options().read(true).write(true).open(format!("/proc/{}/mem", process.pid())).unwrap();
        let mut byte = [0];
        memory.read_exact_at(&mut byte, start + 5).unwrap();
        memory.write_all_at(&[!byte[0]], start + 5).unwrap();
        let changed = changed(process.pid()).unwrap();
        assert!(changed.len() == 1 && changed[0].starts_with(&format!("code at {:#x}", start + 5)), "{changed:?}");
    }
}
