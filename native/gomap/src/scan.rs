//! All entries of a map, one after another.

use std::ops::ControlFlow;

use crate::bytes::Error;
use crate::finding::Finding;
use crate::hash::{Hasher, KeyTypes, NoTypes};
use crate::header::Header;
use crate::slots::MapView;
use crate::source::Source;
use crate::walk::Walk;

/// One entry of a map. The bytes live until the next one is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key's bytes; an indirect key's own, not the pointer to it.
    pub key: &'a [u8],
    /// The elem's bytes, likewise.
    pub elem: &'a [u8],
    /// Where the key's bytes lie.
    pub key_addr: u64,
    /// Where the elem's bytes lie.
    pub elem_addr: u64,
}

/// How to scan or check a map.
#[derive(Clone, Copy)]
pub struct ScanOptions<'a> {
    /// Computes this map's hashes, if that is known: then each key is held against its place.
    pub hasher: Option<&'a Hasher>,
    /// The types that interface keys hold.
    pub types: &'a dyn KeyTypes,
    /// Whether to compute [`Scan::digest`].
    pub digest: bool,
    /// Is told how many entries have been read, and how many the header promises, now and then.
    pub progress: Option<&'a dyn Fn(u64, u64)>,
    /// Whether it is known that no thread is inside this map's functions (`Some(true)`), or that one
    /// is: then a flag byte left set is damage, or no damage.
    pub nobody_inside: Option<bool>,
}

/// What a scan has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The header, as it was read before anything else.
    pub header: Header,
    /// How many entries were shown.
    pub entries: u64,
    /// What contradicts itself: the first of them.
    pub findings: Vec<Finding>,
    /// How many findings there are beyond those.
    pub more: u64,
    /// A checksum over all keys and elems in the order they were shown, if it was asked for.
    pub digest: Option<u64>,
    /// Bytes of memory read.
    pub bytes_read: u64,
    /// Whether the map was written while it was read, as far as the scan noticed: then the entries are of
    /// different moments.
    pub written_meanwhile: bool,
    /// Whether the visitor ended the scan.
    pub stopped_early: bool,
}

impl Default for ScanOptions<'_> {
    fn default() -> Self {
        ScanOptions { hasher: None, types: &NoTypes, digest: false, progress: None, nobody_inside: None }
    }
}

impl Scan {
    /// The scan of a nil map, given the header of an empty one.
    pub fn of_nothing(header: Header) -> Scan {
        Scan {
            header,
            entries: 0,
            findings: Vec::new(),
            more: 0,
            digest: None,
            bytes_read: 0,
            written_meanwhile: false,
            stopped_early: false,
        }
    }
}

/// Shows each entry of a map once.
///
/// In the middle of a growth, a split or an evacuation the entries are taken from where they are whole. While the
/// flag byte says that a write is under way, an entry whose key's hash contradicts its place is left out.
///
/// # Errors
/// The header cannot be read, or the slots are impossible. Whatever else is wrong is a finding.
pub fn scan(
    map: &MapView<'_>,
    source: &dyn Source,
    options: &ScanOptions<'_>,
    visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
) -> Result<Scan, Error> {
    let mut walk = Walk::new(map, source, options, false, visit)?;
    let stopped_early = walk.go();
    if walk.header.is_writing() {
        walk.note_write();
    }
    Ok(Scan {
        header: walk.header,
        entries: walk.entries,
        bytes_read: walk.bytes_read(),
        findings: walk.findings.list,
        more: walk.findings.more,
        digest: walk.digest.map(|digest| digest.0),
        written_meanwhile: walk.written_meanwhile,
        stopped_early,
    })
}
