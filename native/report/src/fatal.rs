//! A goroutine that ends the process because of a map, and whom it met there.

use serde::Serialize;

use crate::Report;
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::race::{AccessKind, RULE, capitalised, stack};
use crate::words::{Subject, goroutine, hex, thread};

/// A map that the runtime says is used by two, as its detecting access tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FatalMap {
    /// The map; its expression is a typed address where no name leads to it.
    #[serde(flatten)]
    pub subject: Subject,
    /// The function whose local the expression begins with.
    pub local_of: Option<String>,
    /// Why it may be another one; `None` where that is out of the question.
    pub doubt: Option<&'static str>,
}

/// A goroutine that takes part in a race, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Party {
    /// What it does with the map.
    pub kind: AccessKind,
    /// The goroutine's id; `None` if it is not known.
    pub goroutine: Option<u64>,
    /// Address of the goroutine's `runtime.g`, which is never shared; 0 if it is not known.
    #[serde(serialize_with = "hex")]
    pub g: u64,
    /// The thread's id as the kernel has it; `None` where none runs it.
    pub thread: Option<u32>,
    /// What it is about, for `Goroutine 18 (running, …)`.
    pub whereabouts: String,
    /// The stack, innermost frame first.
    pub stack: Vec<Frame>,
    /// The `go` statement that created the goroutine; `None` if it is not known.
    pub created_by: Option<Frame>,
}

/// A goroutine that ends the process because it found a map used by another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FatalReport {
    /// The map; `None` if nothing tells which.
    pub map: Option<FatalMap>,
    /// What Go says after `fatal error: `; `None` if it can't be read.
    pub message: Option<String>,
    /// The access that found another one in the map.
    pub access: Party,
}

impl Report for FatalReport {
    const SCHEMA: &'static str = "redhanded.fatal/1";

    fn text(&self, palette: &Palette) -> String {
        format!("{RULE}\n{}{RULE}\n", self.body(palette))
    }
}

impl FatalReport {
    /// What stands between the rules.
    pub(crate) fn body(&self, palette: &Palette) -> String {
        let FatalReport { map, message, access } = self;
        let mut text = format!("{}\n", paint(palette.alarm, "WARNING: DATA RACE"));
        match map {
            Some(map) => text.push_str(&map.line()),
            None => text.push_str("a map: where it is can't be told\n"),
        }
        let message = message.as_deref().unwrap_or("its words can't be read");
        text.push_str(&format!("{} ends the process: fatal error: {message}\n\n", goroutine(access.goroutine)));
        text.push_str(&access.text(palette, map.as_ref().map(|map| map.subject.address), ""));
        text.push('\n');
        text.push_str(&access.origin(palette));
        text
    }
}

impl FatalMap {
    /// `main.shared: map[int]int at 0xc000012180 (Go 1.27.3)`
    fn line(&self) -> String {
        let FatalMap { subject: Subject { expression, type_name, address, go }, local_of, doubt } = self;
        let local = local_of.as_ref().map_or_else(String::new, |function| format!(" (of {function})"));
        let doubt = doubt.map_or_else(String::new, |doubt| format!("{doubt}\n"));
        format!("{expression}{local}: {type_name} at {address:#x} (Go {go})\n{doubt}")
    }
}

impl Party {
    /// `Write at 0x00c000012180 by goroutine 19:` and the stack; `before` is put before the noun.
    pub(crate) fn text(&self, palette: &Palette, address: Option<u64>, before: &str) -> String {
        let place = address.map_or_else(String::new, |address| format!(" at {address:#014x}"));
        let noun = capitalised(format!("{before} {}", self.kind.noun()).trim_start());
        let heading = format!("{noun}{place} by {}:", goroutine(self.goroutine));
        format!("{}\n{}", paint(palette.heading, &heading), stack(&self.stack))
    }

    /// `Goroutine 18 (running, thread 4711, held) created at:` and the frame.
    pub(crate) fn origin(&self, palette: &Palette) -> String {
        let on = self.thread.map_or_else(String::new, |tid| format!("{}, ", thread(Some(tid))));
        let who = format!("{} ({on}{})", capitalised(&goroutine(self.goroutine)), self.whereabouts);
        match &self.created_by {
            Some(frame) => format!("{}\n{}", paint(palette.heading, &format!("{who} created at:")), frame.long()),
            None if self.goroutine == Some(1) => {
                format!("{}\n", paint(palette.heading, &format!("{who} is the main goroutine")))
            }
            None => format!("{}\n", paint(palette.heading, &format!("{who} created where is not known"))),
        }
    }
}
