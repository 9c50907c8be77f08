//! The instructions that touch a map's flag byte.

use std::collections::{HashMap, HashSet};

use gomap::Layout;
use goprogram::{Function, MemoryAccess, Op, Program, Register, Role, ValueSource};
use race::{Kind, Touch};

use super::Registers;
use crate::memory::{LoadBias, RuntimeAddr};
use crate::threads::kind_of;

/// The zero flag in EFLAGS.
const ZERO_FLAG_AMD64: u64 = 0x40;

/// The instructions that touch the flag byte, by where they end.
#[derive(Debug)]
pub(super) struct Sites {
    /// Where in a header the byte is.
    flag_offset: u64,
    known: HashMap<RuntimeAddr, Option<Site>>,
}

/// An instruction that touches the flag byte.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) access: MemoryAccess,
    pub(super) kind: Kind,
    pub(super) touch: Touch,
}

impl Sites {
    /// None is known so far.
    pub(super) fn new(layout: &Layout) -> Self {
        Sites { flag_offset: layout.flag_offset(), known: HashMap::new() }
    }

    /// The instruction that ended at `pc`, if it is a map function's access with the flag byte's offset.
    pub(super) fn at(&mut self, program: &Program, bias: LoadBias, pc: RuntimeAddr) -> Option<&Site> {
        self.known.entry(pc).or_insert_with(|| decode(program, bias, pc, self.flag_offset)).as_ref()
    }

    /// The same, if it is known already.
    pub(super) fn known(&self, pc: RuntimeAddr) -> Option<&Site> {
        self.known.get(&pc)?.as_ref()
    }

    /// The registers in which any of the program's map functions has the byte that it has read or is to write.
    pub(super) fn registers(&self, program: &Program) -> HashSet<Register> {
        let is_ours = |function: &Function| program.map_function(&function.name).and_then(|it| kind_of(it.kind));
        let functions = program.functions().filter(|function| is_ours(function).is_some());
        let accesses = functions.flat_map(|function| program.accesses_of(&function, self.flag_offset.cast_signed()));
        let register = |access: MemoryAccess| match access.value {
            ValueSource::Register(register) | ValueSource::HighByte(register) => Some(register),
            ValueSource::ZeroFlag { .. } => Some(Register::Eflags),
            _ => None,
        };
        accesses.filter_map(register).collect()
    }
}

fn decode(program: &Program, bias: LoadBias, pc: RuntimeAddr, flag_offset: u64) -> Option<Site> {
    let access = program.access_ending_at(bias.to_link(pc)).ok()?;
    let kind = kind_of(program.map_function(&access.function)?.kind)?;
    let touch = match (access.op, access.role) {
        _ if access.locked => Touch::Mark,
        (Op::Read, Role::Check) => Touch::Check,
        (Op::Read, _) => Touch::Load,
        (Op::Write | Op::ReadWrite, _) => Touch::Store,
    };
    // A locked OR has the byte's address in a register, without displacement.
    let plausible = access.locked || access.disp.cast_unsigned() == flag_offset;
    plausible.then_some(Site { access, kind, touch })
}

/// The byte that an instruction read or wrote, as its thread's registers still tell; of a byte that was
/// only compared, no more than its writing bit.
pub(super) fn value(access: &MemoryAccess, layout: &Layout, registers: &Registers<'_>) -> Option<u8> {
    let bit = layout.writing_bit();
    match access.value {
        // What a locked OR has in its register is the bits to set, not the byte.
        _ if access.locked => None,
        ValueSource::Register(register) => registers(register).map(|value| value as u8),
        ValueSource::HighByte(register) => registers(register).map(|value| (value >> 8) as u8),
        ValueSource::Immediate(value) => Some(value as u8),
        ValueSource::ZeroFlag { mask } => {
            let zero = registers(Register::Eflags)? & ZERO_FLAG_AMD64 != 0;
            // Of several bits it is open which one was set; but a Swiss map's byte has only the one.
            let tells = if zero { mask & bit != 0 } else { mask == bit || matches!(layout, Layout::Swiss(_)) };
            tells.then_some(if zero { 0 } else { bit })
        }
        _ => None,
    }
}
