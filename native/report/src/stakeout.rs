//! How a stakeout in a debugger ended.

use serde::Serialize;

use crate::Report;
use crate::culprit::Certainty;
use crate::palette::{Palette, paint};

/// Why a stakeout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StakeoutOutcome {
    /// Somebody was caught who was about to end the process because of a map.
    Caught,
    /// Its time was up.
    Time,
    /// A person interrupted it.
    Interrupted,
    /// The process stopped for another reason: a breakpoint, a signal.
    Stopped,
    /// The process ended.
    Exited,
}

/// What a stakeout has come to, once it ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StakeoutSummary {
    /// Why it ended.
    pub outcome: StakeoutOutcome,
    /// How sure it is who the other culprit is; `None` where nothing tells.
    pub certainty: Option<Certainty>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What else there is to say, a line each.
    pub notes: Vec<String>,
}

impl Report for StakeoutSummary {
    const SCHEMA: &'static str = "redhanded.stakeout/1";

    fn text(&self, palette: &Palette) -> String {
        let ended = match (self.outcome, self.certainty) {
            (StakeoutOutcome::Caught, Some(Certainty::Proven)) => "both culprits caught",
            (StakeoutOutcome::Caught, Some(Certainty::Likely)) => "one culprit caught, and most likely the other",
            (StakeoutOutcome::Caught, Some(Certainty::Possible)) => "one culprit caught, and a suspect",
            (StakeoutOutcome::Caught, None) => "one culprit caught; nothing tells who the other is",
            (StakeoutOutcome::Time, _) => "nobody caught; time is up",
            (StakeoutOutcome::Interrupted, _) => "nobody caught; interrupted",
            (StakeoutOutcome::Stopped, _) => "nobody caught; the process stopped for another reason",
            (StakeoutOutcome::Exited, _) => "nobody caught; the process ended",
        };
        let mut text = format!("Waited for {:.1} s: {ended}.\n", self.seconds);
        for note in &self.notes {
            text.push_str(&paint(palette.heading, note));
            text.push('\n');
        }
        text
    }
}
