//! `header`: a map's header, decoded.

use std::io::Write;

use gotarget::{expression, map};
use report::facts;

use crate::arguments::HeaderArgs;
use crate::context::{Context, Error, Status};

impl HeaderArgs {
    pub(crate) fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        let value = expression::map(&context.target, context.frame.as_ref(), &self.expression)?;
        let report = facts::header(context.target.program, &map::facts(&context.target, value)?);
        context.show(&report, self.json, out)?;
        Ok(Status::found(!report.findings.is_empty()))
    }
}
