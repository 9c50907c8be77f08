//! A map's own hash function, computed here: from the process's key material, the map type's descriptor, and the
//! DWARF's description of its keys.

use std::rc::Rc;

use gomap::{DynamicKey, Hasher, KeyTypes};

use crate::map::Map;
use crate::target::Target;

/// Why a map's hashes can't be computed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NoHasher {
    /// In one line.
    pub why: String,
}

/// A hasher for this map's keys, proven on a few of its entries.
///
/// # Errors
/// The process doesn't tell what is needed, the map's hash function is unknown, or its entries don't lie where the
/// hashes lead.
pub fn hasher(target: &Target<'_>, map: &Map) -> Result<Hasher, NoHasher> {
    let _ = (target, map);
    todo!()
}

/// The types that the process's interface keys hold.
pub struct Types<'a> {
    target: Target<'a>,
}

impl<'a> Types<'a> {
    /// The types of this process.
    #[must_use]
    pub fn new(target: &Target<'a>) -> Self {
        Types { target: *target }
    }
}

impl KeyTypes for Types<'_> {
    fn dynamic(&self, descriptor: u64) -> Option<Rc<DynamicKey>> {
        let _ = (descriptor, self.target);
        todo!()
    }
}
