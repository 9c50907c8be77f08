//! What a stakeout has to say.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::ColorChoice;
use report::{Palette, Report};

use super::signals::Relation;
use crate::error::Error;
use crate::{colour, say};

/// Shows reports, as text or as JSON.
pub(crate) struct Lines {
    to: To,
    json: bool,
    palette: Palette,
    /// Why some of it could not be written. That is no reason to leave the process alone.
    failed: Option<io::Error>,
}

/// Where reports go.
enum To {
    Stdout,
    /// Where stdout is the program's.
    Stderr,
    File(File, PathBuf),
}

impl Lines {
    /// Reports go to a file if one is given. It is opened now, and what it holds is kept until [`Lines::begin`].
    pub(crate) fn new(json: bool, relation: Relation, color: ColorChoice, file: Option<&Path>) -> Result<Self, Error> {
        let to = match (file, relation) {
            (Some(path), _) => {
                let opened = File::options().write(true).create(true).truncate(false).open(path);
                let file = opened.map_err(|source| Error::File { path: path.to_owned(), source })?;
                To::File(file, path.to_owned())
            }
            (None, Relation::Child) => To::Stderr,
            (None, Relation::Other) => To::Stdout,
        };
        let is_terminal = match &to {
            To::Stdout => io::stdout().is_terminal(),
            To::Stderr => io::stderr().is_terminal(),
            To::File(..) => false,
        };
        Ok(Lines { to, json, palette: colour::palette_on(color, is_terminal), failed: None })
    }

    /// What the file held is of an earlier stakeout.
    pub(crate) fn begin(&mut self) {
        let To::File(file, _) = &self.to else { return };
        // A pipe or a device holds nothing.
        let emptied = file.metadata().and_then(|it| if it.is_file() { file.set_len(0) } else { Ok(()) });
        if let Err(error) = emptied {
            self.failed.get_or_insert(error);
        }
    }

    pub(crate) fn show(&mut self, report: &impl Report) {
        if let Err(error) = self.write(report) {
            self.failed.get_or_insert(error);
        }
    }

    /// Whether all of it was written. Where the exit status is the program's, no more than a word is said of it.
    pub(crate) fn finish(&mut self, relation: Relation) -> Result<(), Error> {
        let Some(source) = self.failed.take() else { return Ok(()) };
        let error = match &self.to {
            To::File(_, path) => Error::File { path: path.clone(), source },
            To::Stdout | To::Stderr => source.into(),
        };
        match relation {
            Relation::Other => return Err(error),
            Relation::Child => say(&error),
        }
        Ok(())
    }

    fn write(&mut self, report: &impl Report) -> io::Result<()> {
        let text = match self.json {
            true => format!("{}\n", report.json()?),
            false => report.text(&self.palette),
        };
        match &mut self.to {
            To::Stdout => io::stdout().write_all(text.as_bytes()),
            To::Stderr => io::stderr().write_all(text.as_bytes()),
            To::File(file, _) => file.write_all(text.as_bytes()),
        }
    }
}
