//! A map header of either kind.

use std::fmt;

use crate::bytes::Error;
use crate::classic::ClassicHeader;
use crate::finding::{Finding, Judge};
use crate::layout::Layout;
use crate::slots::MapView;
use crate::source::Source;
use crate::swiss::SwissHeader;

/// So many bytes of a header are read at most: those of every Go version have 48.
const LARGEST: usize = 256;

/// A map header, as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// `runtime.hmap`.
    Classic(ClassicHeader),
    /// `internal/runtime/maps.Map`.
    Swiss(SwissHeader),
}

/// How far a classic map has got with growing. A Swiss map grows one table at a time, within one
/// write: it is never seen growing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// There are no old buckets.
    NotGrowing,
    /// To twice as many buckets.
    Doubling {
        /// `nevacuate`: as many old buckets, counted from the first, are evacuated. Some beyond
        /// may be too: a write evacuates the bucket it needs out of turn.
        evacuated: u64,
        /// How many old buckets there are.
        old_buckets: u64,
    },
    /// To as many buckets as before, to get rid of sparse overflow buckets.
    SameSize {
        /// As in [`Growth::Doubling`].
        evacuated: u64,
        /// How many old buckets there are.
        old_buckets: u64,
    },
}

/// What hangs below a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An array of buckets.
    ClassicBuckets {
        /// How many, not counting overflow buckets and old buckets; 0 before the first write.
        buckets: u64,
    },
    /// At most one group of eight slots; none before the first write.
    SmallGroup,
    /// A directory of tables.
    Directory {
        /// Its length. Several entries may name the same table.
        entries: u64,
    },
}

impl Header {
    /// Reads a header from its bytes.
    ///
    /// # Errors
    ///
    /// [`Error::TooShort`] if `bytes` end before a field does. Every value is taken as it is:
    /// what is impossible about it is for [`Header::findings`].
    pub fn decode(layout: &Layout, bytes: &[u8]) -> Result<Header, Error> {
        match layout {
            Layout::Classic(layout) => ClassicHeader::decode(layout, bytes).map(Header::Classic),
            Layout::Swiss(layout) => SwissHeader::decode(layout, bytes).map(Header::Swiss),
        }
    }

    /// Reads a map's header.
    ///
    /// # Errors
    ///
    /// [`Error::NoHeader`] if it isn't there; [`Error::TooShort`] if the layout contradicts itself.
    pub fn read(map: &MapView<'_>, source: &dyn Source) -> Result<Header, Error> {
        let mut bytes = [0; LARGEST];
        let size = usize::try_from(map.layout.size()).unwrap_or(LARGEST).min(LARGEST);
        let bytes = bytes.get_mut(..size).unwrap_or_default();
        if !source.read(map.header, bytes) {
            return Err(Error::NoHeader { address: map.header });
        }
        Header::decode(map.layout, bytes)
    }

    /// The number of entries, as Go's `len` gives it; 0 for a (damaged) negative count.
    pub fn len(&self) -> u64 {
        match self {
            Header::Classic(header) => u64::try_from(header.count).unwrap_or(0),
            Header::Swiss(header) => header.used,
        }
    }

    /// Whether the map has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The flag byte: `flags`, or `writing`.
    pub fn flags(&self) -> u8 {
        match self {
            Header::Classic(header) => header.flags,
            Header::Swiss(header) => header.writing,
        }
    }

    /// Whether the flag byte says that a write is under way.
    pub fn is_writing(&self) -> bool {
        match self {
            Header::Classic(header) => header.is_writing(),
            Header::Swiss(header) => header.is_writing(),
        }
    }

    /// How far the map has got with growing.
    pub fn growth(&self) -> Growth {
        match self {
            Header::Classic(header) => header.growth(),
            Header::Swiss(_) => Growth::NotGrowing,
        }
    }

    /// What hangs below the header.
    pub fn shape(&self) -> Shape {
        match self {
            Header::Classic(header) => header.shape(),
            Header::Swiss(header) => header.shape(),
        }
    }

    /// Everything in the header that contradicts what the runtime keeps true, with the field that
    /// shows it. A healthy map has no findings, in the middle of growing neither; one that is in
    /// the middle of a write may have some, but none that says [`Verdict::Damaged`].
    ///
    /// `address` is the header's. `mapped` answers whether as many bytes (second argument) at an address (first) are mapped.
    ///
    /// [`Verdict::Damaged`]: crate::Verdict::Damaged
    pub fn findings(&self, address: u64, mapped: &mut dyn FnMut(u64, u64) -> bool) -> Vec<Finding> {
        let mut judge = Judge { address, writing: self.is_writing(), mapped, findings: Vec::new() };
        match self {
            Header::Classic(header) => header.judge(&mut judge),
            Header::Swiss(header) => header.judge(&mut judge),
        }
        judge.findings
    }
}

/// `not growing`, `doubling: first 37 of 64 old buckets evacuated`, `same size: first 2 of 8 old
/// buckets evacuated`.
impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, evacuated, old) = match self {
            Growth::NotGrowing => return f.write_str("not growing"),
            Growth::Doubling { evacuated, old_buckets } => ("doubling", evacuated, old_buckets),
            Growth::SameSize { evacuated, old_buckets } => ("same size", evacuated, old_buckets),
        };
        write!(f, "{kind}: first {evacuated} of {old} old buckets evacuated")
    }
}

/// `8 buckets`, `small map: one group`, `directory of 4`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::ClassicBuckets { buckets: 0 } => f.write_str("no buckets yet"),
            Shape::ClassicBuckets { buckets: 1 } => f.write_str("1 bucket"),
            Shape::ClassicBuckets { buckets } => write!(f, "{buckets} buckets"),
            Shape::SmallGroup => f.write_str("small map: one group"),
            Shape::Directory { entries } => write!(f, "directory of {entries}"),
        }
    }
}
