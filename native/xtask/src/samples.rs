//! The sample programs, built with each Go version.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};

use crate::go::{self, Toolchains};
use crate::{ground, run};

/// The samples, each a folder under samples/.
pub(crate) const NAMES: [&str; 4] = ["clobber", "read-write", "iterate-write", "locked"];

/// The built samples: name, then Go version, to program.
#[derive(Default)]
pub(crate) struct Built(BTreeMap<String, BTreeMap<String, PathBuf>>);

impl Built {
    pub(crate) fn get(&self, name: &str, version: &str) -> Result<&Path> {
        let found = self.0.get(name).and_then(|versions| versions.get(version));
        found.map(PathBuf::as_path).ok_or_else(|| anyhow!("{name} was not built with Go {version}"))
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.values().flat_map(BTreeMap::values).map(PathBuf::as_path)
    }
}

/// Builds every sample with every toolchain.
pub(crate) fn build_all(toolchains: &Toolchains) -> Result<Built> {
    build(&NAMES, toolchains)
}

/// Builds samples with every toolchain.
pub(crate) fn build(names: &[&str], toolchains: &Toolchains) -> Result<Built> {
    let mut built = Built::default();
    for (version, go) in toolchains {
        for name in names {
            let program =
                one(name, version, go).with_context(|| format!("can't build samples/{name} with Go {version}"))?;
            built.0.entry((*name).to_owned()).or_default().insert(version.clone(), program);
        }
    }
    Ok(built)
}

/// The folder of a sample.
pub(crate) fn folder(name: &str) -> PathBuf {
    ground::root().join("samples").join(name)
}

fn one(name: &str, version: &str, go: &Path) -> Result<PathBuf> {
    let source = folder(name);
    let place = ground::made(ground::ours()?.join("samples").join(version))?;
    let program = place.join(name);
    if !is_newer(&program, &source)? {
        eprintln!("building samples/{name} with Go {version}");
        // Another run may be executing the old one, or building it, too.
        let draft = place.join(format!("{name}.draft-{}", std::process::id()));
        run::visibly(go::offline(go)?.current_dir(&source).args(["build", "-o"]).arg(&draft).arg("."))?;
        fs::rename(&draft, &program)?;
    }
    Ok(program)
}

/// Whether the program is younger than all of its sources.
fn is_newer(program: &Path, source: &Path) -> Result<bool> {
    let Ok(made) = fs::metadata(program).and_then(|data| data.modified()) else { return Ok(false) };
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(source).with_context(|| format!("no sample in {}", source.display()))? {
        newest = newest.max(entry?.metadata()?.modified()?);
    }
    Ok(made > newest)
}

/// The line of a sample's main.go that has the marker comment.
pub(crate) fn marked_line(name: &str, marker: &str) -> Result<usize> {
    let path = folder(name).join("main.go");
    let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let found = text.lines().position(|line| line.ends_with(&format!("// {marker}")));
    found.map(|index| index + 1).ok_or_else(|| anyhow!("no line of {} ends with \"// {marker}\"", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_has_the_same_life() {
        let life = |name: &str| fs::read_to_string(folder(name).join("life.go")).unwrap();
        for name in NAMES {
            assert_eq!(life(name), life("clobber"), "samples/{name}/life.go");
        }
    }

    #[test]
    fn the_writes_of_clobber_are_marked() {
        let (a, b) =
            (marked_line("clobber", "writer A's write").unwrap(), marked_line("clobber", "writer B's write").unwrap());
        assert!(a < b);
        assert!(marked_line("clobber", "nobody's write").is_err());
    }
}
