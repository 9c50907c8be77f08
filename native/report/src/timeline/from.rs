//! The lines of a flag byte's watch, as accesses and overlaps of a timeline.

use super::{Access, Culprit, Overlap};
use crate::race::Culprit as FlagCulprit;
use crate::words::{duration, goroutine};
use crate::{AccessLine, RaceReport, Step};

impl<'a> From<&'a AccessLine> for Access<'a> {
    fn from(line: &'a AccessLine) -> Self {
        Access {
            time_ns: line.time_ns,
            thread: line.thread,
            goroutine: line.goroutine,
            g: line.g,
            kind: line.kind.noun(),
            step: line.step.word(),
            change: line.flag.words(),
            before: line.flag.before.map(f64::from),
            after: line.flag.after.map(f64::from),
            // Of a reader no more is known than the moment of its check.
            entered_ns: line.entered_ns.filter(|_| line.kind.is_write()),
            left: line.left,
            fatal: matches!(line.step, Step::Kept | Step::Dies),
            function: line.runtime_function.as_deref(),
            caller: line.caller.as_ref(),
            stack: &line.stack,
        }
    }
}

impl<'a> From<&'a RaceReport> for Overlap<'a> {
    fn from(report: &'a RaceReport) -> Self {
        Overlap {
            title: "data race",
            headline: headline(report),
            sentence: sentence(report),
            first: Culprit::from(&report.first),
            second: Culprit::from(&report.second),
            meets: "while 1 was inside",
            span_ns: (report.first.time_ns, report.second.time_ns),
        }
    }
}

/// What happened, in a few words.
fn headline(report: &RaceReport) -> String {
    let RaceReport { map, first, second } = report;
    let name = &map.expression;
    if first.kind == second.kind {
        return format!("Two goroutines {} `{name}` at the same time", first.kind.doing());
    }
    // Who doesn't write comes first.
    let (one, another) = if first.kind.is_write() { (second, first) } else { (first, second) };
    format!("One goroutine {} `{name}` while another is {} it", one.kind.doing(), another.kind.doing())
}

/// What happened, step by step.
fn sentence(report: &RaceReport) -> String {
    let RaceReport { first, second, .. } = report;
    let later = duration(second.time_ns.saturating_sub(first.time_ns));
    // The first one names what is meant.
    let deed = first.step_in_words().replacen(" it", " the flag", 1);
    let (one, another) = (goroutine(first.goroutine), goroutine(second.goroutine));
    format!("{one} {deed}; {later} later {another} {}", second.step_in_words())
}

impl<'a> From<&'a FlagCulprit> for Culprit<'a> {
    fn from(culprit: &'a FlagCulprit) -> Self {
        Culprit {
            goroutine: culprit.goroutine,
            g: culprit.g,
            thread: culprit.thread,
            time_ns: culprit.time_ns,
            kind: culprit.kind.noun(),
            deed: culprit.step_in_words(),
            whereabouts: culprit.whereabouts(),
            stack: &culprit.stack,
            created_by: culprit.created_by.as_ref(),
        }
    }
}
