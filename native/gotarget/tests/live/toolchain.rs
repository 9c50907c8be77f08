//! Builds the programs under test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;

/// A Go toolchain, with the experiment to build with.
#[derive(Clone, Debug)]
pub(crate) struct Go {
    /// 27 in Go 1.27.3.
    pub(crate) minor: u32,
    pub(crate) version: String,
    pub(crate) experiment: &'static str,
    command: PathBuf,
}

impl std::fmt::Display for Go {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "go {} {}", self.version, self.experiment)
    }
}

/// All toolchains, the oldest first.
fn all() -> Vec<Go> {
    let list = std::env::var_os("REDHANDED_TOOLCHAINS").expect("run the tests with `cargo xtask test`");
    let list: BTreeMap<String, PathBuf> = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    let go = |(version, command): (String, PathBuf)| {
        let minor = version.split('.').nth(1).unwrap().parse().unwrap();
        Go { minor, version, experiment: "", command }
    };
    let mut all: Vec<Go> = list.into_iter().map(go).collect();
    all.sort_by_key(|go| go.minor);
    all
}

pub(crate) fn is_thorough() -> bool {
    std::env::var_os("REDHANDED_ALL").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The oldest Go, the last with classic maps, the first with Swiss maps, and the newest; with REDHANDED_ALL=1
/// every one.
pub(crate) fn toolchains() -> Vec<Go> {
    let all = all();
    if is_thorough() {
        return all;
    }
    let chosen = [all.first(), all.iter().rfind(|go| go.minor < 24), all.iter().find(|go| go.minor >= 24), all.last()];
    let mut chosen: Vec<Go> = chosen.into_iter().flatten().cloned().collect();
    chosen.dedup_by(|a, b| a.version == b.version);
    chosen
}

/// The newest Go.
pub(crate) fn newest() -> Go {
    all().pop().expect("a Go toolchain")
}

/// The toolchains, and with REDHANDED_ALL=1 those that can build maps in another way, doing so.
pub(crate) fn toolchains_and_experiments() -> Vec<Go> {
    let mut chosen = toolchains();
    if is_thorough() {
        let experiments = [(24, "noswissmap"), (25, "noswissmap"), (27, "mapsplitgroup")];
        let with = |go: &Go| {
            let (_, experiment) = experiments.into_iter().find(|(minor, _)| *minor == go.minor)?;
            Some(Go { experiment, ..go.clone() })
        };
        chosen.extend(chosen.iter().filter_map(with).collect::<Vec<_>>());
    }
    chosen
}

/// The folder with a program's source.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Builds the program `name` with more arguments to `go build`. Its file lives as long as the folder.
pub(crate) fn build(go: &Go, name: &str, arguments: &[&str]) -> (TempDir, PathBuf) {
    build_with(go, name, arguments, false)
}

/// The same, with or without C.
pub(crate) fn build_with(go: &Go, name: &str, arguments: &[&str], cgo: bool) -> (TempDir, PathBuf) {
    // One at a time: the go command uses all processors by itself.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _alone = BUILDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    let built = Command::new(&go.command)
        .args(["build", "-o"])
        .arg(&file)
        .args(arguments)
        .arg(".")
        .current_dir(source(name))
        .env("GOTOOLCHAIN", "local")
        .env("GOEXPERIMENT", go.experiment)
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOPROXY", "off")
        .env("GOWORK", "off")
        .env("CGO_ENABLED", if cgo { "1" } else { "0" })
        .output()
        .unwrap();
    assert!(built.status.success(), "{go} {name}: {}", String::from_utf8_lossy(&built.stderr));
    (folder, file)
}
