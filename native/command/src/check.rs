//! `check`: the structure of one map, or of all.

use std::io::Write;

use gomap::{Check, ScanOptions};
use gotarget::expression::{self, MapValue};
use gotarget::{hasher, map};
use report::{CheckReport, CheckedMap};

use crate::arguments::CheckArgs;
use crate::context::{Context, Error, Status};
use crate::variables;

impl CheckArgs {
    pub(crate) fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        let report = match &self.expression {
            Some(expression) => {
                let value = expression::map(&context.target, context.frame.as_ref(), expression)?;
                CheckReport { maps: vec![check(context, &value)?], interrupted: false }
            }
            None => all(context)?,
        };
        context.show(&report, self.json, out)?;
        Ok(Status::found(report.maps.iter().any(CheckedMap::is_alarming)))
    }
}

fn all(context: &Context<'_>) -> Result<CheckReport, Error> {
    let mut report = CheckReport { maps: Vec::new(), interrupted: false };
    for found in variables::maps(context, "")? {
        if (context.interrupted)() {
            report.interrupted = true;
            break;
        }
        let checked = found.value.and_then(|value| check(context, &value));
        report.maps.push(checked.unwrap_or_else(|error| CheckedMap {
            error: Some(error.to_string()),
            ..unchecked(context, &found.as_nil)
        }));
    }
    Ok(report)
}

/// A map of which nothing is known.
pub(crate) fn unchecked(context: &Context<'_>, value: &MapValue) -> CheckedMap {
    CheckedMap {
        map: context.subject(value),
        len: 0,
        entries: 0,
        findings: Vec::new(),
        more_findings: 0,
        written_meanwhile: false,
        why_not_hashed: None,
        error: None,
    }
}

pub(crate) fn check(context: &Context<'_>, value: &MapValue) -> Result<CheckedMap, Error> {
    let target = &context.target;
    let opened = map::open(target, value)?;
    let types = hasher::Types::new(target);
    let hasher = if value.header.0 == 0 { None } else { Some(hasher::hasher(target, &opened, &types)) };
    let options = ScanOptions {
        hasher: hasher.as_ref().and_then(|hasher| hasher.as_ref().ok()),
        types: &types,
        progress: context.progress,
        ..ScanOptions::default()
    };
    let threads = (!context.unstopped).then_some(context.threads);
    let mut checked = map::check(target, &opened, &options, threads)?;
    let mut is_settled = !context.unstopped || is_sound(&checked);
    for _ in 1..ATTEMPTS {
        if is_settled {
            break;
        }
        let again = map::check(target, &opened, &options, threads)?;
        is_settled = is_sound(&again) || (again == checked && !again.written_meanwhile);
        checked = again;
    }
    // What a check finds of a map that is being written is of different moments, and says nothing.
    let findings = if is_settled { checked.findings.as_slice() } else { &[] };
    let no_hasher = hasher.and_then(Result::err);
    let against_seed = no_hasher.as_ref().and_then(|no_hasher| no_hasher.finding.as_deref()).filter(|_| is_settled);
    Ok(CheckedMap {
        len: checked.header.len(),
        entries: checked.entries,
        findings: findings.iter().chain(against_seed).map(Into::into).collect(),
        more_findings: if is_settled { checked.more } else { 0 },
        written_meanwhile: !is_settled,
        why_not_hashed: no_hasher.map(|no_hasher| no_hasher.to_string()),
        ..unchecked(context, value)
    })
}

/// A process that runs is checked so often for a moment in which nobody writes. Damage stays as it is.
const ATTEMPTS: usize = 4;

fn is_sound(checked: &Check) -> bool {
    !checked.written_meanwhile && checked.findings.is_empty()
}
