//! Whether a hasher is right about a map.

use super::{Hasher, KeyTypes};
use crate::bytes::Error;
use crate::slots::MapView;
use crate::source::Source;

/// What entries of a map say about a hasher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proof {
    /// How many entries lie where their key's hash leads.
    pub held: u64,
    /// How many don't.
    pub failed: u64,
    /// Bytes of memory read.
    pub bytes_read: u64,
}

impl Hasher {
    /// Holds the hashes of a few of the map's own keys, `samples` at most, against where they lie. The hasher is
    /// right if some held and none failed; a map without entries proves nothing.
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
        let _ = (map, source, types, samples);
        todo!()
    }
}
