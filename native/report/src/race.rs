//! The report of a race: two accesses, both stacks, in the race detector's layout.

use serde::Serialize;

use crate::Report;
use crate::access::{FlagByte, Step};
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::words::{Subject, duration, goroutine, hex, thread};

/// What an access does with the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessKind {
    /// An assignment.
    Write,
    /// A look-up.
    Read,
    /// A step of a range loop.
    Iteration,
    /// A delete.
    Delete,
    /// A clear.
    Clear,
}

impl AccessKind {
    /// The noun, `write`.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            AccessKind::Write => "write",
            AccessKind::Read => "read",
            AccessKind::Iteration => "iteration",
            AccessKind::Delete => "delete",
            AccessKind::Clear => "clear",
        }
    }

    /// Whether it changes the map.
    pub(crate) fn is_write(self) -> bool {
        matches!(self, AccessKind::Write | AccessKind::Delete | AccessKind::Clear)
    }

    /// What a goroutine that does it is doing to a map, `writing`.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            AccessKind::Write => "writing",
            AccessKind::Read => "reading",
            AccessKind::Iteration => "iterating over",
            AccessKind::Delete => "deleting from",
            AccessKind::Clear => "clearing",
        }
    }
}

/// One of the two accesses of an overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Culprit {
    /// What the access does with the map.
    pub kind: AccessKind,
    /// The last step that was seen of it.
    pub step: Step,
    /// The flag byte at that step.
    pub flag: FlagByte,
    /// The goroutine's id; `None` if it is not known.
    pub goroutine: Option<u64>,
    /// Address of the goroutine's `runtime.g`, which is never shared.
    #[serde(serialize_with = "hex")]
    pub g: u64,
    /// The thread's id as the kernel has it; `None` if it is not known.
    pub thread: Option<u32>,
    /// When that step was, in nanoseconds since the watch began.
    pub time_ns: u64,
    /// The stack, innermost frame first.
    pub stack: Vec<Frame>,
    /// The `go` statement that created the goroutine; `None` if it is not known.
    pub created_by: Option<Frame>,
    /// Whether the goroutine is still inside its window, in the runtime's map code.
    pub inside: bool,
    /// Whether the thread is held.
    pub held: bool,
}

/// Two goroutines in one map at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RaceReport {
    /// The map.
    pub map: Subject,
    /// The access that came second, and showed the overlap.
    pub second: Culprit,
    /// The access that was there first.
    pub first: Culprit,
}

/// The line that frames the race detector's reports.
pub(crate) const RULE: &str = "==================";

impl Report for RaceReport {
    const SCHEMA: &'static str = "redhanded.race/1";

    fn text(&self, palette: &Palette) -> String {
        let RaceReport { map, first, second } = self;
        let Subject { expression, type_name, address, go } = map;
        let heading = |culprit: &Culprit, noun: &str| {
            let who = goroutine(culprit.goroutine);
            paint(palette.heading, &format!("{noun} at {address:#014x} by {who}:"))
        };
        let mut text = format!("{RULE}\n{}\n", paint(palette.alarm, "WARNING: DATA RACE"));
        text.push_str(&format!(
            "{expression}: {type_name} at {address:#x} (Go {go})\n{}\n\n",
            self.what_the_flag_did()
        ));
        text.push_str(&heading(second, &capitalised(second.kind.noun())));
        text.push('\n');
        text.push_str(&stack(&second.stack));
        text.push('\n');
        text.push_str(&heading(first, &format!("Previous {}", first.kind.noun())));
        text.push('\n');
        text.push_str(&stack(&first.stack));
        for culprit in [second, first] {
            text.push('\n');
            text.push_str(&culprit.origin(palette));
        }
        text.push_str(RULE);
        text.push('\n');
        text
    }
}

impl RaceReport {
    /// `writing 0→1 by goroutine 18, 8.2 ms ago; goroutine 19 found it set`
    fn what_the_flag_did(&self) -> String {
        let RaceReport { first, second, .. } = self;
        let ago = duration(second.time_ns.saturating_sub(first.time_ns));
        let earlier = match first.step {
            Step::Sets => format!("{} by {}", first.flag.words(), goroutine(first.goroutine)),
            _ => format!("{} {}", goroutine(first.goroutine), first.step_in_words()),
        };
        let both_set = (first.step, second.step) == (Step::Sets, Step::Sets) && second.flag.was_set() == Some(false);
        let later = if both_set { "set it too, having read it clear before".into() } else { second.step_in_words() };
        format!("{earlier}, {ago} ago; {} {later}", goroutine(second.goroutine))
    }
}

impl Culprit {
    /// What it did with the flag byte, for a sentence that begins with the goroutine.
    pub(crate) fn step_in_words(&self) -> String {
        match (self.step, self.flag.was_set(), self.flag.is_set()) {
            (Step::Checks | Step::Loads | Step::Iterates, Some(true), _) => "found it set".into(),
            (Step::Checks | Step::Loads | Step::Iterates, Some(false), _) => "found it clear".into(),
            (Step::Kept, ..) => "found it set and is kept from ending the process".into(),
            (Step::Dies, ..) => "found it set and is about to end the process".into(),
            (Step::Sets, Some(true), Some(true)) => "set it again, having found it clear".into(),
            (Step::Sets, Some(true), Some(false)) => "toggled it, and so cleared it".into(),
            (step, ..) => format!("{}: {}", step.word(), self.flag.words()),
        }
    }

    /// Where it is.
    pub(crate) fn whereabouts(&self) -> &'static str {
        match (self.held, self.inside) {
            (true, true) => "held inside its window",
            (true, false) => "held, has left its window",
            (false, true) => "inside its window, not held",
            (false, false) => "has left its window",
        }
    }

    /// `Goroutine 18 (running, thread 4711, held inside its window) created at:` and the frame.
    fn origin(&self, palette: &Palette) -> String {
        let who = capitalised(&goroutine(self.goroutine));
        let who = format!("{who} (running, {}, {})", thread(self.thread), self.whereabouts());
        match &self.created_by {
            Some(frame) => format!("{}\n{}", paint(palette.heading, &format!("{who} created at:")), frame.long()),
            None => {
                let origin = match self.goroutine {
                    Some(1) => "is the main goroutine",
                    _ => "created where is not known",
                };
                format!("{}\n", paint(palette.heading, &format!("{who} {origin}")))
            }
        }
    }
}

pub(crate) fn stack(frames: &[Frame]) -> String {
    if frames.is_empty() {
        "  [failed to restore the stack]\n".to_owned()
    } else {
        frames.iter().map(Frame::long).collect()
    }
}

pub(crate) fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
