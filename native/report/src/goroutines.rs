//! The list of goroutines.

use serde::Serialize;

use crate::Report;
use crate::frame::Frame;
use crate::palette::{Palette, paint};
use crate::words::{columns, duration, hex, thread};

/// One goroutine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoroutineLine {
    /// Its id; `None` if it is not known.
    pub goroutine: Option<u64>,
    /// Address of its `runtime.g`.
    #[serde(serialize_with = "hex")]
    pub g: u64,
    /// Whether it is the one that the debugger looks at.
    pub current: bool,
    /// Its state in the runtime's word, `running`.
    pub state: String,
    /// Why it waits in the runtime's words, `chan receive`; `None` unless it waits.
    pub wait_reason: Option<String>,
    /// For how long it has waited, in nanoseconds; `None` if the runtime has not noted it.
    pub wait_ns: Option<u64>,
    /// The thread that runs it; `None` if none does.
    pub thread: Option<u32>,
    /// Where it is, outside the runtime if possible; `None` if that is not known.
    pub at: Option<Frame>,
    /// The `go` statement that created it; `None` if that is not known.
    pub created_by: Option<Frame>,
}

/// All goroutines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoroutineList {
    /// In the order in which they are shown.
    pub goroutines: Vec<GoroutineLine>,
    /// What can't be told of them.
    pub notes: Vec<String>,
}

/// `* 18  running                  thread 4711  main.writerA main.go:23  created by main.main
/// main.go:40`, one line each.
impl Report for GoroutineList {
    const SCHEMA: &'static str = "redhanded.goroutines/1";

    fn text(&self, palette: &Palette) -> String {
        let rows: Vec<Vec<String>> = self.goroutines.iter().map(|goroutine| goroutine.row(palette)).collect();
        let mut text = columns("", &rows);
        for note in &self.notes {
            text.push_str(&format!("{note}\n"));
        }
        text
    }
}

impl GoroutineLine {
    fn row(&self, palette: &Palette) -> Vec<String> {
        let mark = if self.current { '*' } else { ' ' };
        let id = self.goroutine.map_or_else(|| "unknown".to_owned(), |goid| goid.to_string());
        let mut state = self.state.clone();
        if let Some(reason) = &self.wait_reason {
            state.push_str(&format!(" [{reason}]"));
        }
        if let Some(ns) = self.wait_ns {
            state.push_str(&format!(" for {}", duration(ns)));
        }
        let created = self
            .created_by
            .as_ref()
            .map_or_else(String::new, |frame| paint(palette.faint, &format!("created by {}", frame.short())));
        vec![
            format!("{mark} {id}"),
            state,
            self.thread.map_or_else(String::new, |tid| thread(Some(tid))),
            self.at.as_ref().map_or_else(|| "place unknown".to_owned(), Frame::short),
            created,
        ]
    }
}
