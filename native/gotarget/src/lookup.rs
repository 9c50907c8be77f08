//! One entry of a map by its key.

use std::ops::ControlFlow;

use gomap::{Finding, Found, Hasher, Header, KeyTypes, NoTypes, Overlay, OwnedEntry, ScanOptions};

use crate::error::Error;
use crate::hasher::{NoHasher, Types, key_shape, proven};
use crate::literal::Key;
use crate::map::{self, Map};
use crate::memory::MapSource;
use crate::target::Target;

/// What a lookup has come to.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    /// The entry, if the map has it.
    pub entry: Option<OwnedEntry>,
    /// Why all of the map had to be read, in one line; `None` if the key's hash led to its place.
    pub scanned: Option<String>,
    /// Bytes of the map's memory that were read, for the proof of the hash too.
    pub bytes_read: u64,
    /// What contradicts itself.
    pub findings: Vec<Finding>,
    /// Whether the map was written while it was read: then the answer may be wrong.
    pub written_meanwhile: bool,
}

/// So often a lookup is tried again because the map was written meanwhile.
const TRIES: u32 = 4;

/// Looks up a key as Go would; a nil map has none, and NaN is in no map.
///
/// # Errors
/// The map's header can't be read, or the program doesn't tell what is needed.
pub fn get(target: &Target<'_>, map: &Map, key: &Key) -> Result<Lookup, Error> {
    if map.value.header.0 == 0 {
        return Ok(Lookup::default());
    }
    let types = Types::new(target);
    let source = MapSource(target.memory);
    let search = Search { target, map, key, types: &types, source: Overlay::new(&source, key.arena()) };
    match proven(target, map, &types) {
        Ok((hasher, bytes_read)) => search.by_hash(&hasher, bytes_read),
        Err(NoHasher { why, .. }) => search.by_scan(why),
    }
}

/// A lookup under way.
struct Search<'a> {
    target: &'a Target<'a>,
    map: &'a Map,
    key: &'a Key,
    types: &'a dyn KeyTypes,
    /// The process's memory and what the key refers to.
    source: Overlay<'a>,
}

impl Search<'_> {
    fn by_hash(&self, hasher: &Hasher, mut bytes_read: u64) -> Result<Lookup, Error> {
        for tried in 1.. {
            let found = self.find(hasher)?;
            bytes_read += found.bytes_read;
            // A key that is not equal to itself is a NaN, or has one in it; its hash is random.
            let is_nan = hasher.equal(&self.key.bytes, &self.key.bytes, &self.source, self.types) == Some(false);
            if found.hash.is_none() && !is_nan {
                return self.by_scan("the key's hash cannot be computed".to_owned());
            }
            let written_meanwhile = self.header()? != found.header;
            if !written_meanwhile || tried == TRIES {
                let Found { entry, mut findings, .. } = found;
                if written_meanwhile {
                    // What contradicts itself is of different moments, and says nothing.
                    findings.clear();
                }
                return Ok(Lookup { entry, scanned: None, bytes_read, findings, written_meanwhile });
            }
        }
        Ok(Lookup::default())
    }

    fn find(&self, hasher: &Hasher) -> Result<Found, Error> {
        let key = &self.key.bytes;
        Ok(gomap::find(
            &self.map.view(),
            &self.source,
            &mut |seed| hasher.hash(key, seed, &self.source, self.types),
            &mut |other| hasher.equal(key, other, &self.source, self.types),
        )?)
    }

    fn by_scan(&self, why: String) -> Result<Lookup, Error> {
        let shape = key_shape(self.target.program, self.map.key)?;
        let before = self.header()?;
        let mut entry = None;
        let options = ScanOptions { types: &NoTypes, ..ScanOptions::default() };
        let scan = map::scan(self.target, self.map, &options, false, &mut |found| {
            if shape.equal(&self.key.bytes, found.key, &self.source, self.types) != Some(true) {
                return ControlFlow::Continue(());
            }
            let (key, elem) = (found.key.to_vec(), found.elem.to_vec());
            entry = Some(OwnedEntry { key, elem, key_addr: found.key_addr, elem_addr: found.elem_addr });
            ControlFlow::Break(())
        })?;
        let written_meanwhile = scan.written_meanwhile || self.header()? != before;
        Ok(Lookup {
            entry,
            scanned: Some(why),
            bytes_read: scan.bytes_read,
            findings: scan.findings,
            written_meanwhile,
        })
    }

    fn header(&self) -> Result<Header, Error> {
        Ok(Header::read(&self.map.view(), &self.source)?)
    }
}
