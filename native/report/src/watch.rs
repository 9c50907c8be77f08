//! How a watch ended.

use serde::Serialize;

use crate::Report;
use crate::palette::{Palette, paint};

/// Why a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Both culprits of an overlap were caught.
    Overlap,
    /// Its time was up.
    Time,
    /// As many accesses as wanted were seen.
    Count,
    /// A person interrupted it.
    Interrupted,
    /// The process stopped for another reason: a breakpoint, a signal.
    Stopped,
    /// The process ended.
    Exited,
}

/// What a watch has seen, once it ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchSummary {
    /// Why it ended.
    pub outcome: Outcome,
    /// Accesses to the map: traps on the flag byte, but for the first halves of changes.
    pub accesses: u64,
    /// Traps that stopped a thread, at the flag byte or on its way to end the process.
    pub traps: u64,
    /// Overlaps.
    pub overlaps: u64,
    /// How many of them the process outlived because one goroutine was kept waiting.
    pub rescued: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// For how much of that a thread was held, in seconds.
    pub held_seconds: f64,
    /// Traps that were not recorded: what they saw is missing.
    pub lost: u64,
    /// Lines that were not shown, because whoever reads them was too slow.
    pub unshown: u64,
    /// What else there is to say, a line each.
    pub notes: Vec<String>,
}

/// Traps that were not recorded, where that was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LossLine {
    /// How many.
    pub lost: u64,
}

impl Report for LossLine {
    const SCHEMA: &'static str = "redhanded.lost/1";

    fn text(&self, palette: &Palette) -> String {
        format!("{}\n", paint(palette.alarm, &format!("{} lost here", plural(self.lost, "trap", "traps"))))
    }
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl WatchSummary {
    /// From one trap to the next on average, beside the holds. Where the map is busy, that is what a trap costs.
    fn milliseconds_a_trap(&self) -> Option<f64> {
        (self.traps > 0).then(|| (self.seconds - self.held_seconds) * 1e3 / self.traps as f64)
    }
}

impl Report for WatchSummary {
    const SCHEMA: &'static str = "redhanded.watch/1";

    fn text(&self, palette: &Palette) -> String {
        let ended = match self.outcome {
            Outcome::Overlap => "both culprits caught",
            Outcome::Time => "time is up",
            Outcome::Count => "count reached",
            Outcome::Interrupted => "interrupted",
            Outcome::Stopped => "the process stopped for another reason",
            Outcome::Exited => "the process ended",
        };
        let mut text = format!(
            "Watched for {:.1} s: {}, {}",
            self.seconds,
            plural(self.accesses, "access", "accesses"),
            plural(self.overlaps, "overlap", "overlaps"),
        );
        if self.rescued > 0 {
            text.push_str(&format!(", {} outlived", self.rescued));
        }
        text.push_str(&format!("; {ended}.\n"));
        if let Some(each) = self.milliseconds_a_trap() {
            let traps = plural(self.traps, "trap", "traps");
            let each = if each < 0.1 { format!("{:.0} µs", each * 1e3) } else { format!("{each:.2} ms") };
            text.push_str(&format!("{traps}, one every {each} beside the holds.\n"));
        }
        if self.lost > 0 {
            let lost = plural(self.lost, "trap was", "traps were");
            text.push_str(&paint(palette.heading, &format!("{lost} lost: what they saw is missing here.")));
            text.push('\n');
        }
        if self.unshown > 0 {
            let unshown = plural(self.unshown, "line was", "lines were");
            let why = "they were read too slowly; write them to a file, or filter them.";
            text.push_str(&paint(palette.heading, &format!("{unshown} not shown: {why}")));
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&paint(palette.heading, note));
            text.push('\n');
        }
        text
    }
}
