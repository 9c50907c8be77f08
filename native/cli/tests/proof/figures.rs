//! What a test has counted, for `cargo xtask matrix` to put into a table, and what was wrong.

use std::fs::OpenOptions;
use std::io::Write;

use serde_json::Value;

/// Writes down figures: a line of JSON at the end of the file that `REDHANDED_FIGURES` names, if any.
pub(crate) fn note(figures: &Value) {
    eprintln!("{figures}");
    if let Some(path) = std::env::var_os("REDHANDED_FIGURES") {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{figures}\n").as_bytes()).unwrap();
    }
}

/// What was wrong with some of many things that are all to be tried.
#[derive(Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    /// Adds what was wrong with one of them; shows no more than a person reads.
    pub(crate) fn add(&mut self, of: &str, problems: &[String]) {
        const SHOWN: usize = 30;
        if !problems.is_empty() {
            let shown: Vec<&str> = problems.iter().take(SHOWN).map(String::as_str).collect();
            self.0.push(format!("{of}: {} wrong:\n  {}", problems.len(), shown.join("\n  ")));
        }
    }

    /// Panics if anything was wrong.
    pub(crate) fn settle(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}
