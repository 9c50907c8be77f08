//! What the accesses to a variable prove: in the race detector's layout.

use serde::Serialize;

use super::{VarAction, VarLine};
use crate::Report;
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::race::{RULE, capitalised, stack};
use crate::words::{Subject, duration, goroutine, thread};

/// An access that is part of what went wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VarCulprit {
    /// The access, with its stack.
    #[serde(flatten)]
    pub access: VarLine,
    /// The `go` statement that created the goroutine; `None` if it is not known.
    pub created_by: Option<Frame>,
}

/// Two accesses that nothing keeps apart, one of them a plain write.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VarRaceReport {
    /// The variable.
    pub variable: Subject,
    /// The access that was first.
    pub first: VarCulprit,
    /// The access of another goroutine that came in on it.
    pub second: VarCulprit,
    /// Where they were not at the same time: what the first goroutine went on to do, without anything in between by
    /// which it could have let the other in.
    pub resumed: Option<VarCulprit>,
}

/// An update that was overwritten by what was computed from the value before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LostUpdateReport {
    /// The variable.
    pub variable: Subject,
    /// The read of the value that was out of date soon.
    pub read: VarCulprit,
    /// The other goroutine's write, which is lost; if there were several, the last.
    pub lost: VarCulprit,
    /// The write of what was computed from the read.
    pub overwritten: VarCulprit,
    /// How many updates of others are lost with it.
    pub updates: usize,
}

impl VarCulprit {
    /// What it did, for a sentence that begins with the goroutine: `read 41`.
    pub(crate) fn deed(&self) -> String {
        let text = |value: &Option<super::VarValue>| value.as_ref().map(|value| value.text.clone());
        let VarLine { action, atomic, before, after, raised, .. } = &self.access;
        let atomically = if *atomic == Some(true) { " atomically" } else { "" };
        let (before, after) = (text(before), text(after));
        let deed = match (action, before, after, raised) {
            (VarAction::Read, Some(value), ..) => format!("read {value}"),
            (VarAction::Read, None, ..) => "read it".to_owned(),
            (VarAction::Write, _, Some(value), _) => format!("wrote {value}"),
            (VarAction::Write, _, None, _) => "wrote it".to_owned(),
            (VarAction::Update, Some(before), Some(after), _) => format!("changed {before} to {after}"),
            (VarAction::Update, Some(before), None, _) => format!("changed it from {before}"),
            (VarAction::Update, None, _, Some(by)) if *by < 0 => format!("subtracted {}", by.unsigned_abs()),
            (VarAction::Update, None, _, Some(by)) => format!("added {by}"),
            (VarAction::Update, ..) => "changed it".to_owned(),
        };
        format!("{deed}{atomically}")
    }

    /// The noun, `atomic write`.
    pub(crate) fn noun(&self) -> &'static str {
        match (self.access.action, self.access.atomic) {
            (VarAction::Read, Some(true)) => "atomic read",
            (VarAction::Read, _) => "read",
            (_, Some(true)) => "atomic write",
            _ => "write",
        }
    }

    pub(crate) fn who(&self) -> String {
        goroutine(self.access.goroutine)
    }

    fn is_of(&self, other: &VarCulprit) -> bool {
        self.access.g == other.access.g
    }

    /// How much later it was than another.
    fn after(&self, other: &VarCulprit) -> String {
        duration(self.access.time_ns.saturating_sub(other.access.time_ns))
    }

    /// `Previous write at 0x00c000012180 by goroutine 18:` and the stack.
    fn shown(&self, how: &str, variable: &Subject, palette: &Palette) -> String {
        let noun = if how.is_empty() { capitalised(self.noun()) } else { format!("{how} {}", self.noun()) };
        let heading = format!("{noun} at {:#014x} by {}:", variable.address, self.who());
        format!("{}\n{}\n", paint(palette.heading, &heading), stack(&self.access.stack))
    }

    /// `Goroutine 18 (thread 4711) created at:` and the frame.
    fn origin(&self, palette: &Palette) -> String {
        let who = format!("{} ({})", capitalised(&self.who()), thread(Some(self.access.thread)));
        match &self.created_by {
            Some(frame) => format!("{}\n{}", paint(palette.heading, &format!("{who} created at:")), frame.long()),
            None => {
                let origin = match self.access.goroutine {
                    Some(1) => "is the main goroutine",
                    _ => "created where is not known",
                };
                format!("{}\n", paint(palette.heading, &format!("{who} {origin}")))
            }
        }
    }
}

/// The head of a report: what it is, of which variable, and what happened.
fn head(what: &str, variable: &Subject, sentence: &str, palette: &Palette) -> String {
    let Subject { expression, type_name, address, go } = variable;
    let warning = paint(palette.alarm, &format!("WARNING: {what}"));
    format!("{RULE}\n{warning}\n{expression}: {type_name} at {address:#x} (Go {go})\n{sentence}\n\n")
}

/// The end of a report: where both goroutines come from.
fn tail(both: [&VarCulprit; 2], palette: &Palette) -> String {
    let origins = both.map(|culprit| culprit.origin(palette)).join("\n");
    format!("{origins}{RULE}\n")
}

impl VarRaceReport {
    /// What happened, in one sentence.
    pub(crate) fn sentence(&self) -> String {
        let VarRaceReport { first, second, resumed, .. } = self;
        let (one, other) = (first.who(), second.who());
        match resumed {
            None => format!(
                "{one} {}; before its thread had gone on from there, {other} {}: nothing keeps the two apart",
                first.deed(),
                second.deed(),
            ),
            Some(resumed) => format!(
                "{one} {}; {other} {}, {} later; {} after that {one} {}: it had done nothing in between by which it \
                 could have let the other in",
                first.deed(),
                second.deed(),
                second.after(first),
                resumed.after(second),
                resumed.deed(),
            ),
        }
    }
}

impl Report for VarRaceReport {
    const SCHEMA: &'static str = "redhanded.variable_race/1";

    fn text(&self, palette: &Palette) -> String {
        let VarRaceReport { variable, first, second, resumed } = self;
        let mut text = head("DATA RACE", variable, &self.sentence(), palette);
        match resumed {
            Some(resumed) => {
                text.push_str(&resumed.shown("", variable, palette));
                text.push_str(&second.shown("Previous", variable, palette));
                text.push_str(&first.shown("Before that,", variable, palette));
            }
            None => {
                text.push_str(&second.shown("", variable, palette));
                text.push_str(&first.shown("Previous", variable, palette));
            }
        }
        text.push_str(&tail([second, first], palette));
        text
    }
}

impl LostUpdateReport {
    /// What happened, in one sentence.
    pub(crate) fn sentence(&self) -> String {
        let LostUpdateReport { read, lost, overwritten, updates, .. } = self;
        let read_value = read.access.before.as_ref().map_or_else(|| "that".to_owned(), |value| value.text.clone());
        let whose = if *updates == 1 {
            format!("the update by {} is lost", lost.who())
        } else {
            format!("{updates} updates are lost, the last by {}", lost.who())
        };
        format!(
            "{} {}; {} {}, {} later; {} after that {} {}, computed from {read_value}: {whose}",
            read.who(),
            read.deed(),
            lost.who(),
            lost.deed(),
            lost.after(read),
            overwritten.after(lost),
            overwritten.who(),
            overwritten.deed(),
        )
    }
}

/// What to do about a lost update.
const REMEDY: &str = "Each access may well be locked: it takes one lock from the read to the write.";

impl Report for LostUpdateReport {
    const SCHEMA: &'static str = "redhanded.lost_update/1";

    fn text(&self, palette: &Palette) -> String {
        let LostUpdateReport { variable, read, lost, overwritten, .. } = self;
        let mut text = head("LOST UPDATE", variable, &format!("{}\n{REMEDY}", self.sentence()), palette);
        text.push_str(&overwritten.shown("", variable, palette));
        text.push_str(&lost.shown("Overwritten", variable, palette));
        text.push_str(&read.shown("Outdated", variable, palette));
        debug_assert!(read.is_of(overwritten));
        text.push_str(&tail([overwritten, lost], palette));
        text
    }
}
