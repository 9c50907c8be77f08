//! What is wrong with a map, and how sure that is.

use std::fmt;

/// How a contradiction in memory is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The runtime never leaves a map like this, not even between two steps of a write.
    Damaged,
    /// A write leaves a map like this between two of its steps, and the flag byte says that a
    /// write is under way.
    BeingWritten,
    /// A write leaves a map like this between two of its steps, but the flag byte marks no write:
    /// either a second writer has wiped the mark, or the map is damaged.
    Unmarked,
}

/// A contradiction between what memory holds and what the Go runtime keeps true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Go's name of the field that shows it: `dirLen`, `B`, `table.used`.
    pub field: &'static str,
    /// The field's value; that of a signed field as two's complement.
    pub value: u64,
    /// Address of what is wrong: of the header, table, bucket, group or slot that holds the field.
    pub address: u64,
    /// How it is to be taken.
    pub verdict: Verdict,
    /// What contradicts what, in one line.
    pub why: String,
}

/// `dirLen = 3: not a power of two`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { field, value, why, .. } = self;
        match *field {
            "count" | "dirLen" | "table.index" => {
                write!(f, "{field} = {}: {why}", value.cast_signed())
            }
            "flags" | "writing" | "buckets" | "oldbuckets" | "extra" | "dirPtr" | "directory" | "table.groups.data"
            | "overflow" | "tophash" | "control" | "key" | "elem" => {
                write!(f, "{field} = {value:#x}: {why}")
            }
            _ => write!(f, "{field} = {value}: {why}"),
        }
    }
}

/// So many findings are kept of one map; a damaged one may have millions.
const MOST_FINDINGS: usize = 100;

/// The findings about one map, the first of them.
pub(crate) struct Findings {
    /// Whether the flag byte says that a write is under way.
    writing: bool,
    pub(crate) list: Vec<Finding>,
    /// How many there are beyond those.
    pub(crate) more: u64,
}

impl Findings {
    pub(crate) fn new(writing: bool) -> Self {
        Findings { writing, list: Vec::new(), more: 0 }
    }

    /// Records what no step of the runtime leaves behind.
    pub(crate) fn damaged(&mut self, address: u64, field: &'static str, value: u64, why: fmt::Arguments<'_>) {
        self.add(address, field, value, Verdict::Damaged, why);
    }

    /// Records what a write leaves behind between two of its steps.
    pub(crate) fn in_between(&mut self, address: u64, field: &'static str, value: u64, why: fmt::Arguments<'_>) {
        let verdict = if self.writing { Verdict::BeingWritten } else { Verdict::Unmarked };
        self.add(address, field, value, verdict, why);
    }

    pub(crate) fn extend(&mut self, findings: Vec<Finding>) {
        let room = MOST_FINDINGS.saturating_sub(self.list.len());
        self.more += findings.len().saturating_sub(room) as u64;
        self.list.extend(findings.into_iter().take(room));
    }

    fn add(&mut self, address: u64, field: &'static str, value: u64, verdict: Verdict, why: fmt::Arguments<'_>) {
        if self.list.len() < MOST_FINDINGS {
            self.list.push(Finding { field, value, address, verdict, why: why.to_string() });
        } else {
            self.more += 1;
        }
    }
}

/// Collects findings about one header or table.
pub(crate) struct Judge<'a> {
    /// Address of the structure that is being judged.
    pub(crate) address: u64,
    /// Whether the flag byte says that a write is under way.
    pub(crate) writing: bool,
    /// Whether `len` bytes at an address are mapped.
    pub(crate) mapped: &'a mut dyn FnMut(u64, u64) -> bool,
    pub(crate) findings: Vec<Finding>,
}

impl Judge<'_> {
    /// Records what no step of the runtime leaves behind.
    pub(crate) fn damaged(&mut self, field: &'static str, value: u64, why: impl Into<String>) {
        let (address, verdict) = (self.address, Verdict::Damaged);
        self.findings.push(Finding { field, value, address, verdict, why: why.into() });
    }

    /// Records what a write leaves behind between two of its steps.
    pub(crate) fn in_between(&mut self, field: &'static str, value: u64, why: impl Into<String>) {
        self.findings.push(Finding {
            field,
            value,
            address: self.address,
            verdict: if self.writing { Verdict::BeingWritten } else { Verdict::Unmarked },
            why: why.into(),
        });
    }

    /// Checks a pointer that is not nil: Go aligns all that map headers point to to 8 bytes, and
    /// at least `len` bytes must be there.
    pub(crate) fn pointer(&mut self, field: &'static str, address: u64, len: u64) {
        if !address.is_multiple_of(8) {
            self.damaged(field, address, "not aligned to 8 bytes");
        } else if address.checked_add(len).is_none() || !(self.mapped)(address, len) {
            let why = format!("the {len} bytes that must be there are not mapped");
            self.damaged(field, address, why);
        }
    }
}
