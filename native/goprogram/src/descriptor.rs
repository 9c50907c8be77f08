//! The type descriptors that the runtime uses: which type of the DWARF each of them describes, and how
//! they are laid out.

use std::collections::BTreeMap;

use object::{Object, ObjectSection};

use crate::entry::Entry;
use crate::layout::Structure;
use crate::types::{GO_RUNTIME_TYPE, TypeRef, target};
use crate::units::{MOST_NAMES, Offset, Reader, TYPES};
use crate::{Error, LinkAddr, Program, layout_known};

/// Where the fields of a type descriptor lie, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbiLayout {
    /// Size of `internal/abi.Type` (up to Go 1.20 `runtime._type`), with which every descriptor begins.
    pub size: u64,
    /// `Size_` (uintptr): the size of a value, in bytes.
    pub type_size: u64,
    /// `Hash` (uint32).
    pub hash: u64,
    /// `TFlag` (uint8).
    pub tflag: u64,
    /// `Kind_` (uint8): its low five bits ([`AbiLayout::KIND_MASK`]) are the kind.
    pub kind: u64,
    /// `Equal` (pointer to a closure): compares two values; nil if they can't be compared.
    pub equal: u64,
    /// `Str` (int32): the name, as an offset from the module's `types`.
    pub str: u64,
    /// The descriptor of a map type.
    pub map: MapTypeLayout,
}

impl AbiLayout {
    /// The bits of `Kind_` that are the kind (`KindMask`, Go's src/internal/abi/type.go; up to 1.20
    /// `kindMask`, src/runtime/typekind.go).
    pub const KIND_MASK: u8 = 0x1f;
}

/// Where the fields of a map type's descriptor lie, in bytes from its start: `internal/abi.MapType`, in
/// Go 1.24 and 1.25 `SwissMapType` or `OldMapType`, up to 1.20 `runtime.maptype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapTypeLayout {
    /// Its size.
    pub size: u64,
    /// `Key` (pointer): the descriptor of the keys.
    pub key: u64,
    /// `Elem` (pointer): the descriptor of the elems.
    pub elem: u64,
    /// `Bucket` or `Group` (pointer): the descriptor of what the keys and elems lie in.
    pub unit: u64,
    /// `Hasher` (pointer to a closure): hashes a key.
    pub hasher: u64,
    /// `Flags` (uint32).
    pub flags: u64,
}

/// Type descriptors by address, sorted.
pub(crate) type Descriptors = Vec<(LinkAddr, Offset)>;

impl Program {
    /// The type that the runtime's descriptor at this address describes; `None` if the DWARF has none for it,
    /// as for the types that reflect makes while the program runs.
    ///
    /// # Errors
    /// [`Error::NoDwarf`], or [`Error::Damaged`] DWARF.
    pub fn type_of_descriptor(&self, descriptor: LinkAddr) -> Result<Option<TypeRef>, Error> {
        let known = match self.descriptors_cell().get() {
            Some(known) => known,
            None => {
                let read = self.read_descriptors()?;
                self.descriptors_cell().get_or_init(|| read)
            }
        };
        let found = known.binary_search_by_key(&descriptor, |&(addr, _)| addr).ok();
        Ok(found.and_then(|index| known.get(index)).map(|&(_, offset)| TypeRef(offset)))
    }

    fn read_descriptors(&self) -> Result<Descriptors, Error> {
        let reader = self.dwarf()?;
        let mut found = Vec::new();
        let mut names = BTreeMap::new();
        for unit in reader.units().of_package(TYPES) {
            reader.each_descriptor(unit, |offset, described, named| {
                if found.len() + names.len() > MOST_NAMES {
                    return;
                }
                if let Some(described) = described {
                    found.push((described, offset));
                } else if let Some(named) = named {
                    names.insert(named, offset);
                }
            })?;
        }
        let mut descriptors = Descriptors::new();
        for (attribute, offset) in found {
            if let Some(addr) = self.resolve_descriptor(&reader, attribute, || reader.entry(offset))? {
                // Variables and fields refer to a structure by its typedef.
                descriptors.push((addr, names.get(&offset).copied().unwrap_or(offset)));
            }
        }
        descriptors.sort_unstable();
        descriptors.dedup_by_key(|&mut (addr, _)| addr);
        Ok(descriptors)
    }

    /// The descriptor of the type that an entry describes. Its attribute is the number of bytes from the start of the
    /// section of types (Go's src/cmd/internal/dwarf/dwarf.go: DW_CLS_GO_TYPEREF), since Go 1.13.
    pub(crate) fn descriptor_of(&self, reader: &Reader<'_>, entry: &Entry) -> Result<Option<LinkAddr>, Error> {
        let attribute = entry.number(GO_RUNTIME_TYPE).unwrap_or(0);
        self.resolve_descriptor(reader, attribute, || Ok(entry.clone()))
    }

    fn resolve_descriptor(
        &self,
        reader: &Reader<'_>,
        attribute: u64,
        entry: impl FnOnce() -> Result<Entry, Error>,
    ) -> Result<Option<LinkAddr>, Error> {
        if attribute == 0 {
            return Ok(None);
        }
        // Go's src/cmd/link/internal/ld/dwarf.go wrote the address itself for uintptr up to 1.22.
        if !self.version().at_least(1, 23) && entry()?.name() == Some(b"uintptr") {
            return Ok(Some(LinkAddr(attribute)));
        }
        let start = match self.types_start_cell().get() {
            Some(start) => *start,
            None => {
                let found = self.find_types_start(reader)?;
                *self.types_start_cell().get_or_init(|| found)
            }
        };
        Ok(start.and_then(|start| start.checked_add(attribute)).map(LinkAddr))
    }

    /// Where the section of types starts: `runtime.types`, or where the symbols are stripped, the section at
    /// which the descriptor of `runtime.g` says that structure's size.
    fn find_types_start(&self, reader: &Reader<'_>) -> Result<Option<u64>, Error> {
        if let Some(symbol) = self.symbol("runtime.types") {
            return Ok(Some(symbol.addr.0));
        }
        let Some(named) = self.find_type("runtime.g")? else { return Ok(None) };
        let g = reader.entry(target(&reader.entry(named.0)?, gimli::DW_AT_type)?)?;
        let (Some(offset), Some(size)) = (g.number(GO_RUNTIME_TYPE), g.number(gimli::DW_AT_byte_size)) else {
            return Ok(None);
        };
        let matches = |start: &u64| {
            let descriptor = LinkAddr(start.wrapping_add(offset));
            self.code(descriptor, 8).is_some_and(|bytes| bytes == size.to_le_bytes())
        };
        Ok(self.elf().object()?.sections().map(|section| section.address()).find(matches))
    }

    /// Where the fields of this program's type descriptors lie.
    ///
    /// # Errors
    /// [`Error::NoDwarf`]; [`Error::UnknownType`] or [`Error::UnknownField`] if the runtime is of an unknown kind.
    pub fn abi_layout(&self) -> Result<&AbiLayout, Error> {
        if let Some(layout) = self.abi_layout_cell().get() {
            return Ok(layout);
        }
        if !self.has_dwarf() {
            let layout = layout_known::abi(self)?;
            return Ok(self.abi_layout_cell().get_or_init(|| layout));
        }
        let ty = Structure::first(self, &["internal/abi.Type", "runtime._type"])?;
        let map = Structure::map_type(self)?;
        let layout = AbiLayout {
            size: ty.size,
            type_size: ty.any(&["Size_", "size"])?,
            hash: ty.any(&["Hash", "hash"])?,
            tflag: ty.any(&["TFlag", "tflag"])?,
            kind: ty.any(&["Kind_", "kind"])?,
            equal: ty.any(&["Equal", "equal"])?,
            str: ty.any(&["Str", "str"])?,
            map: MapTypeLayout {
                size: map.size,
                key: map.any(&["Key", "key"])?,
                elem: map.any(&["Elem", "elem"])?,
                unit: map.any(&["Group", "Bucket", "bucket"])?,
                hasher: map.any(&["Hasher", "hasher"])?,
                flags: map.any(&["Flags", "flags"])?,
            },
        };
        Ok(self.abi_layout_cell().get_or_init(|| layout))
    }
}
