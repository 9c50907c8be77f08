//! What is to be said of a map when its entries have been printed.

use serde::Serialize;

use crate::Report;
use crate::finding::{self, FindingLine};
use crate::palette::{Palette, paint};
use crate::words::{Subject, entries};

/// What has become of printing a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrintSummary {
    /// The map.
    pub map: Subject,
    /// How many entries its header promises.
    pub len: u64,
    /// How many entries are shown, or with `--count` would be.
    pub entries: u64,
    /// What contradicts itself in it.
    pub findings: Vec<FindingLine>,
    /// How many findings there are beyond those.
    pub more_findings: u64,
    /// Whether the program wrote the map while it was read.
    pub written_meanwhile: bool,
    /// Entries whose condition could not be tested, since it leads to memory that cannot be read.
    pub untested: u64,
    /// Whether there may be more entries than are shown, because as many as were asked for are.
    pub limited: bool,
    /// Whether the user ended it before all entries were read.
    pub interrupted: bool,
    /// Why a key was looked for in all entries.
    pub why_scanned: Option<String>,
    /// What contradicts itself in a sync.Map, which has no header to show it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// Whether only some entries were asked for.
    #[serde(skip)]
    pub chosen: bool,
    /// How many entries were held in memory, to sort them.
    #[serde(skip)]
    pub sorted: Option<u64>,
}

impl PrintSummary {
    /// Of a map with nothing in it, and nothing wrong with it.
    #[must_use]
    pub fn new(map: Subject) -> Self {
        PrintSummary {
            map,
            len: 0,
            entries: 0,
            findings: Vec::new(),
            more_findings: 0,
            written_meanwhile: false,
            untested: 0,
            limited: false,
            interrupted: false,
            why_scanned: None,
            doubts: Vec::new(),
            chosen: false,
            sorted: None,
        }
    }

    /// Whether there is damage, or the answer may be inexact.
    #[must_use]
    pub fn is_alarming(&self) -> bool {
        let is_damaged = !self.findings.is_empty() || !self.doubts.is_empty();
        is_damaged || self.written_meanwhile || self.untested > 0 || self.interrupted
    }

    /// Damage, and whatever makes the answer inexact.
    #[must_use]
    pub fn alarms(&self, palette: &Palette) -> String {
        let Subject { address, .. } = self.map;
        let mut text = finding::lines(&self.findings, self.more_findings, self.written_meanwhile, address, palette);
        for doubt in &self.doubts {
            text.push_str(&format!("{}: {doubt}\n", paint(palette.alarm, "DAMAGED")));
        }
        if self.untested > 0 {
            let label = paint(palette.flag, "UNREADABLE");
            let untested = entries(self.untested);
            text.push_str(&format!(
                "{label}: {untested} left out, whose condition leads to memory that is not there\n"
            ));
        }
        if self.interrupted {
            let label = paint(palette.flag, "INTERRUPTED");
            text.push_str(&format!("{label}: after {} entries were shown\n", self.entries));
        }
        text
    }
}

/// What a person should know beside the entries; nothing where all entries are shown and all is well.
impl Report for PrintSummary {
    const SCHEMA: &'static str = "redhanded.print/1";

    fn text(&self, palette: &Palette) -> String {
        let mut remarks = Vec::new();
        if self.chosen || self.limited {
            let more = if self.limited { " (there may be more: --limit)" } else { "" };
            remarks.push(format!("{} of {} shown{more}", self.entries, entries(self.len)));
        }
        remarks.extend(self.sorted.map(|count| format!("{} sorted in memory", entries(count))));
        remarks.extend(self.why_scanned.as_ref().map(|why| format!("all entries were searched: {why}")));
        let mut text = String::new();
        if !remarks.is_empty() {
            text.push_str(&paint(palette.faint, &remarks.join("; ")));
            text.push('\n');
        }
        text.push_str(&self.alarms(palette));
        text
    }
}
