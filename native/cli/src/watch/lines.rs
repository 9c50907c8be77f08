//! The lines of a watch, as they come.

use std::io;

use report::timeline::{Access, Overlap};
use report::{AccessLine, ForeignLine, LossLine, MovedLine, Palette, Report, WatchSummary};

use super::files::Files;
use super::queue::Queue;
use crate::error::Error;

/// Shows what a watch sees: on stdout, as text or as JSON, and in files.
pub(crate) struct Lines {
    json: bool,
    palette: Palette,
    /// Whether files are written: then the watch goes on also when nobody reads the lines any more (`| head`).
    has_files: bool,
    files: Files,
    /// Never waits for whoever reads the lines.
    queue: Queue,
}

impl Lines {
    /// Lines in this form, and these files.
    pub(crate) fn new(json: bool, palette: Palette, files: Files) -> Result<Self, Error> {
        Ok(Lines { json, palette, has_files: files.are_wanted(), files, queue: Queue::new()? })
    }

    /// Whether an access is to bring its whole stack.
    pub(crate) fn show_stacks(&self) -> bool {
        self.json || self.has_files
    }

    /// Something for the user to know beforehand. A program that reads JSON does.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), Error> {
        if !self.json {
            let written = self.queue.write_surely(&format!("{text}\n"));
            self.judge(written)?;
        }
        Ok(())
    }

    /// An access. Of more than whoever reads them can take, some are not shown.
    pub(crate) fn access<'a, L: Report>(&mut self, line: &'a L) -> Result<(), Error>
    where
        Access<'a>: From<&'a L>,
    {
        self.files.access(&Access::from(line))?;
        let text = self.text(line)?;
        let written = self.queue.write(&text);
        self.judge(written)
    }

    /// An access that brings the process down.
    pub(crate) fn dying(&mut self, line: &AccessLine) -> Result<(), Error> {
        self.files.access(&Access::from(line))?;
        self.write(line)
    }

    /// What touched the byte and is no map function.
    pub(crate) fn foreign(&mut self, line: &ForeignLine) -> Result<(), Error> {
        let text = self.text(line)?;
        let written = self.queue.write(&text);
        self.judge(written)
    }

    /// Traps that are missing.
    pub(crate) fn loss(&mut self, line: &LossLine) -> Result<(), Error> {
        self.files.loss(line.lost)?;
        self.write(line)
    }

    /// A variable that is no longer where it was.
    pub(crate) fn moved(&mut self, line: &MovedLine) -> Result<(), Error> {
        self.write(line)
    }

    /// A race, or a lost update.
    pub(crate) fn race<'a, R: Report>(&mut self, report: &'a R) -> Result<(), Error>
    where
        Overlap<'a>: From<&'a R>,
    {
        self.files.overlap(&Overlap::from(report))?;
        self.write(report)
    }

    /// The end. Waits until all is written.
    pub(crate) fn end(mut self, summary: WatchSummary) -> Result<(), Error> {
        let summary = WatchSummary { unshown: self.queue.left_out(), ..summary };
        // First, since whoever reads the lines may have gone away.
        self.files.finish(&summary)?;
        self.write(&summary)?;
        let written = self.queue.finish();
        self.judge(written)
    }

    fn write(&mut self, report: &impl Report) -> Result<(), Error> {
        let text = self.text(report)?;
        let written = self.queue.write_surely(&text);
        self.judge(written)
    }

    /// Whether the watch can go on.
    fn judge(&self, written: io::Result<()>) -> Result<(), Error> {
        match written {
            Err(error) if self.has_files && error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    fn text(&self, report: &impl Report) -> Result<String, Error> {
        Ok(match self.json {
            true => format!("{}\n", report.json().map_err(io::Error::from)?),
            false => report.text(&self.palette),
        })
    }
}
