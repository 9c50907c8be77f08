//! From a command to its answer.

use std::io::Write;

use gotarget::expression::MapValue;
use gotarget::{Limits, RuntimeAddr, Target};
use report::{Report, Subject, facts};

use crate::arguments::{Command, LimitArgs};
use crate::context::{Context, Error, Status};

impl Command {
    /// Runs the command and writes its answer.
    ///
    /// # Errors
    /// The process doesn't give the answer, or it cannot be written.
    pub fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        match self {
            Command::Print(args) => args.run(context, out),
            Command::Get(args) => args.run(context, out),
            Command::Header(args) => args.run(context, out),
            Command::Check(args) => args.run(context, out),
            Command::Maps(args) => args.run(context, out),
            Command::Goroutines(args) => args.run(context, out),
            Command::Locals(args) => args.run(context, out),
            Command::Autopsy(args) => args.run(context, out),
        }
    }
}

impl LimitArgs {
    /// What was asked for, and for the rest what is usual there.
    pub(crate) fn over(&self, usual: Limits) -> Limits {
        Limits {
            string: self.max_string.unwrap_or(usual.string),
            items: self.max_items.unwrap_or(usual.items),
            depth: self.depth.unwrap_or(usual.depth),
        }
    }
}

impl Context<'_> {
    /// Writes a report in the form that was asked for.
    pub(crate) fn show(&self, report: &impl Report, json: bool, out: &mut dyn Write) -> Result<(), Error> {
        if json {
            writeln!(out, "{}", report.json().map_err(std::io::Error::from)?)?;
        } else {
            out.write_all(report.text(&self.palette).as_bytes())?;
        }
        Ok(())
    }

    pub(crate) fn subject(&self, map: &MapValue) -> Subject {
        facts::subject(self.target.program, map)
    }

    /// Notes what a map's header looks like, to see later whether it was written meanwhile.
    pub(crate) fn mark(&self, header: RuntimeAddr) -> Mark {
        if self.unstopped && header.0 != 0 { Mark(header_bytes(&self.target, header)) } else { Mark(None) }
    }

    /// Whether a header differs from what it was.
    pub(crate) fn has_changed(&self, header: RuntimeAddr, mark: &Mark) -> bool {
        mark.0.is_some() && header_bytes(&self.target, header) != mark.0
    }
}

/// A map's header as it was.
pub(crate) struct Mark(Option<Vec<u8>>);

fn header_bytes(target: &Target<'_>, header: RuntimeAddr) -> Option<Vec<u8>> {
    let size = usize::try_from(target.program.map_layout().ok()?.size()).ok()?;
    gotarget::read_bytes(target.memory, header, size).ok()
}
