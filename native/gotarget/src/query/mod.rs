//! Which entries of a map are wanted, in which order, and how many.

mod condition;
mod moment;
mod operand;
mod order;
mod path;

use std::ops::ControlFlow;

use gomap::{Entry, Finding, Header, NoTypes, ScanOptions};

use crate::error::Error;
use crate::literal::Key;
use crate::lookup;
use crate::map::{self, Map};
use crate::target::Target;
use crate::value::{Limits, Values};

use condition::Condition;
use order::{SortKey, Sorter};
use path::{Path, Reached};

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only the entry with this key.
    pub key: Option<String>,
    /// Only entries that fulfil all of these: `elem.Age > 30`, `key ~ /^a/`.
    pub wheres: Vec<String>,
    /// Sorted by this path, `key` or `elem.Age`; else as they lie in memory.
    pub sort: Option<String>,
    /// Sorted from large to small.
    pub descending: bool,
    /// No more entries than this.
    pub limit: Option<u64>,
    /// Only how many there are.
    pub count: bool,
}

impl Query {
    /// Whether it asks for all entries.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.key.is_none() && self.wheres.is_empty() && self.limit.is_none()
    }
}

/// How a query is run.
pub struct QueryOptions<'a> {
    /// Whether the process runs on meanwhile.
    pub unstopped: bool,
    /// Is told how many entries have been read, and how many there are to read, now and then.
    pub progress: Option<&'a dyn Fn(u64, u64)>,
    /// Whether the user wants it to end now.
    pub interrupted: &'a dyn Fn() -> bool,
}

/// What a query has come to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The map's header, where it was read.
    pub header: Option<Header>,
    /// How many entries were shown, or with `count` would be.
    pub entries: u64,
    /// What contradicts itself in the map: the first of them.
    pub findings: Vec<Finding>,
    /// How many findings there are beyond those.
    pub more: u64,
    /// Whether the map was written while it was read.
    pub written_meanwhile: bool,
    /// Entries left out because a condition leads to memory that cannot be read.
    pub untested: u64,
    /// Whether it ended because as many entries were found as were asked for.
    pub limited: bool,
    /// Whether the user ended it.
    pub interrupted: bool,
    /// How many entries were held in memory, to sort them.
    pub sorted: Option<u64>,
    /// Why a key was looked for in all entries.
    pub scanned: Option<String>,
}

/// What is compared may be longer than what is shown.
const COMPARED: Limits = Limits { string: 1 << 20, items: 1024, depth: 8 };

/// Lines are handed on in pieces of this many bytes.
const PIECE: usize = 64 << 10;

/// So many entries are looked at between two looks at whether the user wants an end.
const PATIENCE: u64 = 1024;

/// Runs a query on a map. `render` writes the lines of an entry; `out` takes them, many at a time and in
/// order, and may end it. It is called at least once, with nothing if there are no entries, unless the query
/// fails.
///
/// # Errors
/// The query is not one for this map, or the map cannot be read.
pub fn run(
    target: &Target<'_>,
    map: &Map,
    query: &Query,
    options: &QueryOptions<'_>,
    render: &mut dyn FnMut(&Entry<'_>, &mut Vec<u8>),
    out: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Answer, Error> {
    let values = Values::new(*target, COMPARED);
    let mut running = Running::new(target, &values, map, query, options, render, out)?;
    let mut answer = match &query.key {
        Some(key) => {
            let found = lookup::get(target, map, &Key::parse(target, map.key, key)?)?;
            if let Some(entry) = &found.entry {
                let (key_addr, elem_addr) = (entry.key_addr, entry.elem_addr);
                // One entry: whether it wants to go on doesn't matter.
                let _ = running.visit(&Entry { key: &entry.key, elem: &entry.elem, key_addr, elem_addr });
            }
            Answer { findings: found.findings, scanned: found.scanned, ..Answer::new() }
        }
        None => {
            let scan_options = ScanOptions {
                hasher: None,
                types: &NoTypes,
                digest: false,
                progress: options.progress,
                nobody_inside: None,
            };
            let scan = map::scan(target, map, &scan_options, options.unstopped, &mut |entry| running.visit(&entry))?;
            Answer {
                header: Some(scan.header),
                findings: scan.findings,
                more: scan.more,
                written_meanwhile: scan.written_meanwhile,
                ..Answer::new()
            }
        }
    };
    running.finish(&mut answer);
    Ok(answer)
}

impl Answer {
    fn new() -> Answer {
        Answer {
            header: None,
            entries: 0,
            findings: Vec::new(),
            more: 0,
            written_meanwhile: false,
            untested: 0,
            limited: false,
            interrupted: false,
            sorted: None,
            scanned: None,
        }
    }
}

/// A query on its way through the entries.
struct Running<'a> {
    target: &'a Target<'a>,
    values: &'a Values<'a>,
    conditions: Vec<Condition>,
    sort: Option<(Path, Sorter)>,
    limit: u64,
    count: bool,
    interrupted_by: &'a dyn Fn() -> bool,
    render: &'a mut dyn FnMut(&Entry<'_>, &mut Vec<u8>),
    out: &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    buffer: Vec<u8>,
    seen: u64,
    matched: u64,
    untested: u64,
    interrupted: bool,
}

impl<'a> Running<'a> {
    fn new(
        target: &'a Target<'a>,
        values: &'a Values<'a>,
        map: &Map,
        query: &Query,
        options: &'a QueryOptions<'a>,
        render: &'a mut dyn FnMut(&Entry<'_>, &mut Vec<u8>),
        out: &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Running<'a>, Error> {
        let conditions = query.wheres.iter().map(|text| Condition::new(target, values, map, text));
        let sort = query.sort.as_ref().filter(|_| !query.count).map(|text| {
            let path = Path::new(target, values, map.key, map.elem, text.trim())?;
            Ok::<_, Error>((path, Sorter::new(query.limit, query.descending)))
        });
        Ok(Running {
            target,
            values,
            conditions: conditions.collect::<Result<_, _>>()?,
            sort: sort.transpose()?,
            limit: query.limit.unwrap_or(u64::MAX),
            count: query.count,
            interrupted_by: options.interrupted,
            render,
            out,
            buffer: Vec::with_capacity(PIECE * 2),
            seen: 0,
            matched: 0,
            untested: 0,
            interrupted: false,
        })
    }

    fn visit(&mut self, entry: &Entry<'_>) -> ControlFlow<()> {
        if self.seen.is_multiple_of(PATIENCE) && (self.interrupted_by)() {
            self.interrupted = true;
            return ControlFlow::Break(());
        }
        self.seen += 1;
        for condition in &self.conditions {
            match condition.holds(self.target, self.values, entry) {
                Some(true) => {}
                Some(false) => return ControlFlow::Continue(()),
                None => {
                    self.untested += 1;
                    return ControlFlow::Continue(());
                }
            }
        }
        if let Some((path, sorter)) = &mut self.sort {
            let key = match path.reach(self.target, self.values, entry) {
                Reached::Value(value) => SortKey::of(&value),
                Reached::Nothing | Reached::Unreadable => SortKey::Nothing,
            };
            self.matched += 1;
            sorter.push(key, || {
                let mut line = Vec::new();
                (self.render)(entry, &mut line);
                line
            });
            return ControlFlow::Continue(());
        }
        if self.matched >= self.limit {
            return ControlFlow::Break(());
        }
        self.matched += 1;
        if !self.count {
            (self.render)(entry, &mut self.buffer);
            if self.buffer.len() >= PIECE {
                let flow = (self.out)(&self.buffer);
                self.buffer.clear();
                flow?;
            }
        }
        if self.matched >= self.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn finish(mut self, answer: &mut Answer) {
        answer.entries = self.matched.min(self.limit);
        answer.untested = self.untested;
        answer.interrupted = self.interrupted;
        answer.limited = self.matched >= self.limit;
        if let Some((_, sorter)) = self.sort.take() {
            answer.limited = self.matched > self.limit;
            answer.sorted = Some(sorter.len());
            for line in sorter.into_lines() {
                self.buffer.extend_from_slice(&line);
                if self.buffer.len() >= PIECE {
                    let flow = (self.out)(&self.buffer);
                    self.buffer.clear();
                    if flow.is_break() {
                        return;
                    }
                }
            }
        }
        // The last piece; nothing follows that could be left out.
        let _ = (self.out)(&self.buffer);
    }
}
