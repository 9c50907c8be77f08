//! `print`: a map's entries, or any other value.

use std::io::{self, Write};
use std::ops::ControlFlow;

use gomap::{Entry, Header};
use goprogram::{TypeKind, TypeRef};
use gotarget::expression::{self, At, Place};
use gotarget::map::{self, Map};
use gotarget::query::{self, Answer, Query, QueryOptions};
use gotarget::value::Ahead;
use gotarget::{MapSource, Memory, RuntimeAddr, Target, Value, Values};
use report::value::Rendered;
use report::{Columns, EntryFormat, FindingLine, PrintSummary, Report, Subject, ValueReport};

use crate::arguments::PrintArgs;
use crate::context::{Context, Error, Status};

/// A key or elem larger than this has no columns of its own.
const LARGEST_COLUMNS: u64 = 1 << 20;

/// Lines are written in pieces of this many bytes.
const PIECE: usize = 64 << 10;

impl PrintArgs {
    pub(crate) fn run(&self, context: &Context<'_>, out: &mut dyn Write) -> Result<Status, Error> {
        let values = Values::new(context.target, self.limits.over(context.limits));
        let frame = context.frame.as_ref();
        match expression::map(&context.target, frame, &self.expression) {
            Ok(value) => self.map(context, &values, &map::open(&context.target, &value)?, out),
            Err(error) => {
                // Whatever else it names has a value too: also a nil pointer, which leads to no map.
                let place = expression::place(&context.target, frame, &self.expression)?;
                let ty = context.target.program.ty(place.ty)?;
                match ty.kind {
                    TypeKind::Map { .. } => Err(error.into()),
                    _ if ty.name == SYNC_MAP => self.sync_map(context, &values, &place, out),
                    _ => self.value(context, &values, &place, out),
                }
            }
        }
    }

    fn map(&self, context: &Context<'_>, values: &Values<'_>, map: &Map, out: &mut dyn Write) -> Result<Status, Error> {
        let subject = context.subject(&map.value);
        let len = match map.value.header.0 {
            0 => 0,
            _ => Header::read(&map.view(), &MapSource(context.target.memory)).map_err(gotarget::Error::from)?.len(),
        };
        let format = self.format(context, values, map);
        let mut head = Vec::new();
        if !self.count {
            format.head(&subject, Some(len), &context.palette, &mut head);
        }
        let query = Query {
            key: self.key.clone(),
            wheres: self.wheres.clone(),
            sort: self.sort.clone(),
            descending: self.desc,
            limit: self.limit,
            count: self.count,
        };
        let options =
            QueryOptions { unstopped: context.unstopped, progress: context.progress, interrupted: context.interrupted };
        // Where all entries are shown, all that they point to is read.
        let ahead = Ahead::new(&context.target, map, values.limits());
        let shows_all = query.is_for_all() && !query.count;
        let memory: &dyn Memory = if shows_all { &ahead } else { context.target.memory };
        let target = Target { memory, ..context.target };
        let values = &Values::new(target, values.limits());
        let (key, elem) = (values.decoder(map.key), values.decoder(map.elem));
        let mut render = |entry: &Entry<'_>, line: &mut Vec<u8>| {
            let key = values.decode_with(key, entry.key, Some(RuntimeAddr(entry.key_addr)));
            let elem = values.decode_with(elem, entry.elem, Some(RuntimeAddr(entry.elem_addr)));
            format.entry(&key, &elem, line);
        };
        let mut written = Ok(());
        let mut write = |lines: &[u8]| {
            // Only now it is certain that the query is one for this map.
            let head = std::mem::take(&mut head);
            if written.is_ok() {
                written = out.write_all(&head).and_then(|()| out.write_all(lines));
            }
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let answer = query::run(&target, map, &query, &options, &mut render, &mut write)?;
        written?;
        let summary = summary(subject, len, &query, answer);
        self.finish(context, &summary, out)
    }

    /// What follows the entries.
    fn finish(&self, context: &Context<'_>, summary: &PrintSummary, out: &mut dyn Write) -> Result<Status, Error> {
        if self.json {
            context.show(summary, true, out)?;
        } else {
            if self.count {
                writeln!(out, "{}", summary.entries)?;
            }
            let remarks =
                if self.count || self.csv { summary.alarms(&context.palette) } else { summary.text(&context.palette) };
            match context.notes {
                Some(notes) if self.csv && !remarks.is_empty() => notes(remarks.trim_end()),
                _ => out.write_all(remarks.as_bytes())?,
            }
        }
        Ok(Status::found(summary.is_alarming()))
    }

    fn format(&self, context: &Context<'_>, values: &Values<'_>, map: &Map) -> EntryFormat {
        if self.json {
            return EntryFormat::Json;
        }
        if !self.csv {
            return EntryFormat::Text;
        }
        let zero = |ty| zero_value(context, values, ty);
        EntryFormat::Csv(Columns::of(&zero(map.key), &zero(map.elem)))
    }

    /// A sync.Map, which is one to its user.
    fn sync_map(
        &self,
        context: &Context<'_>,
        values: &Values<'_>,
        place: &Place,
        out: &mut dyn Write,
    ) -> Result<Status, Error> {
        let At::Memory(addr) = place.at else { return self.value(context, values, place, out) };
        self.refuse_conditions(&place.expression)?;
        let subject = Subject {
            expression: place.expression.clone(),
            type_name: SYNC_MAP.to_owned(),
            address: addr.0,
            go: context.target.program.version().text.trim_start_matches("go").to_owned(),
        };
        let format = match (self.json, self.csv) {
            (true, _) => EntryFormat::Json,
            (_, true) => EntryFormat::Csv(Columns::of(&Value::Nil, &Value::Nil)),
            _ => EntryFormat::Text,
        };
        // It has no count: it must be read to know.
        let mut lines = Vec::new();
        let (mut len, mut shown, mut interrupted) = (0u64, 0u64, false);
        let mut written: io::Result<()> = Ok(());
        if !self.count {
            format.head(&subject, None, &context.palette, &mut lines);
        }
        let findings = values.sync_map(place.ty, addr, &mut |key, elem| {
            len += 1;
            interrupted = interrupted || (len.is_multiple_of(1024) && (context.interrupted)());
            if interrupted || self.limit.is_some_and(|limit| shown >= limit) {
                return ControlFlow::Break(());
            }
            shown += 1;
            if !self.count {
                format.entry(&key, &elem, &mut lines);
            }
            if lines.len() >= PIECE {
                written = out.write_all(&lines);
                lines.clear();
            }
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written?;
        out.write_all(&lines)?;
        let summary = PrintSummary {
            len: shown,
            entries: shown,
            doubts: findings.iter().map(ToString::to_string).collect(),
            limited: len > shown,
            interrupted,
            ..PrintSummary::new(subject)
        };
        self.finish(context, &summary, out)
    }

    fn value(
        &self,
        context: &Context<'_>,
        values: &Values<'_>,
        place: &Place,
        out: &mut dyn Write,
    ) -> Result<Status, Error> {
        self.refuse_conditions(&place.expression)?;
        if self.csv || self.count || self.limit.is_some() {
            return Err(Error::NoEntries {
                expression: place.expression.clone(),
                option: "--csv, --count and --limit",
            });
        }
        let report = ValueReport {
            expression: place.expression.clone(),
            type_name: context.target.program.ty(place.ty)?.name,
            value: Rendered::new(&values.place(place)),
        };
        context.show(&report, self.json, out)?;
        Ok(Status::Clean)
    }

    fn refuse_conditions(&self, expression: &str) -> Result<(), Error> {
        if self.key.is_some() || !self.wheres.is_empty() || self.sort.is_some() {
            return Err(Error::NoEntries { expression: expression.to_owned(), option: "--key, --where and --sort" });
        }
        Ok(())
    }
}

/// The name of the type that is shown as a map.
const SYNC_MAP: &str = "sync.Map";

fn summary(subject: Subject, len: u64, query: &Query, answer: Answer) -> PrintSummary {
    let len = answer.header.map_or(len, |header| header.len());
    PrintSummary {
        len,
        entries: answer.entries,
        findings: FindingLine::all(&answer.findings, answer.written_meanwhile),
        more_findings: answer.more,
        written_meanwhile: answer.written_meanwhile,
        untested: answer.untested,
        limited: answer.limited && answer.entries < len,
        interrupted: answer.interrupted,
        why_scanned: answer.scanned,
        chosen: !query.is_for_all(),
        sorted: answer.sorted,
        ..PrintSummary::new(subject)
    }
}

/// The zero value of a type, whose shape is that of all its values.
fn zero_value(context: &Context<'_>, values: &Values<'_>, ty: TypeRef) -> Value {
    match context.target.program.ty(ty) {
        Ok(described) if matches!(described.kind, TypeKind::Struct { .. }) && described.size <= LARGEST_COLUMNS => {
            values.decode(ty, &vec![0; usize::try_from(described.size).unwrap_or(0)], None)
        }
        _ => Value::Nil,
    }
}
