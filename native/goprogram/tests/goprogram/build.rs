//! Builds the program under test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use goprogram::Program;

/// A Go toolchain.
#[derive(Clone, Debug)]
pub(crate) struct Go {
    /// 27 in Go 1.27.3.
    pub(crate) minor: u32,
    pub(crate) version: String,
    command: PathBuf,
}

/// Ways to build a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    Plain,
    Unoptimized,
    Pie,
    Cgo,
    /// Symbols, but no DWARF.
    NoDwarf,
    Stripped,
    UncompressedDwarf,
    /// Classic maps in Go 1.24 and 1.25.
    NoSwissMap,
    /// Swiss maps with keys apart from elems in Go 1.27.
    SplitGroup,
    /// DWARF, but no symbols.
    NoSymbols,
    StrippedPie,
    /// With C code before Go's.
    StrippedCgo,
    StrippedNoSwissMap,
}

pub(crate) const MODES: [Mode; 7] =
    [Mode::Plain, Mode::Unoptimized, Mode::Pie, Mode::Cgo, Mode::NoDwarf, Mode::Stripped, Mode::UncompressedDwarf];

impl Mode {
    pub(crate) fn has_dwarf(self) -> bool {
        !matches!(
            self,
            Mode::NoDwarf | Mode::Stripped | Mode::StrippedPie | Mode::StrippedCgo | Mode::StrippedNoSwissMap
        )
    }

    fn experiment(self) -> &'static str {
        match self {
            Mode::NoSwissMap | Mode::StrippedNoSwissMap => "noswissmap",
            Mode::SplitGroup => "mapsplitgroup",
            _ => "",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Mode::Plain | Mode::Cgo | Mode::NoSwissMap | Mode::SplitGroup => &[],
            Mode::Unoptimized => &["-gcflags=all=-N -l"],
            Mode::Pie => &["-buildmode=pie"],
            Mode::NoDwarf => &["-ldflags=-w"],
            Mode::NoSymbols => &["-ldflags=-s -w=0"],
            Mode::Stripped | Mode::StrippedCgo | Mode::StrippedNoSwissMap => &["-ldflags=-s -w"],
            Mode::StrippedPie => &["-buildmode=pie", "-ldflags=-s -w"],
            Mode::UncompressedDwarf => &["-ldflags=-compressdwarf=false"],
        }
    }
}

/// The folder with the program's source.
pub(crate) fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program")
}

/// All toolchains, the oldest first.
fn all() -> Vec<Go> {
    let list = std::env::var_os("REDHANDED_TOOLCHAINS").expect("run the tests with `cargo xtask test`");
    let list = std::fs::read(list).unwrap();
    let list: BTreeMap<String, PathBuf> = serde_json::from_slice(&list).unwrap();
    let mut all: Vec<Go> = list
        .into_iter()
        .map(|(version, command)| {
            let minor = version.split('.').nth(1).unwrap().parse().unwrap();
            Go { minor, version, command }
        })
        .collect();
    all.sort_by_key(|go| (go.minor, go.version.clone()));
    all
}

/// The last Go with classic maps, and the newest.
pub(crate) fn both_generations() -> Vec<Go> {
    let all = all();
    let classic = all.iter().rfind(|go| go.minor < 24).expect("a Go below 1.24");
    let newest = all.last().filter(|go| go.minor >= 24).expect("a Go from 1.24 on");
    vec![classic.clone(), newest.clone()]
}

/// The newest Go that can be told to have classic maps again; `None` if it is not among the toolchains.
pub(crate) fn with_noswissmap() -> Option<Go> {
    all().into_iter().rfind(|go| matches!(go.minor, 24 | 25))
}

/// The Go that can be told to keep keys and elems apart; `None` if it is not among the toolchains.
pub(crate) fn with_mapsplitgroup() -> Option<Go> {
    all().into_iter().rfind(|go| go.minor == 27)
}

/// The oldest Go, the last with classic maps, and the newest; with REDHANDED_ALL=1 every one.
pub(crate) fn toolchains() -> Vec<Go> {
    let mut chosen = all();
    if std::env::var_os("REDHANDED_ALL").is_none_or(|all| all == "0") {
        let both = both_generations();
        let oldest = chosen[0].version.clone();
        chosen.retain(|go| go.version == oldest || both.iter().any(|other| other.version == go.version));
    }
    chosen
}

/// Builds the program to `output`.
pub(crate) fn build_to(go: &Go, mode: Mode, output: &Path) {
    let built = Command::new(&go.command)
        .args(["build", "-o"])
        .arg(output)
        .args(mode.arguments())
        .arg(".")
        .current_dir(source())
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOPROXY", "off")
        .env("GOWORK", "off")
        .env("GOEXPERIMENT", mode.experiment())
        .env("CGO_ENABLED", if matches!(mode, Mode::Cgo | Mode::StrippedCgo) { "1" } else { "0" })
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "go {} {mode:?}: {errors}", go.version);
}

/// The program, built once for all tests. Its file is gone as soon as it is opened: what is mapped stays.
pub(crate) fn program(go: &Go, mode: Mode) -> Arc<Program> {
    type Built = BTreeMap<(String, Mode), Arc<Program>>;
    static BUILT: Mutex<Built> = Mutex::new(BTreeMap::new());
    // Held while building: the go command uses all processors by itself.
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let entry = built.entry((go.version.clone(), mode));
    entry
        .or_insert_with(|| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("program");
            build_to(go, mode, &file);
            Arc::new(Program::open(file).unwrap())
        })
        .clone()
}

/// Calls `check` with the program as each toolchain builds it.
pub(crate) fn with_each(mut check: impl FnMut(&Go, &Program)) {
    for go in toolchains() {
        check(&go, &program(&go, Mode::Plain));
    }
}

/// The line of main.go that holds `text`, from 1.
pub(crate) fn line_of(text: &str) -> u32 {
    line_in("main.go", text)
}

/// The first line of a source file that holds `text`, from 1.
pub(crate) fn line_in(file: &str, text: &str) -> u32 {
    let source = std::fs::read_to_string(source().join(file)).unwrap();
    let line = source.lines().position(|line| line.contains(text)).unwrap();
    u32::try_from(line).unwrap() + 1
}
