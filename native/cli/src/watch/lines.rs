//! The lines of a watch, as they come.

use std::io::{self, Write};

use report::{AccessLine, ForeignLine, Palette, RaceReport, Report, WatchSummary};

use super::files::Files;
use super::queue::Queue;
use crate::error::Error;

/// Shows what a watch sees: on stdout, as text or as JSON, and in files.
pub(crate) struct Lines {
    json: bool,
    palette: Palette,
    files: Files,
    /// `None` to write to stdout at once.
    queue: Option<Queue>,
}

impl Lines {
    /// Lines in this form, and these files.
    pub(crate) fn new(json: bool, palette: Palette, files: Files) -> Self {
        Lines { json, palette, files, queue: None }
    }

    /// From now on never waits for whoever reads the lines: to be ended by [`Lines::finish`].
    pub(crate) fn never_wait(&mut self) -> Result<(), Error> {
        self.queue = Some(Queue::new()?);
        Ok(())
    }

    /// How many lines were left out since nobody read them.
    pub(crate) fn left_out(&self) -> u64 {
        self.queue.as_ref().map_or(0, Queue::left_out)
    }

    /// Waits until all lines are written.
    pub(crate) fn finish(self) -> Result<(), Error> {
        Ok(self.queue.map_or(Ok(()), Queue::finish)?)
    }

    /// Whether an access is to bring its whole stack.
    pub(crate) fn show_stacks(&self) -> bool {
        self.json || self.files.are_wanted()
    }

    /// An access.
    pub(crate) fn access(&mut self, line: &AccessLine) -> Result<(), Error> {
        self.files.access(line)?;
        self.write(line)
    }

    /// What touched the byte and is no map function.
    pub(crate) fn foreign(&mut self, line: &ForeignLine) -> Result<(), Error> {
        self.write(line)
    }

    /// A race.
    pub(crate) fn race(&mut self, report: &RaceReport) -> Result<(), Error> {
        self.files.race(report)?;
        self.write(report)
    }

    /// The end.
    pub(crate) fn summary(&mut self, summary: &WatchSummary) -> Result<(), Error> {
        // First, since whoever reads the lines may have gone away.
        self.files.finish(summary)?;
        self.write(summary)
    }

    fn write(&mut self, report: &impl Report) -> Result<(), Error> {
        let text = match self.json {
            true => format!("{}\n", report.json().map_err(io::Error::from)?),
            false => report.text(&self.palette),
        };
        let written = match &mut self.queue {
            Some(queue) => queue.write_all(text.as_bytes()),
            None => io::stdout().write_all(text.as_bytes()),
        };
        Ok(written?)
    }
}
