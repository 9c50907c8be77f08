//! The corpus, built with every Go in every way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// A Go toolchain, with the experiment to build with.
#[derive(Clone, Debug)]
pub(crate) struct Go {
    /// 27 in Go 1.27.3.
    pub(crate) minor: u32,
    version: String,
    experiment: &'static str,
    command: PathBuf,
}

/// How a program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Pie,
    Cgo,
}

/// A way to build the corpus.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) go: Go,
    pub(crate) mode: Mode,
    pub(crate) optimized: bool,
}

/// The experiments that change maps, and the releases that have them.
const EXPERIMENTS: [(u32, &str); 4] =
    [(24, "noswissmap"), (25, "noswissmap"), (24, "nosynchashtriemap"), (27, "mapsplitgroup")];

impl Go {
    /// "1.24.11 noswissmap".
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.version, self.experiment).trim_end().to_owned()
    }

    /// Whether its maps are those of before Go 1.24.
    pub(crate) fn is_classic(&self) -> bool {
        self.minor < 24 || self.experiment == "noswissmap"
    }

    /// Built as one usually does.
    pub(crate) fn plainly(&self) -> Build {
        Build { go: self.clone(), mode: Mode::Plain, optimized: true }
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.go.name(), self.how())
    }
}

/// Whether to test everything, or a slice of it.
pub(crate) fn is_thorough() -> bool {
    std::env::var_os("REDHANDED_ALL").is_some_and(|value| value == "1")
}

/// All toolchains (with Debian's 1.19 if it is installed), and those with an experiment; the oldest first.
fn all() -> Vec<Go> {
    let list = std::env::var_os("REDHANDED_TOOLCHAINS").expect("run the tests with `cargo xtask test`");
    let mut list: BTreeMap<String, PathBuf> = serde_json::from_slice(&std::fs::read(list).unwrap()).unwrap();
    // Older than what the other tests' programs need.
    list.extend(std::env::var_os("REDHANDED_GO119").map(|go| ("1.19".to_owned(), PathBuf::from(go))));
    let mut all: Vec<Go> = Vec::new();
    for (version, command) in list {
        let minor = version.split('.').nth(1).unwrap().parse().unwrap();
        let of_it = EXPERIMENTS.iter().filter(|(release, _)| *release == minor).map(|(_, experiment)| *experiment);
        all.extend(std::iter::once("").chain(of_it).map(|experiment| Go {
            minor,
            version: version.clone(),
            experiment,
            command: command.clone(),
        }));
    }
    all.sort_by_key(|go| go.minor);
    all
}

/// Every toolchain and experiment if all is tested; otherwise the oldest, the last with classic maps, the first
/// with Swiss maps, and the newest.
pub(crate) fn toolchains() -> Vec<Go> {
    let all = all();
    if is_thorough() {
        return all;
    }
    let of_releases: Vec<&Go> = all.iter().filter(|go| go.experiment.is_empty()).collect();
    let chosen = [
        of_releases.first(),
        of_releases.iter().rfind(|go| go.minor < 24),
        of_releases.iter().find(|go| go.minor >= 24),
        of_releases.last(),
    ];
    let mut names = BTreeSet::new();
    chosen.into_iter().flatten().filter(|go| names.insert(go.name())).map(|go| (*go).clone()).collect()
}

/// Every way to build with a toolchain if all is tested; otherwise the usual one, and of the newest also the others.
pub(crate) fn builds() -> Vec<Build> {
    let toolchains = toolchains();
    let newest = toolchains.last().map(Go::name);
    let mut builds = Vec::new();
    for go in toolchains {
        let is_newest = Some(go.name()) == newest;
        for mode in [Mode::Plain, Mode::Pie, Mode::Cgo] {
            for optimized in [true, false] {
                let is_usual = mode == Mode::Plain && optimized;
                // Of the other ways three are enough to see each of them once.
                let is_in_slice = is_usual || (is_newest && (optimized || mode == Mode::Plain));
                if is_thorough() || is_in_slice {
                    builds.push(Build { go: go.clone(), mode, optimized });
                }
            }
        }
    }
    builds
}

impl Build {
    /// "pie, -N -l".
    pub(crate) fn how(&self) -> String {
        let mode = match self.mode {
            Mode::Plain => "plain",
            Mode::Pie => "pie",
            Mode::Cgo => "cgo",
        };
        if self.optimized { mode.to_owned() } else { format!("{mode}, -N -l") }
    }

    /// The program, built at most once a run.
    pub(crate) fn program(&self) -> PathBuf {
        static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
        // One at a time: the go command uses all processors by itself.
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        built.entry(self.to_string()).or_insert_with(|| self.build()).clone()
    }

    fn build(&self) -> PathBuf {
        let folder = self.to_string().replace(", ", "_").replace(' ', "_");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus").join(folder).join("corpus");
        let mut command = Command::new(&self.go.command);
        command.args(["build", "-o"]).arg(&file);
        if self.mode == Mode::Pie {
            command.arg("-buildmode=pie");
        }
        if !self.optimized {
            command.arg("-gcflags=-N -l");
        }
        let built = command
            .arg(".")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../gotarget/tests/corpus"))
            .env("GOTOOLCHAIN", "local")
            .env("GOEXPERIMENT", self.go.experiment)
            .env("GOFLAGS", "-buildvcs=false")
            .env("GOPROXY", "off")
            .env("GOWORK", "off")
            .env("CGO_ENABLED", if self.mode == Mode::Cgo { "1" } else { "0" })
            .output()
            .unwrap();
        assert!(built.status.success(), "{self}: {}", String::from_utf8_lossy(&built.stderr));
        file
    }
}
