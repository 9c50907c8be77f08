//! The table of threads, and what each is doing to which map.

use serde::Serialize;

use crate::Report;
use crate::frame::Frame;
use crate::palette::Palette;
use crate::race::AccessKind;
use crate::words::{columns, goroutine, thread};

/// What a thread runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// The goroutine of this id.
    Goroutine(u64),
    /// No goroutine: the scheduler, or nothing at all.
    Nothing,
    /// Not known.
    Unknown,
}

/// What a thread is doing to a map right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doing {
    /// What it does.
    pub kind: AccessKind,
    /// The map: an expression, or an address.
    pub map: String,
    /// The runtime function that it is in, `runtime.mapassign_fast64`.
    pub function: String,
}

/// One thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ThreadLine {
    /// Its id as the kernel has it; `None` if it is not known.
    pub thread: Option<u32>,
    /// Whether it is the one that the debugger looks at.
    pub current: bool,
    /// What it runs.
    pub runs: Runs,
    /// What it is doing to a map, if it is in the runtime's map code.
    pub doing: Option<Doing>,
    /// Where it is, outside the runtime if possible; `None` if that is not known.
    pub at: Option<Frame>,
}

/// All threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ThreadTable {
    /// In the order in which they are shown.
    pub threads: Vec<ThreadLine>,
}

/// `* thread 4711  goroutine 18  writing main.shared in runtime.mapassign_fast64  main.writerA
/// main.go:23`, one line each.
impl Report for ThreadTable {
    const SCHEMA: &'static str = "redhanded.threads/1";

    fn text(&self, _palette: &Palette) -> String {
        let rows: Vec<Vec<String>> = self.threads.iter().map(ThreadLine::row).collect();
        columns("", &rows)
    }
}

impl ThreadLine {
    fn row(&self) -> Vec<String> {
        let mark = if self.current { '*' } else { ' ' };
        let runs = match self.runs {
            Runs::Goroutine(goid) => goroutine(Some(goid)),
            Runs::Nothing => "no goroutine".to_owned(),
            Runs::Unknown => goroutine(None),
        };
        let mut cells = vec![format!("{mark} {}", thread(self.thread)), runs];
        // A thread outside the map code keeps its place close: an empty column says nothing.
        cells.extend(self.doing.as_ref().map(|doing| {
            let Doing { kind, map, function } = doing;
            format!("{} {map} in {function}", kind.doing())
        }));
        cells.extend(self.at.as_ref().map(Frame::short));
        cells
    }
}
