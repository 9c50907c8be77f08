//! A map header: every field, what it means, and what is wrong with it.

use gomap::{ClassicHeader, Finding, Growth, Header, Layout, Shape, SwissHeader, Tables};
use serde::Serialize;

use crate::Report;
use crate::finding::{self, FindingLine};
use crate::palette::{Palette, paint};
use crate::words::{Subject, columns, entries};

/// One field of the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldRow {
    /// Go's name of it.
    pub field: &'static str,
    /// Its value in hex; a negative one with its sign.
    pub value: String,
    /// What that means.
    pub meaning: String,
}

/// How far the map has got with growing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrowthState {
    /// `not_growing`, `doubling` or `same_size`.
    pub kind: &'static str,
    /// So many old buckets, counted from the first, are evacuated; `None` unless growing.
    pub evacuated: Option<u64>,
    /// How many old buckets there are; `None` unless growing.
    pub old_buckets: Option<u64>,
    /// All of that in words.
    pub text: String,
}

/// What hangs below the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShapeState {
    /// `buckets`, `small_group` or `directory`.
    pub kind: &'static str,
    /// How many buckets, or how many directory entries; `None` for a small group.
    pub count: Option<u64>,
    /// All of that in words.
    pub text: String,
}

/// The tables of a Swiss map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TableCount {
    /// How many there are, each counted once.
    pub tables: u64,
    /// How many entries they hold together.
    pub used: u64,
}

/// A header, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeaderReport {
    /// The map.
    pub map: Subject,
    /// `classic` or `swiss`.
    pub kind: &'static str,
    /// How many entries the map has.
    pub len: u64,
    /// The flag byte.
    pub flags: u8,
    /// The flag byte in Go's words, `iterator|hashWriting`.
    pub flag_names: String,
    /// Whether the flag byte says that a write is under way.
    pub writing: bool,
    /// How far the map has got with growing.
    pub growth: GrowthState,
    /// What hangs below the header.
    pub shape: ShapeState,
    /// The tables, if the map has any and they were read.
    pub tables: Option<TableCount>,
    /// Every field of the header.
    pub fields: Vec<FieldRow>,
    /// What is wrong.
    pub findings: Vec<FindingLine>,
}

impl HeaderReport {
    /// The report on `header`, which was decoded with `layout`. `tables` are those of a Swiss map;
    /// `findings` are all that should be shown, those of the header and those of the tables.
    pub fn new(
        map: Subject,
        layout: &Layout,
        header: &Header,
        tables: Option<&Tables>,
        findings: &[Finding],
    ) -> HeaderReport {
        let tables = tables
            .filter(|tables| !tables.tables.is_empty())
            .map(|tables| TableCount { tables: tables.tables.len() as u64, used: tables.used() });
        let mut shape = shape_state(header.shape());
        if let Some(TableCount { tables, used }) = tables {
            let plural = if tables == 1 { "" } else { "s" };
            shape.text.push_str(&format!(", {tables} table{plural} with {}", entries(used)));
        }
        let flag_names = layout.describe_flags(header.flags());
        let (kind, fields) = match header {
            Header::Classic(classic) => ("classic", classic_fields(classic, header, &flag_names)),
            Header::Swiss(swiss) => ("swiss", swiss_fields(swiss, header, &flag_names)),
        };
        HeaderReport {
            map,
            kind,
            len: header.len(),
            flags: header.flags(),
            flag_names,
            writing: header.is_writing(),
            growth: growth_state(header.growth()),
            shape,
            tables,
            fields,
            findings: findings.iter().map(FindingLine::from).collect(),
        }
    }
}

/// A head line, a block of `field  value  meaning`, and one line for each finding.
impl Report for HeaderReport {
    const SCHEMA: &'static str = "redhanded.header/1";

    fn text(&self, palette: &Palette) -> String {
        let Subject { expression, type_name, address, go } = &self.map;
        let runtime_type = match self.kind {
            "classic" => "classic runtime.hmap",
            _ => "Swiss internal/runtime/maps.Map",
        };
        let head = format!("{expression}: {type_name} at {address:#x} (Go {go}, {runtime_type})");
        let mut text = format!("{}\n", paint(palette.heading, &head));
        let mut rows: Vec<Vec<String>> = self
            .fields
            .iter()
            .map(|row| {
                let style = match row.field {
                    "flags" | "writing" if self.writing => palette.flag,
                    _ => anstyle::Style::new(),
                };
                vec![row.field.to_owned(), row.value.clone(), paint(style, &row.meaning)]
            })
            .collect();
        for (name, words) in [("growth", &self.growth.text), ("shape", &self.shape.text)] {
            rows.push(vec![name.to_owned(), String::new(), words.clone()]);
        }
        text.push_str(&columns("  ", &rows));
        text.push_str(&finding::lines(&self.findings, 0, false, self.map.address, palette));
        text
    }
}

fn growth_state(growth: Growth) -> GrowthState {
    let (kind, progress) = match growth {
        Growth::NotGrowing => ("not_growing", None),
        Growth::Doubling { evacuated, old_buckets } => ("doubling", Some((evacuated, old_buckets))),
        Growth::SameSize { evacuated, old_buckets } => ("same_size", Some((evacuated, old_buckets))),
    };
    let (evacuated, old_buckets) = progress.unzip();
    GrowthState { kind, evacuated, old_buckets, text: growth.to_string() }
}

fn shape_state(shape: Shape) -> ShapeState {
    let (kind, count) = match shape {
        Shape::ClassicBuckets { buckets } => ("buckets", Some(buckets)),
        Shape::SmallGroup => ("small_group", None),
        Shape::Directory { entries } => ("directory", Some(entries)),
    };
    ShapeState { kind, count, text: shape.to_string() }
}

fn row(field: &'static str, value: u64, meaning: impl Into<String>) -> FieldRow {
    FieldRow { field, value: format!("{value:#x}"), meaning: meaning.into() }
}

fn signed_row(field: &'static str, value: i64, meaning: impl Into<String>) -> FieldRow {
    let sign = if value < 0 { "-" } else { "" };
    FieldRow { field, value: format!("{sign}{:#x}", value.unsigned_abs()), meaning: meaning.into() }
}

fn clear_row(clears: u64) -> FieldRow {
    let times = match clears {
        0 => "never cleared".to_owned(),
        1 => "cleared once".to_owned(),
        _ => format!("cleared {clears} times"),
    };
    row("clearSeq", clears, times)
}

fn flags_meaning(flags: u8, names: &str) -> String {
    if flags == 0 { "nothing set".to_owned() } else { names.to_owned() }
}

fn classic_fields(classic: &ClassicHeader, header: &Header, flag_names: &str) -> Vec<FieldRow> {
    let growth = header.growth();
    let growing = growth != Growth::NotGrowing;
    let count = match classic.count {
        negative @ ..0 => format!("{negative}: no number of entries"),
        _ => entries(header.len()),
    };
    let about = if classic.b < 16 { "" } else { "about " };
    let buckets = match header.shape() {
        Shape::ClassicBuckets { buckets: 0 } => "nil: no buckets yet".to_owned(),
        shape => shape.to_string(),
    };
    let oldbuckets = match growth {
        Growth::NotGrowing => "nil: not growing".to_owned(),
        Growth::Doubling { old_buckets, .. } | Growth::SameSize { old_buckets, .. } => {
            format!("{old_buckets} old buckets")
        }
    };
    let nevacuate = match classic.nevacuate {
        _ if growing => growth.to_string(),
        0 => "not growing".to_owned(),
        left => format!("not growing: {left} left over from the last growth"),
    };
    let extra = if classic.extra == 0 { "nil" } else { "mapextra: lists of overflow buckets" };
    let mut rows = vec![
        signed_row("count", classic.count, count),
        row("flags", classic.flags.into(), flags_meaning(classic.flags, flag_names)),
        row("B", classic.b.into(), format!("2^{} buckets", classic.b)),
        row("noverflow", classic.noverflow.into(), format!("{about}{} overflow buckets", classic.noverflow)),
        row("hash0", classic.hash0.into(), "hash seed"),
        row("buckets", classic.buckets, buckets),
        row("oldbuckets", classic.oldbuckets, oldbuckets),
        row("nevacuate", classic.nevacuate, nevacuate),
    ];
    rows.extend(classic.clear_seq.map(clear_row));
    rows.push(row("extra", classic.extra, extra));
    rows
}

fn swiss_fields(swiss: &SwissHeader, header: &Header, flag_names: &str) -> Vec<FieldRow> {
    let small = swiss.dir_len == 0;
    let dir_ptr = match (swiss.dir_ptr, small) {
        (0, _) => "nil: no group yet",
        (_, true) => "the only group of 8 slots",
        (_, false) => "directory of tables",
    };
    let global_depth = if small {
        "no directory".to_owned()
    } else {
        format!("the top {} bits of a hash choose the table", swiss.global_depth)
    };
    let global_shift = match swiss.global_shift {
        _ if small => "no directory".to_owned(),
        shift => format!("hash >> {shift} is the directory entry"),
    };
    let mut rows = vec![
        row("used", swiss.used, entries(swiss.used)),
        row("seed", swiss.seed, "hash seed"),
        row("dirPtr", swiss.dir_ptr, dir_ptr),
        signed_row("dirLen", swiss.dir_len, header.shape().to_string()),
        row("globalDepth", swiss.global_depth.into(), global_depth),
        row("globalShift", swiss.global_shift.into(), global_shift),
        row("writing", swiss.writing.into(), flags_meaning(swiss.writing, flag_names)),
    ];
    if let Some(possible) = swiss.tombstone_possible {
        let meaning = if possible == 0 { "no tombstones" } else { "a table may have tombstones" };
        rows.push(row("tombstonePossible", possible.into(), meaning));
    }
    rows.push(clear_row(swiss.clear_seq));
    rows
}
