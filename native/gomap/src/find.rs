//! One entry of a map, by the hash of its key.
//!
//! As the runtime does, this follows the hash to a bucket or group and goes on from there. In the middle of a write
//! it goes where the entry is by then: to an old bucket that is only partly evacuated, to either of the directories
//! between which a split changes, to the table that a small map has just become.

mod classic;
mod swiss;

use crate::bytes::Error;
use crate::finding::{Finding, Verdict};
use crate::hash::bytes_at;
use crate::header::Header;
use crate::layout::Layout;
use crate::slots::{MapView, Stored};
use crate::source::Source;

/// An entry, with bytes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEntry {
    /// The key's bytes; an indirect key's own, not the pointer to it.
    pub key: Vec<u8>,
    /// The elem's bytes, likewise; none if they can't be read, which is a finding.
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
    let header = Header::read(map, source)?;
    let hash = hash(seed(&header));
    let bytes_read = map.layout.size();
    let mut path = Path { map, source, equal, writing: header.is_writing(), findings: Vec::new(), bytes_read };
    let entry = match (&header, map.layout, hash) {
        (Header::Classic(header), Layout::Classic(_), Some(hash)) => path.classic(header, hash),
        (Header::Swiss(header), Layout::Swiss(layout), Some(hash)) => path.swiss(header, layout, hash),
        _ => None,
    };
    if path.writing {
        let why = "a write is under way: the entry that it writes may be half written";
        let field = if matches!(header, Header::Classic(_)) { "flags" } else { "writing" };
        path.wrong(false, field, map.header, header.flags().into(), why);
    }
    let Path { findings, bytes_read, .. } = path;
    Ok(Found { header, hash, entry, findings, bytes_read })
}

/// The map's hash seed.
pub(crate) fn seed(header: &Header) -> u64 {
    match header {
        Header::Classic(header) => header.hash0.into(),
        Header::Swiss(header) => header.seed,
    }
}

/// One lookup, on its way.
struct Path<'a> {
    map: &'a MapView<'a>,
    source: &'a dyn Source,
    equal: &'a mut dyn FnMut(&[u8]) -> Option<bool>,
    /// Whether the flag byte says that a write is under way.
    writing: bool,
    findings: Vec<Finding>,
    bytes_read: u64,
}

impl Path<'_> {
    /// Records what the runtime leaves behind only in the middle of a write, or, with `always`, never.
    fn wrong(&mut self, always: bool, field: &'static str, address: u64, value: u64, why: impl Into<String>) {
        let verdict = match (always, self.writing) {
            (true, _) => Verdict::Damaged,
            (false, true) => Verdict::BeingWritten,
            (false, false) => Verdict::Unmarked,
        };
        self.findings.push(Finding { field, value, address, verdict, why: why.into() });
    }

    /// The eight bytes at an address.
    fn word(&mut self, addr: u64) -> Option<[u8; 8]> {
        let mut word = [0; 8];
        self.bytes_read += 8;
        self.source.read(addr, &mut word).then_some(word)
    }

    fn pointer(&mut self, addr: u64) -> Option<u64> {
        self.word(addr).map(u64::from_le_bytes)
    }

    fn bytes(&mut self, addr: u64, len: u64) -> Option<Vec<u8>> {
        self.bytes_read = self.bytes_read.saturating_add(len);
        bytes_at(self.source, addr, len)
    }

    /// Where the key or elem of a slot lies: for an indirect one, what its pointer says.
    fn stored(&mut self, stored: &Stored, unit: u64, slot: u64) -> Option<u64> {
        let addr = unit.checked_add(stored.offset)?.checked_add(stored.stride.checked_mul(slot)?)?;
        if stored.indirect { self.pointer(addr) } else { Some(addr) }
    }

    /// The entry in a slot, if its key is the one that is looked for.
    fn slot(&mut self, unit: u64, slot: u64) -> Option<OwnedEntry> {
        let slots = self.map.slots;
        let key_addr = self.stored(&slots.key, unit, slot);
        let key = key_addr.and_then(|addr| self.bytes(addr, slots.key.size));
        let Some((key_addr, key)) = key_addr.zip(key) else {
            let why = format!("the key of slot {slot} cannot be read");
            self.wrong(slots.key.indirect, "key", unit, key_addr.unwrap_or(0), why);
            return None;
        };
        match (self.equal)(&key) {
            Some(true) => {}
            Some(false) => return None,
            None => {
                let why = format!("what the key of slot {slot} refers to cannot be read");
                self.wrong(false, "key", unit, key_addr, why);
                return None;
            }
        }
        let elem_addr = self.stored(&slots.elem, unit, slot);
        let elem = elem_addr.and_then(|addr| self.bytes(addr, slots.elem.size));
        if elem.is_none() {
            let why = format!("the elem of slot {slot} cannot be read");
            self.wrong(slots.elem.indirect, "elem", unit, elem_addr.unwrap_or(0), why);
        }
        Some(OwnedEntry { key, elem: elem.unwrap_or_default(), key_addr, elem_addr: elem_addr.unwrap_or(0) })
    }
}
