//! The types of what interface keys hold, by the runtime's descriptors of them: what `runtime.typehash` goes by.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use gomap::{DynamicKey, KeyField, KeyShape, KeyTypes};
use goprogram::AbiLayout;

use super::{DEEPEST, MOST_PARTS};
use crate::error::Error;
use crate::memory::RuntimeAddr;
use crate::target::Target;

/// The types that the process's interface keys hold.
pub struct Types<'a> {
    target: Target<'a>,
    known: RefCell<HashMap<u64, Option<Rc<DynamicKey>>>>,
}

impl std::fmt::Debug for Types<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Types").field("known", &self.known.borrow().len()).finish_non_exhaustive()
    }
}

impl<'a> Types<'a> {
    /// The types of this process.
    #[must_use]
    pub fn new(target: &Target<'a>) -> Self {
        Types { target: *target, known: RefCell::default() }
    }
}

impl KeyTypes for Types<'_> {
    fn dynamic(&self, descriptor: u64) -> Option<Rc<DynamicKey>> {
        if let Some(known) = self.known.borrow().get(&descriptor) {
            return known.clone();
        }
        let read = Descriptors::of(&self.target).and_then(|mut descriptors| descriptors.key(RuntimeAddr(descriptor)));
        let read = read.ok().flatten().map(Rc::new);
        self.known.borrow_mut().insert(descriptor, read.clone());
        read
    }
}

/// TFlagRegularMemory: equal and hash treat values as so many bytes (Go's src/internal/abi/type.go; up to 1.20
/// tflagRegularMemory in src/runtime/type.go).
const REGULAR_MEMORY: u64 = 1 << 3;

/// Both TFlagDirectIface, since Go 1.26, and KindDirectIface before: an interface holds the value itself, not its
/// address (Go's src/internal/abi/type.go; up to 1.20 kindDirectIface in src/runtime/typekind.go).
const DIRECT: u64 = 1 << 5;

/// Size of a StructField: Name, Typ, Offset.
const FIELD_SIZE: u64 = 24;

/// Reads descriptors.
struct Descriptors<'a> {
    target: &'a Target<'a>,
    layout: &'a AbiLayout,
    /// How many more types may be read for one key.
    parts: u32,
}

impl<'a> Descriptors<'a> {
    fn of(target: &'a Target<'a>) -> Result<Self, Error> {
        Ok(Descriptors { target, layout: target.program.abi_layout()?, parts: MOST_PARTS })
    }

    fn key(&mut self, descriptor: RuntimeAddr) -> Result<Option<DynamicKey>, Error> {
        let direct_in_flags = self.target.program.version().at_least(1, 26);
        let field = if direct_in_flags { self.layout.tflag } else { self.layout.kind };
        let direct = self.uint(descriptor, field, 1)? & DIRECT != 0;
        Ok(self.shape(descriptor, DEEPEST)?.map(|shape| DynamicKey::new(shape, direct)))
    }

    /// What values look like; `None` if the descriptor makes no sense.
    fn shape(&mut self, descriptor: RuntimeAddr, depth: u32) -> Result<Option<KeyShape>, Error> {
        let Some((parts, depth)) = self.parts.checked_sub(1).zip(depth.checked_sub(1)) else { return Ok(None) };
        self.parts = parts;
        let size = self.uint(descriptor, self.layout.type_size, 8)?;
        if self.uint(descriptor, self.layout.equal, 8)? == 0 {
            return Ok(Some(KeyShape::Unhashable { size }));
        }
        if self.uint(descriptor, self.layout.tflag, 1)? & REGULAR_MEMORY != 0 {
            return Ok(Some(KeyShape::Memory { size }));
        }
        // A descriptor of an array, interface or structure goes on after its Type.
        let more = self.layout.size;
        let kind = self.uint(descriptor, self.layout.kind, 1)? & u64::from(AbiLayout::KIND_MASK);
        // The kinds of Go's src/internal/abi/type.go.
        Ok(Some(match kind {
            13 | 14 => KeyShape::Float { size },
            15 | 16 => KeyShape::Complex { size },
            // Elem, Slice, Len.
            17 => {
                let elem = RuntimeAddr(self.uint(descriptor, more, 8)?);
                let len = self.uint(descriptor, more + 16, 8)?;
                let Some(elem) = self.shape(elem, depth)? else { return Ok(None) };
                KeyShape::Array { elem: Box::new(elem), len }
            }
            // PkgPath, and a slice of methods.
            20 => KeyShape::Interface { empty: self.uint(descriptor, more + 16, 8)? == 0 },
            24 => KeyShape::String,
            // PkgPath, and a slice of fields.
            25 => {
                let (first, count) = (self.uint(descriptor, more + 8, 8)?, self.uint(descriptor, more + 16, 8)?);
                let mut fields = Vec::new();
                for index in 0..count {
                    let field = RuntimeAddr(first).plus(index.saturating_mul(FIELD_SIZE));
                    let Some(field) = self.field(field, depth)? else { return Ok(None) };
                    fields.push(field);
                }
                KeyShape::Struct { fields, size }
            }
            _ => KeyShape::Memory { size },
        }))
    }

    fn field(&mut self, field: RuntimeAddr, depth: u32) -> Result<Option<KeyField>, Error> {
        let (name, ty, offset) = (self.uint(field, 0, 8)?, self.uint(field, 8, 8)?, self.uint(field, 16, 8)?);
        // Up to Go 1.18 its lowest bit says whether the field is embedded (offsetAnon in src/runtime/type.go).
        let offset = if self.target.program.version().at_least(1, 19) { offset } else { offset >> 1 };
        // A name begins with a byte of flags and its length.
        let name = self.uint(RuntimeAddr(name), 1, 2)?;
        let blank = name == u64::from(u16::from_le_bytes([1, b'_']));
        Ok(self.shape(RuntimeAddr(ty), depth)?.map(|shape| KeyField { offset, blank, shape }))
    }

    fn uint(&self, descriptor: RuntimeAddr, offset: u64, size: u64) -> Result<u64, Error> {
        self.target.uint(descriptor.plus(offset), size)
    }
}
