//! The commands inside gdb.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::corpus::Answer;
use crate::process::Corpus;

/// A gdb.
pub(crate) struct Gdb {
    /// "gdb 13".
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

/// The ones that are tested.
pub(crate) fn gdbs() -> Vec<Gdb> {
    let gdb = |name, variable: &str| Gdb { name, path: file(variable) };
    vec![gdb("gdb 13", "REDHANDED_GDB13"), gdb("gdb 18", "REDHANDED_GDB18")]
}

fn file(variable: &str) -> PathBuf {
    let file = std::env::var_os(variable).map(PathBuf::from).filter(|file| file.is_file());
    file.unwrap_or_else(|| panic!("{variable} names no file: run the tests with `cargo xtask test`"))
}

impl Gdb {
    /// Runs commands on a process, or on its core, in one gdb; gives what each has answered.
    pub(crate) fn run(&self, corpus: &Corpus, core: Option<&Path>, commands: &[String]) -> Vec<Answer> {
        const MARK: &str = "#REDHANDED#";
        let mut script = String::new();
        for command in commands {
            // An error of one command doesn't end the script. What gdb prints belongs to the command before.
            let _ = writeln!(script, "echo \\n{MARK}\\n\npython\ntry:\n  gdb.execute({command:?})");
            let _ = writeln!(script, "except gdb.error as error:\n  print(error)\nend");
        }
        // What gdb says as it ends is no answer.
        let _ = writeln!(script, "echo \\n{MARK}\\n");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("commands");
        std::fs::write(&file, script).unwrap();
        let mut gdb = Command::new(&self.path);
        gdb.args(["-nx", "-q", "-batch", "-iex", "set auto-load off", "-iex", "set print thread-events off"]);
        match core {
            Some(core) => gdb.arg(&corpus.program).arg(core),
            None => gdb.args(["-p", &corpus.pid().to_string()]),
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let done = gdb
            .args(["-ex", "source gdb-plugin/redhanded.py", "-x"])
            .arg(&file)
            .current_dir(root)
            .env("REDHANDED_NATIVE", self::file("REDHANDED_NATIVE"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&done.stdout).into_owned();
        let error = String::from_utf8_lossy(&done.stderr).into_owned();
        let mut answers: Vec<Answer> = output
            .split(&format!("\n{MARK}\n"))
            .skip(1)
            .map(|text| Answer {
                lines: text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
                status: None,
                error: String::new(),
            })
            .collect();
        answers.truncate(commands.len());
        assert_eq!(answers.len(), commands.len(), "{}: {output} {error}", self.name);
        answers
    }
}
