//! The sample programs, built with each Go version.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use crate::go::Toolchains;
use crate::{ground, programs};

/// The samples, each a folder under samples/.
pub(crate) const NAMES: [&str; 6] = ["clobber", "read-write", "iterate-write", "locked", "counter", "lost-update"];

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
            let program = programs::built("samples", "samples", name, version, go)?;
            built.0.entry((*name).to_owned()).or_default().insert(version.clone(), program);
        }
    }
    Ok(built)
}

/// The folder of a sample.
pub(crate) fn folder(name: &str) -> PathBuf {
    ground::root().join("samples").join(name)
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
