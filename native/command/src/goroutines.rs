//! `goroutines`: all of them.

use std::io::Write;

use gotarget::goroutine;
use report::facts;

use crate::arguments::GoroutinesArgs;
use crate::context::{Context, Error, Status};

impl GoroutinesArgs {
    pub(crate) fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        let goroutines = goroutine::all(&context.target)?;
        context.show(
            &facts::goroutines(context.target.program, &goroutines, context.threads, context.selected),
            self.json,
            out,
        )?;
        Ok(Status::Clean)
    }
}
