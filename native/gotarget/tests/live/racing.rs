//! The program `racing`, run until it dies of its race, with its core.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use gotarget::{Process, RuntimeAddr};
use tempfile::TempDir;

use crate::toolchain::{self, Go};

/// Where the map is.
pub(crate) const PLACES: [&str; 6] = ["global", "field", "pointer", "shard", "local", "closure"];

/// What the one racer does; the other one writes.
pub(crate) const RACES: [&str; 6] = ["write", "read", "iterate", "delete", "clear", "clone"];

/// The program, built.
pub(crate) struct Racing {
    _folder: TempDir,
    file: PathBuf,
    context: String,
}

/// What is left of a process of the program.
pub(crate) struct Dead {
    _folder: TempDir,
    pub(crate) core: PathBuf,
    /// What Go said when it died.
    pub(crate) words: String,
    /// The map that it died of.
    pub(crate) map: RuntimeAddr,
}

impl Racing {
    pub(crate) fn build(go: &Go, arguments: &[&str]) -> Self {
        let (folder, file) = toolchain::build(go, "racing", arguments);
        Racing { _folder: folder, file, context: go.to_string() }
    }

    /// Runs it in gdb until it comes to the fatal function's first instructions, and copies it there.
    pub(crate) fn copy_at_fatal(&self, go: &Go, arguments: &[&str]) -> Dead {
        let folder = tempfile::tempdir().unwrap();
        let core = folder.path().join("copy");
        let fatal = if go.minor >= 24 && go.experiment != "noswissmap" {
            "internal/runtime/maps.fatal"
        } else {
            "runtime.fatal"
        };
        let mut command = Command::new("gdb");
        command.args(["-nx", "-batch", "-ex", "set pagination off", "-ex", "handle SIGURG nostop noprint pass"]);
        command.args(["-ex", &format!("break '{fatal}'"), "-ex", "run", "-ex", &format!("gcore {}", core.display())]);
        command.args(["-ex", "kill", "--args"]).arg(&self.file).args(arguments).current_dir(folder.path());
        let output = command.stdin(Stdio::null()).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(core.exists(), "{} {arguments:?}: {out}{}", self.context, String::from_utf8_lossy(&output.stderr));
        let map = out.lines().find_map(|line| line.rsplit_once("map=0x")).expect(&out).1;
        let map = RuntimeAddr(u64::from_str_radix(map.trim(), 16).unwrap());
        Dead { core, _folder: folder, words: out, map }
    }

    /// Runs it with GOTRACEBACK=crash until it dies. `None` where the system puts cores elsewhere.
    pub(crate) fn die(&self, arguments: &[&str]) -> Option<Dead> {
        let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        if pattern.starts_with('|') || pattern.contains('/') {
            eprintln!("kernel.core_pattern is {}: no core of the kernel is looked at here", pattern.trim());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new("prlimit")
            .arg("--core=unlimited")
            .arg(&self.file)
            .args(arguments)
            .current_dir(folder.path())
            .env("GOTRACEBACK", "crash")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (out, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success(), "{} {arguments:?} did not die: {out}{words}", self.context);
        let is_core = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("core");
        let core = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).find(is_core);
        let map = out.trim_end().rsplit_once("map=0x").expect(&out).1;
        Some(Dead {
            core: core.expect("a core in the process's folder"),
            _folder: folder,
            words: words.into_owned(),
            map: RuntimeAddr(u64::from_str_radix(map, 16).unwrap()),
        })
    }
}

impl Dead {
    pub(crate) fn process(&self) -> Process {
        Process::core(&self.core, None).unwrap()
    }

    /// The message of Go's fatal error.
    pub(crate) fn message(&self) -> &str {
        self.words.lines().find_map(|line| line.strip_prefix("fatal error: ")).expect(&self.words)
    }

    /// Whether Go shows a goroutine as one that ended the process: sometimes both racers do.
    pub(crate) fn died(&self, goid: u64) -> bool {
        let head = format!("goroutine {goid} ");
        self.words.lines().any(|line| line.starts_with(&head) && line.contains("running"))
    }
}
