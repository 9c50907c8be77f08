//! One key that was looked up in a map.

use serde::Serialize;

use crate::Report;
use crate::finding::{self, FindingLine};
use crate::palette::{Palette, paint};
use crate::value::Rendered;
use crate::words::{Subject, entries};

/// What a look-up has found.
#[derive(Debug, Clone, Serialize)]
pub struct LookupReport {
    /// The map.
    pub map: Subject,
    /// How many entries its header promises.
    #[serde(skip)]
    pub len: u64,
    /// The key: as it lies in the map where it was found, else as it was asked for.
    pub key: Rendered,
    /// Whether the map has it.
    pub found: bool,
    /// Its elem.
    pub elem: Option<Rendered>,
    /// Whether only those buckets or groups were read where the key's hash says it can be.
    pub by_hash: bool,
    /// Why all entries were searched, where they were.
    pub why_scanned: Option<String>,
    /// Bytes of the map that were read.
    pub bytes_read: u64,
    /// What contradicts itself on the way to the key.
    pub findings: Vec<FindingLine>,
    /// Whether the program wrote the map meanwhile.
    pub written_meanwhile: bool,
}

/// `main.users["alice"] = {Age: 30}`, and what is to be said of it.
impl Report for LookupReport {
    const SCHEMA: &'static str = "redhanded.get/1";

    fn text(&self, palette: &Palette) -> String {
        let place = format!("{}[{}]", self.map.expression, self.key.text);
        let mut text = match &self.elem {
            Some(elem) => format!("{} = {}\n", paint(palette.heading, &place), elem.text),
            None => format!("{}: no such key among {}\n", paint(palette.heading, &place), entries(self.len)),
        };
        if let Some(why) = &self.why_scanned {
            text.push_str(&format!("{}\n", paint(palette.faint, &format!("all entries were searched: {why}"))));
        }
        text.push_str(&finding::lines(&self.findings, 0, self.written_meanwhile, self.map.address, palette));
        text
    }
}
