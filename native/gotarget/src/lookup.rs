//! One entry of a map by its key.

use gomap::{Finding, OwnedEntry};

use crate::error::Error;
use crate::literal::Key;
use crate::map::Map;
use crate::target::Target;

/// What a lookup has come to.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The entry, if the map has it.
    pub entry: Option<OwnedEntry>,
    /// Why all of the map had to be read, in one line; `None` if the key's hash led to its place.
    pub scanned: Option<String>,
    /// Bytes of the map's memory that were read.
    pub bytes_read: u64,
    /// What contradicts itself.
    pub findings: Vec<Finding>,
}

/// Looks up a key as Go would; a nil map has none.
///
/// # Errors
/// The map's header can't be read, or the program doesn't tell what is needed.
pub fn get(target: &Target<'_>, map: &Map, key: &Key) -> Result<Lookup, Error> {
    let _ = (target, map, key);
    todo!()
}
