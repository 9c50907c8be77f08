//! What a process ended of, and who the suspects are.

use goprogram::Program;
use gotarget::fatal::{End, Scene};
use gotarget::places::{Place, Places};
use gotarget::stack::{self, Pc};
use gotarget::suspects::{Clue, Evidence, Recent, Suspect, Suspects};
use gotarget::{Limits, Target, Values};

use super::culprits::frames;
use crate::value::Rendered;
use crate::{EndLine, EvidenceLine, Frame, PlaceLine, PlaceList, SuspectLine, SuspectList};

/// What a process ended of; `None` if it is a map.
pub fn end(target: &Target<'_>, end: &End) -> Option<EndLine> {
    let line = |kind, text: String, scene: &Scene| EndLine {
        kind,
        text,
        goroutine: scene.goid,
        thread: Some(scene.thread),
        stack: frames(target, &scene.stack),
    };
    Some(match end {
        End::Map(_) => return None,
        End::Fatal { message, scene } => {
            let message = message.as_deref().unwrap_or("its words can't be read");
            line("fatal", format!("No map: the runtime ended the process, fatal error: {message}"), scene)
        }
        End::Panic { value, scene } => {
            let values = Values::new(*target, Limits::default());
            let value = value.as_ref().map(|place| Rendered::new(&values.place(place)).text);
            let value = value.unwrap_or_else(|| "its value can't be read".to_owned());
            line("panic", format!("No map: a panic ended the process: {value}"), scene)
        }
        End::Signal { signal, scene } => {
            line("signal", format!("No map: signal {signal}{} ended the process", signal_name(*signal)), scene)
        }
        End::Nothing => EndLine {
            kind: "nothing",
            text: "No map: nobody is about to end this process".to_owned(),
            goroutine: None,
            thread: None,
            stack: Vec::new(),
        },
    })
}

/// ` (SIGSEGV)`, of the signals that end programs (signal(7), amd64).
fn signal_name(signal: u64) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return String::new(),
    };
    format!(" ({name})")
}

/// Who the other one may have been.
pub fn suspects(target: &Target<'_>, found: &Suspects) -> SuspectList {
    SuspectList {
        suspects: found.list.iter().map(|suspect| suspect_line(target, suspect)).collect(),
        goroutines: found.goroutines,
        unread: found.unread,
        cut: found.cut,
        more: found.more,
        interrupted: found.interrupted,
        error: None,
    }
}

fn suspect_line(target: &Target<'_>, suspect: &Suspect) -> SuspectLine {
    let Suspect { goroutine, recent, evidence, stack } = suspect;
    let (thread, moment) = match recent {
        Recent::Running { thread } => (Some(*thread), format!("on thread {thread}")),
        Recent::Runnable => (None, "kept from running on".to_owned()),
        Recent::Last { thread, .. } => (Some(*thread), format!("the last one that thread {thread} ran")),
        Recent::InSystemCall { thread } => (Some(*thread), format!("in a system call on thread {thread}")),
        Recent::Partner { goid } => {
            (None, format!("waits at a channel that goroutine {goid} uses, which runs or is about to"))
        }
        Recent::Earlier => (None, "its thread has run others since".to_owned()),
        Recent::BeforeCollection => (None, "since before the last garbage collection".to_owned()),
    };
    let wait = goroutine.wait_reason.as_ref().map_or_else(String::new, |reason| format!(" [{reason}]"));
    SuspectLine {
        goroutine: goroutine.goid,
        g: goroutine.g.0,
        state: format!("{}{wait}", goroutine.state),
        thread,
        moment,
        evidence: evidence.iter().map(|evidence| evidence_line(target, evidence)).collect(),
        stack: frames(target, stack),
        created_by: goroutine.created_by.clone().map(Frame::from),
    }
}

/// One thing that speaks against a goroutine, in words.
pub(super) fn evidence_line(target: &Target<'_>, evidence: &Evidence) -> EvidenceLine {
    let Evidence { clue, kind, function, at } = evidence;
    let at = at.and_then(|pc| program_line(target, pc));
    let name = function.as_deref().unwrap_or("a map function");
    let by = at.as_ref().map_or_else(String::new, |at| format!(", called by {}", at.short()));
    let of = at.as_ref().map_or_else(String::new, |at| format!(", in {}", at.short()));
    let (clue, text) = match clue {
        Clue::Dies => ("dies", format!("was about to end the process too: {name} has found the map used{by}")),
        Clue::Inside => ("inside", format!("was inside {name} with this map{by}")),
        Clue::Returned => ("returned", format!("had just returned from {name} with this map{by}")),
        Clue::Called => {
            ("called", format!("has called {name} with this map{of}: the arguments are still on its stack"))
        }
        Clue::Beside => ("beside", format!("has this map's address on its stack, and calls {name}{of}")),
        Clue::Trace => ("trace", format!("has called {name} with this map{of}: the dead part of its stack shows it")),
        Clue::Place => ("place", format!("was in a function that calls {name} with this map{of}")),
        Clue::Wrote => {
            ("wrote", format!("has called {name}: the dead part of its stack shows it, and not with which map"))
        }
        Clue::Could => ("could", format!("holds function {name}, which can write this map")),
        Clue::Holds => ("holds", format!("has this map's address on its stack{of}")),
        Clue::Remains => ("remains", "has this map's address in the dead part of its stack".to_owned()),
    };
    EvidenceLine { clue, kind: kind.map(Into::into), function: function.clone(), at, text }
}

/// The line of the program that a frame is at: also where that is inlined into others.
fn program_line(target: &Target<'_>, pc: Pc) -> Option<Frame> {
    program_lines(target, pc).into_iter().next()
}

/// The same, and those of the functions that it is inlined into.
fn program_lines(target: &Target<'_>, pc: Pc) -> Vec<Frame> {
    let lines = stack::lines(target, pc);
    let first = lines.iter().position(|frame| !frame.is_runtime()).unwrap_or(0);
    lines.iter().skip(first).cloned().map(Frame::from).collect()
}

/// Where in the program a map can be written.
pub fn places(target: &Target<'_>, places: &Places) -> PlaceList {
    let line = |place: &Place| PlaceLine {
        kind: place.kind.into(),
        frames: place.calls.iter().flat_map(|pc| program_lines(target, *pc)).collect(),
    };
    let lines = |places: &[Place]| places.iter().map(line).collect();
    PlaceList { places: lines(&places.list), others: lines(&places.others), any_type: places.any_type }
}

/// What can't be told of a program that was stripped.
pub fn missing(program: &Program) -> Option<&'static str> {
    let missing = "the program has no debug information (DWARF): no variable is known that leads to the map";
    (!program.has_dwarf()).then_some(missing)
}
