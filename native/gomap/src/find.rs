//! One entry of a map, by the hash of its key.

use crate::bytes::Error;
use crate::finding::Finding;
use crate::header::Header;
use crate::slots::MapView;
use crate::source::Source;

/// An entry, with bytes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEntry {
    /// The key's bytes; an indirect key's own, not the pointer to it.
    pub key: Vec<u8>,
    /// The elem's bytes, likewise.
    pub elem: Vec<u8>,
    /// Where the key's bytes lie.
    pub key_addr: u64,
    /// Where the elem's bytes lie.
    pub elem_addr: u64,
}

/// What a lookup has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The header, as it was read before anything else.
    pub header: Header,
    /// The key's hash; `None` if it has none, and nothing was looked up.
    pub hash: Option<u64>,
    /// The entry, if the map has it.
    pub entry: Option<OwnedEntry>,
    /// What contradicts itself on the key's path.
    pub findings: Vec<Finding>,
    /// Bytes of memory read, not counting what keys refer to.
    pub bytes_read: u64,
}

/// Looks up a key, reading only the buckets or groups that its hash leads to.
///
/// `hash` computes the key's hash from the map's seed. `equal` compares the bytes of a slot's key with it;
/// `None` where that can't be told.
///
/// # Errors
/// The header cannot be read. Whatever else is wrong is a finding.
pub fn find(
    map: &MapView<'_>,
    source: &dyn Source,
    hash: &mut dyn FnMut(u64) -> Option<u64>,
    equal: &mut dyn FnMut(&[u8]) -> Option<bool>,
) -> Result<Found, Error> {
    let _ = (map, source, hash, equal);
    todo!()
}
