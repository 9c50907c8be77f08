//! `doctor`: what this machine allows, and what to do where it doesn't.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::ColorChoice;
use command::Status;
use gotarget::{LiveMemory, Memory, Process, RuntimeAddr};
use report::{DoctorReport, Examined, Report};

use crate::arguments::DoctorArgs;
use crate::colour;
use crate::error::Error;

/// The commands that read a process.
const READERS: &str = "print, get, header, check, maps, goroutines, locals with -p";

/// Examines the machine.
pub(crate) fn run(args: &DoctorArgs, color: ColorChoice) -> Result<Status, Error> {
    let mut examined = vec![machine(), whose()];
    examined.extend(patient());
    examined.extend([recording(), cores(), gdb(), lldb()]);
    examined.extend(args.pid.map(process));
    let report = DoctorReport::new(examined);
    let mut text =
        if args.json { report.json().map_err(io::Error::from)? } else { report.text(&colour::palette(color)) };
    if args.json {
        text.push('\n');
    }
    io::stdout().write_all(text.as_bytes())?;
    Ok(Status::found(!report.ok))
}

fn machine() -> Examined {
    let here = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    let ok = here == "linux/x86_64";
    Examined {
        name: "machine",
        needed_by: "all commands",
        ok: Some(ok),
        finding: here,
        remedy: (!ok).then(|| "only Go programs for linux/amd64 can be read so far".to_owned()),
    }
}

/// Whose processes may be read, by what the kernel is set to.
fn whose() -> Examined {
    let scope = trap::ptrace_scope();
    let (ok, finding) = match (trap::has_ptrace_capability(), scope) {
        (_, Some(3..)) => (false, "nobody may read another process (kernel.yama.ptrace_scope is 3)".to_owned()),
        (true, _) => (true, "every process: you have CAP_SYS_PTRACE".to_owned()),
        (false, None | Some(0)) => (true, "your own processes".to_owned()),
        (false, Some(1)) => {
            (false, "only processes that you start from the reader itself (kernel.yama.ptrace_scope is 1)".to_owned())
        }
        (false, Some(2)) => (false, "only those who have CAP_SYS_PTRACE (kernel.yama.ptrace_scope is 2)".to_owned()),
    };
    let remedy = (!ok).then(|| match scope {
        Some(1) => "run with sudo, or allow it until the next boot with `sudo sysctl kernel.yama.ptrace_scope=0`; cores need neither".to_owned(),
        Some(2) => "run with sudo; cores don't need that".to_owned(),
        _ => "only a boot with another setting changes it: take a core (`kill -ABRT PID` with GOTRACEBACK=crash) and use --core".to_owned(),
    });
    Examined { name: "whose processes may be read", needed_by: READERS, ok: Some(ok), finding, remedy }
}

/// A process to try things on. It ends when this is dropped.
struct Patient(Child);

impl Patient {
    fn new() -> io::Result<Self> {
        let mut patient = Patient(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
        // Once it gives back what it is given, the kernel has set it up wholly.
        if let (Some(into), Some(from)) = (&mut patient.0.stdin, &mut patient.0.stdout) {
            into.write_all(b"?")?;
            from.read_exact(&mut [0])?;
        }
        Ok(patient)
    }

    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// Whether a byte of it can be read.
    fn read(&self) -> Result<(), String> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.pid())).map_err(|error| error.to_string())?;
        let first = maps.split('-').next().and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
        let memory = LiveMemory::of(self.pid()).map_err(|error| error.to_string())?;
        memory.read(RuntimeAddr(first), &mut [0]).map_err(|error| error.to_string())
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a child of ours can be read and stopped, which a sandbox may forbid whatever the kernel is set to.
fn patient() -> [Examined; 3] {
    let patient = Patient::new();
    let tried = |name, needed_by, attempt: &dyn Fn(&Patient) -> Result<(), String>| {
        let (ok, finding, remedy) = match &patient {
            Err(error) => (None, format!("not tried: no `cat` to try it on ({error})"), None),
            Ok(patient) => match attempt(patient) {
                Ok(()) => (Some(true), "tried on a process: it works".to_owned(), None),
                Err(error) => (Some(false), error, Some(trap::remedy(patient.pid()))),
            },
        };
        Examined { name, needed_by, ok, finding, remedy }
    };
    [
        tried("read a process", READERS, &Patient::read),
        tried("stop a process", "--stop", &|patient| match trap::Stopped::new(patient.pid()) {
            Ok(_stopped) => Ok(()),
            Err(error) => Err(error.to_string()),
        }),
        tried("watch memory", "gomap watch in gdb and lldb", &|patient| {
            let stopped = trap::Stopped::new(patient.pid()).map_err(|error| error.to_string())?;
            trap::try_watchpoint(&stopped).map_err(|error| format!("the processor's debug registers: {error}"))
        }),
    ]
}

/// Whether accesses can be recorded without stopping anyone: tried on ourselves.
fn recording() -> Examined {
    let (ok, finding, remedy) = match trap::perf::try_recording() {
        Ok(true) => (true, "tried on this program: it works".to_owned(), None),
        Ok(false) => {
            let remedy = "this machine has breakpoint registers that do nothing: use another one";
            (false, "tried on this program: nothing was recorded".to_owned(), Some(remedy.to_owned()))
        }
        Err(error) => (false, error.to_string(), Some(trap::perf_remedy())),
    };
    Examined { name: "record accesses", needed_by: "watch, stakeout", ok: Some(ok), finding, remedy }
}

/// What becomes of a process that dumps core.
fn cores() -> Examined {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let pattern = pattern.trim();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max core file size")?.split_whitespace().next());
    let fetch = match pattern.strip_prefix('|') {
        Some(program) if program.contains("systemd-coredump") => {
            "`coredumpctl dump PID -o core` fetches them".to_owned()
        }
        Some(program) => format!("{} gets them", program.split_whitespace().next().unwrap_or("a program")),
        None => format!("they are written to `{pattern}` (in the process's own folder, if that is no path)"),
    };
    let mut remedy = "start the program with GOTRACEBACK=crash, or Go ends it without a core".to_owned();
    if limit == Some("0") {
        remedy.push_str("; and `ulimit -c unlimited` in the shell that starts it");
    }
    Examined { name: "core files", needed_by: "--core", ok: None, finding: fetch, remedy: Some(remedy) }
}

/// The oldest Python that the plugins run in.
const PYTHON: (u32, u32) = (3, 9);

fn gdb() -> Examined {
    let script = "python import sys; print(gdb.VERSION, *sys.version_info[:2])";
    debugger("gdb", &["gdb"], &["-nx", "-q", "-batch", "-ex", script], "gomap commands in gdb, gcore", "gdb")
}

fn lldb() -> Examined {
    let script = "script import sys; print(lldb.SBDebugger.GetVersionString().split()[2], *sys.version_info[:2])";
    let names = ["lldb", "lldb-19", "lldb-18", "lldb-17"];
    debugger("lldb", &names, &["--no-lldbinit", "--batch", "-o", script], "gomap commands in lldb", "lldb python3-lldb")
}

/// A debugger, its version, and that of the Python in it: what it prints ends in `VERSION MAJOR MINOR`.
fn debugger(
    name: &'static str,
    programs: &[&str],
    arguments: &[&str],
    needed_by: &'static str,
    package: &str,
) -> Examined {
    let examined = |finding, remedy| Examined { name, needed_by, ok: None, finding, remedy };
    let Some(program) = programs.iter().find_map(|program| find(program)) else {
        let remedy = format!("install it if you want them, for example `sudo apt install {package}`");
        return examined("not found".to_owned(), Some(remedy));
    };
    let path = program.display();
    let answer = Command::new(&program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let text = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default();
    let words: Vec<&str> = text.lines().last().unwrap_or_default().split_whitespace().collect();
    let python = |major: &str, minor: &str| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?));
    match words.as_slice() {
        [version, major, minor] if python(major, minor).is_some_and(|found| found >= PYTHON) => {
            examined(format!("{path}, version {version}, with Python {major}.{minor}"), None)
        }
        [version, major, minor] if python(major, minor).is_some() => examined(
            format!("{path}, version {version}, with Python {major}.{minor}"),
            Some(format!("install one with Python {}.{} or newer", PYTHON.0, PYTHON.1)),
        ),
        _ => examined(
            format!("{path}, without Python"),
            Some(format!("install one with Python, for example `sudo apt install {package}`")),
        ),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| Path::is_file(file))
}

/// Whether one process can be looked at.
fn process(pid: i32) -> Examined {
    let (ok, finding, remedy) = match Process::live(pid, None) {
        Ok(process) => {
            let program = process.target().program;
            let version = program.version().text.clone();
            if program.has_dwarf() {
                (true, format!("{version}, with debug information"), None)
            } else {
                let remedy =
                    "build it without -ldflags=-w or -s, or give with --exe the same build with debug information";
                (false, format!("{version}, without debug information"), Some(remedy.to_owned()))
            }
        }
        Err(error) => (false, error.to_string(), None),
    };
    Examined { name: "this process", needed_by: "-p", ok: Some(ok), finding: format!("{pid}: {finding}"), remedy }
}
