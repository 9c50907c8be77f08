//! Completions and manual pages.

use std::io::{self, Write};
use std::path::Path;

use clap_complete::Shell;
use command::Status;

use crate::arguments::cli;
use crate::error::Error;

/// Writes what a shell needs to complete our options.
pub(crate) fn completions(shell: Shell) -> Result<Status, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli(), "redhanded", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Status::Clean)
}

/// Writes the manual page to stdout, or those of all commands into a folder.
pub(crate) fn man(dir: Option<&Path>) -> Result<Status, Error> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(cli()).render(&mut page)?;
        io::stdout().write_all(&page)?;
        return Ok(Status::Clean);
    };
    let failed = |source| Error::File { path: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(cli(), dir).map_err(failed)?;
    Ok(Status::Clean)
}
