//! What a process ended of, who did it, and where that may happen.

use serde::Serialize;

use crate::check::CheckedMap;
use crate::fatal::FatalReport;
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::race::{AccessKind, RULE, capitalised, stack};
use crate::words::{columns, goroutine, hex, thread};
use crate::{CheckReport, Report};

/// What a process ended of, if it isn't a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndLine {
    /// `fatal`, `panic`, `signal` or `nothing`.
    pub kind: &'static str,
    /// What it was, in words.
    pub text: String,
    /// The goroutine's id; `None` if there is none, or it is not known.
    pub goroutine: Option<u64>,
    /// The thread's id as the kernel has it.
    pub thread: Option<u32>,
    /// The stack, innermost frame first.
    pub stack: Vec<Frame>,
}

/// One thing that speaks against a goroutine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceLine {
    /// What it is, in a word: `inside`, `trace`.
    pub clue: &'static str,
    /// What the access does with the map, if it is one.
    pub kind: Option<AccessKind>,
    /// The function that it is about.
    pub function: Option<String>,
    /// Where in the program.
    pub at: Option<Frame>,
    /// All of that in words, about what `it` did.
    pub text: String,
}

/// A goroutine that may have been the other one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuspectLine {
    /// Its id.
    pub goroutine: u64,
    /// Address of its `runtime.g`, which is never shared.
    #[serde(serialize_with = "hex")]
    pub g: u64,
    /// Its state in the runtime's word, and why it waits.
    pub state: String,
    /// The thread that runs it, or that it was the last one of.
    pub thread: Option<u32>,
    /// When it ran, in words.
    pub moment: String,
    /// What speaks against it, the strongest first.
    pub evidence: Vec<EvidenceLine>,
    /// Its stack, innermost frame first.
    pub stack: Vec<Frame>,
    /// The `go` statement that created it; `None` if it is not known.
    pub created_by: Option<Frame>,
}

/// All suspects, and among how many they were found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SuspectList {
    /// The most suspicious first.
    pub suspects: Vec<SuspectLine>,
    /// How many goroutines were looked at, the ended ones that the runtime still keeps too.
    pub goroutines: u64,
    /// How many of them have a stack that can't be read.
    pub unread: u64,
    /// How many have one so large that only a part of it was searched.
    pub cut: u64,
    /// How many more are suspect, but less than all of these.
    pub more: u64,
    /// Whether the user ended the search before all were looked at.
    pub interrupted: bool,
    /// Why nobody could be looked for.
    pub error: Option<String>,
}

/// A place in the program that can write the map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceLine {
    /// What it does with the map.
    pub kind: AccessKind,
    /// The line that does it, and those that it is called from, inlined or with the map, or what leads to it.
    pub frames: Vec<Frame>,
}

/// The places in the program that can write the map.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PlaceList {
    /// Those that are known to.
    pub places: Vec<PlaceLine>,
    /// Others that write maps of its type, and the code doesn't tell which; package main's first.
    pub others: Vec<PlaceLine>,
    /// How many write maps of any type.
    pub any_type: u64,
}

/// What a process ended of, and all that speaks for whom.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AutopsyReport {
    /// The map that it ended of, and who found it used by another one.
    pub fatal: Option<FatalReport>,
    /// What it ended of otherwise.
    pub end: Option<EndLine>,
    /// Who the other one may have been.
    pub suspects: Option<SuspectList>,
    /// Where in the program the map can be written.
    pub places: Option<PlaceList>,
    /// The map's structure.
    pub check: Option<CheckedMap>,
    /// What can't be told, and why, a line each.
    pub notes: Vec<String>,
}

/// So many suspects are shown with their stacks, and so many places; the JSON has all.
const SHOWN: usize = 5;
const PLACES: usize = 50;
/// So many of the places that may be meant.
const OTHERS: usize = 10;

/// So many things that speak against a suspect are shown; the JSON has all.
const CLUES: usize = 3;

impl Report for AutopsyReport {
    const SCHEMA: &'static str = "redhanded.autopsy/1";

    fn text(&self, palette: &Palette) -> String {
        let AutopsyReport { fatal, end, suspects, places, check, notes } = self;
        let mut text = format!("{RULE}\n");
        if let Some(fatal) = fatal {
            text.push_str(&fatal.body(palette));
        }
        if let Some(end) = end {
            text.push_str(&end.text(palette));
        }
        if let Some(suspects) = suspects {
            text.push('\n');
            text.push_str(&suspects.text(palette));
        }
        if let Some(places) = places {
            text.push('\n');
            text.push_str(&places.text(palette));
        }
        if let Some(check) = check {
            text.push('\n');
            text.push_str(&CheckReport { maps: vec![check.clone()], interrupted: false }.text(palette));
        }
        if !notes.is_empty() {
            text.push('\n');
        }
        for note in notes {
            text.push_str(&format!("{}\n", paint(palette.faint, &format!("note: {note}"))));
        }
        text.push_str(&format!("{RULE}\n"));
        text
    }
}

impl EndLine {
    fn text(&self, palette: &Palette) -> String {
        let mut text = format!("{}\n", paint(palette.heading, &self.text));
        if self.thread.is_some() {
            let who = format!("{} ({}):", capitalised(&goroutine(self.goroutine)), thread(self.thread));
            text.push_str(&format!("\n{}\n{}", paint(palette.heading, &who), stack(&self.stack)));
        }
        text
    }
}

impl SuspectList {
    fn text(&self, palette: &Palette) -> String {
        let SuspectList { suspects, goroutines, unread, cut, more, interrupted, error } = self;
        if let Some(error) = error {
            return format!("{}: {error}\n", paint(palette.heading, "The other one cannot be looked for"));
        }
        let heading = match suspects.len() as u64 + more {
            0 => format!("Nothing speaks against any of {goroutines} goroutines"),
            1 => format!("One of {goroutines} goroutines is suspect"),
            count => format!("{count} of {goroutines} goroutines are suspect, the most likely first"),
        };
        let mut text = format!("{}\n", paint(palette.heading, &heading));
        for (number, suspect) in suspects.iter().enumerate().take(SHOWN) {
            text.push('\n');
            text.push_str(&suspect.text(number + 1, palette));
        }
        if let Some(more) = suspects.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            text.push_str(&format!("\n… and {more} more, which --json has\n"));
        }
        if *more > 0 {
            text.push_str(&format!("\n{more} more are suspect, less than all of these: they are not kept\n"));
        }
        if *interrupted {
            text.push_str("\nInterrupted: the other goroutines were not looked at\n");
        }
        if *unread > 0 {
            text.push_str(&format!("\nThe stacks of {unread} goroutines can't be read\n"));
        }
        if *cut > 0 {
            text.push_str(&format!("\nOf {cut} large stacks only the part around the stack pointer was searched\n"));
        }
        text
    }
}

impl SuspectLine {
    fn text(&self, number: usize, palette: &Palette) -> String {
        let who = format!("{number}. Goroutine {} ({}, {})", self.goroutine, self.state, self.moment);
        let mut text = format!("{}\n", paint(palette.heading, &who));
        for evidence in self.evidence.iter().take(CLUES) {
            let style = if evidence.clue == "inside" || evidence.clue == "dies" { palette.alarm } else { palette.flag };
            text.push_str(&format!("   - it {}\n", paint(style, &evidence.text)));
        }
        if let Some(more) = self.evidence.len().checked_sub(CLUES).filter(|more| *more > 0) {
            text.push_str(&format!("   … and {more} more, which --json has\n"));
        }
        if !self.stack.is_empty() {
            text.push_str(&stack(&self.stack));
        }
        if let Some(created_by) = &self.created_by {
            text.push_str(&format!("  created by {}\n", created_by.short()));
        }
        text
    }
}

impl PlaceList {
    fn text(&self, palette: &Palette) -> String {
        let PlaceList { places, others, any_type } = self;
        let heading = match places.len() {
            0 => "No place in the program is known to write this map".to_owned(),
            1 => "One place in the program is known to write this map".to_owned(),
            count => format!("{count} places in the program are known to write this map"),
        };
        let mut text = format!("{}\n", paint(palette.heading, &heading));
        text.push_str(&PlaceLine::rows("  ", places, PLACES));
        let rest = [(others.len() as u64, "of its type", others.as_slice()), (*any_type, "of any type", &[])];
        for (count, which, known) in rest.into_iter().filter(|(count, ..)| *count > 0) {
            let more = match count {
                1 => format!("1 other place writes a map {which}: whether it is this one, the code doesn't tell"),
                _ => format!("{count} other places write maps {which}: whether it is this one, the code doesn't tell"),
            };
            text.push_str(&format!("  {}\n{}", paint(palette.faint, &more), PlaceLine::rows("    ", known, OTHERS)));
        }
        text
    }
}

impl PlaceLine {
    /// The first of them, as lines.
    fn rows(indent: &str, places: &[PlaceLine], most: usize) -> String {
        let rows: Vec<Vec<String>> = places.iter().take(most).map(PlaceLine::row).collect();
        let mut text = columns(indent, &rows);
        if let Some(more) = places.len().checked_sub(most).filter(|more| *more > 0) {
            text.push_str(&format!("{indent}… and {more} more, which --json has\n"));
        }
        text
    }

    fn row(&self) -> Vec<String> {
        let mut frames = self.frames.iter().map(Frame::short);
        let first = frames.next().unwrap_or_default();
        let through = frames.map(|frame| format!("called by {frame}")).collect::<Vec<_>>().join(", ");
        vec![self.kind.noun().to_owned(), first, through]
    }
}
