//! The library that gdb and lldb load.

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
pub(crate) fn build() -> Result<PathBuf> {
    run::visibly(cargo().args(["build", "--release", "--package", "redhanded-python"]))?;
    Ok(std::path::absolute(ground::target().join("release/libredhanded_native.so"))?)
}
