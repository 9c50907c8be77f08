//! The accesses to a watched variable, a line each; and where the variable goes.

pub mod facts;
mod timeline;
mod verdict;

use serde::{Serialize, Serializer};

use crate::Report;
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::words::{goroutine, hex, thread};

pub use verdict::{LostUpdateReport, VarCulprit, VarRaceReport};

/// What an access does to a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VarAction {
    /// Reads it.
    Read,
    /// Writes it.
    Write,
    /// Reads and writes it in one instruction.
    Update,
}

impl VarAction {
    /// The word for it, `reads`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            VarAction::Read => "reads",
            VarAction::Write => "writes",
            VarAction::Update => "updates",
        }
    }
}

/// Whose an access is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VarBy {
    /// The program's.
    Program,
    /// The map code's: it moves the entry to another place.
    Growth,
    /// The map code's: it removes the entry.
    Removal,
    /// The allocator's: the memory was freed, and is used for something else.
    Allocation,
    /// The runtime's for itself.
    Runtime,
    /// The program's, which looks whether a pointer to here is nil.
    NilCheck,
    /// Code that is not Go.
    Foreign,
}

/// One access to a variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VarLine {
    /// When, in nanoseconds since the watch began.
    pub time_ns: u64,
    /// Until when its thread is known not to have gone on.
    pub until_ns: u64,
    /// The thread's id as the kernel has it.
    pub thread: u32,
    /// The goroutine's id; `None` if it is not known.
    pub goroutine: Option<u64>,
    /// Address of the goroutine's `runtime.g`.
    #[serde(serialize_with = "hex")]
    pub g: u64,
    /// Whose it is. Only the program's are judged.
    pub by: VarBy,
    /// What it does.
    pub action: VarAction,
    /// Whether it is atomic; `None` for a read that may be, since on amd64 nothing tells an atomic load.
    pub atomic: Option<bool>,
    /// What it read, as Go writes it; `None` if it is not known.
    pub before: Option<VarValue>,
    /// What it left; `None` if it is not known.
    pub after: Option<VarValue>,
    /// By how much it raised the variable, where no more than that is known.
    pub raised: Option<i64>,
    /// The runtime's function that did it, `runtime.memmove`.
    pub via: Option<String>,
    /// The innermost frame outside the runtime; `None` if there is none.
    pub caller: Option<Frame>,
    /// The stack, innermost frame first; empty where nobody asked for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<Frame>,
}

/// A value, for people and for graphs.
#[derive(Debug, Clone, PartialEq)]
pub struct VarValue {
    /// As Go writes it.
    pub text: String,
    /// As a number, if it is one.
    pub number: Option<f64>,
}

impl Serialize for VarValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl VarLine {
    /// The values, `41`, `41→42`, `→42`, `+1`; nothing if none is known.
    pub(crate) fn values(&self) -> String {
        let text = |value: &Option<VarValue>| value.as_ref().map(|value| value.text.clone());
        let (before, after) = (text(&self.before), text(&self.after));
        match (self.action, before, after, self.raised) {
            (VarAction::Read, value, _, _) => value.unwrap_or_default(),
            (VarAction::Write, None, Some(after), _) => after,
            (_, Some(before), Some(after), _) => format!("{before}→{after}"),
            (_, Some(before), None, _) => format!("{before}→"),
            (_, None, Some(after), _) => format!("→{after}"),
            (_, None, None, Some(by)) => format!("{by:+}"),
            (_, None, None, None) => String::new(),
        }
    }

    /// What it does, `updates atomically`.
    fn deed(&self) -> String {
        let atomically = if self.atomic == Some(true) { " atomically" } else { "" };
        format!("{}{atomically}", self.action.word())
    }

    fn place(&self) -> String {
        let via = self.via.as_ref().map(|via| format!("by {via}"));
        let caller = self.caller.as_ref().map(|frame| format!("{}  {}", frame.function(), frame.short_position()));
        let remark = match self.by {
            VarBy::Program => None,
            VarBy::Growth => Some("(the map grows)"),
            VarBy::Removal => Some("(the entry is removed)"),
            VarBy::Allocation => Some("(its memory had been freed)"),
            VarBy::Runtime => Some("(for the runtime itself: not judged)"),
            VarBy::NilCheck => Some("(to see whether a pointer is nil: not judged)"),
            VarBy::Foreign => Some("(not Go: not judged)"),
        };
        let parts = [caller, via, remark.map(str::to_owned)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }
}

/// `   0.001234s  thread 4711  goroutine 18  updates atomically  41→  main.worker  main.go:23`
impl Report for VarLine {
    const SCHEMA: &'static str = "redhanded.variable_access/1";

    fn text(&self, palette: &Palette) -> String {
        let style = match (self.by, self.action) {
            (VarBy::Program, VarAction::Write | VarAction::Update) => palette.flag,
            _ => palette.faint,
        };
        let what = format!("{:<18}  {:<12}", self.deed(), self.values());
        let line = format!(
            "{:>4}.{:06}s  {:<11}  {:<12}  {}  {}",
            self.time_ns / 1_000_000_000,
            self.time_ns / 1_000 % 1_000_000,
            thread(Some(self.thread)),
            if self.goroutine == Some(0) { "the runtime".to_owned() } else { goroutine(self.goroutine) },
            paint(style, &what),
            self.place(),
        );
        format!("{}\n", line.trim_end())
    }
}

/// A watched variable is no longer where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedLine {
    /// When that was noticed, in nanoseconds since the watch began.
    pub time_ns: u64,
    /// The expression that names it.
    pub expression: String,
    /// Where it was.
    #[serde(serialize_with = "hex")]
    pub from: u64,
    /// Where it is now, and is watched; `None` where it isn't any more.
    #[serde(serialize_with = "maybe_hex")]
    pub to: Option<u64>,
    /// What is known of it: why it is gone.
    pub why: Option<String>,
}

fn maybe_hex<S: Serializer>(address: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => hex(address, serializer),
        None => serializer.serialize_none(),
    }
}

impl Report for MovedLine {
    const SCHEMA: &'static str = "redhanded.variable_moved/1";

    fn text(&self, palette: &Palette) -> String {
        let MovedLine { time_ns, expression, from, to, why } = self;
        let what = match (to, why) {
            (Some(to), _) => {
                format!("{expression} is now at {to:#x}, and watched there; what was done to it on the way was missed")
            }
            (None, Some(why)) => format!("{expression} is no longer at {from:#x}, and not watched: {why}"),
            (None, None) => format!("{expression} is no longer at {from:#x}, and not watched"),
        };
        let text = format!("{:>4}.{:06}s  {what}", time_ns / 1_000_000_000, time_ns / 1_000 % 1_000_000);
        format!("{}\n", paint(palette.heading, &text))
    }
}
