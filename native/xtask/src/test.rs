//! `cargo xtask test`: everything that must pass.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::debugger::Release;
use crate::products::{self, cargo};
use crate::python::{self, Venv};
use crate::run::{Line, Tended, visibly};
use crate::tally::Tally;
use crate::{fuzz, go, ground, harm, proof, system};

/// Something that must pass.
struct Step {
    name: &'static str,
    check: fn(Extent) -> Result<Tally>,
}

/// Which Go versions the tests build their programs with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One of each kind of map, and the ends of the range.
    Slice,
    /// All.
    EveryVersion,
}

impl Extent {
    /// What tells the tests.
    fn env(self) -> (&'static str, &'static str) {
        ("REDHANDED_ALL", if self == Extent::EveryVersion { "1" } else { "0" })
    }
}

/// What looks at the source.
const LINTS: [Step; 5] = [
    Step { name: "cargo fmt", check: |_| lint(cargo().args(["fmt", "--all", "--check"])) },
    Step { name: "cargo clippy", check: |_| clippy() },
    Step { name: "cargo doc", check: |_| documentation() },
    Step { name: "ruff check", check: |_| ruff(&["check"]) },
    Step { name: "ruff format", check: |_| ruff(&["format", "--check"]) },
];

/// What runs programs.
const TESTS: [Step; 4] = [
    Step { name: "cargo test", check: cargo_test },
    Step { name: "pytest in gdb", check: |extent| pytest("gdb-plugin/tests", extent) },
    Step { name: "pytest in lldb", check: |extent| pytest("lldb-plugin/tests", extent) },
    Step { name: "scenarios", check: |extent| pytest("native/python/tests", extent) },
];

/// What is not done again with every version.
const ONCE: [Step; 2] =
    [Step { name: "fuzz", check: |_| fuzz::run() }, Step { name: "harm", check: |_| Ok(Tally::one(harm::slice()?)) }];

/// Where there is Python.
const PYTHON: [&str; 3] = ["gdb-plugin", "lldb-plugin", "native/python"];

/// Runs every lint and test, whatever became of those before it; true if all passed.
pub(crate) fn run() -> Result<bool> {
    components()?;
    steps(LINTS.iter().chain(&TESTS).chain(&ONCE), Extent::Slice)
}

/// Runs the tests with every Go version; true if all passed.
pub(crate) fn every_version() -> Result<bool> {
    steps(&TESTS, Extent::EveryVersion)
}

fn steps(steps: impl IntoIterator<Item = &'static Step>, extent: Extent) -> Result<bool> {
    let mut all = Tally::default();
    let mut failed = Vec::new();
    for Step { name, check } in steps {
        eprintln!("\n== {name}");
        let tally = check(extent).unwrap_or_else(|error| {
            eprintln!("{name}: {error:#}");
            Tally::one(false)
        });
        if tally.failed > 0 {
            failed.push(*name);
        }
        all += tally;
    }
    println!();
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    println!("{} passed, {} failed", all.passed, all.failed);
    Ok(all.failed == 0)
}

/// rustfmt and clippy, which a minimal Rust installation lacks.
fn components() -> Result<()> {
    let missing = |name: &str| !system::succeeds(cargo().args([name, "--version"]));
    if missing("fmt") || missing("clippy") {
        if system::on_path("rustup").is_empty() {
            bail!("rustfmt or clippy is missing: install them with your Rust, or Rust with rustup (https://rustup.rs)");
        }
        visibly(Command::new("rustup").current_dir(ground::root()).args(["component", "add", "rustfmt", "clippy"]))?;
    }
    Ok(())
}

/// A check that passes or fails as a whole.
fn lint(command: &mut Command) -> Result<Tally> {
    visibly(command)?;
    Ok(Tally::one(true))
}

fn clippy() -> Result<Tally> {
    lint(cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn documentation() -> Result<Tally> {
    lint(cargo().env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--quiet",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]))
}

fn ruff(arguments: &[&str]) -> Result<Tally> {
    let venv = Venv::open()?;
    venv.install(&[python::RUFF])?;
    lint(Command::new(venv.program("ruff")).current_dir(ground::root()).args(arguments).args(PYTHON))
}

fn cargo_test(extent: Extent) -> Result<Tally> {
    match extent {
        Extent::Slice => cargo_test_of(extent, &["--workspace"], None),
        // The command line's are for the proof: see there.
        Extent::EveryVersion => cargo_test_of(extent, &["--workspace", "--exclude", "cli"], None),
    }
}

/// Holds what is read of every program, built in every way, against what it says; true if all was right. The
/// figures are for [`proof::tables`].
pub(crate) fn proof() -> Result<bool> {
    eprintln!("\n== the proof");
    let tally = cargo_test_of(Extent::EveryVersion, &["--release", "--package", "cli"], Some(&proof::begin()?))?;
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

fn cargo_test_of(extent: Extent, which: &[&str], figures: Option<&Path>) -> Result<Tally> {
    let (name, value) = extent.env();
    go::toolchains(&go::VERSIONS)?;
    let native = products::library()?;
    let mut command = cargo();
    command
        .args(["test", "--no-fail-fast"])
        .args(which)
        .env(name, value)
        .env("REDHANDED_TOOLCHAINS", go::record_path()?)
        .env("REDHANDED_NATIVE", native)
        .envs(debuggers(&[Release::Gdb13, Release::Gdb18])?);
    if let Some(figures) = figures {
        command.env("REDHANDED_FIGURES", figures).envs(go::debian().map(|go| ("REDHANDED_GO119", go)));
    }
    let mut tally = Tally::default();
    let passed = follow(&mut command, |line| tally += Tally::cargo(line))?;
    Ok(tally.checked(passed))
}

fn pytest(folder: &str, extent: Extent) -> Result<Tally> {
    let (name, value) = extent.env();
    go::toolchains(&go::VERSIONS)?;
    let native = products::library()?;
    let debuggers = debuggers(&Release::ALL)?;
    let venv = Venv::open()?;
    venv.install(&[python::PYTEST])?;
    let mut tally = Tally::default();
    let passed = follow(
        Command::new(venv.program("python"))
            .current_dir(ground::root())
            .args(["-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", folder])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env(name, value)
            .env("REDHANDED_TOOLCHAINS", go::record_path()?)
            .env("REDHANDED_NATIVE", native)
            .envs(debuggers),
        |line| {
            // Only the last such line is pytest's own: others may be a failed test's output.
            let counted = Tally::pytest(line);
            if counted != Tally::default() {
                tally = counted;
            }
        },
    )?;
    Ok(tally.checked(passed))
}

/// What tells the tests where each debugger is.
fn debuggers(releases: &[Release]) -> Result<Vec<(&'static str, PathBuf)>> {
    releases.iter().map(|release| Ok((release.variable(), release.program()?))).collect()
}

/// Shows a command's output line by line, and hands each line over; true if it ended well.
fn follow(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let child = Tended::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let status = child.follow(|line| {
        let (Line::Out(line) | Line::Err(line)) = line;
        println!("{line}");
        each(&line);
    })?;
    Ok(status.success())
}
