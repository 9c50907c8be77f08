//! `cargo xtask test`: everything that must pass.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::cdylib::{self, cargo};
use crate::python::{self, Venv};
use crate::run::{Line, Tended, visibly};
use crate::tally::Tally;
use crate::{go, ground, samples, system};

/// Something that must pass.
struct Step {
    name: &'static str,
    check: fn() -> Result<Tally>,
}

const STEPS: [Step; 7] = [
    Step { name: "cargo fmt", check: || lint(cargo().args(["fmt", "--all", "--check"])) },
    Step { name: "cargo clippy", check: clippy },
    Step { name: "cargo doc", check: documentation },
    Step { name: "ruff check", check: || ruff(&["check"]) },
    Step { name: "ruff format", check: || ruff(&["format", "--check"]) },
    Step { name: "cargo test", check: cargo_test },
    Step { name: "pytest", check: pytest },
];

/// Runs every step, whatever became of those before it; true if all passed.
pub(crate) fn run() -> Result<bool> {
    let mut all = Tally::default();
    let mut failed = Vec::new();
    components()?;
    for Step { name, check } in STEPS {
        eprintln!("\n== {name}");
        let tally = check().unwrap_or_else(|error| {
            eprintln!("{name}: {error:#}");
            Tally::one(false)
        });
        if tally.failed > 0 {
            failed.push(name);
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
    let plugins = ["gdb-plugin", "lldb-plugin"].map(|name| ground::root().join(name));
    lint(
        Command::new(venv.program("ruff"))
            .current_dir(ground::root())
            .args(arguments)
            .args(plugins.iter().filter(|path| path.is_dir())),
    )
}

fn cargo_test() -> Result<Tally> {
    go::toolchains(&go::VERSIONS)?;
    let mut tally = Tally::default();
    let passed = follow(
        cargo().env("REDHANDED_TOOLCHAINS", go::record_path()?).args(["test", "--workspace", "--no-fail-fast"]),
        |line| tally += Tally::cargo(line),
    )?;
    Ok(tally.checked(passed))
}

fn pytest() -> Result<Tally> {
    let built = samples::build_all(&go::toolchains(&go::VERSIONS)?)?;
    let native = cdylib::build()?;
    let old: PathBuf = system::gdb()?;
    let venv = Venv::open()?;
    venv.install(&[python::PYTEST, python::GDB])?;
    let mut tally = Tally::default();
    let passed = follow(
        Command::new(venv.program("python"))
            .current_dir(ground::root())
            .args(["-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", "gdb-plugin/tests"])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("REDHANDED_TOOLCHAINS", go::record_path()?)
            .env("REDHANDED_SAMPLES", built.record()?)
            .env("REDHANDED_NATIVE", native)
            .env("REDHANDED_GDB13", old)
            .env("REDHANDED_GDB18", venv.program("gdb")),
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

/// Shows a command's output line by line, and hands each line over; true if it ended well.
fn follow(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child = Tended::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    for line in child.lines() {
        let (Line::Out(line) | Line::Err(line)) = line;
        println!("{line}");
        each(&line);
    }
    Ok(child.wait()?.success())
}
