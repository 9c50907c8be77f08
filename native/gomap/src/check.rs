//! The whole structure of a map held against what the Go runtime keeps true.

use std::ops::ControlFlow;

use crate::bytes::Error;
use crate::finding::Finding;
use crate::header::Header;
use crate::scan::{Entry, ScanOptions};
use crate::slots::MapView;
use crate::source::Source;
use crate::walk::Walk;

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
    /// Whether the map was written while it was read: then findings may be of different moments.
    pub written_meanwhile: bool,
}

impl Check {
    /// The check of a nil map, given the header of an empty one.
    pub fn of_nothing(header: Header) -> Check {
        Check { header, entries: 0, findings: Vec::new(), more: 0, bytes_read: 0, written_meanwhile: false }
    }
}

/// Walks a map's whole structure, and holds it against what the runtime keeps true.
///
/// Without a hasher, keys are not held against their places, nor searched for ones that are there twice.
///
/// # Errors
/// The header cannot be read, or the slots are impossible. Whatever else is wrong is a finding.
pub fn check(map: &MapView<'_>, source: &dyn Source, options: &ScanOptions<'_>) -> Result<Check, Error> {
    let mut visit = |_: Entry<'_>| ControlFlow::Continue(());
    let mut walk = Walk::new(map, source, options, true, &mut visit)?;
    walk.go();
    if walk.header.is_writing() && options.nobody_inside == Some(true) {
        walk.note_left_flag();
    }
    Ok(Check {
        header: walk.header,
        entries: walk.entries,
        bytes_read: walk.bytes_read(),
        findings: walk.findings.list,
        more: walk.findings.more,
        written_meanwhile: walk.written_meanwhile,
    })
}
