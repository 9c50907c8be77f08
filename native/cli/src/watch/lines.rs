//! The lines of a watch, as they come.

use std::io::{self, Write};

use report::{AccessLine, ForeignLine, Palette, RaceReport, Report, WatchSummary};

use crate::error::Error;

/// Shows what a watch sees: on stdout, as text or as JSON.
pub(crate) struct Lines {
    json: bool,
    palette: Palette,
}

impl Lines {
    /// Lines in this form.
    pub(crate) fn new(json: bool, palette: Palette) -> Self {
        Lines { json, palette }
    }

    /// An access.
    pub(crate) fn access(&mut self, line: &AccessLine) -> Result<(), Error> {
        self.write(line)
    }

    /// What touched the byte and is no map function.
    pub(crate) fn foreign(&mut self, line: &ForeignLine) -> Result<(), Error> {
        self.write(line)
    }

    /// A race.
    pub(crate) fn race(&mut self, report: &RaceReport) -> Result<(), Error> {
        self.write(report)
    }

    /// The end.
    pub(crate) fn summary(&mut self, summary: &WatchSummary) -> Result<(), Error> {
        self.write(summary)
    }

    fn write(&mut self, report: &impl Report) -> Result<(), Error> {
        let text = match self.json {
            true => format!("{}\n", report.json().map_err(io::Error::from)?),
            false => report.text(&self.palette),
        };
        Ok(io::stdout().write_all(text.as_bytes())?)
    }
}
