//! A map's header in a process, and what hangs below it.

use gomap::{Finding, Header, Layout, MapView, Slots, Tables};
use goprogram::{TypeKind, TypeRef};

use crate::error::Error;
use crate::expression::MapValue;
use crate::memory::{RuntimeAddr, read_bytes};
use crate::target::Target;

/// A map, and where it keeps its entries.
#[derive(Clone, Debug)]
pub struct Map {
    /// Which map.
    pub value: MapValue,
    /// Where this program's headers keep their fields.
    pub layout: Layout,
    /// Where this type of map keeps its keys and elems.
    pub slots: Slots,
    /// The type of its keys.
    pub key: TypeRef,
    /// The type of its elems.
    pub elem: TypeRef,
}

impl Map {
    /// The map as crate `gomap` wants it.
    #[must_use]
    pub fn view(&self) -> MapView<'_> {
        MapView { layout: &self.layout, slots: &self.slots, header: self.value.header.0 }
    }
}

/// Finds out where a map, which may be nil, keeps its entries.
///
/// # Errors
/// The program doesn't tell.
pub fn open(target: &Target<'_>, value: &MapValue) -> Result<Map, Error> {
    let layout = *target.program.map_layout()?;
    let slots = target.program.slots(value.ty)?;
    let ty = target.program.ty(value.ty)?;
    let TypeKind::Map { key, elem, .. } = ty.kind else { return Err(goprogram::Error::NotAMap { ty: ty.name }.into()) };
    Ok(Map { value: value.clone(), layout, slots, key, elem })
}

/// A map that an expression names, and what its header says.
#[derive(Clone, Debug)]
pub struct MapFacts {
    /// Which map.
    pub map: MapValue,
    /// What its header says.
    pub facts: HeaderFacts,
}

/// The largest header of any Go version is 48 bytes; a layout that says much more is wrong.
const LARGEST_HEADER: u64 = 4096;

/// What a header alone says, of a map that is known by its address.
#[derive(Clone, Debug)]
pub struct HeaderFacts {
    /// Where this program's headers keep their fields.
    pub layout: Layout,
    /// The header.
    pub header: Header,
    /// Every table once; `None` for a map that has no directory.
    pub tables: Option<Tables>,
    /// What contradicts itself.
    pub findings: Vec<Finding>,
}

/// Reads and decodes a map's header.
///
/// # Errors
/// The program doesn't tell its layout, or the header is not mapped.
pub fn facts(target: &Target<'_>, map: MapValue) -> Result<MapFacts, Error> {
    let facts = header_at(target, map.not_nil()?)?;
    Ok(MapFacts { map, facts })
}

/// Reads and decodes the header at an address.
///
/// # Errors
/// As [`facts`].
pub fn header_at(target: &Target<'_>, addr: RuntimeAddr) -> Result<HeaderFacts, Error> {
    let layout = *target.program.map_layout()?;
    let size = layout.size().min(LARGEST_HEADER) as usize;
    let header = Header::decode(&layout, &read_bytes(target.memory, addr, size)?)?;
    let mut mapped = |addr, len| is_mapped(target, addr, len);
    let mut findings = header.findings(addr.0, &mut mapped);
    let mut tables = None;
    if let (Header::Swiss(swiss), Layout::Swiss(layout)) = (&header, &layout)
        && swiss.dir_len > 0
    {
        let mut read = |addr, len: u64| read_bytes(target.memory, RuntimeAddr(addr), len as usize).ok();
        let read = Tables::read(swiss, layout, &mut read);
        findings.extend(read.findings(swiss, addr.0, &mut mapped));
        tables = Some(read);
    }
    Ok(HeaderFacts { layout, header, tables, findings })
}

/// Whether the first and the last byte of a range can be read.
fn is_mapped(target: &Target<'_>, addr: u64, len: u64) -> bool {
    let last = addr.checked_add(len.saturating_sub(1));
    let readable = |addr| read_bytes(target.memory, RuntimeAddr(addr), 1).is_ok();
    last.is_some_and(|last| readable(addr) && readable(last))
}
