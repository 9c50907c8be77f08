//! Where the value of a memory access can be seen right after an amd64 instruction: in its thread's registers, or in
//! the instruction itself.

use iced_x86::{Instruction, Mnemonic, OpKind};

use crate::amd64::Op;
use crate::register::Register;

/// Where the value that was read or written can be seen right after the instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueSource {
    /// In a register: its low byte is the access's first byte, the next higher its second, and so on.
    Register(Register),
    /// In bits 8 to 15 of a register (`ah`, `bh`, `ch`, `dh`).
    HighByte(Register),
    /// In the instruction: this is what it stored, the access's first byte lowest.
    Immediate(u64),
    /// In the zero flag (`eflags` bit 6): if it is clear, `byte & mask != 0`; if it is set, `byte & mask == 0`.
    ZeroFlag {
        /// The bits that were looked at.
        mask: u8,
    },
    /// Only what was there before: it is in this register, in exchange for what it held.
    Exchanged(Register),
    /// What was there before is in `rax`. If the zero flag is set, this register has replaced it; if it is clear, it has
    /// stayed.
    CompareExchanged(Register),
    /// Only that it was raised by so much, modulo its size.
    Raised(i64),
    /// Only that it was raised by what is in this register.
    RaisedBy(Register),
    /// Only that it was lowered by what is in this register.
    LoweredBy(Register),
    /// Nowhere but in memory.
    None,
}

/// Where the value of the access is that `instruction` makes with its operand number `operand`.
pub(crate) fn value_source(instruction: &Instruction, operand: u32, op: Op, size: u64) -> ValueSource {
    let other = 1 - operand.min(1);
    let register = || match instruction.op_kind(other) {
        OpKind::Register => Register::of(instruction.op_register(other)),
        _ => None,
    };
    let whole = || match register() {
        Some(full) if is_high_byte(instruction.op_register(other)) => ValueSource::HighByte(full),
        Some(full) => ValueSource::Register(full),
        None => ValueSource::None,
    };
    let low = |source: fn(Register) -> ValueSource| match register() {
        Some(full) if !is_high_byte(instruction.op_register(other)) => source(full),
        _ => ValueSource::None,
    };
    let immediate =
        || (instruction.op_count() == 2 && is_immediate(instruction.op_kind(1))).then(|| instruction.immediate(1));
    match (op, instruction.mnemonic()) {
        (Op::Read, Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd) => whole(),
        (Op::Write, Mnemonic::Mov) => match immediate() {
            Some(value) => ValueSource::Immediate(value & mask(size)),
            None => whole(),
        },
        (Op::Read, Mnemonic::Cmp) if size == 1 && immediate() == Some(0) => ValueSource::ZeroFlag { mask: 0xff },
        (Op::Read, Mnemonic::Test) if size == 1 => match immediate() {
            Some(mask) => ValueSource::ZeroFlag { mask: mask.to_le_bytes()[0] },
            None => ValueSource::None,
        },
        // The zero flag tells of the byte that was written.
        (Op::ReadWrite, Mnemonic::Xor | Mnemonic::And | Mnemonic::Or) if size == 1 => {
            ValueSource::ZeroFlag { mask: 0xff }
        }
        (Op::ReadWrite, Mnemonic::Inc) => ValueSource::Raised(1),
        (Op::ReadWrite, Mnemonic::Dec) => ValueSource::Raised(-1),
        (Op::ReadWrite, Mnemonic::Add) => match immediate() {
            Some(value) => ValueSource::Raised(value.cast_signed()),
            None => low(ValueSource::RaisedBy),
        },
        (Op::ReadWrite, Mnemonic::Sub) => match immediate() {
            Some(value) => ValueSource::Raised(value.cast_signed().wrapping_neg()),
            None => low(ValueSource::LoweredBy),
        },
        (Op::ReadWrite, Mnemonic::Xchg | Mnemonic::Xadd) => low(ValueSource::Exchanged),
        (Op::ReadWrite, Mnemonic::Cmpxchg) => low(ValueSource::CompareExchanged),
        _ => ValueSource::None,
    }
}

/// The bits of a value of so many bytes.
fn mask(size: u64) -> u64 {
    match size {
        0..8 => !(u64::MAX << (8 * size)),
        _ => u64::MAX,
    }
}

fn is_high_byte(register: iced_x86::Register) -> bool {
    use iced_x86::Register::{AH, BH, CH, DH};
    matches!(register, AH | BH | CH | DH)
}

pub(crate) fn is_immediate(kind: OpKind) -> bool {
    matches!(
        kind,
        OpKind::Immediate8
            | OpKind::Immediate16
            | OpKind::Immediate32
            | OpKind::Immediate64
            | OpKind::Immediate8to16
            | OpKind::Immediate8to32
            | OpKind::Immediate8to64
            | OpKind::Immediate32to64
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amd64::tests::first;

    #[test]
    fn the_value_is_where_the_instruction_leaves_it() {
        let value = |bytes: &[u8]| first(bytes).unwrap().value;
        assert_eq!(value(&[0xf6, 0x43, 0x08, 0x04]), ValueSource::ZeroFlag { mask: 4 }); // testb $0x4,0x8(%rbx)
        assert_eq!(value(&[0x80, 0x7b, 0x08, 0x01]), ValueSource::None); // cmpb $0x1,0x8(%rbx)
        assert_eq!(value(&[0x83, 0x7b, 0x08, 0x00]), ValueSource::None); // cmpl $0x0,0x8(%rbx)
        assert_eq!(value(&[0xc6, 0x43, 0x08, 0x05]), ValueSource::Immediate(5)); // movb $0x5,0x8(%rbx)
        let zeros = [0x48, 0xc7, 0x43, 0x08, 0, 0, 0, 0]; // movq $0x0,0x8(%rbx)
        assert_eq!(value(&zeros), ValueSource::Immediate(0));
        let minus_two = [0xc7, 0x43, 0x08, 0xfe, 0xff, 0xff, 0xff]; // movl $-0x2,0x8(%rbx)
        assert_eq!(value(&minus_two), ValueSource::Immediate(0xffff_fffe));
        let minus_one = [0x48, 0xc7, 0x43, 0x08, 0xff, 0xff, 0xff, 0xff]; // movq $-0x1,0x8(%rbx)
        assert_eq!(value(&minus_one), ValueSource::Immediate(u64::MAX));
        assert_eq!(value(&[0x88, 0x63, 0x08]), ValueSource::HighByte(Register::Rax)); // mov %ah,0x8(%rbx)
        assert_eq!(value(&[0x40, 0x88, 0x73, 0x08]), ValueSource::Register(Register::Rsi)); // mov %sil,0x8(%rbx)
        assert_eq!(value(&[0x0f, 0x11, 0x43, 0x08]), ValueSource::None); // movups %xmm0,0x8(%rbx)
    }

    #[test]
    fn what_an_instruction_changes_is_known_as_far_as_it_tells() {
        let value = |bytes: &[u8]| first(bytes).unwrap().value;
        assert_eq!(value(&[0x48, 0xff, 0x43, 0x08]), ValueSource::Raised(1)); // incq 0x8(%rbx)
        assert_eq!(value(&[0xff, 0x4b, 0x08]), ValueSource::Raised(-1)); // decl 0x8(%rbx)
        assert_eq!(value(&[0x48, 0x83, 0x43, 0x08, 0xf8]), ValueSource::Raised(-8)); // addq $-0x8,0x8(%rbx)
        assert_eq!(value(&[0x48, 0x83, 0x6b, 0x08, 0x05]), ValueSource::Raised(-5)); // subq $0x5,0x8(%rbx)
        assert_eq!(value(&[0x48, 0x01, 0x4b, 0x08]), ValueSource::RaisedBy(Register::Rcx)); // add %rcx,0x8(%rbx)
        assert_eq!(value(&[0x48, 0x29, 0x4b, 0x08]), ValueSource::LoweredBy(Register::Rcx)); // sub %rcx,0x8(%rbx)
        assert_eq!(value(&[0x48, 0x87, 0x4b, 0x08]), ValueSource::Exchanged(Register::Rcx)); // xchg %rcx,0x8(%rbx)
        let xadd = [0xf0, 0x48, 0x0f, 0xc1, 0x4b, 0x08]; // lock xadd %rcx,0x8(%rbx)
        assert_eq!(value(&xadd), ValueSource::Exchanged(Register::Rcx));
        let cmpxchg = [0xf0, 0x48, 0x0f, 0xb1, 0x4b, 0x08]; // lock cmpxchg %rcx,0x8(%rbx)
        assert_eq!(value(&cmpxchg), ValueSource::CompareExchanged(Register::Rcx));
        assert_eq!(value(&[0x48, 0x09, 0x4b, 0x08]), ValueSource::None); // or %rcx,0x8(%rbx)
        assert_eq!(value(&[0x86, 0x63, 0x08]), ValueSource::None); // xchg %ah,0x8(%rbx)
    }
}
