//! The program `mortal`: alive, killed with a core, or copied to a core while it lives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use gotarget::{Process, RuntimeAddr};
use serde_json::Value;
use tempfile::TempDir;

use crate::toolchain::{self, Go};

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    Plain,
    Pie,
    Cgo,
    CgoPie,
    Stripped,
}

impl Build {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Build::Plain | Build::Cgo => &[],
            Build::Pie | Build::CgoPie => &["-buildmode=pie"],
            Build::Stripped => &["-ldflags=-s -w"],
        }
    }
}

/// A process of the program `mortal`. It is gone when this is dropped.
pub(crate) struct Mortal {
    child: Child,
    output: BufReader<ChildStdout>,
    /// Where it runs, and the kernel puts its core.
    pub(crate) folder: TempDir,
    pub(crate) file: PathBuf,
    /// Ranges of its memory, by name.
    regions: Vec<Region>,
    goroutines: BTreeMap<String, u64>,
}

/// A range of memory and what it holds.
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) addr: RuntimeAddr,
    pub(crate) bytes: Vec<u8>,
}

impl Mortal {
    /// Builds and starts it, and waits until it is ready.
    pub(crate) fn start(go: &Go, build: Build) -> Self {
        let cgo = matches!(build, Build::Cgo | Build::CgoPie);
        let (folder, file) = toolchain::build_with(go, "mortal", build.arguments(), cgo);
        let mut command = Command::new(&file);
        command.current_dir(folder.path()).env("GOTRACEBACK", "crash").env("GOMAXPROCS", "2");
        // Go interrupts whoever runs for long, whose registers are on its stack then. The garbage collector would wait
        // for that.
        command.env("GODEBUG", "asyncpreemptoff=1").env("GOGC", "off");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (mut regions, mut goroutines) = (Vec::new(), BTreeMap::new());
        loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "{go} {build:?} ended by itself");
            if line == "ready\n" {
                break;
            }
            let told: Value = serde_json::from_str(&line).unwrap();
            if let Some(name) = told["goroutine"].as_str() {
                goroutines.insert(name.to_owned(), told["goid"].as_u64().unwrap());
            } else {
                let bytes = told["bytes"].as_str().unwrap().as_bytes().chunks(2);
                regions.push(Region {
                    name: told["region"].as_str().unwrap().to_owned(),
                    addr: RuntimeAddr(told["addr"].as_u64().unwrap()),
                    bytes: bytes.map(|hex| u8::from_str_radix(str::from_utf8(hex).unwrap(), 16).unwrap()).collect(),
                });
            }
        }
        Mortal { child, output, folder, file, regions, goroutines }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The number of a goroutine.
    pub(crate) fn goid(&self, name: &str) -> u64 {
        self.goroutines[name]
    }

    /// A range of its memory.
    pub(crate) fn region(&self, name: &str) -> &Region {
        self.regions.iter().find(|region| region.name == name).unwrap()
    }

    /// Which parts of memory the kernel puts into the process's core (proc_pid_coredump_filter(5)).
    pub(crate) fn core_filter(&self, filter: u32) {
        std::fs::write(format!("/proc/{}/coredump_filter", self.pid()), format!("{filter:#x}")).unwrap();
    }

    /// Lets it panic, and gives its last words and its core. `None` where the system puts cores elsewhere.
    pub(crate) fn die(&mut self) -> Option<(String, PathBuf)> {
        let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        if pattern.starts_with('|') || pattern.contains('/') {
            eprintln!("kernel.core_pattern is {}: no core of the kernel is looked at here", pattern.trim());
            return None;
        }
        let limit = Command::new("prlimit").args(["--core=unlimited", "--pid", &self.pid().to_string()]).status();
        assert!(limit.unwrap().success(), "the hard limit of `ulimit -c` is too low to test with");
        self.child.stdin.take().unwrap().write_all(b"die\n").unwrap();
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        let status = self.child.wait().unwrap();
        assert!(!status.success(), "it did not die: {words}");
        let is_core = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("core");
        let core = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).find(is_core);
        Some((words, core.expect("a core in the process's folder")))
    }

    /// Copies it to a core with gdb's gcore.
    pub(crate) fn copy(&self) -> PathBuf {
        let prefix = self.folder.path().join("copy");
        let done = Command::new("gcore").arg("-o").arg(&prefix).arg(self.pid().to_string()).output().unwrap();
        assert!(done.status.success(), "gcore: {}", String::from_utf8_lossy(&done.stderr));
        prefix.with_extension(self.pid().to_string())
    }

    /// Lets it end, which it must do well: nobody has harmed it.
    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        let status = self.child.wait().unwrap();
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert!(status.success(), "{status}: {words}");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Checks that memory holds what the process has told.
pub(crate) fn check_memory(mortal: &Mortal, process: &Process, but: &[&str], context: &str) {
    let target = process.target();
    for region in mortal.regions.iter().filter(|region| !but.contains(&region.name.as_str())) {
        let mut bytes = vec![0; region.bytes.len()];
        target
            .memory
            .read(region.addr, &mut bytes)
            .unwrap_or_else(|error| panic!("{context} {}: {error}", region.name));
        assert!(bytes == region.bytes || region.name == "turns", "{context}: {} differs", region.name);
    }
}

/// The main package's functions on a goroutine's stack, innermost first.
pub(crate) fn calls(process: &Process, goid: u64) -> Vec<String> {
    let target = process.target();
    let stack: Vec<_> = process.frames(goid).unwrap().into_iter().map(|frame| frame.pc).collect();
    let frames = gotarget::stack::describe(&target, &stack);
    frames.into_iter().map(|frame| frame.function).filter(|name| name.starts_with("main.")).collect()
}

/// A copy of a core's beginning.
pub(crate) fn cut(core: &Path, len: u64) -> PathBuf {
    let short = core.with_extension("short");
    std::fs::copy(core, &short).unwrap();
    std::fs::OpenOptions::new().write(true).open(&short).unwrap().set_len(len).unwrap();
    short
}

/// Whether the innermost frame of the goroutine that runs has its number in a vector register.
pub(crate) fn has_ratio(mortal: &Mortal, process: &Process) -> bool {
    let frames = process.frames(mortal.goid("runs")).unwrap();
    let ratio = 65536.0f64 * 0.1;
    (0..16).any(|number| frames[0].register(goprogram::Register::Xmm(number)) == Some(ratio.to_bits()))
}

/// A program that isn't Go. It has answered: one that is only about to run has no memory yet.
pub(crate) fn cat() -> Child {
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    cat.stdin.as_mut().unwrap().write_all(b"ready\n").unwrap();
    cat.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    cat
}
