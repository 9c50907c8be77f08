//! The fuzz targets of `native/fuzz`, each for a minute.
//!
//! They are those of `cargo fuzz run --fuzz-dir native/fuzz --sanitizer none`, built with the same flags, so that no
//! more than a stable Rust and a C++ compiler is needed.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail};

use crate::ground;
use crate::products::cargo;
use crate::run::{Line, Tended, visibly};
use crate::tally::Tally;

const TARGETS: [&str; 5] = ["header", "walk", "dwarf", "pclntab", "core"];

/// What cargo-fuzz passes to rustc without a sanitizer: counters and comparisons that libFuzzer is led by, and
/// every check on.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing";

/// Without a named target, build scripts would get the flags too.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// One input may take 10 s and the process 1 GiB; inputs of a page are enough to hold a map or a file of every kind.
const LIMITS: [&str; 4] = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1"];

/// What libFuzzer says at the end of how much it did.
const EXECUTED: &str = "stat::number_of_executed_units:";

/// Fuzzes each target, as many at a time as there are processors.
pub(crate) fn run() -> Result<Tally> {
    let seconds: u32 = match std::env::var("REDHANDED_FUZZ_SECONDS") {
        Ok(seconds) => seconds.parse()?,
        Err(_) => 60,
    };
    let programs = build()?;
    let left = Mutex::new(VecDeque::from(TARGETS));
    let tally = Mutex::new(Tally::default());
    let work = || {
        while let Some(target) = left.lock().ok().and_then(|mut left| left.pop_front()) {
            let passed = fuzz(&programs, target, seconds).unwrap_or_else(|error| {
                eprintln!("{target}: {error:#}");
                false
            });
            if let Ok(mut tally) = tally.lock() {
                *tally += Tally::one(passed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(TARGETS.len()) {
            scope.spawn(work);
        }
    });
    let Ok(tally) = tally.into_inner() else { bail!("a thread that fuzzed has panicked") };
    Ok(tally)
}

/// Builds all targets, and says where they are.
fn build() -> Result<PathBuf> {
    let folder = ground::made(ground::ours()?.join("fuzz"))?;
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "--locked", "--target", TRIPLE, "--manifest-path"]);
    command.arg(ground::root().join("native/fuzz/Cargo.toml")).env("RUSTFLAGS", FLAGS);
    command.args(TARGETS.iter().flat_map(|target| ["--bin", target]));
    visibly(command.env("CARGO_TARGET_DIR", folder.join("build")))?;
    Ok(folder.join("build").join(TRIPLE).join("release"))
}

/// Fuzzes one target. What it learns is kept for the next time; an input that fails is kept, and named.
fn fuzz(programs: &Path, target: &str, seconds: u32) -> Result<bool> {
    let folder = ground::made(ground::ours()?.join("fuzz").join(target))?;
    let corpus = ground::made(folder.join("corpus"))?;
    let seeds = ground::root().join("native/fuzz/seeds").join(target);
    let mut command = Command::new(programs.join(target));
    command.args(LIMITS).arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/", folder.display())).arg(corpus).arg(seeds);
    let mut child = Tended::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let mut last = VecDeque::new();
    let mut executed = String::from("no");
    for line in child.lines() {
        let (Line::Out(line) | Line::Err(line)) = line;
        if let Some(count) = line.strip_prefix(EXECUTED) {
            executed = count.trim().to_owned();
        }
        last.push_back(line);
        if last.len() > 40 {
            last.pop_front();
        }
    }
    let passed = child.wait()?.success();
    println!("fuzz {target}: {executed} inputs in {seconds} s, {}", if passed { "none failed" } else { "FAILED:" });
    if !passed {
        last.iter().for_each(|line| println!("    {line}"));
    }
    Ok(passed)
}
