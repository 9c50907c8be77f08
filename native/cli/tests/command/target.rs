//! The Go program that is looked at.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::Mutex;

use assert_cmd::Command;
use serde_json::Value;

/// A process with maps to look at, which waits. It is gone when this is dropped.
pub(crate) struct Target {
    child: Child,
}

/// What redhanded said, and how it ended.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Target {
    /// Starts the program, built with the newest Go.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Target::run(&build(|_| true), arguments)
    }

    /// Starts the program, built with the newest Go that has classic maps.
    pub(crate) fn start_classic(arguments: &[&str]) -> Self {
        Target::run(&build(|minor| minor < 24), arguments)
    }

    /// Starts a file, and waits until it says that its maps are ready.
    pub(crate) fn run(file: &Path, arguments: &[&str]) -> Self {
        let mut command = std::process::Command::new(file);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Target { child }
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Runs a command on it: the words with `-p PID` after the first.
    pub(crate) fn redhanded(&self, words: &[&str]) -> Said {
        redhanded(&self.with_pid(words))
    }

    /// The words with `-p PID` after the first.
    pub(crate) fn with_pid(&self, words: &[&str]) -> Vec<String> {
        let (first, rest) = words.split_first().unwrap();
        let pid = self.pid();
        [first, "-p", &pid].into_iter().chain(rest.iter().copied()).map(str::to_owned).collect()
    }

    /// Ends it, and waits until it is gone.
    pub(crate) fn end(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.pid()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Said { status: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Its output, if all went well.
    #[track_caller]
    pub(crate) fn clean(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// The one line of its error.
    #[track_caller]
    pub(crate) fn error(self) -> String {
        assert_eq!((self.status, self.out.as_str()), (2, ""), "{}", self.err);
        let line = self.err.strip_prefix("redhanded: ").and_then(|rest| rest.strip_suffix('\n')).expect(&self.err);
        assert!(!line.contains('\n'), "{line}");
        line.to_owned()
    }

    /// Its lines as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// Runs redhanded.
pub(crate) fn redhanded(words: &[impl AsRef<std::ffi::OsStr>]) -> Said {
    Said::of(&Command::new(program()).args(words).output().unwrap())
}

pub(crate) fn program() -> PathBuf {
    assert_cmd::cargo::cargo_bin!("redhanded").to_owned()
}

/// Builds the program with the newest Go of those that are `wanted` by their minor version.
pub(crate) fn build(wanted: fn(u32) -> bool) -> PathBuf {
    build_with(wanted, &[])
}

/// The same, with more arguments to `go build`.
pub(crate) fn build_with(wanted: fn(u32) -> bool, arguments: &[&str]) -> PathBuf {
    build_from("tests/command/program", wanted, arguments)
}

/// The same, of the program in another folder, from this crate's.
pub(crate) fn build_from(folder: &str, wanted: fn(u32) -> bool, arguments: &[&str]) -> PathBuf {
    let versions = toolchains().into_keys().filter(|version| wanted(minor(version)));
    let newest = versions.max_by_key(|version| minor(version)).unwrap();
    build_by(&newest, &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), arguments)
}

/// Builds the program of a folder with one version of Go. All that is built is built here: two that build the same in
/// different ways would replace each other's file while it runs.
pub(crate) fn build_by(version: &str, folder: &Path, arguments: &[&str]) -> PathBuf {
    // One at a time: the go command uses all processors by itself.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _alone = BUILDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let program = folder.file_name().unwrap().to_str().unwrap();
    let name = format!("{program}-{version}{}", arguments.concat().replace(['=', ' ', '/'], "-"));
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let built = std::process::Command::new(&toolchains()[version])
        .args(["build", "-o"])
        .arg(&file)
        .args(arguments)
        .arg(".")
        .current_dir(folder)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOPROXY", "off")
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0")
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    file
}

/// The go command of each version.
pub(crate) fn toolchains() -> BTreeMap<String, PathBuf> {
    let list = std::env::var_os("REDHANDED_TOOLCHAINS").expect("run the tests with `cargo xtask test`");
    serde_json::from_slice(&fs::read(list).unwrap()).unwrap()
}

pub(crate) fn minor(version: &str) -> u32 {
    version.split('.').nth(1).unwrap().parse().unwrap()
}
