//! A Python environment of our own, in the cache: nothing goes into the user's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{ground, run, system};

/// A package and its version, as on the package index.
pub(crate) type Package = (&'static str, &'static str);

/// Checks and formats Python.
pub(crate) const RUFF: Package = ("ruff", "0.17.6");
/// Runs the plugins' tests.
pub(crate) const PYTEST: Package = ("pytest", "9.2.0");
/// A newer gdb than Debian's.
pub(crate) const GDB: Package = ("gdb-for-pwndbg", "18.1.0.post1");
/// A newer lldb than Debian's.
pub(crate) const LLDB: Package = ("lldb-for-pwndbg", "23.1.0.post2");
/// All of them.
pub(crate) const TOOLS: [Package; 4] = [RUFF, PYTEST, GDB, LLDB];

/// The environment.
pub(crate) struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// Opens the environment, made if it is missing, half made, or its Python is gone.
    pub(crate) fn open() -> Result<Self> {
        let folder = ground::cache()?.join("venv");
        let venv = Venv { folder };
        let _lock = ground::lock(&venv.folder.with_extension("lock"))?;
        if !venv.is_whole() {
            eprintln!("making a Python environment in {}", venv.folder.display());
            run::visibly(Command::new(base()?).args(["-m", "venv", "--clear"]).arg(&venv.folder))?;
            ground::write(&venv.stamp(), "")?;
        }
        Ok(venv)
    }

    /// Installs the packages that are missing, in these very versions.
    pub(crate) fn install(&self, packages: &[Package]) -> Result<()> {
        let _lock = ground::lock(&self.folder.with_extension("lock"))?;
        let mut installed = fs::read_to_string(self.stamp())?;
        for (name, version) in packages {
            let requirement = format!("{name}=={version}");
            if !installed.lines().any(|line| line == requirement) {
                eprintln!("installing {requirement} in {}", self.folder.display());
                run::visibly(self.pip().args(["install", "--quiet", "--no-cache-dir", &requirement]))?;
                installed = format!("{installed}{requirement}\n");
                ground::write(&self.stamp(), &installed)?;
            }
        }
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// pip, with what would be noise here turned off.
    pub(crate) fn pip(&self) -> Command {
        let mut pip = Command::new(self.program("python"));
        pip.args(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
        pip
    }

    /// The file that lists what is installed; written last, so that its absence means half made.
    fn stamp(&self) -> PathBuf {
        self.folder.join("redhanded.txt")
    }

    fn is_whole(&self) -> bool {
        self.stamp().is_file() && system::succeeds(self.pip().arg("--version"))
    }
}

/// A Python 3 that can make environments. Debian's first: it has the shared library that gdb-for-pwndbg loads.
fn base() -> Result<PathBuf> {
    let usual = PathBuf::from("/usr/bin/python3");
    let able = |python: &PathBuf| {
        python.is_file() && system::succeeds(Command::new(python).args(["-c", "import ensurepip, venv"]))
    };
    match std::iter::once(usual.clone()).chain(system::on_path("python3")).find(able) {
        Some(python) => Ok(python),
        None => {
            system::install("Python's venv", &["python3-venv"])?;
            Ok(usual)
        }
    }
}
