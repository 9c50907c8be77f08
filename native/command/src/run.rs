//! From a command to its answer.

use std::io::Write;

use crate::arguments::Command;
use crate::context::{Context, Error, Status};

impl Command {
    /// Runs the command and writes its answer.
    ///
    /// # Errors
    /// The process doesn't give the answer, or it cannot be written.
    pub fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        match self {
            Command::Print(_)
            | Command::Get(_)
            | Command::Header(_)
            | Command::Check(_)
            | Command::Maps(_)
            | Command::Goroutines(_)
            | Command::Locals(_) => todo!(),
        }
    }
}
