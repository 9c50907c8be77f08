//! Go types, from DWARF.

use crate::entry::Entry;
use crate::names::Near;
use crate::units::{Kind, Offset, Reader, TYPES};
use crate::{Error, LinkAddr, Program};

/// A type of the program: cheap to copy and to compare, and only good for the [`Program`] it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeRef(pub(crate) Offset);

/// A Go type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// The name as Go writes it, with full package paths: `map[string]*main.Server`.
    pub name: String,
    /// Size of a value, in bytes. A map, channel or function value is one pointer.
    pub size: u64,
    /// What it is made of.
    pub kind: TypeKind,
    /// The runtime's descriptor of it (`internal/abi.Type`), as an interface value holds it; `None` if the
    /// linker has dropped it; up to Go 1.22 of `unsafe.Pointer` too.
    pub descriptor: Option<LinkAddr>,
}

/// What a type is made of. Named types are resolved: `type Cache map[string]int` is a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeKind {
    /// `bool`.
    Bool,
    /// `int`, `int8` … `int64`.
    Int,
    /// `uint`, `uint8` … `uint64`, `uintptr`.
    Uint,
    /// `float32`, `float64`.
    Float,
    /// `complex64`, `complex128`.
    Complex,
    /// `string`: a pointer to the bytes, then their number.
    String,
    /// A slice: a pointer, then length and capacity.
    Slice {
        /// The type of the elements.
        elem: TypeRef,
    },
    /// An array.
    Array {
        /// The type of the elements.
        elem: TypeRef,
        /// The number of elements.
        len: u64,
    },
    /// A structure.
    Struct {
        /// Its fields, in order.
        fields: Vec<Field>,
    },
    /// A pointer.
    Pointer {
        /// What it points to; `None` if the program does not say.
        target: Option<TypeRef>,
    },
    /// A map: a pointer to its header, or nil.
    Map {
        /// The type of the keys.
        key: TypeRef,
        /// The type of the elements.
        elem: TypeRef,
        /// The header that the map value points to, with this map's own types in it.
        header: TypeRef,
    },
    /// A channel: a pointer, or nil.
    Chan {
        /// The type of the elements.
        elem: TypeRef,
    },
    /// A function: a pointer to its closure, or nil.
    Func,
    /// An interface: two words, the second of which is the data pointer.
    Interface {
        /// Whether it has no methods: then the first word is the type descriptor, otherwise the method table.
        empty: bool,
    },
    /// `unsafe.Pointer`.
    UnsafePointer,
    /// Anything else.
    Other,
}

/// A field of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name; of an embedded field the type's name, without package.
    pub name: String,
    /// Its place, in bytes from the start of the structure.
    pub offset: u64,
    /// Its type.
    pub ty: TypeRef,
    /// Whether it is embedded.
    pub embedded: bool,
}

/// Attributes that only Go writes (Go's src/cmd/internal/dwarf/dwarf.go).
pub(crate) const GO_KIND: gimli::DwAt = gimli::DwAt(0x2900);
const GO_KEY: gimli::DwAt = gimli::DwAt(0x2901);
const GO_ELEM: gimli::DwAt = gimli::DwAt(0x2902);
const GO_EMBEDDED_FIELD: gimli::DwAt = gimli::DwAt(0x2903);
pub(crate) const GO_RUNTIME_TYPE: gimli::DwAt = gimli::DwAt(0x2904);

/// Values of `GO_KIND` (Go's src/internal/abi/type.go).
const KIND_CHAN: u64 = 18;
const KIND_INTERFACE: u64 = 20;
pub(crate) const KIND_MAP: u64 = 21;
const KIND_SLICE: u64 = 23;
const KIND_STRING: u64 = 24;

/// A pointer's size, in bytes, on every 64-bit machine.
const POINTER: u64 = 8;

/// How many names for one type may follow each other (`type A B`, `type B C` …; Go writes one).
const MAX_TYPEDEFS: usize = 16;

impl Program {
    /// The type with this name, as Go writes it with full package paths: `map[int]int`, `main.Server`,
    /// `*main.Server`, `runtime.g`. `any` and `interface{}` are understood too.
    ///
    /// # Errors
    /// [`Error::UnknownType`] with similar names; [`Error::NoDwarf`].
    pub fn type_named(&self, name: &str) -> Result<TypeRef, Error> {
        if let Some(found) = self.find_type(&spelling(name))? {
            return Ok(found);
        }
        let reader = self.dwarf()?;
        let mut near = Near::new(name);
        for unit in reader.units().of_package(TYPES) {
            reader.each_name(unit, Kind::Type, |found, _| {
                let found = String::from_utf8_lossy(found);
                near.offer(&found, &found);
            })?;
        }
        Err(Error::UnknownType { name: name.to_owned(), near: near.names() })
    }

    /// The type whose name the DWARF spells so.
    pub(crate) fn find_type(&self, spelled: &str) -> Result<Option<TypeRef>, Error> {
        self.find_first_type(&[spelled])
    }

    /// The first type in the DWARF with one of these names: to ask for one that isn't there is to read all.
    pub(crate) fn find_first_type(&self, spelled: &[&str]) -> Result<Option<TypeRef>, Error> {
        let reader = self.dwarf()?;
        for unit in reader.units().of_package(TYPES) {
            let found = reader.find(unit, Kind::Type, spelled, |found| {
                // After a structure comes its typedef, of the same name; variables and fields refer to that.
                let next = reader.following(found.offset)?;
                let is_name = |next: &Entry| {
                    next.tag == gimli::DW_TAG_typedef && next.target(gimli::DW_AT_type) == Some(found.offset)
                };
                Ok(Some(TypeRef(next.filter(is_name).map_or(found.offset, |next| next.offset))))
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// What a type is.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the type comes from another program, or the DWARF is damaged.
    pub fn ty(&self, ty: TypeRef) -> Result<Type, Error> {
        let reader = self.dwarf()?;
        let mut entry = reader.entry(ty.0)?;
        let name = entry.name().map(plain).unwrap_or_default();
        for _ in 0..MAX_TYPEDEFS {
            if let Some((kind, size)) = read(&reader, &entry)? {
                let descriptor = self.descriptor_of(&reader, &entry)?;
                return Ok(Type { name, size, kind, descriptor });
            }
            entry = reader.entry(target(&entry, gimli::DW_AT_type)?)?;
        }
        Err(Error::damaged(format_args!("type {name} has no end")))
    }
}

/// A name from the DWARF as people write it.
pub(crate) fn plain(name: &[u8]) -> String {
    String::from_utf8_lossy(&crate::names::unescape(name)).into_owned()
}

/// How the DWARF writes a type that people may write otherwise.
fn spelling(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len());
    let mut word = String::new();
    let flush = |word: &mut String, spelled: &mut String| {
        spelled.push_str(if word == "any" { "interface {}" } else { word });
        word.clear();
    };
    for c in name.trim().replace("interface{", "interface {").chars() {
        if matches!(c, '[' | ']' | '*' | '(' | ')' | ' ' | ',' | ';' | '{' | '}') {
            flush(&mut word, &mut spelled);
            spelled.push(c);
        } else {
            word.push(c);
        }
    }
    flush(&mut word, &mut spelled);
    spelled
}

/// Kind and size of a type; `None` for a mere name of another type.
fn read(reader: &Reader<'_>, entry: &Entry) -> Result<Option<(TypeKind, u64)>, Error> {
    let elem = |attribute| target(entry, attribute).map(TypeRef);
    let size = entry.number(gimli::DW_AT_byte_size).unwrap_or(0);
    let go_kind = entry.number(GO_KIND).unwrap_or(0);
    let found = match entry.tag {
        gimli::DW_TAG_base_type => {
            let encoding = entry.number(gimli::DW_AT_encoding).and_then(|encoding| u8::try_from(encoding).ok());
            let kind = match encoding.map(gimli::DwAte) {
                Some(gimli::DW_ATE_boolean) => TypeKind::Bool,
                Some(gimli::DW_ATE_signed) => TypeKind::Int,
                Some(gimli::DW_ATE_unsigned) => TypeKind::Uint,
                Some(gimli::DW_ATE_float) => TypeKind::Float,
                Some(gimli::DW_ATE_complex_float) => TypeKind::Complex,
                _ => TypeKind::Other,
            };
            (kind, size)
        }
        gimli::DW_TAG_structure_type => {
            let kind = match go_kind {
                KIND_STRING => TypeKind::String,
                KIND_SLICE => TypeKind::Slice { elem: elem(GO_ELEM)? },
                _ => TypeKind::Struct { fields: fields(reader, entry.offset)? },
            };
            (kind, size)
        }
        gimli::DW_TAG_array_type => {
            let children = reader.children(entry.offset)?;
            let len = children.iter().find_map(|child| child.number(gimli::DW_AT_count)).unwrap_or(0);
            let elem = elem(gimli::DW_AT_type)?;
            (TypeKind::Array { elem, len }, size)
        }
        gimli::DW_TAG_pointer_type => match entry.target(gimli::DW_AT_type) {
            Some(to) => (TypeKind::Pointer { target: Some(TypeRef(to)) }, POINTER),
            None => (TypeKind::UnsafePointer, POINTER),
        },
        gimli::DW_TAG_subroutine_type => (TypeKind::Func, POINTER),
        gimli::DW_TAG_typedef => match go_kind {
            KIND_MAP => {
                let pointer = reader.entry(target(entry, gimli::DW_AT_type)?)?;
                let header = TypeRef(target(&pointer, gimli::DW_AT_type)?);
                (TypeKind::Map { key: elem(GO_KEY)?, elem: elem(GO_ELEM)?, header }, POINTER)
            }
            KIND_CHAN => (TypeKind::Chan { elem: elem(GO_ELEM)? }, POINTER),
            KIND_INTERFACE => {
                // The structure behind it: runtime.eface, or runtime.iface (Go's src/runtime/runtime2.go).
                let structure = reader.entry(target(entry, gimli::DW_AT_type)?)?;
                (TypeKind::Interface { empty: structure.name() == Some(b"runtime.eface") }, 2 * POINTER)
            }
            _ => return Ok(None),
        },
        _ => (TypeKind::Other, size),
    };
    Ok(Some(found))
}

fn fields(reader: &Reader<'_>, offset: Offset) -> Result<Vec<Field>, Error> {
    let members = reader.children(offset)?.into_iter().filter(|child| child.tag == gimli::DW_TAG_member);
    members
        .map(|member| {
            Ok(Field {
                name: member.name().map(plain).unwrap_or_default(),
                offset: member.number(gimli::DW_AT_data_member_location).unwrap_or(0),
                ty: TypeRef(target(&member, gimli::DW_AT_type)?),
                embedded: member.flag(GO_EMBEDDED_FIELD),
            })
        })
        .collect()
}

/// Where an attribute of an entry refers to.
pub(crate) fn target(entry: &Entry, attribute: gimli::DwAt) -> Result<Offset, Error> {
    entry
        .target(attribute)
        .ok_or_else(|| Error::damaged(format_args!("DWARF entry {:#x} lacks {attribute}", entry.offset)))
}

#[cfg(test)]
mod tests {
    use super::spelling;

    #[test]
    fn types_may_be_spelled_as_in_source() {
        assert_eq!(spelling("map[string]any"), "map[string]interface {}");
        assert_eq!(spelling("interface{}"), "interface {}");
        assert_eq!(spelling("[]main.any"), "[]main.any");
        assert_eq!(spelling(" *main.Company "), "*main.Company");
        assert_eq!(spelling("main.Pair[string,any]"), "main.Pair[string,interface {}]");
    }
}
