//! What an interface holds: its dynamic type, from the runtime's descriptor.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use goprogram::AbiLayout;

use super::tree::{Pointee, Value};
use super::types::TypeId;
use super::walk::{Walk, unreadable};
use super::{Values, uint, word};
use crate::memory::RuntimeAddr;

/// Dynamic types by the address of their descriptor.
pub(super) type Cache = RefCell<HashMap<u64, Rc<Dynamic>>>;

/// A dynamic type.
pub(super) struct Dynamic {
    name: Rc<str>,
    /// Its type in the debug information; `None` for those that the program makes while it runs.
    ty: Option<TypeId>,
    /// What its descriptor says.
    kind: u8,
    size: u64,
    direct: bool,
}

/// A dynamic type, and the data word of the interface.
pub(super) struct Held {
    pub(super) name: Rc<str>,
    pub(super) word: u64,
    /// Whether the word is the value itself, not its address.
    pub(super) direct: bool,
    dynamic: Rc<Dynamic>,
}

impl Held {
    /// The type in the debug information.
    pub(super) fn ty(&self) -> Option<TypeId> {
        self.dynamic.ty
    }
}

/// Where `runtime.itab` (since 1.22 `internal/abi.ITab`) keeps the dynamic type: after the interface's type, in
/// all versions.
const ITAB_TYPE: u64 = 8;

/// The bit of `Kind_`, and since 1.26 of `TFlag`, that says that values lie in the data word itself
/// (KindDirectIface and TFlagDirectIface, Go's src/internal/abi/type.go). Neither has another meaning in the
/// versions where it is the other one that counts.
const DIRECT: u64 = 1 << 5;

/// The bit of `TFlag` that says that the name has a `*` too many (TFlagExtraStar, as above).
const EXTRA_STAR: u64 = 1 << 1;

/// Kinds (Go's src/internal/abi/type.go).
mod kind {
    pub(super) const BOOL: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const INT64: u8 = 6;
    pub(super) const UINT: u8 = 7;
    pub(super) const UINT64: u8 = 11;
    pub(super) const UINTPTR: u8 = 12;
    pub(super) const FLOAT32: u8 = 13;
    pub(super) const FLOAT64: u8 = 14;
    pub(super) const POINTER: u8 = 22;
    pub(super) const STRING: u8 = 24;
    pub(super) const UNSAFE_POINTER: u8 = 26;
}

impl Values<'_> {
    /// What the interface with these bytes holds; `None` where it is nil. The error is an address and why nothing
    /// can be read there.
    pub(super) fn dynamic(&self, bytes: &[u8], empty: bool) -> Result<Option<Held>, (u64, Rc<str>)> {
        let (Some(first), Some(data)) = (word(bytes, 0), word(bytes, 8)) else {
            return Err((0, "its type has an impossible size".into()));
        };
        if first == 0 {
            return Ok(None);
        }
        let descriptor = if empty {
            first
        } else {
            let table = RuntimeAddr(first).plus(ITAB_TYPE);
            self.word(table).map_err(|why| (table.0, why))?
        };
        let known = self.dynamic.borrow().get(&descriptor).cloned();
        let dynamic = match known {
            Some(known) => known,
            None => {
                let read = Rc::new(self.describe(RuntimeAddr(descriptor)).map_err(|why| (descriptor, why))?);
                self.dynamic.borrow_mut().insert(descriptor, read.clone());
                read
            }
        };
        Ok(Some(Held { name: dynamic.name.clone(), word: data, direct: dynamic.direct, dynamic }))
    }

    fn describe(&self, descriptor: RuntimeAddr) -> Result<Dynamic, Rc<str>> {
        let program = self.target.program;
        let layout = program.abi_layout().map_err(|error| error.to_string())?;
        let bytes = self.bytes(descriptor, layout.size)?;
        let field = |offset, size| uint(&bytes, offset, size).ok_or("its descriptor is too short");
        let (kind, flags) = (field(layout.kind, 1)?, field(layout.tflag, 1)?);
        let ty = program
            .type_of_descriptor(self.target.bias.to_link(descriptor))
            .map_err(|error| error.to_string())?
            .map(|ty| self.types.id(ty));
        let name = match ty {
            Some(ty) => self.types.plan(program, ty).name.clone(),
            None => {
                let name = u32::try_from(field(layout.str, 4)?).unwrap_or(0);
                let known = self.type_name(name, flags & EXTRA_STAR != 0);
                known.unwrap_or_else(|| format!("<type at {descriptor}>")).into()
            }
        };
        let direct = (kind | flags) & DIRECT != 0;
        let kind = u8::try_from(kind).unwrap_or(0) & AbiLayout::KIND_MASK;
        Ok(Dynamic { name, ty, kind, size: field(layout.type_size, 8)?, direct })
    }

    /// A type's name as its descriptor gives it: an offset into the program's types, to a byte of flags, the
    /// length as a varint, and the name (`Name`, Go's src/internal/abi/type.go). Types that the program makes
    /// while it runs have a negative offset, into a map of package reflect.
    fn type_name(&self, offset: u32, extra_star: bool) -> Option<String> {
        let offset = u64::try_from(offset.cast_signed()).ok()?;
        let program = self.target.program;
        let module = self.target.bias.to_runtime(program.variable("runtime.firstmoduledata").ok()?.addr);
        let types = program.field_offset("runtime.moduledata", "types").ok()?;
        let start = RuntimeAddr(self.word(module.plus(types)).ok()?).plus(offset);
        let head = self.bytes(start, 3).ok()?;
        let (low, high) = (uint(&head, 1, 1)?, uint(&head, 2, 1)?);
        let (from, len) = if low & 0x80 == 0 { (2, low) } else { (3, (low & 0x7f) | (high & 0x7f) << 7) };
        let name = String::from_utf8(self.bytes(start.plus(from), len).ok()?).ok()?;
        Some(if extra_star { name.strip_prefix('*').unwrap_or(&name).to_owned() } else { name })
    }
}

impl Walk<'_, '_> {
    /// A value whose type the debug information lacks: its kind is enough for the simple ones.
    pub(super) fn undescribed(&mut self, held: &Held) -> Value {
        let Dynamic { kind, size, .. } = *held.dynamic;
        if held.direct {
            return match kind {
                kind::POINTER if held.word == 0 => Value::Nil,
                kind::POINTER => Value::Pointer { addr: held.word, to: Pointee::NotFollowed },
                kind::UNSAFE_POINTER => Value::UnsafePointer(held.word),
                _ => Value::Cut,
            };
        }
        let addr = RuntimeAddr(held.word);
        let number = || self.values.bytes(addr, size).ok().and_then(|bytes| uint(&bytes, 0, size));
        let Some(number) = (match kind {
            kind::STRING => Some(0),
            _ if size <= 8 => number(),
            _ => None,
        }) else {
            return Value::Cut;
        };
        let unused = 64u32.saturating_sub(u32::try_from(size).unwrap_or(8) * 8).min(63);
        match kind {
            kind::BOOL => Value::Bool(number != 0),
            kind::INT..=kind::INT64 => Value::Int((number << unused).cast_signed() >> unused),
            kind::UINT..=kind::UINT64 => Value::Uint(number),
            kind::UINTPTR => Value::Uintptr(number),
            kind::FLOAT32 => Value::Float32(f32::from_bits(u32::try_from(number).unwrap_or(0))),
            kind::FLOAT64 => Value::Float64(f64::from_bits(number)),
            kind::STRING => match self.values.bytes(addr, 16) {
                Ok(bytes) => self.string_of(&bytes),
                Err(why) => Value::Unreadable { addr: addr.0, why },
            },
            _ => Value::Cut,
        }
    }

    fn string_of(&mut self, bytes: &[u8]) -> Value {
        match (word(bytes, 0), word(bytes, 8)) {
            (Some(data), Some(len)) => self.string(RuntimeAddr(data), len),
            _ => unreadable(RuntimeAddr(0), "its bytes are cut off"),
        }
    }
}
