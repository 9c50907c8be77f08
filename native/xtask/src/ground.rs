//! Where things are: the clone, its target folder, the cache; and locks between concurrent runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// The top of the clone.
pub(crate) fn root() -> PathBuf {
    // Cargo's variable at run time first: the clone may have been moved since the build.
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.ancestors().nth(2).map_or(package.clone(), Path::to_path_buf)
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// What the chores make and may be thrown away with `target/`.
pub(crate) fn ours() -> Result<PathBuf> {
    made(root().join("target/redhanded"))
}

/// What the chores download: kept, and shared between clones.
pub(crate) fn cache() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("REDHANDED_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("redhanded")))
        .or_else(|| Some(variable("HOME")?.join(".cache/redhanded")))
        .ok_or_else(|| anyhow!("no folder for downloads: set REDHANDED_CACHE (or HOME)"))?;
    made(std::path::absolute(folder)?)
}

/// The folder, made if it was missing.
pub(crate) fn made(folder: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
    Ok(folder)
}

/// Keeps other runs out until it is dropped; also released by the kernel if this process dies.
pub(crate) fn lock(path: &Path) -> Result<Flock<File>> {
    let open = || File::create(path).with_context(|| format!("can't write {}", path.display()));
    match Flock::lock(open()?, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((_, Errno::EWOULDBLOCK)) => {
            eprintln!("waiting for another run that holds {}", path.display());
            Flock::lock(open()?, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
        }
        Err((_, error)) => Err(error).with_context(|| format!("can't lock {}", path.display())),
    }
}

/// Writes a file as a whole or not at all.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    fs::write(&draft, text).with_context(|| format!("can't write {}", draft.display()))?;
    fs::rename(&draft, path).with_context(|| format!("can't write {}", path.display()))
}
