//! Facts and overlaps in, text and JSON out.
//!
//! Each module holds the plain data of one report. [`Report::text`] lays it out for a person,
//! [`Report::json`] gives one object with the name and version of its schema. Nothing here reads,
//! prints or decides about colour: a [`Palette`] says whether there is any.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod access;
mod autopsy;
mod check;
mod culprit;
mod doctor;
mod entries;
pub mod facts;
mod fatal;
mod finding;
mod frame;
mod goroutines;
mod header;
mod locals;
mod lookup;
mod maps;
mod palette;
mod race;
mod stakeout;
mod threads;
pub mod timeline;
pub mod value;
pub mod variable;
mod watch;
mod words;

pub use access::{AccessLine, FlagByte, ForeignLine, Step};
pub use autopsy::{AutopsyReport, EndLine, EvidenceLine, PlaceLine, PlaceList, SuspectLine, SuspectList};
pub use check::{CheckReport, CheckedMap};
pub use culprit::{Certainty, CulpritReport, UseLine, UserLine, UserList};
pub use doctor::{DoctorReport, Examined};
pub use entries::{Columns, EntryFormat, PrintSummary};
pub use fatal::{FatalMap, FatalReport, Party};
pub use finding::FindingLine;
pub use frame::Frame;
pub use goroutines::{GoroutineLine, GoroutineList};
pub use header::{FieldRow, GrowthState, HeaderReport, ShapeState, TableCount};
pub use locals::{LocalLine, LocalsReport, ValueReport};
pub use lookup::LookupReport;
pub use maps::{MapLine, MapList};
pub use palette::Palette;
pub use race::{AccessKind, Culprit, RaceReport};
pub use stakeout::{StakeoutOutcome, StakeoutSummary};
pub use threads::{Doing, Runs, ThreadLine, ThreadTable};
pub use variable::{LostUpdateReport, MovedLine, VarAction, VarBy, VarCulprit, VarLine, VarRaceReport, VarValue};
pub use watch::{LossLine, Outcome, WatchSummary};
pub use words::Subject;

use serde::Serialize;

/// What can be shown to a person and to a program.
pub trait Report: Serialize {
    /// Name and version of the JSON's schema, `redhanded.race/1`.
    const SCHEMA: &'static str;

    /// The report as lines for a terminal, each ended by a line feed.
    fn text(&self, palette: &Palette) -> String;

    /// The report as one JSON object on one line, without a line feed. Addresses are strings in
    /// hex, since a JSON number need not hold 64 bits.
    ///
    /// # Errors
    ///
    /// What serde_json reports, which none of this crate's reports gives cause for.
    fn json(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct WithSchema<'a, T: Serialize + ?Sized> {
            schema: &'static str,
            #[serde(flatten)]
            report: &'a T,
        }
        serde_json::to_string(&WithSchema { schema: Self::SCHEMA, report: self })
    }
}
