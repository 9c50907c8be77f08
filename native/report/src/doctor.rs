//! What a machine allows.

use serde::Serialize;

use crate::Report;
use crate::palette::{Palette, paint};

/// One thing that commands need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// What for, in a few words: `read a process`.
    pub name: &'static str,
    /// Which commands need it.
    pub needed_by: &'static str,
    /// Whether it is there; `None` where that depends, or is only good to know.
    pub ok: Option<bool>,
    /// How it stands.
    pub finding: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// All that was examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// Whether nothing is missing.
    pub ok: bool,
    /// Each thing.
    pub examined: Vec<Examined>,
}

impl DoctorReport {
    /// The report of these.
    #[must_use]
    pub fn new(examined: Vec<Examined>) -> Self {
        DoctorReport { ok: examined.iter().all(|one| one.ok != Some(false)), examined }
    }
}

/// `yes  read a process (print, get, …): as root`, a line each, the remedy below it.
impl Report for DoctorReport {
    const SCHEMA: &'static str = "redhanded.doctor/1";

    fn text(&self, palette: &Palette) -> String {
        let mut text = String::new();
        for Examined { name, needed_by, ok, finding, remedy } in &self.examined {
            let mark = match ok {
                Some(true) => "yes  ".to_owned(),
                Some(false) => paint(palette.alarm, "NO   "),
                None => paint(palette.faint, "note "),
            };
            text.push_str(&format!("{mark}{} ({needed_by}): {finding}\n", paint(palette.heading, name)));
            if let Some(remedy) = remedy {
                text.push_str(&format!("     → {remedy}\n"));
            }
        }
        text
    }
}
