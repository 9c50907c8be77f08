//! `autopsy`: what a process ended of, who did it, and where that may happen.

use std::io::Write;

use gotarget::fatal::{self, End, Fatal};
use gotarget::{places, suspects};
use report::{AutopsyReport, CheckedMap, SuspectList, facts};

use crate::arguments::AutopsyArgs;
use crate::check;
use crate::context::{Context, Error, Status};

/// What is said of the goroutine that ends the process.
const ENDS: &str = "it ends the process";

impl AutopsyArgs {
    pub(crate) fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        if context.unstopped {
            return Err(Error::Unstopped);
        }
        let end = fatal::end(&context.target, context.registers, context.signal).map_err(Error::Ending)?;
        let report = match &end {
            End::Map(fatal) => of_map(context, fatal),
            other => AutopsyReport {
                fatal: None,
                end: facts::end(&context.target, other),
                suspects: None,
                places: None,
                check: None,
                notes: Vec::new(),
            },
        };
        context.show(&report, self.json, out)?;
        Ok(Status::found(report.fatal.is_some()))
    }
}

fn of_map(context: &Context<'_>, fatal: &Fatal) -> AutopsyReport {
    let target = &context.target;
    let missing = facts::missing(target.program);
    let mut notes: Vec<String> =
        missing.map(|missing| format!("{missing}, and it can't be checked")).into_iter().collect();
    let map = fatal.map.as_ref();
    let suspects = map.map(|map| match suspects::find(target, fatal, map, context.registers, context.interrupted) {
        Ok(found) => facts::suspects(target, &found),
        Err(error) => SuspectList { error: Some(error.to_string()), ..SuspectList::default() },
    });
    let places = map.map(|map| facts::places(target, &places::of(target, map.header, map.descriptor)));
    let check = map.and_then(|map| map.value.as_ref()).map(|value| {
        check::check(context, value)
            .unwrap_or_else(|error| CheckedMap { error: Some(error.to_string()), ..check::unchecked(context, value) })
    });
    if map.is_none() {
        notes.push(
            "which map it was can't be told, and so nobody can be suspected: its address is kept nowhere".to_owned(),
        );
    }
    AutopsyReport { fatal: Some(facts::fatal(target, fatal, ENDS)), end: None, suspects, places, check, notes }
}
