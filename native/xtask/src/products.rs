//! What the project builds of itself: the library that gdb and lldb load, and the command.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{ground, run};

/// Cargo, the one that runs this.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(ground::root());
    cargo
}

/// Builds the library, and says where it is.
pub(crate) fn library() -> Result<PathBuf> {
    run::visibly(cargo().args(["build", "--release", "--package", "redhanded-python"]))?;
    released("libredhanded_native.so")
}

/// Builds the command `redhanded`, and says where it is.
pub(crate) fn command() -> Result<PathBuf> {
    run::visibly(cargo().args(["build", "--release", "--package", "cli"]))?;
    released("redhanded")
}

/// Where a release build of ours is.
pub(crate) fn released(name: &str) -> Result<PathBuf> {
    Ok(std::path::absolute(ground::target().join("release").join(name))?)
}
