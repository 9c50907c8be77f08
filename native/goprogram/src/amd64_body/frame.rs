//! Values that the compiler has put aside, in a word of the function's own frame.

use iced_x86::{Instruction, Mnemonic, OpKind};

use super::{Body, Found};
use crate::Register;
use crate::amd64::Place;
use crate::amd64_origin::{MOST_LOADS, Origin, Root};

impl Body {
    /// Where a value comes from ([`Body::origin`]), also through a word of the frame that is written in one place only.
    pub(crate) fn lasting_origin(&self, index: usize, register: Register) -> Option<Origin> {
        self.lasting(self.origin(index, register)?)
    }

    /// What an origin comes to through words of the function's own frame.
    fn lasting(&self, mut origin: Origin) -> Option<Origin> {
        for _ in 0..MOST_LOADS {
            let (Root::Stack, Some((slot, loads))) = (origin.root, origin.loads.split_first()) else { break };
            let rest = Origin { root: Root::Stack, loads: loads.to_vec(), add: origin.add };
            let (index, register) = self.put_aside(*slot)?;
            origin = self.trace(index, register, false)?.then(&rest)?;
        }
        Some(origin)
    }

    /// What two ways have that meet, if it is the same: after a call that only one of them makes, as to wait for a
    /// lock, that one takes from the frame what the other still has in a register.
    pub(super) fn same(&self, one: Origin, other: Origin) -> Found {
        let lasting = self.lasting(one.clone()).filter(|lasting| Some(lasting) == self.lasting(other.clone()).as_ref());
        let Some(lasting) = lasting else { return Found::Unknown };
        let is_in_frame = |origin: &Origin| match (origin.root, origin.loads.first()) {
            (Root::Stack, Some(slot)) => self.put_aside(*slot).is_some_and(|(index, _)| self.is_always_run(index)),
            _ => false,
        };
        Found::One([one, other].into_iter().find(is_in_frame).unwrap_or(lasting))
    }

    /// Whether no way leads past an instruction, but to grow the stack.
    fn is_always_run(&self, index: usize) -> bool {
        self.jumps.iter().all(|(to, from)| *from > index || *to <= index || *to == self.grow)
    }

    /// The only instruction that writes to the word `slot` bytes above the stack pointer, and the register that it
    /// writes there.
    fn put_aside(&self, slot: i64) -> Option<(usize, Register)> {
        let mut only = None;
        // What comes before the frame is made, or grows the stack, has another stack pointer.
        let body = self.instructions.iter().enumerate().skip(self.begin).take(self.grow.saturating_sub(self.begin));
        for (index, instruction) in body {
            let place = Place::of(instruction);
            let own = place.base == iced_x86::Register::RSP;
            let writes = own && instruction.op0_kind() == OpKind::Memory;
            let takes_address = own && instruction.mnemonic() == Mnemonic::Lea;
            let begin = place.disp.cast_signed();
            let size = if takes_address { 1 } else { i64::try_from(instruction.memory_size().size()).unwrap_or(8) };
            if !(writes || takes_address) || slot.saturating_add(8) <= begin || begin.saturating_add(size) <= slot {
                continue;
            }
            let plain = instruction.mnemonic() == Mnemonic::Mov
                && begin == slot
                && instruction.op1_kind() == OpKind::Register
                && instruction.op1_register().is_gpr64()
                && place.index == iced_x86::Register::None;
            match (plain, only) {
                (true, None) => only = Some((index, Register::of(instruction.op1_register())?)),
                _ if changes(instruction) || takes_address => return None,
                _ => {}
            }
        }
        only
    }
}

/// Whether an instruction may change its first operand.
fn changes(instruction: &Instruction) -> bool {
    !matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Bt | Mnemonic::Nop)
}
