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
    /// Traps on the flag byte.
    pub accesses: u64,
    /// Overlaps.
    pub overlaps: u64,
    /// How many of them the process outlived because one goroutine was kept waiting.
    pub rescued: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What else there is to say, a line each.
    pub notes: Vec<String>,
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
        let plural = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
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
        for note in &self.notes {
            text.push_str(&paint(palette.heading, note));
            text.push('\n');
        }
        text
    }
}
