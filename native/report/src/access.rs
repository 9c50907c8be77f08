//! One line for each access of a watched flag byte.

use serde::Serialize;

use crate::Report;
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::race::AccessKind;
use crate::words::{goroutine, hex, thread};

/// What a thread does with the flag byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Reads it to see whether another one writes.
    Checks,
    /// Reads it to store it changed.
    Loads,
    /// Marks its own write.
    Sets,
    /// Takes the mark of its write away.
    Clears,
    /// Changes other bits than the writing bit.
    Updates,
    /// Marks an iterator, or checks on behalf of one.
    Iterates,
    /// Was about to bring the process down, and is kept from it.
    Kept,
    /// Is about to bring the process down with "fatal error: concurrent map …".
    Dies,
}

impl Step {
    /// The word for it, `sets`.
    pub fn word(self) -> &'static str {
        match self {
            Step::Checks => "checks",
            Step::Loads => "loads",
            Step::Sets => "sets",
            Step::Clears => "clears",
            Step::Updates => "updates",
            Step::Iterates => "iterates",
            Step::Kept => "kept",
            Step::Dies => "dies",
        }
    }
}

/// The flag byte before and after an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FlagByte {
    /// The byte before; `None` if it is not known.
    pub before: Option<u8>,
    /// The byte after; `None` if it is not known.
    pub after: Option<u8>,
    /// The bit that a writer sets.
    pub writing_bit: u8,
}

impl FlagByte {
    /// Whether the writing bit was set before; `None` if it is not known.
    pub(crate) fn was_set(&self) -> Option<bool> {
        self.before.map(|flags| flags & self.writing_bit != 0)
    }

    /// Whether the writing bit is set after; `None` if it is not known.
    pub(crate) fn is_set(&self) -> Option<bool> {
        self.after.map(|flags| flags & self.writing_bit != 0)
    }

    /// `writing 0→1`, or `writing 1` if it stays. Other bits that are set follow: `writing 0→1
    /// (flags 0x5)`.
    pub(crate) fn words(&self) -> String {
        let bit = |set: Option<bool>| match set {
            Some(true) => "1",
            Some(false) => "0",
            None => "?",
        };
        let (before, after) = (self.was_set(), self.is_set());
        let mut words = if before == after {
            format!("writing {}", bit(after))
        } else {
            format!("writing {}→{}", bit(before), bit(after))
        };
        if let Some(flags) = self.after.or(self.before)
            && flags & !self.writing_bit != 0
        {
            words.push_str(&format!(" (flags {flags:#x})"));
        }
        words
    }
}

/// One access of the flag byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessLine {
    /// When, in nanoseconds since the watch began.
    pub time_ns: u64,
    /// The thread's id as the kernel has it; `None` if it is not known.
    pub thread: Option<u32>,
    /// The goroutine's id; `None` if it is not known.
    pub goroutine: Option<u64>,
    /// Address of the goroutine's `runtime.g`, which is never shared.
    #[serde(serialize_with = "hex")]
    pub g: u64,
    /// What the access does with the map.
    pub kind: AccessKind,
    /// What the thread does.
    pub step: Step,
    /// The flag byte.
    pub flag: FlagByte,
    /// The runtime function that it happens in, `runtime.mapassign_fast64`.
    pub runtime_function: Option<String>,
    /// The caller outside the runtime; `None` if there is none.
    pub caller: Option<Frame>,
    /// When the window began that this access is in, in nanoseconds since the watch began; `None` if that was not
    /// seen.
    pub entered_ns: Option<u64>,
    /// Whether the goroutine has just left its window.
    pub left: bool,
    /// The stack, innermost frame first; empty where nobody asked for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<Frame>,
}

/// `   0.001234s  thread 4711  goroutine 18  sets     writing 0→1  main.writerA  main.go:23`
impl Report for AccessLine {
    const SCHEMA: &'static str = "redhanded.access/1";

    fn text(&self, palette: &Palette) -> String {
        let AccessLine { step, flag, .. } = self;
        let style = match step {
            Step::Kept | Step::Dies => palette.alarm,
            _ if flag.was_set() != flag.is_set() => palette.flag,
            _ => palette.faint,
        };
        let (function, position) = match &self.caller {
            Some(frame) => (frame.function(), frame.short_position()),
            None => (self.runtime_function.clone().unwrap_or_else(|| "caller unknown".to_owned()), String::new()),
        };
        let what = format!("{:<8} {:<11}", step.word(), flag.words());
        let line = format!(
            "{:>4}.{:06}s  {:<11}  {:<12}  {}  {function}  {position}",
            self.time_ns / 1_000_000_000,
            self.time_ns / 1_000 % 1_000_000,
            thread(self.thread),
            goroutine(self.goroutine),
            paint(style, &what),
        );
        format!("{}\n", line.trim_end())
    }
}

/// A touch of the flag byte that no map function made: the map's memory may have been freed and used
/// again, or another program writes into this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForeignLine {
    /// The kernel's number of the thread.
    pub thread: u32,
    /// Where it was.
    pub at: Frame,
}

impl Report for ForeignLine {
    const SCHEMA: &'static str = "redhanded.foreign/1";

    fn text(&self, palette: &Palette) -> String {
        let ForeignLine { thread: tid, at } = self;
        let place = at.short();
        let text = format!("{}: {place} touched the flag byte, and is no map function", thread(Some(*tid)));
        format!("{}\n", paint(palette.faint, &text))
    }
}
