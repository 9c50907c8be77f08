//! The whole structure of a map held against what the Go runtime keeps true.

use crate::bytes::Error;
use crate::finding::Finding;
use crate::header::Header;
use crate::scan::ScanOptions;
use crate::slots::MapView;
use crate::source::Source;

/// What a check has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The header.
    pub header: Header,
    /// How many entries there are.
    pub entries: u64,
    /// What contradicts itself: the first of them.
    pub findings: Vec<Finding>,
    /// How many findings there are beyond those.
    pub more: u64,
    /// Bytes of memory read.
    pub bytes_read: u64,
}

impl Check {
    /// The check of a nil map, given the header of an empty one.
    pub fn of_nothing(header: Header) -> Check {
        Check { header, entries: 0, findings: Vec::new(), more: 0, bytes_read: 0 }
    }
}

/// Walks a map's whole structure.
///
/// # Errors
/// The header cannot be read. Whatever else is wrong is a finding.
pub fn check(map: &MapView<'_>, source: &dyn Source, options: &ScanOptions<'_>) -> Result<Check, Error> {
    let _ = (map, source, options);
    todo!()
}
