//! Programs of our own in Go, built with each version.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::{go, ground, run};

/// Builds one of native/xtask/programs, for a chore that needs it.
pub(crate) fn build(name: &str, version: &str, go: &Path) -> Result<PathBuf> {
    built("native/xtask/programs", "programs", name, version, go)
}

/// Builds the program in a folder of that name under `sources`, unless it is younger than all of its sources.
pub(crate) fn built(sources: &str, kind: &str, name: &str, version: &str, go: &Path) -> Result<PathBuf> {
    let source = ground::root().join(sources).join(name);
    let place = ground::made(ground::ours()?.join(kind).join(version))?;
    let program = place.join(name);
    if !is_newer(&program, &source)? {
        eprintln!("building {sources}/{name} with Go {version}");
        // Another run may be executing the old one, or building it, too.
        let draft = place.join(format!("{name}.draft-{}", std::process::id()));
        run::visibly(go::offline(go)?.current_dir(&source).args(["build", "-o"]).arg(&draft).arg("."))
            .with_context(|| format!("can't build {sources}/{name} with Go {version}"))?;
        fs::rename(&draft, &program)?;
    }
    Ok(program)
}

/// Whether the program is younger than all of its sources.
fn is_newer(program: &Path, source: &Path) -> Result<bool> {
    let Ok(made) = fs::metadata(program).and_then(|data| data.modified()) else { return Ok(false) };
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(source).with_context(|| format!("no program in {}", source.display()))? {
        newest = newest.max(entry?.metadata()?.modified()?);
    }
    Ok(made > newest)
}
