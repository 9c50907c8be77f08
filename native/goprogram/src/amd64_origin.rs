//! Where the argument of a call comes from.

use crate::amd64_body::Body;
use crate::{LinkAddr, Program, Register};

/// Where a value comes from: what it begins with, the loads from there, and what is added in the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// What it begins with.
    pub root: Root,
    /// Each step adds a number and loads the word there.
    pub loads: Vec<i64>,
    /// What is added at last.
    pub add: i64,
}

/// What a value begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    /// An address in the program: of a package variable, a type descriptor, a text.
    Static(LinkAddr),
    /// The stack pointer of the function that makes the call, at the call.
    Stack,
    /// What a register held when that function was entered.
    Entry(Register),
    /// A number in the code.
    Constant(u64),
}

impl Origin {
    pub(crate) fn of(root: Root) -> Self {
        Origin { root, loads: Vec::new(), add: 0 }
    }

    /// The value at the other end of a pointer, `offset` bytes on.
    pub(crate) fn load(mut self, offset: i64) -> Option<Self> {
        let step = self.add.checked_add(offset)?;
        (self.loads.len() < MOST_LOADS).then_some(())?;
        self.loads.push(step);
        self.add = 0;
        Some(self)
    }

    pub(crate) fn plus(self, offset: i64) -> Option<Self> {
        Some(Origin { add: self.add.checked_add(offset)?, ..self })
    }

    /// What another origin comes to that begins with this one's value.
    pub(crate) fn then(mut self, inner: &Origin) -> Option<Self> {
        for offset in &inner.loads {
            self = self.load(*offset)?;
        }
        self.plus(inner.add)
    }

    /// Whether it begins with an address in the program, or with what the function was given.
    pub(crate) fn is_from_outside(&self) -> bool {
        matches!(self.root, Root::Static(_) | Root::Entry(_))
    }

    /// A value that is known before the program runs.
    #[must_use]
    pub fn constant(&self) -> Option<u64> {
        match self.root {
            _ if !self.loads.is_empty() => None,
            Root::Static(LinkAddr(value)) | Root::Constant(value) => Some(value.wrapping_add_signed(self.add)),
            Root::Stack | Root::Entry(_) => None,
        }
    }
}

/// A path longer than this is no argument's: `a.b.c.d.m[k]` has four loads.
pub(crate) const MOST_LOADS: usize = 8;

impl Program {
    /// Where the value comes from that a register held when the call that returns to `ret` was made; `None`
    /// if that can't be told, or no call returns there.
    #[must_use]
    pub fn argument_origin(&self, ret: LinkAddr, register: Register) -> Option<Origin> {
        let function = self.function_at(LinkAddr(ret.0.checked_sub(1)?))?;
        let body = Body::new(self, &function)?;
        let call = body.call_before(ret)?;
        body.origin(call, register)
    }

    /// Where the call leads that returns to `ret`: the function's first instruction. `None` if there is no
    /// call, or it leads wherever a register says.
    #[must_use]
    pub fn callee(&self, ret: LinkAddr) -> Option<LinkAddr> {
        // CALL with a 32-bit displacement, as the compiler writes every direct call.
        let code = self.code(LinkAddr(ret.0.checked_sub(5)?), 5)?;
        let (&opcode, displacement) = code.split_first()?;
        let displacement = i32::from_le_bytes(displacement.try_into().ok()?);
        (opcode == 0xe8).then(|| LinkAddr(ret.0.wrapping_add_signed(displacement.into())))
    }
}
