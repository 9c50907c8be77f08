//! Maps that were checked for damage.

use serde::Serialize;

use crate::Report;
use crate::finding::{self, FindingLine};
use crate::palette::{Palette, paint};
use crate::words::{Subject, entries};

/// One map that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedMap {
    /// The map.
    pub map: Subject,
    /// How many entries its header promises.
    pub len: u64,
    /// How many there are.
    pub entries: u64,
    /// What contradicts itself in it.
    pub findings: Vec<FindingLine>,
    /// How many findings there are beyond those.
    pub more_findings: u64,
    /// Whether the program wrote the map while it was read.
    pub written_meanwhile: bool,
    /// Why its keys were not held against their hashes.
    pub why_not_hashed: Option<String>,
    /// Why it could not be checked at all.
    pub error: Option<String>,
}

impl CheckedMap {
    /// Whether it is damaged, or might be.
    #[must_use]
    pub fn is_alarming(&self) -> bool {
        self.written_meanwhile || !self.findings.is_empty()
    }

    fn text(&self, palette: &Palette) -> String {
        let Subject { expression, type_name, address, .. } = &self.map;
        let verdict = match (&self.error, self.is_alarming()) {
            (Some(error), _) => format!("not checked: {error}"),
            (None, _) if *address == 0 => "nil".to_owned(),
            (None, true) if self.written_meanwhile => "cannot be judged".to_owned(),
            (None, true) => format!("{}, header says {}", entries(self.entries), self.len),
            (None, false) => format!("{}, sound", entries(self.entries)),
        };
        let mut text =
            format!("{}: {verdict}\n", paint(palette.heading, &format!("{expression}: {type_name} at {address:#x}")));
        if let Some(why) = &self.why_not_hashed {
            let remark = format!("  keys were not held against their hashes: {why}");
            text.push_str(&format!("{}\n", paint(palette.faint, &remark)));
        }
        let findings = finding::lines(&self.findings, self.more_findings, self.written_meanwhile, *address, palette);
        for line in findings.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        text
    }
}

/// All maps that were checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Each of them.
    pub maps: Vec<CheckedMap>,
    /// Whether the user ended it before all were checked.
    pub interrupted: bool,
}

/// A line for each map, its findings below it; sound ones are only counted where there are several.
impl Report for CheckReport {
    const SCHEMA: &'static str = "redhanded.check/1";

    fn text(&self, palette: &Palette) -> String {
        if let [only] = self.maps.as_slice() {
            return only.text(palette);
        }
        let worth_a_line = |map: &&CheckedMap| map.is_alarming() || map.error.is_some();
        let mut text: String = self.maps.iter().filter(worth_a_line).map(|map| map.text(palette)).collect();
        let sum: u64 = self.maps.iter().map(|map| map.entries).sum();
        let damaged = self.maps.iter().filter(|map| map.is_alarming()).count();
        let unchecked = self.maps.iter().filter(|map| map.error.is_some()).count();
        text.push_str(&format!(
            "{} maps with {} checked, {damaged} with findings",
            self.maps.len() - unchecked,
            entries(sum)
        ));
        if unchecked > 0 {
            text.push_str(&format!(", {unchecked} not checked"));
        }
        text.push_str(if self.interrupted { "; interrupted\n" } else { "\n" });
        text
    }
}
