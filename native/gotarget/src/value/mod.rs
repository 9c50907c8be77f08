//! Go values: what bytes of a type mean, with what hangs below them.
//!
//! [`Values`] turns memory into a [`Value`], a tree that crate `report` renders. It never fails: what cannot be
//! read is [`Value::Unreadable`] in its place, and what is beyond the [`Limits`] is counted, not shown.

mod ahead;
mod chan;
mod descriptor;
mod dynamic;
mod error_text;
mod sync_map;
mod time;
mod tree;
mod types;
mod walk;

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use goprogram::TypeRef;

use crate::expression::{At, Place};
use crate::memory::RuntimeAddr;
use crate::target::Target;
use types::{TypeId, Types};
use walk::{Source, Walk};

pub use ahead::Ahead;
pub use chan::Buffer;
pub use time::{Time, duration};
pub use tree::{Chan, Entries, Items, Limits, Pointee, Text, Value};

/// Values are nested so deep at most, whatever the limits say: each level takes some of our own stack.
const DEEPEST: usize = 250;

/// Reads values of one process; keeps what it has learnt of their types.
pub struct Values<'a> {
    target: Target<'a>,
    limits: Limits,
    types: Types,
    dynamic: dynamic::Cache,
    chan_layout: OnceCell<Option<chan::Layout>>,
    sync_map_layout: sync_map::Cache,
}

/// How to decode one type: look it up once, then decode any number of values. Only good for the [`Values`] that
/// it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Decoder(TypeId);

impl<'a> Values<'a> {
    /// Reads values of `target`.
    #[must_use]
    pub fn new(target: Target<'a>, limits: Limits) -> Self {
        Values {
            target,
            limits: Limits { depth: limits.depth.min(DEEPEST), ..limits },
            types: Types::default(),
            dynamic: dynamic::Cache::default(),
            chan_layout: OnceCell::new(),
            sync_map_layout: OnceCell::new(),
        }
    }

    /// How much of a value is shown.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How to decode a type. Its DWARF is read once.
    pub fn decoder(&self, ty: TypeRef) -> Decoder {
        Decoder(self.types.id(ty))
    }

    /// The value of type `ty` at `addr`.
    pub fn read(&self, ty: TypeRef, addr: RuntimeAddr) -> Value {
        Walk::new(self).value(self.types.id(ty), Source::Memory(addr))
    }

    /// The value whose own bytes are `bytes`; `addr` says where they came from.
    pub fn decode(&self, ty: TypeRef, bytes: &[u8], addr: Option<RuntimeAddr>) -> Value {
        self.decode_with(self.decoder(ty), bytes, addr)
    }

    /// As [`Values::decode`], without looking the type up again.
    pub fn decode_with(&self, decoder: Decoder, bytes: &[u8], addr: Option<RuntimeAddr>) -> Value {
        Walk::new(self).value(decoder.0, Source::Bytes(bytes, addr))
    }

    /// The value of an expression.
    pub fn place(&self, place: &Place) -> Value {
        match &place.at {
            At::Memory(addr) => self.read(place.ty, *addr),
            At::Bytes(bytes) => self.decode(place.ty, bytes, None),
        }
    }

    /// Shows each entry of the sync.Map at `addr`, of type `ty`, once. What contradicts itself in it is returned,
    /// a line each.
    pub fn sync_map(
        &self,
        ty: TypeRef,
        addr: RuntimeAddr,
        visit: &mut dyn FnMut(Value, Value) -> ControlFlow<()>,
    ) -> Vec<Rc<str>> {
        let size = self.plan(self.types.id(ty)).size;
        let bytes = match self.bytes(addr, size) {
            Ok(bytes) => bytes,
            Err(why) => return vec![format!("the sync.Map at {addr} cannot be read: {why}").into()],
        };
        sync_map::each(self, &bytes, &mut |key, elem| {
            let value = |bytes: &[u8]| Walk::new(self).interface(bytes, true);
            visit(value(&key.bytes), value(&elem.bytes))
        })
    }

    /// The same of the sync.Map with these bytes, showing the addresses of key and elem: each is an `any`.
    pub fn sync_map_addresses(
        &self,
        bytes: &[u8],
        visit: &mut dyn FnMut(RuntimeAddr, RuntimeAddr) -> ControlFlow<()>,
    ) -> Vec<Rc<str>> {
        sync_map::each(self, bytes, &mut |key, elem| visit(RuntimeAddr(key.addr), RuntimeAddr(elem.addr)))
    }

    /// What is buffered in the channel of type `ty` at `addr`: the type of its items, and where they lie. `None`
    /// where that is not known.
    pub fn buffer(&self, ty: TypeRef, addr: RuntimeAddr) -> Option<(TypeRef, Buffer)> {
        let types::Shape::Chan(elem) = self.plan(self.types.id(ty)).shape else { return None };
        Some((self.types.of(elem)?, Buffer::read(self, elem, addr)?))
    }

    /// What the interface with these bytes holds, and of which type; `None` where it is nil, or its type is not in
    /// the debug information. `empty` says whether it is one without methods.
    pub fn held(&self, bytes: &[u8], empty: bool) -> Option<(TypeRef, At)> {
        let held = self.dynamic(bytes, empty).ok()??;
        let ty = self.types.of(held.ty)?;
        Some((
            ty,
            if held.direct { At::Bytes(held.word.to_le_bytes().to_vec()) } else { At::Memory(RuntimeAddr(held.word)) },
        ))
    }

    /// Reads memory; the reason where it can't is a few words.
    fn bytes(&self, addr: RuntimeAddr, size: u64) -> Result<Vec<u8>, Rc<str>> {
        let len = usize::try_from(size).ok().filter(|len| *len <= walk::WHOLE).ok_or("it is too large")?;
        let mut bytes = vec![0; len];
        self.target.memory.read(addr, &mut bytes).map_err(|unreadable| {
            let why = unreadable.cause.to_string();
            Rc::from(why.split(';').next().unwrap_or_default())
        })?;
        Ok(bytes)
    }

    /// Reads a pointer.
    fn word(&self, addr: RuntimeAddr) -> Result<u64, Rc<str>> {
        word(&self.bytes(addr, 8)?, 0).ok_or_else(|| "it is too short".into())
    }
}

/// The bytes from `offset` on.
fn part(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let from = usize::try_from(offset).ok()?;
    bytes.get(from..from.checked_add(usize::try_from(size).ok()?)?)
}

/// An unsigned little-endian integer of up to 8 bytes.
fn uint(bytes: &[u8], offset: u64, size: u64) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..usize::try_from(size).ok()?)?.copy_from_slice(part(bytes, offset, size)?);
    Some(u64::from_le_bytes(word))
}

/// A pointer, or any other word.
fn word(bytes: &[u8], offset: u64) -> Option<u64> {
    uint(bytes, offset, 8)
}
