//! The frame of a stack whose locals an expression may name.

use goprogram::Register;

use crate::memory::RuntimeAddr;
use crate::stack::Pc;

/// A frame whose locals and arguments an expression may name.
#[derive(Clone, Copy)]
pub struct FrameContext<'a> {
    /// An address inside the instruction that the frame executes: of a caller, its return address less one.
    pub pc: RuntimeAddr,
    /// The frame's canonical frame address, where it is known.
    pub cfa: Option<RuntimeAddr>,
    /// The frame's registers. Go saves none across a call: only the innermost frame has them.
    pub registers: &'a dyn Fn(Register) -> Option<u64>,
}

impl std::fmt::Debug for FrameContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameContext").field("pc", &self.pc).field("cfa", &self.cfa).finish_non_exhaustive()
    }
}

impl<'a> FrameContext<'a> {
    /// A frame of a stack, with those of its registers that are known.
    #[must_use]
    pub fn new(pc: Pc, registers: &'a dyn Fn(Register) -> Option<u64>) -> Self {
        FrameContext { pc: pc.instruction(), cfa: Some(pc.cfa), registers }
    }
}
