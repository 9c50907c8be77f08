//! `locals`: the variables of a frame.

use std::io::Write;

use gotarget::expression::{self, Place};
use gotarget::stack::{self, Pc};
use gotarget::{RuntimeAddr, Values};
use report::value::Rendered;
use report::{Frame, LocalLine, LocalsReport};

use crate::arguments::LocalsArgs;
use crate::context::{Context, Error, Status};

impl LocalsArgs {
    pub(crate) fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        let frame = context.frame.as_ref().ok_or(Error::NoFrame)?;
        let values = Values::new(context.target, self.limits.over(context.limits));
        let locals = expression::locals(&context.target, frame)?;
        let line = |(name, place): (String, Result<Place, gotarget::Error>)| match place {
            Ok(place) => LocalLine {
                name,
                type_name: context.target.program.ty(place.ty).ok().map(|ty| ty.name),
                value: Some(Rendered::new(&values.place(&place))),
                error: None,
            },
            Err(error) => LocalLine { name, type_name: None, value: None, error: Some(error.to_string()) },
        };
        // The frame's address lies inside its instruction already.
        let pc = Pc { addr: frame.pc, cfa: frame.cfa.unwrap_or(RuntimeAddr(0)), is_return: false };
        let report = LocalsReport {
            frame: stack::lines(&context.target, pc).first().cloned().map(Frame::from),
            locals: locals.into_iter().map(line).collect(),
        };
        context.show(&report, self.json, out)?;
        Ok(Status::Clean)
    }
}
