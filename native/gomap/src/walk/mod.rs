//! One way through a map, for whoever scans or checks it.
//!
//! Memory is read in blocks of about 256 KiB: an array of buckets from its first to its last, the groups of one
//! table after the other. Of a block only the entries are looked at one by one, unless the map is checked.

mod buckets;
mod chains;
mod directory;
mod emit;
mod examine;
mod groups;
mod growth;
pub(crate) mod marks;
mod places;
mod reader;
mod transit;
mod units;

use std::ops::ControlFlow;

use crate::bytes::Error;
use crate::finding::{Findings, Judge};
use crate::header::Header;
use crate::layout::Layout;
use crate::scan::{Entry, ScanOptions};
use crate::slots::MapView;
use crate::source::Source;
use chains::Array;
use emit::{Digest, Geometry};
use examine::Examiner;
use places::Places;
use reader::Reader;
use units::Units;

/// How many bytes of buckets or groups are read at once, about: they stay in the cache until they are looked at.
const BLOCK: usize = 1 << 18;

/// So many blocks in a row that can't be read at all end the walk: the array isn't there.
const MOST_MISSING: u32 = 16;

/// Whoever sees the entries.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(Entry<'_>) -> ControlFlow<()>;

/// A walk through a map, and what it has found.
pub(crate) struct Walk<'a> {
    map: &'a MapView<'a>,
    options: &'a ScanOptions<'a>,
    visit: Visit<'a>,
    geometry: Geometry,
    reader: Reader<'a>,
    /// Holds the structure against all that the runtime keeps true, rather than only against what entries need.
    thorough: bool,
    examiner: Option<Examiner<'a>>,
    pub(crate) header: Header,
    pub(crate) findings: Findings,
    pub(crate) entries: u64,
    pub(crate) digest: Option<Digest>,
    pub(crate) written_meanwhile: bool,
    /// Sets of entries that wait for what their pointers lead to.
    indirect: emit::Indirect,
    places: Places,
}

impl<'a> Walk<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// It can't be read, or the slots are impossible.
    pub(crate) fn new(
        map: &'a MapView<'a>,
        source: &'a dyn Source,
        options: &'a ScanOptions<'a>,
        thorough: bool,
        visit: Visit<'a>,
    ) -> Result<Self, Error> {
        let geometry = Geometry::new(map.slots, matches!(map.layout, Layout::Classic(_)))?;
        let reader = Reader::new(source);
        let header = Header::read(map, &reader)?;
        let mut findings = Findings::new(header.is_writing());
        findings.extend(header.findings(map.header, &mut |addr, len| reader.is_mapped(addr, len)));
        // A map that stands still is what it is; the entry that a writer is at may be half written.
        let examiner = options.hasher.filter(|_| thorough || header.is_writing());
        let examiner = examiner.map(|hasher| Examiner::new(hasher, options.types, &header, thorough));
        let digest = options.digest.then(Digest::default);
        Ok(Walk {
            map,
            options,
            visit,
            geometry,
            reader,
            thorough,
            examiner,
            header,
            findings,
            entries: 0,
            digest,
            written_meanwhile: false,
            indirect: emit::Indirect::default(),
            places: Places::default(),
        })
    }

    /// Goes all the way. Returns whether the visitor ended it.
    pub(crate) fn go(&mut self) -> bool {
        let stopped = match (self.header, self.map.layout) {
            (Header::Classic(header), Layout::Classic(_)) => self.classic(&header),
            (Header::Swiss(header), Layout::Swiss(layout)) => self.swiss(&header, &layout.table),
            _ => ControlFlow::Continue(()),
        };
        let stopped = stopped.is_break();
        let after = Header::read(self.map, &self.reader);
        self.written_meanwhile = after.as_ref() != Ok(&self.header);
        if !stopped && self.entries != self.header.len() {
            let (field, what) = match self.header {
                Header::Classic(_) => ("count", "buckets hold"),
                Header::Swiss(_) => ("used", "map holds"),
            };
            let entries = self.entries;
            self.findings.in_between(self.map.header, field, self.header.len(), format_args!("the {what} {entries}"));
        }
        stopped
    }

    /// The flag byte says that a write is under way: what it has done to its entry so far can't be told.
    pub(crate) fn note_write(&mut self) {
        let (field, flags) = self.flags();
        let why = format_args!("a write is under way: the entry that it writes may be half written");
        self.findings.in_between(self.map.header, field, flags, why);
    }

    /// The flag byte says that a write is under way, yet nobody is there.
    pub(crate) fn note_left_flag(&mut self) {
        let (field, flags) = self.flags();
        let why = format_args!("a write is marked, yet no thread is inside the map: a write never ended, or two met");
        self.findings.damaged(self.map.header, field, flags, why);
    }

    fn flags(&self) -> (&'static str, u64) {
        let field = if matches!(self.header, Header::Classic(_)) { "flags" } else { "writing" };
        (field, self.header.flags().into())
    }

    /// Bytes of memory read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.reader.bytes()
    }

    /// Bytes of a bucket or group.
    fn unit(&self) -> u64 {
        self.geometry.unit as u64
    }

    /// How many buckets or groups make a block.
    fn units_at_once(&self) -> u64 {
        (BLOCK / self.geometry.unit).max(1) as u64
    }

    fn units(&self) -> Units {
        Units::new(self.geometry.unit)
    }

    /// Whether the walk through an array is to end before bucket `next` of it, since it isn't there.
    fn gives_up(&mut self, missing: u32, array: Array, next: u64) -> bool {
        let gives_up = missing >= MOST_MISSING && next < array.of;
        if gives_up {
            let why = format_args!("those from number {next} on are left out, for none of many before could be read");
            self.findings.damaged(self.map.header, "buckets", array.addr, why);
        }
        gives_up
    }

    /// At the end of a block: whatever belongs together has been seen.
    fn end_of_block(&mut self) {
        if let Some(examiner) = &mut self.examiner {
            examiner.report_duplicates(&self.reader, self.geometry.key_len, &mut self.findings);
        }
        if let Some(progress) = self.options.progress {
            progress(self.entries, self.header.len());
        }
    }

    /// Judges something by the rules for headers and tables.
    fn judge(&mut self, address: u64, judged: impl FnOnce(&mut Judge<'_>)) {
        let mut mapped = |addr, len| self.reader.is_mapped(addr, len);
        let writing = self.header.is_writing();
        let mut judge = Judge { address, writing, mapped: &mut mapped, findings: Vec::new() };
        judged(&mut judge);
        let findings = judge.findings;
        self.findings.extend(findings);
    }
}
