//! The list of map variables.

use serde::Serialize;

use crate::Report;
use crate::finding::FindingLine;
use crate::palette::{Palette, paint};
use crate::words::{columns, entries, hex};

/// A package variable that is a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapLine {
    /// Its name.
    pub name: String,
    /// Its Go type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Address of its header; 0 of a nil map.
    #[serde(serialize_with = "hex")]
    pub address: u64,
    /// How many entries its header promises.
    pub len: u64,
    /// What hangs below the header: `8 buckets`, `small map: one group`, `nil`.
    pub shape: String,
    /// Whether it is being written right now.
    pub writing: bool,
    /// How many things in its header and tables contradict themselves.
    pub findings: u64,
    /// The first of them.
    #[serde(skip)]
    pub first_finding: Option<FindingLine>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MapList {
    /// In the order in which they are shown.
    #[serde(skip)]
    pub lines: Vec<MapLine>,
    /// How many there are.
    pub maps: u64,
    /// How many of them are nil.
    pub nil: u64,
    /// How many entries their headers promise together.
    pub entries: u64,
    /// How many are being written.
    pub writing: u64,
    /// How many have findings.
    pub with_findings: u64,
}

impl MapList {
    /// The list of these.
    #[must_use]
    pub fn new(lines: Vec<MapLine>) -> Self {
        let count = |is: &dyn Fn(&MapLine) -> bool| lines.iter().filter(|line| is(line)).count() as u64;
        MapList {
            maps: lines.len() as u64,
            nil: count(&|line| line.address == 0 && line.error.is_none()),
            entries: lines.iter().map(|line| line.len).fold(0, u64::saturating_add),
            writing: count(&|line| line.writing),
            with_findings: count(&|line| line.findings > 0),
            lines,
        }
    }

    /// One JSON object a line for each map, and a last one with the sums, each ended by a line feed.
    ///
    /// # Errors
    /// As [`Report::json`].
    pub fn json_lines(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        text.push_str(&self.json()?);
        text.push('\n');
        Ok(text)
    }
}

/// `main.shared  map[int]int  0xc000012180  12 entries  2 buckets  being written`, one line each.
impl Report for MapList {
    const SCHEMA: &'static str = "redhanded.maps/1";

    fn text(&self, palette: &Palette) -> String {
        let rows: Vec<Vec<String>> = self.lines.iter().map(|line| line.row(palette)).collect();
        columns("", &rows)
    }
}

impl MapLine {
    fn row(&self, palette: &Palette) -> Vec<String> {
        let mut cells = vec![self.name.clone(), self.type_name.clone()];
        if let Some(error) = &self.error {
            // Last in its row, for the colour.
            cells.extend([String::new(), String::new(), String::new()]);
            cells.push(paint(palette.alarm, &format!("not readable: {error}")));
            return cells;
        }
        if self.address == 0 {
            cells.push("nil".to_owned());
            return cells;
        }
        cells.extend([format!("{:#x}", self.address), entries(self.len), self.shape.clone()]);
        let mut remarks = Vec::new();
        if self.writing {
            remarks.push(paint(palette.flag, "being written"));
        }
        remarks.extend(self.first_finding.as_ref().map(|finding| {
            let more = if self.findings > 1 { format!(" (and {} more)", self.findings - 1) } else { String::new() };
            format!("{}: {}{more}", paint(palette.alarm, &finding.verdict.replace('_', " ")), finding.text)
        }));
        cells.push(remarks.join("; "));
        cells
    }
}
