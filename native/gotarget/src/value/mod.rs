//! Go values: what bytes of a type mean, with what hangs below them.
//!
//! [`Values`] turns memory into a [`Value`], a tree that crate `report` renders. It never fails: what cannot be
//! read is [`Value::Unreadable`] in its place, and what is beyond the [`Limits`] is counted, not shown.

mod tree;

use goprogram::TypeRef;

use crate::expression::Place;
use crate::memory::RuntimeAddr;
use crate::target::Target;

pub use tree::{Chan, Entries, Items, Limits, Pointee, Text, Time, Value, duration};

/// Reads values of one process; keeps what it has learnt of their types.
pub struct Values<'a> {
    target: Target<'a>,
    limits: Limits,
}

/// How to decode one type: look it up once, then decode any number of values.
#[derive(Clone, Debug)]
pub struct Decoder {
    ty: TypeRef,
}

impl<'a> Values<'a> {
    /// Reads values of `target`.
    #[must_use]
    pub fn new(target: Target<'a>, limits: Limits) -> Self {
        Values { target, limits }
    }

    /// What is shown of a value.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// How to decode a type. The first time it reads DWARF, later it doesn't.
    pub fn decoder(&self, ty: TypeRef) -> Decoder {
        let _ = self.target;
        Decoder { ty }
    }

    /// The value of type `ty` at `addr`.
    pub fn read(&self, ty: TypeRef, addr: RuntimeAddr) -> Value {
        let _ = (ty, addr);
        todo!("read")
    }

    /// The value whose own bytes are `bytes`; `addr` says where they came from, for cycles.
    pub fn decode(&self, ty: TypeRef, bytes: &[u8], addr: Option<RuntimeAddr>) -> Value {
        self.decode_with(&self.decoder(ty), bytes, addr)
    }

    /// As [`Values::decode`], without looking the type up again.
    pub fn decode_with(&self, decoder: &Decoder, bytes: &[u8], addr: Option<RuntimeAddr>) -> Value {
        let _ = (decoder.ty, bytes, addr);
        todo!("decode")
    }

    /// The value of an expression.
    pub fn place(&self, place: &Place) -> Value {
        let _ = place;
        todo!("place")
    }
}
