//! Whether a hasher is right about a map.

use super::{Hasher, KeyTypes};
use crate::bytes::Error;
use crate::find::find;
use crate::header::Header;
use crate::sample::sample;
use crate::slots::MapView;
use crate::source::Source;

/// What entries of a map say about a hasher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The map's header.
    pub header: Header,
    /// How many entries lie where their key's hash leads.
    pub held: u64,
    /// How many don't.
    pub failed: u64,
    /// Bytes of the map's memory that were read.
    pub bytes_read: u64,
}

impl Hasher {
    /// Looks up a few of the map's own keys, `samples` at most, and sees whether their hashes lead to where they lie.
    /// The hasher is right if more held than failed; one that fails may be damage of the map, or a write under way. Keys without
    /// a fixed hash (NaN) tell nothing, nor does a map without entries, or one so sparse that no entry is found with
    /// a few reads.
    ///
    /// # Errors
    /// The header cannot be read.
    pub fn prove(
        &self,
        map: &MapView<'_>,
        source: &dyn Source,
        types: &dyn KeyTypes,
        samples: u64,
    ) -> Result<Proof, Error> {
        let (header, keys, bytes_read) = sample(map, source, samples)?;
        let mut proof = Proof { header, held: 0, failed: 0, bytes_read };
        for (addr, key) in keys {
            let found = find(map, source, &mut |seed| self.hash(&key, seed, source, types), &mut |other| {
                self.equal(&key, other, source, types)
            })?;
            proof.bytes_read = proof.bytes_read.saturating_add(found.bytes_read);
            if found.hash.is_some() {
                let held = found.entry.is_some_and(|entry| entry.key_addr == addr);
                *(if held { &mut proof.held } else { &mut proof.failed }) += 1;
            }
        }
        Ok(proof)
    }
}
