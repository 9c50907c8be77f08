//! Types by the runtime's own descriptors: those that only interfaces hold, such as an `[20]int` that is no
//! variable's type, and those that the program makes while it runs, are not in the debug information.

use std::rc::Rc;

use gomap::{Slots, Stored};
use goprogram::AbiLayout;

use super::types::{MapPlan, Member, Plan, Shape, TypeId};
use super::{Values, uint, word};
use crate::memory::RuntimeAddr;

/// Kinds (Go's src/internal/abi/type.go, up to 1.20 src/runtime/typekind.go; the same in all versions).
mod kind {
    pub(super) const BOOL: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const INT64: u8 = 6;
    pub(super) const UINT: u8 = 7;
    pub(super) const UINT64: u8 = 11;
    pub(super) const UINTPTR: u8 = 12;
    pub(super) const FLOAT32: u8 = 13;
    pub(super) const FLOAT64: u8 = 14;
    pub(super) const COMPLEX64: u8 = 15;
    pub(super) const COMPLEX128: u8 = 16;
    pub(super) const ARRAY: u8 = 17;
    pub(super) const CHAN: u8 = 18;
    pub(super) const FUNC: u8 = 19;
    pub(super) const INTERFACE: u8 = 20;
    pub(super) const MAP: u8 = 21;
    pub(super) const POINTER: u8 = 22;
    pub(super) const SLICE: u8 = 23;
    pub(super) const STRING: u8 = 24;
    pub(super) const STRUCT: u8 = 25;
    pub(super) const UNSAFE_POINTER: u8 = 26;
}

/// The bit of `Kind_`, and since 1.26 of `TFlag`, that says that an interface holds such a value in its data word
/// itself (KindDirectIface and TFlagDirectIface). Neither has another meaning in the versions where it is the
/// other one that counts.
const DIRECT: u64 = 1 << 5;

/// Bits of `TFlag`: the name has a `*` too many; the type has a name of its own.
const EXTRA_STAR: u64 = 1 << 1;
const NAMED: u64 = 1 << 2;

/// Where the fields lie that follow `Type` in the descriptors of composite types: a pointer to the elem's type; an
/// array's length; a structure's fields and an interface's methods (after the package's path).
const ELEM: u64 = 0;
const ARRAY_LEN: u64 = 16;
const FIELDS: u64 = 8;
const METHODS: u64 = 8;

/// Size of a StructField: name, type and offset.
const FIELD: u64 = 24;

/// What every descriptor says.
struct Descriptor {
    addr: RuntimeAddr,
    size: u64,
    kind: u8,
    flags: u64,
    name: u32,
    /// Where what belongs to its kind follows.
    rest: RuntimeAddr,
}

struct RawField {
    name: String,
    offset: u64,
    ty: RuntimeAddr,
}

type Why = Rc<str>;

impl Values<'_> {
    /// The type that a descriptor describes: that of the debug information if it has it.
    pub(super) fn described(&self, descriptor: RuntimeAddr) -> Result<TypeId, Why> {
        let known = self.target.program.type_of_descriptor(self.target.bias.to_link(descriptor));
        Ok(match known.map_err(|error| error.to_string())? {
            Some(ty) => self.types.id(ty),
            None => self.types.id_of_descriptor(descriptor),
        })
    }

    /// Whether an interface holds values of this type in its data word.
    pub(super) fn is_direct(&self, descriptor: RuntimeAddr) -> Result<bool, Why> {
        let layout = self.abi()?;
        let bytes = self.bytes(descriptor, layout.size)?;
        let byte = |offset| uint(&bytes, offset, 1).unwrap_or(0);
        Ok((byte(layout.kind) | byte(layout.tflag)) & DIRECT != 0)
    }

    /// How to decode the type that a descriptor describes.
    pub(super) fn compile_descriptor(&self, addr: RuntimeAddr) -> Plan {
        self.try_compile(addr).unwrap_or_else(|why| Plan::unknown(format!("<type at {addr}>").into(), why))
    }

    fn try_compile(&self, addr: RuntimeAddr) -> Result<Plan, Why> {
        let ty = self.descriptor(addr)?;
        let elem = || self.described(RuntimeAddr(self.word(ty.rest.plus(ELEM))?));
        let shape = match ty.kind {
            kind::BOOL => Shape::Bool,
            kind::INT..=kind::INT64 => Shape::Int,
            kind::UINT..=kind::UINT64 => Shape::Uint,
            kind::UINTPTR => Shape::Uintptr,
            kind::FLOAT32 | kind::FLOAT64 => Shape::Float,
            kind::COMPLEX64 | kind::COMPLEX128 => Shape::Complex,
            kind::ARRAY => Shape::Array(elem()?, self.word(ty.rest.plus(ARRAY_LEN))?),
            kind::CHAN => Shape::Chan(elem()?),
            kind::FUNC => Shape::Func,
            // The length of the slice of methods.
            kind::INTERFACE => Shape::Interface { empty: self.word(ty.rest.plus(METHODS + 8))? == 0 },
            kind::MAP => Shape::Map(Box::new(self.map_plan(addr)?)),
            kind::POINTER => Shape::Pointer(Some(elem()?)),
            kind::SLICE => Shape::Slice(elem()?),
            kind::STRING => Shape::String,
            kind::STRUCT => {
                let fields = self.fields(&ty)?.into_iter().filter(|field| field.name != "_");
                let member =
                    |RawField { name, offset, ty }| Ok(Member { name: name.into(), offset, ty: self.described(ty)? });
                Shape::Struct(fields.map(member).collect::<Result<_, Why>>()?)
            }
            kind::UNSAFE_POINTER => Shape::UnsafePointer,
            other => return Err(format!("its kind is {other}, which Go has not").into()),
        };
        Ok(Plan { name: self.full_name(&ty, &shape).into(), size: ty.size, shape })
    }

    fn abi(&self) -> Result<&AbiLayout, Why> {
        self.target.program.abi_layout().map_err(|error| error.to_string().into())
    }

    fn descriptor(&self, addr: RuntimeAddr) -> Result<Descriptor, Why> {
        let layout = self.abi()?;
        let bytes = self.bytes(addr, layout.size)?;
        let field = |offset, size| uint(&bytes, offset, size).ok_or("its descriptor is too short");
        Ok(Descriptor {
            addr,
            size: field(layout.type_size, 8)?,
            kind: u8::try_from(field(layout.kind, 1)?).unwrap_or(0) & AbiLayout::KIND_MASK,
            flags: field(layout.tflag, 1)?,
            name: u32::try_from(field(layout.str, 4)?).unwrap_or(0),
            rest: addr.plus(layout.size),
        })
    }

    /// The name with full package paths. The descriptor's own has only their last elements, which is good enough
    /// for what has no elem.
    fn full_name(&self, ty: &Descriptor, shape: &Shape) -> String {
        let elem = |id: TypeId| match self.types.origin(id) {
            // A type may hold itself by pointers: what is not compiled yet has the name that it says.
            Some(addr) => self.descriptor(addr).ok().and_then(|ty| self.own_name(&ty)).unwrap_or_default().into(),
            None => self.plan(id).name.clone(),
        };
        match shape {
            _ if ty.flags & NAMED != 0 => None,
            Shape::Array(of, len) => Some(format!("[{len}]{}", elem(*of))),
            Shape::Slice(of) => Some(format!("[]{}", elem(*of))),
            Shape::Pointer(Some(of)) => Some(format!("*{}", elem(*of))),
            Shape::Map(map) => Some(format!("map[{}]{}", elem(map.key), elem(map.elem))),
            _ => None,
        }
        .or_else(|| self.own_name(ty))
        .unwrap_or_else(|| format!("<type at {}>", ty.addr))
    }

    /// The name in the descriptor: an offset into the program's types. Types that the program makes while it runs
    /// have a negative one, into a map of package reflect.
    fn own_name(&self, ty: &Descriptor) -> Option<String> {
        let offset = u64::try_from(ty.name.cast_signed()).ok()?;
        let program = self.target.program;
        let module = self.target.bias.to_runtime(program.variable("runtime.firstmoduledata").ok()?.addr);
        let types = program.field_offset("runtime.moduledata", "types").ok()?;
        let name = self.name_at(RuntimeAddr(self.word(module.plus(types)).ok()?).plus(offset)).ok()?;
        Some(if ty.flags & EXTRA_STAR != 0 { name.strip_prefix('*').unwrap_or(&name).to_owned() } else { name })
    }

    /// A name as descriptors have it: a byte of flags, the length as a varint, and the bytes (`Name`, Go's
    /// src/internal/abi/type.go).
    fn name_at(&self, addr: RuntimeAddr) -> Result<String, Why> {
        let head = self.bytes(addr, 3)?;
        let (low, high) = (uint(&head, 1, 1).unwrap_or(0), uint(&head, 2, 1).unwrap_or(0));
        let (from, len) = if low & 0x80 == 0 { (2, low) } else { (3, (low & 0x7f) | (high & 0x7f) << 7) };
        String::from_utf8(self.bytes(addr.plus(from), len)?).map_err(|_| "a name in its descriptor is damaged".into())
    }

    fn fields(&self, ty: &Descriptor) -> Result<Vec<RawField>, Why> {
        let slice = self.bytes(ty.rest.plus(FIELDS), 16)?;
        let (data, len) = (word(&slice, 0).unwrap_or(0), word(&slice, 8).unwrap_or(0));
        let bytes = self.bytes(RuntimeAddr(data), len.saturating_mul(FIELD))?;
        // Up to 1.18 the lowest bit of the offset says whether the field is embedded.
        let shift = u32::from(self.target.program.field_offset("runtime.structfield", "offsetAnon").is_ok());
        let field = |bytes: &[u8]| {
            let word = |at| word(bytes, at).unwrap_or(0);
            let name = self.name_at(RuntimeAddr(word(0)))?;
            Ok(RawField { name, offset: word(16) >> shift, ty: RuntimeAddr(word(8)) })
        };
        bytes.chunks_exact(24).map(field).collect()
    }

    /// A map type: where keys and elems lie is told by the descriptor of its buckets or groups.
    fn map_plan(&self, addr: RuntimeAddr) -> Result<MapPlan, Why> {
        let layout = self.abi()?.map;
        let at = |offset| Ok::<_, Why>(RuntimeAddr(self.word(addr.plus(offset))?));
        let (key, elem, unit) = (at(layout.key)?, at(layout.elem)?, at(layout.unit)?);
        Ok(MapPlan {
            key: self.described(key)?,
            elem: self.described(elem)?,
            slots: self.slots(key, elem, &self.descriptor(unit)?),
        })
    }

    fn slots(&self, key: RuntimeAddr, elem: RuntimeAddr, unit: &Descriptor) -> Result<Slots, Why> {
        let unknown = || Why::from("its descriptor does not say where its entries are");
        let fields = self.fields(unit)?;
        let named = |fields: &[RawField], name: &str| {
            fields.iter().find(|field| field.name == name).map(|field| (field.offset, field.ty))
        };
        let array_elem = |ty: RuntimeAddr| Ok::<_, Why>(RuntimeAddr(self.word(self.descriptor(ty)?.rest.plus(ELEM))?));
        // What lies in a slot, if it isn't the value, is a pointer to it.
        let stored = |value: RuntimeAddr, slot: RuntimeAddr, offset, stride| {
            Ok::<_, Why>(Stored { size: self.descriptor(value)?.size, indirect: value != slot, offset, stride })
        };
        let (key, elem) = if let Some((offset, slots)) = named(&fields, "slots") {
            // A group: eight times a key and an elem.
            let slot = self.descriptor(array_elem(slots)?)?;
            let inner = self.fields(&slot)?;
            let (key_at, key_ty) = named(&inner, "key").ok_or_else(unknown)?;
            let (elem_at, elem_ty) = named(&inner, "elem").ok_or_else(unknown)?;
            let at = |within: u64| offset.wrapping_add(within);
            (stored(key, key_ty, at(key_at), slot.size)?, stored(elem, elem_ty, at(elem_at), slot.size)?)
        } else {
            // A bucket, or a group of GOEXPERIMENT=mapsplitgroup: eight keys, then eight elems.
            let apart = |value, name| {
                let (offset, array) = named(&fields, name).ok_or_else(unknown)?;
                let slot = array_elem(array)?;
                stored(value, slot, offset, self.descriptor(slot)?.size)
            };
            (apart(key, "keys")?, apart(elem, "elems")?)
        };
        Ok(Slots { unit: unit.size, key, elem, overflow: named(&fields, "overflow").map(|(offset, _)| offset) })
    }
}
