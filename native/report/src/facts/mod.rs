//! Facts of a process and the judge's overlaps, as the plain data of reports.

mod autopsy;
mod culprits;

use gomap::{Finding, Growth, Scan, Verdict};
use goprogram::Program;
use gotarget::catch::{Caught, Dying, FlagTrap, Scene};
use gotarget::expression::MapValue;
use gotarget::goroutine::Goroutine;
use gotarget::map::{HeaderFacts, MapFacts};
use gotarget::threads::Thread;
use gotarget::{RuntimeAddr, Target, stack};
use race::{Access, Deed, Kind, Overlap};

pub use autopsy::{end, missing, places, suspects};
pub use culprits::{both_dying, fatal, inside, most_likely, users};

use crate::{
    AccessKind, AccessLine, Culprit, Doing, FlagByte, ForeignLine, Frame, GoroutineLine, GoroutineList, HeaderReport,
    RaceReport, Runs, Step, Subject, ThreadLine, ThreadTable,
};

/// What is known of a culprit by the time it is reported.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// What the runtime knows of its goroutine.
    pub goroutine: Option<Goroutine>,
    /// Whether it is still inside its window.
    pub inside: bool,
    /// Whether its thread stands still.
    pub held: bool,
}

impl From<stack::Frame> for Frame {
    fn from(frame: stack::Frame) -> Self {
        Frame {
            pc: frame.pc.0,
            function: Some(frame.function).filter(|name| name != "?"),
            line: Some(frame.line).filter(|line| *line != 0 && !frame.file.is_empty()),
            file: Some(frame.file).filter(|file| !file.is_empty()),
            offset: Some(frame.offset),
            inlined: frame.inlined,
        }
    }
}

impl From<race::Step> for Step {
    fn from(step: race::Step) -> Self {
        match step {
            race::Step::Checks => Step::Checks,
            race::Step::Loads => Step::Loads,
            race::Step::Sets => Step::Sets,
            race::Step::Clears => Step::Clears,
            race::Step::Updates => Step::Updates,
            race::Step::Iterates => Step::Iterates,
        }
    }
}

impl From<Kind> for AccessKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Read => AccessKind::Read,
            Kind::Iterate => AccessKind::Iteration,
            Kind::Assign => AccessKind::Write,
            Kind::Delete => AccessKind::Delete,
            Kind::Clear => AccessKind::Clear,
        }
    }
}

/// Which map, of which program.
pub fn subject(program: &Program, map: &MapValue) -> Subject {
    Subject {
        expression: map.expression.clone(),
        type_name: map.type_name.clone(),
        address: map.header.0,
        go: program.version().text.trim_start_matches("go").to_owned(),
    }
}

/// A map header.
pub fn header(program: &Program, map: &MapFacts) -> HeaderReport {
    let subject = subject(program, &map.map);
    let HeaderFacts { layout, header, tables, findings } = &map.facts;
    HeaderReport::new(subject, layout, header, tables.as_ref(), findings)
}

/// A map header in one line, for a debugger's printer: `map with 12 entries, flags 0, 2 buckets`.
pub fn summary(facts: &HeaderFacts) -> String {
    let HeaderFacts { layout, header, findings, .. } = facts;
    let entries = match header.len() {
        1 => "1 entry".to_owned(),
        len => format!("{len} entries"),
    };
    let mut words = vec![
        format!("map with {entries}"),
        format!("flags {}", layout.describe_flags(header.flags())),
        header.shape().to_string(),
    ];
    if header.growth() != Growth::NotGrowing {
        words.push(header.growth().to_string());
    }
    words.extend(findings.iter().map(verdict));
    words.join(", ")
}

/// A finding, and how it is to be taken.
fn verdict(finding: &Finding) -> String {
    match finding.verdict {
        Verdict::Damaged => format!("DAMAGED: {finding}"),
        Verdict::BeingWritten => format!("being written: {finding}"),
        Verdict::Unmarked => format!("damaged, or written unmarked: {finding}"),
    }
}

/// So many findings fit into a line; a check shows all.
const FINDINGS: usize = 3;

/// A map with its entries below it, in one line, for a debugger's printer: `map[int]string (len 3, growing …)`.
pub fn heading(type_name: &str, scan: &Scan) -> String {
    let mut words = vec![format!("len {}", scan.header.len())];
    if scan.header.growth() != Growth::NotGrowing {
        words.push(scan.header.growth().to_string());
    }
    if scan.header.is_writing() {
        words.push("being written".to_owned());
    }
    // What a write leaves half done is no more than that.
    let wrong: Vec<&Finding> = scan.findings.iter().filter(|it| it.verdict != Verdict::BeingWritten).collect();
    words.extend(wrong.iter().take(FINDINGS).map(|finding| verdict(finding)));
    let more = scan.more + wrong.len().saturating_sub(FINDINGS) as u64;
    if more > 0 {
        words.push(format!("{more} more that `gomap check` shows"));
    }
    format!("{type_name} ({})", words.join(", "))
}

/// One access, as it comes.
pub fn access(target: &Target<'_>, trap: &FlagTrap, caught: &Caught) -> AccessLine {
    let Caught { at, goroutine, kind, deed, scene, entered, left, .. } = caught;
    AccessLine {
        entered_ns: entered.map(|at| at.0),
        left: *left,
        ..line(target, at.0, *goroutine, *kind, scene, deed.step.into(), flag_byte(*deed, trap))
    }
}

/// The stack of an access, for a line that is to show it.
pub fn stack(target: &Target<'_>, scene: &Scene) -> Vec<Frame> {
    stack::describe(target, &scene.stack).into_iter().map(Frame::from).collect()
}

/// Something that touched the byte and is not a map function.
pub fn foreign(thread: u32, at: stack::Frame) -> ForeignLine {
    ForeignLine { thread, at: at.into() }
}

/// A writer that is kept at its check until the other one has left.
pub fn kept(target: &Target<'_>, trap: &FlagTrap, caught: &Caught) -> AccessLine {
    AccessLine { step: Step::Kept, ..access(target, trap, caught) }
}

/// A goroutine at the runtime's fatal function, at `time_ns` nanoseconds since the watch began: it dies
/// or is kept.
pub fn dying(target: &Target<'_>, trap: &FlagTrap, dying: &Dying, time_ns: u64, step: Step) -> AccessLine {
    let bit = if dying.leaving { 0 } else { trap.writing_bit() };
    let flag = FlagByte { before: Some(bit), after: Some(bit), writing_bit: trap.writing_bit() };
    line(target, time_ns, dying.goroutine, dying.kind, &dying.scene, step, flag)
}

fn line(
    target: &Target<'_>,
    time_ns: u64,
    goroutine: race::Goroutine,
    kind: Kind,
    scene: &Scene,
    step: Step,
    flag: FlagByte,
) -> AccessLine {
    let runtime_function = scene.stack.first().and_then(|pc| Some(stack::lines(target, *pc).last()?.function.clone()));
    AccessLine {
        time_ns,
        thread: Some(scene.thread),
        goroutine: scene.goid,
        g: goroutine.0,
        kind: kind.into(),
        step,
        flag,
        runtime_function,
        caller: stack::caller(target, &scene.stack).map(Frame::from),
        entered_ns: None,
        left: false,
        stack: Vec::new(),
    }
}

/// The report of an overlap. `standing` tells of a culprit by its goroutine.
pub fn race(
    target: &Target<'_>,
    trap: &FlagTrap,
    overlap: &Overlap<Scene>,
    standing: &dyn Fn(race::Goroutine) -> Standing,
) -> RaceReport {
    let culprit = |access: &Access<Scene>| culprit(target, trap, access, standing(access.goroutine));
    // Whoever entered first need not have been the first to touch the byte in the way that is shown.
    let (mut earlier, mut later) = (&overlap.first, &overlap.second);
    if later.deed.at < earlier.deed.at {
        std::mem::swap(&mut earlier, &mut later);
    }
    RaceReport { map: subject(target.program, trap.map()), second: culprit(later), first: culprit(earlier) }
}

fn culprit(target: &Target<'_>, trap: &FlagTrap, access: &Access<Scene>, standing: Standing) -> Culprit {
    Culprit {
        kind: access.kind.into(),
        step: access.deed.step.into(),
        flag: flag_byte(access.deed, trap),
        goroutine: access.scene.goid,
        g: access.goroutine.0,
        thread: Some(access.scene.thread),
        time_ns: access.deed.at.0,
        stack: stack(target, &access.scene),
        created_by: standing.goroutine.and_then(|goroutine| goroutine.created_by).map(Frame::from),
        inside: standing.inside,
        held: standing.held,
    }
}

fn flag_byte(deed: Deed, trap: &FlagTrap) -> FlagByte {
    FlagByte { before: deed.before, after: deed.after, writing_bit: trap.writing_bit() }
}

/// What is said of goroutines that can be listed, but not in full.
const NO_REASONS: &str = "The program has no debug information (DWARF): what the waiting ones wait for can't be told.";

/// All goroutines. `threads` are the stopped threads: a running goroutine is where its thread is.
/// `current` is the selected thread.
pub fn goroutines(
    program: &Program,
    goroutines: &[Goroutine],
    threads: &[Thread],
    current: Option<u32>,
) -> GoroutineList {
    let line = |goroutine: &Goroutine| {
        let thread = threads.iter().find(|thread| thread.goroutine == Some(goroutine.g));
        let at = thread.map_or(&goroutine.at, |thread| &thread.at);
        GoroutineLine {
            goroutine: Some(goroutine.goid),
            g: goroutine.g.0,
            current: thread.is_some_and(|thread| Some(thread.tid) == current),
            state: goroutine.state.clone(),
            wait_reason: goroutine.wait_reason.clone(),
            wait_ns: None,
            thread: thread.map(|thread| thread.tid).or(goroutine.thread),
            at: at.clone().map(Frame::from),
            created_by: goroutine.created_by.clone().map(Frame::from),
        }
    };
    let notes = (!program.has_dwarf()).then(|| NO_REASONS.to_owned());
    GoroutineList { goroutines: goroutines.iter().map(line).collect(), notes: notes.into_iter().collect() }
}

/// All threads, and which map each is inside of. `name` gives the expression for a map's header, where
/// there is one.
pub fn threads(threads: &[Thread], current: Option<u32>, name: &dyn Fn(RuntimeAddr) -> Option<String>) -> ThreadTable {
    let line = |thread: &Thread| ThreadLine {
        thread: Some(thread.tid),
        current: Some(thread.tid) == current,
        runs: match (thread.goroutine, thread.goid) {
            (None, _) => Runs::Nothing,
            (Some(_), Some(goid)) => Runs::Goroutine(goid),
            (Some(_), None) => Runs::Unknown,
        },
        doing: thread.inside.as_ref().map(|inside| Doing {
            kind: inside.kind.into(),
            map: match inside.map {
                Some(map) => name(map).unwrap_or_else(|| format!("the map at {map}")),
                None => "a map (its address can't be told)".to_owned(),
            },
            function: inside.function.clone(),
        }),
        at: thread.at.clone().map(Frame::from),
    };
    ThreadTable { threads: threads.iter().map(line).collect() }
}
