//! Findings: what in a map contradicts itself.

use gomap::{Finding, Verdict};
use serde::Serialize;

use crate::palette::{Palette, paint};

/// Something in the map that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingLine {
    /// `damaged`, `being_written` or `unmarked`: see [`gomap::Verdict`].
    pub verdict: &'static str,
    /// Go's name of the field that shows it.
    pub field: &'static str,
    /// The field's value; that of a signed field as two's complement.
    #[serde(serialize_with = "crate::words::hex")]
    pub value: u64,
    /// Address of what is wrong: of the header, table, bucket, group or slot that holds the field.
    #[serde(serialize_with = "crate::words::hex")]
    pub address: u64,
    /// What contradicts what.
    pub why: String,
    /// All of that in one line.
    pub text: String,
}

impl FindingLine {
    /// The lines of findings. Of a map that was `written` while it was read, none proves damage.
    #[must_use]
    pub fn all(findings: &[Finding], written: bool) -> Vec<FindingLine> {
        let line = |finding: &Finding| match FindingLine::from(finding) {
            line if written => FindingLine { verdict: "being_written", ..line },
            line => line,
        };
        findings.iter().map(line).collect()
    }
}

impl From<&Finding> for FindingLine {
    fn from(finding: &Finding) -> Self {
        FindingLine {
            verdict: match finding.verdict {
                Verdict::Damaged => "damaged",
                Verdict::BeingWritten => "being_written",
                Verdict::Unmarked => "unmarked",
            },
            field: finding.field,
            value: finding.value,
            address: finding.address,
            why: finding.why.clone(),
            text: finding.to_string(),
        }
    }
}

/// `DAMAGED: dirLen = 3: not a power of two`, with its address unless that is `known`, that of the header.
pub(crate) fn line(finding: &FindingLine, known: u64, palette: &Palette) -> String {
    let (style, label) = match finding.verdict {
        "damaged" => (palette.alarm, "DAMAGED"),
        "being_written" => (palette.flag, "BEING WRITTEN"),
        _ => (palette.alarm, "DAMAGED, OR WRITTEN UNMARKED"),
    };
    let place = if finding.address == known { String::new() } else { format!(" (at {:#x})", finding.address) };
    format!("{}: {}{place}\n", paint(style, label), finding.text)
}

/// Of a map that was written while it was read, so many findings are shown: there may be thousands, all of one kind.
const SOME: usize = 3;

/// The lines of all findings, and how many there are `more`. Of a map that was `written` meanwhile, only some.
pub(crate) fn lines(findings: &[FindingLine], more: u64, written: bool, known: u64, palette: &Palette) -> String {
    let shown = if written { SOME.min(findings.len()) } else { findings.len() };
    let more = more + (findings.len() - shown) as u64;
    let mut text: String = findings.iter().take(shown).map(|finding| line(finding, known, palette)).collect();
    if more > 0 {
        text.push_str(&format!("… and {more} more findings\n"));
    }
    if written {
        let label = paint(palette.flag, "WRITTEN MEANWHILE");
        text.push_str(&format!(
            "{label}: the program changed the map while it was read, so this may be inexact; --stop stops it for the read\n"
        ));
    }
    text
}
