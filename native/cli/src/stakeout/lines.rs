//! What a stakeout has to say.

use std::io::{self, IsTerminal, Write};

use clap::ColorChoice;
use report::{Palette, Report};

use super::signals::Relation;
use crate::colour;
use crate::error::Error;

/// Shows reports, as text or as JSON: on stdout, or on stderr where stdout is the program's.
pub(crate) struct Lines {
    relation: Relation,
    json: bool,
    palette: Palette,
    /// Why some of it could not be written. That is no reason to leave the process alone.
    failed: Option<io::Error>,
}

impl Lines {
    pub(crate) fn new(json: bool, relation: Relation, color: ColorChoice) -> Self {
        let is_terminal = match relation {
            Relation::Child => io::stderr().is_terminal(),
            Relation::Other => io::stdout().is_terminal(),
        };
        Lines { relation, json, palette: colour::palette_on(color, is_terminal), failed: None }
    }

    pub(crate) fn show(&mut self, report: &impl Report) {
        if let Err(error) = self.write(report) {
            self.failed.get_or_insert(error);
        }
    }

    /// Whether all of it was written. What is said on stderr is not worth an error.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        match self.failed.take() {
            Some(error) if self.relation == Relation::Other => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn write(&self, report: &impl Report) -> io::Result<()> {
        let text = match self.json {
            true => format!("{}\n", report.json()?),
            false => report.text(&self.palette),
        };
        match self.relation {
            Relation::Child => io::stderr().write_all(text.as_bytes()),
            Relation::Other => io::stdout().write_all(text.as_bytes()),
        }
    }
}
