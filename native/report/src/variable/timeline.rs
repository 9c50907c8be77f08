//! The lines of a variable's watch, as accesses and overlaps of a timeline.

use super::{LostUpdateReport, VarAction, VarCulprit, VarLine, VarRaceReport, VarValue};
use crate::timeline::{Access, Culprit, Overlap};

impl<'a> From<&'a VarLine> for Access<'a> {
    fn from(line: &'a VarLine) -> Self {
        let number = |value: &Option<VarValue>| value.as_ref().and_then(|value| value.number);
        Access {
            time_ns: line.time_ns,
            thread: Some(line.thread),
            goroutine: line.goroutine,
            g: line.g,
            kind: if line.action == VarAction::Read { "read" } else { "write" },
            step: line.action.word(),
            change: line.values(),
            before: number(&line.before),
            after: number(&line.after),
            entered_ns: None,
            left: false,
            fatal: false,
            function: line.via.as_deref(),
            caller: line.caller.as_ref(),
            stack: &line.stack,
        }
    }
}

impl<'a> From<&'a VarRaceReport> for Overlap<'a> {
    fn from(report: &'a VarRaceReport) -> Self {
        let last = report.resumed.as_ref().unwrap_or(&report.second);
        Overlap {
            title: "data race",
            headline: format!("Two goroutines use `{}` at the same time", report.variable.expression),
            sentence: report.sentence(),
            first: Culprit::from(&report.first),
            second: Culprit::from(&report.second),
            meets: if report.resumed.is_some() { "between two steps of 1" } else { "before 1 had gone on" },
            span_ns: (report.first.access.time_ns, last.access.time_ns),
        }
    }
}

impl<'a> From<&'a LostUpdateReport> for Overlap<'a> {
    fn from(report: &'a LostUpdateReport) -> Self {
        Overlap {
            title: "lost update",
            headline: format!("One goroutine overwrites another's update of `{}`", report.variable.expression),
            sentence: report.sentence(),
            first: Culprit::from(&report.lost),
            second: Culprit::from(&report.overwritten),
            meets: "over it, from an outdated read",
            span_ns: (report.read.access.time_ns, report.overwritten.access.time_ns),
        }
    }
}

impl<'a> From<&'a VarCulprit> for Culprit<'a> {
    fn from(culprit: &'a VarCulprit) -> Self {
        Culprit {
            goroutine: culprit.access.goroutine,
            g: culprit.access.g,
            thread: Some(culprit.access.thread),
            time_ns: culprit.access.time_ns,
            kind: culprit.noun(),
            deed: culprit.deed(),
            whereabouts: "has gone on",
            stack: &culprit.access.stack,
            created_by: culprit.created_by.as_ref(),
        }
    }
}
