//! A page that tells of a watch: one file, with nothing loaded from anywhere.
//!
//! Its only script is its own, and the page's policy lets nothing else run: what came from the process is text.

use std::io::{self, Write};

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::draw::{self, Picture, precisely};
use super::gather::{Case, Gathered, Row, Side};
use super::{Access, Overlap, Timeline, Watched};
use crate::words::{duration, goroutine, shown, thread};
use crate::{Frame, HeaderReport, Palette, Report, WatchSummary};

/// A page that is being made.
#[derive(Debug)]
pub struct Page<W> {
    out: W,
    watched: Watched,
    gathered: Gathered,
}

impl<W: Write> Page<W> {
    /// Begins a page. It is written at the end; until then, little is kept in memory however long the watch is.
    pub fn new(out: W, watched: Watched) -> Self {
        Page { out, watched, gathered: Gathered::new() }
    }
}

impl<W: Write> Timeline for Page<W> {
    fn access(&mut self, access: &Access<'_>) -> io::Result<()> {
        self.gathered.access(access);
        Ok(())
    }

    fn overlap(&mut self, overlap: &Overlap<'_>) -> io::Result<()> {
        self.gathered.overlap(overlap);
        Ok(())
    }

    fn loss(&mut self, lost: u64) -> io::Result<()> {
        self.gathered.loss(lost);
        Ok(())
    }

    fn finish(&mut self, summary: &WatchSummary) -> io::Result<()> {
        View::of(&self.watched, &self.gathered, summary).write_into(&mut self.out)?;
        self.out.flush()
    }
}

/// So many goroutines are listed.
const PEOPLE: usize = 20;

/// The size of the picture of the whole run.
const OVERVIEW: (f64, f64) = (960.0, 36.0);

const STYLE: &str = include_str!("../../templates/page.css");
const SCRIPT: &str = include_str!("../../templates/page.js");

/// What the page says, all of it text.
#[derive(Template)]
#[template(path = "page.html")]
struct View<'a> {
    policy: String,
    style: &'static str,
    script: &'static str,
    version: &'static str,
    title: String,
    watched: &'a Watched,
    program: String,
    verdict: String,
    /// What stands before the variable, the variable, and what stands behind it.
    headline: (String, String, String),
    go: String,
    type_name: String,
    address: String,
    notes: Vec<String>,
    cases: Vec<CaseView>,
    more_cases: u64,
    picture: Picture,
    overview: Vec<Part>,
    length: String,
    drawn: String,
    no_proof: String,
    people: Vec<Person>,
    more_people: String,
    header: Option<Header>,
    /// Name and value, and whether that is code.
    facts: Vec<(&'static str, String, bool)>,
}

struct CaseView {
    sentence: String,
    /// How often it happened, if more than once.
    again: String,
    times: String,
    pair: String,
    sides: [SideView; 2],
}

struct SideView {
    class: &'static str,
    badge: &'static str,
    goroutine: String,
    role: String,
    function: String,
    position: String,
    deed: String,
    stack: Vec<FrameView>,
    whereabouts: String,
    created_by: Option<FrameView>,
}

struct FrameView {
    class: &'static str,
    function: String,
    position: String,
}

/// A part of the picture of the whole run.
struct Part {
    class: &'static str,
    x: String,
    y: String,
    width: String,
    height: String,
    says: String,
}

struct Person {
    class: &'static str,
    name: String,
    place: String,
    did: String,
    accesses: u64,
    /// Of a hundred.
    part: u64,
}

struct Header {
    head: String,
    rows: Vec<(&'static str, String, String)>,
    findings: Vec<String>,
}

impl<'a> View<'a> {
    fn of(watched: &'a Watched, gathered: &Gathered, summary: &WatchSummary) -> Self {
        let picture = draw::draw(gathered, watched.quantity);
        let expression = &watched.subject.expression;
        let program = shown(watched.program.rsplit('/').next().unwrap_or_default());
        let case = gathered.cases.first();
        let verdict = case.map_or("no overlap seen", |case| case.title);
        let headline =
            case.map_or_else(|| format!("Nobody overlapped on `{expression}`"), |case| case.headline.clone());
        View {
            policy: policy(),
            style: STYLE,
            script: SCRIPT,
            version: env!("CARGO_PKG_VERSION"),
            title: format!("{}: {verdict} in {program}", shown(expression)),
            watched,
            program,
            verdict: capitalised(verdict),
            headline: around_code(&headline),
            go: shown(&watched.subject.go),
            type_name: shown(&watched.subject.type_name),
            address: format!("{:#x}", watched.subject.address),
            notes: notes(summary),
            cases: gathered.cases.iter().map(CaseView::of).collect(),
            more_cases: gathered.more_cases,
            overview: overview(gathered),
            length: duration(gathered.last_ns),
            drawn: drawn(gathered, &picture),
            no_proof: no_proof(gathered),
            people: people(gathered),
            more_people: more_people(gathered),
            header: watched.header.as_ref().map(Header::of),
            facts: facts(watched, summary),
            picture,
        }
    }
}

/// What the page may do: run its own script and be styled by its own style, and nothing else.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// Text in three parts: before, in and behind its backquotes.
fn around_code(text: &str) -> (String, String, String) {
    let (before, rest) = text.split_once('`').unwrap_or((text, ""));
    let (code, behind) = rest.rsplit_once('`').unwrap_or((rest, ""));
    (shown(before), shown(code), shown(behind))
}

impl CaseView {
    fn of(case: &Case) -> Self {
        let Case { sentence, first, second, meets, count, .. } = case;
        let meets = format!(" · {meets}");
        let sides = [SideView::of(first, "one", "1", ""), SideView::of(second, "two", "2", &meets)];
        let [one, two] = &sides;
        CaseView {
            sentence: format!("{}.", shown(&capitalised(sentence))),
            again: if *count == 1 { String::new() } else { format!("{count} times at these two places.") },
            times: if *count == 1 { "once".to_owned() } else { format!("{count} times") },
            pair: format!("{} {} and {} {}", one.function, one.position, two.function, two.position),
            sides,
        }
    }
}

impl SideView {
    fn of(side: &Side, class: &'static str, badge: &'static str, role: &str) -> Self {
        let here = side.culprit.or((!side.stack.is_empty()).then_some(0));
        let frame = here.and_then(|here| side.stack.get(here));
        let stack = side.stack.iter().enumerate().map(|(depth, frame)| {
            let class = match Some(depth) == here {
                true => "here",
                false if frame.is_runtime() => "runtime",
                false => "",
            };
            FrameView { class, ..FrameView::of(frame) }
        });
        SideView {
            class,
            badge,
            goroutine: capitalised(&goroutine(side.goroutine)),
            role: format!("{}{role}", side.kind),
            function: frame.map_or("its stack is not known".to_owned(), |frame| shown(&frame.function())),
            position: frame.map(|frame| shown(&frame.short_position())).unwrap_or_default(),
            deed: format!("{} at {}", shown(&side.deed), precisely(side.time_ns)),
            stack: stack.collect(),
            whereabouts: match side.goroutine {
                Some(_) => format!("{}, {}", capitalised(&thread(side.thread)), side.whereabouts),
                // Its `g` is what is left to tell it by.
                None => format!("g {:#x}, {}, {}", side.g, thread(side.thread), side.whereabouts),
            },
            created_by: side.created_by.as_ref().map(FrameView::of),
        }
    }
}

impl FrameView {
    fn of(frame: &Frame) -> Self {
        let arguments = if frame.inlined { "(...)" } else { "()" };
        FrameView {
            class: "",
            function: format!("{}{arguments}", shown(&frame.function())),
            position: shown(&frame.full_position()),
        }
    }
}

/// How much was when, and where the overlaps were.
fn overview(gathered: &Gathered) -> Vec<Part> {
    let (width, height) = OVERVIEW;
    let end = gathered.last_ns.max(1) as f64;
    let number = |number: f64| format!("{number:.1}");
    let most = gathered.density.parts().map(|(_, _, count)| count).max().unwrap_or(1) as f64;
    let place =
        |start: u64, length: u64| (number(start as f64 / end * width), number((length as f64 / end * width).max(1.0)));
    let parts = gathered.density.parts().map(|(start, length, count)| {
        let (x, width) = place(start, length);
        let tall = (count as f64 / most * (height - 8.0)).max(1.0);
        let says = format!("{count} accesses from {} on", precisely(start));
        Part { class: "part", x, width, y: number(height - tall), height: number(tall), says }
    });
    let found = gathered.overlap_density.parts().map(|(start, length, count)| {
        let (x, width) = place(start, length);
        let says = format!("{count} overlaps from {} on", precisely(start));
        Part { class: "found", x, width, y: number(0.0), height: number(6.0), says }
    });
    parts.chain(found).collect()
}

/// What of the accesses is drawn, and what is left out.
fn drawn(gathered: &Gathered, picture: &Picture) -> String {
    let of = gathered.accesses;
    if picture.drawn as u64 == of {
        return format!("all {of} accesses are drawn.");
    }
    let mut text = format!("{} of {of} accesses are drawn", picture.drawn);
    if gathered.stride > 1 {
        text.push_str(&format!(": of the whole run one window in {}", gathered.stride));
        if !gathered.cases.is_empty() {
            text.push_str(&format!(
                ", and {} accesses before and behind each of the overlaps below",
                Gathered::around()
            ));
        }
    }
    text.push('.');
    if picture.more_goroutines > 0 {
        text.push_str(&format!(" {} more goroutines have no lane.", picture.more_goroutines));
    }
    if picture.more_threads > 0 {
        text.push_str(&format!(" {} more threads have no lane.", picture.more_threads));
    }
    text
}

/// What it means that there was no overlap; nothing where there was one.
fn no_proof(gathered: &Gathered) -> String {
    let who = match gathered.rows.len() {
        1 => "1 goroutine".to_owned(),
        many => format!("{many} goroutines"),
    };
    format!(
        "{} accesses by {who} in {}, and no two at the same time with one of them to change it. That is no proof that there never will be.",
        gathered.accesses,
        duration(gathered.last_ns)
    )
}

fn by_accesses(gathered: &Gathered) -> Vec<(usize, &Row)> {
    let culprits = gathered.cases.first().map_or([None; 2], |case| [case.first.row, case.second.row]);
    let mut rows: Vec<(usize, &Row)> = gathered.rows.iter().enumerate().collect();
    let rank = |row: usize| culprits.iter().position(|it| *it == Some(row)).unwrap_or(culprits.len());
    rows.sort_by_key(|(index, row)| (rank(*index), std::cmp::Reverse(row.accesses)));
    rows
}

fn people(gathered: &Gathered) -> Vec<Person> {
    let most = gathered.rows.iter().map(|row| row.accesses).max().unwrap_or(0).max(1);
    let culprits = gathered.cases.first().map_or([None; 2], |case| [case.first.row, case.second.row]);
    let person = |(index, row): (usize, &Row)| Person {
        class: match culprits.iter().position(|it| *it == Some(index)) {
            Some(0) => "one",
            Some(_) => "two",
            None => "other",
        },
        name: goroutine(row.goroutine),
        place: row.place.and_then(|place| gathered.places.get(place)).map(|place| shown(place)).unwrap_or_default(),
        did: row.kinds.iter().map(|(kind, count)| counted(*count, kind)).collect::<Vec<_>>().join(", "),
        accesses: row.accesses,
        part: (row.accesses * 100).div_ceil(most),
    };
    by_accesses(gathered).into_iter().take(PEOPLE).map(person).collect()
}

fn more_people(gathered: &Gathered) -> String {
    let others: u64 = by_accesses(gathered).into_iter().skip(PEOPLE).map(|(_, row)| row.accesses).sum();
    let count = gathered.rows.len().saturating_sub(PEOPLE);
    match (count, gathered.of_others) {
        (0, 0) => String::new(),
        (count, 0) => format!("{count} more goroutines, seen {others} times."),
        (count, beyond) => format!(
            "{count} more goroutines, seen {others} times; and still others, which are not told apart, seen {beyond} times."
        ),
    }
}

/// `12 writes`, `1 read`.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

impl Header {
    fn of(header: &HeaderReport) -> Self {
        let runtime_type = if header.kind == "classic" { "runtime.hmap" } else { "internal/runtime/maps.Map" };
        let mut rows: Vec<_> =
            header.fields.iter().map(|row| (row.field, row.value.clone(), shown(&row.meaning))).collect();
        rows.push(("growth", String::new(), header.growth.text.clone()));
        rows.push(("shape", String::new(), header.shape.text.clone()));
        Header {
            head: format!("A {} map ({runtime_type}) with {}.", header.kind, crate::words::entries(header.len)),
            rows,
            findings: header.findings.iter().map(|finding| shown(&finding.text)).collect(),
        }
    }
}

/// What is missing, and what else there is to say.
fn notes(summary: &WatchSummary) -> Vec<String> {
    let lost =
        (summary.lost > 0).then(|| format!("Traps that were lost: {}. What they saw is missing here.", summary.lost));
    lost.into_iter().chain(summary.notes.iter().map(|note| shown(note))).collect()
}

fn facts(watched: &Watched, summary: &WatchSummary) -> Vec<(&'static str, String, bool)> {
    // What is missing stands above; nothing is missing here because someone read lines too slowly.
    let result = WatchSummary { lost: 0, unshown: 0, notes: Vec::new(), ..summary.clone() };
    let result = result.text(&Palette::default()).trim_end().replace('\n', " ");
    vec![
        ("result", result, false),
        ("program", shown(&watched.program), true),
        ("process", watched.pid.to_string(), false),
        ("Go", shown(&watched.subject.go), false),
        ("began", watched.began.clone(), false),
        ("command", shown(&watched.command), true),
    ]
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
