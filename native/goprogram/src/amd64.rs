//! What an amd64 instruction does to memory: for the instruction that a data watchpoint has just seen.

use iced_x86::{
    Decoder, DecoderOptions, Instruction, InstructionInfo, InstructionInfoFactory, Mnemonic, OpAccess, OpKind,
};

use crate::amd64_value::{ValueSource, value_source};
use crate::register::Register;
use crate::{Error, Function, LinkAddr, Program, amd64_role};

/// How an instruction uses memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// It reads.
    Read,
    /// It writes.
    Write,
    /// It reads, and writes back.
    ReadWrite,
}

/// What an access is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A read whose value is only tested.
    Check,
    /// A read whose value nobody uses: it faults where a pointer is nil.
    NilCheck,
    /// A read whose value is modified and stored back, also if it is tested in between.
    ToggleLoad,
    /// A write.
    Store,
    /// Anything else.
    Other,
}

/// A memory access that an instruction has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryAccess {
    /// The instruction.
    pub start: LinkAddr,
    /// The instruction's end.
    pub after: LinkAddr,
    /// The function that the instruction is in, as the linker names it. Inlined functions are for
    /// [`Program::lines_at`] to tell.
    pub function: String,
    /// What it does to the memory.
    pub op: Op,
    /// Whether it is atomic: it has a LOCK prefix, or is an exchange.
    pub locked: bool,
    /// How many bytes it accesses; 0 if that depends on registers.
    pub size: u64,
    /// Where the value can be seen right after the instruction.
    pub value: ValueSource,
    /// The register with the base of the address. For `Rip` its value is that of [`MemoryAccess::after`].
    pub base: Option<Register>,
    /// The register that is multiplied by `scale`.
    pub index: Option<Register>,
    /// 1, 2, 4 or 8.
    pub scale: u8,
    /// Bytes to add.
    pub disp: i64,
    /// Whether the registers still tell the address after the instruction: it overwrote neither base
    /// nor index, and uses no segment.
    pub address_kept: bool,
    /// Whether it can be made again: a pure read that changed nothing it depends on.
    pub rewindable: bool,
    /// What it is for.
    pub role: Role,
}

impl MemoryAccess {
    /// The first address that was accessed, from the registers right after the instruction.
    /// `None` if they no longer tell.
    pub fn effective_address(&self, register: &dyn Fn(Register) -> u64) -> Option<u64> {
        if !self.address_kept {
            return None;
        }
        let base = self.base.map_or(0, register);
        let index = self.index.map_or(0, register);
        Some(base.wrapping_add(index.wrapping_mul(u64::from(self.scale))).wrapping_add_signed(self.disp))
    }
}

impl Program {
    /// The memory access of the instruction that ends at `after`: x86 reports a data watchpoint when the
    /// instruction is done. Its function is decoded from the start, some µs for each kilobyte: keep the answer.
    ///
    /// # Errors
    /// [`Error::NoSymbols`]; [`Error::NoFunction`]; [`Error::NoAccess`] if no instruction ends there, or it accesses no memory.
    pub fn access_ending_at(&self, after: LinkAddr) -> Result<MemoryAccess, Error> {
        let missing = || Error::NoAccess { addr: after.0 };
        let inside = LinkAddr(after.0.wrapping_sub(1));
        let function = self.function_at(inside).ok_or_else(|| self.no_function(after))?;
        let code = self.code(function.entry, function.end.0 - function.entry.0).ok_or_else(missing)?;
        let code = Code { start: function.entry.0, bytes: code };
        code.instructions_from(code.start)
            .take_while(|instruction| instruction.next_ip() <= after.0)
            .find(|instruction| instruction.next_ip() == after.0)
            .and_then(|instruction| access(&code, &function, &instruction))
            .ok_or_else(missing)
    }

    /// Whether the instruction at `addr` copies or clears memory piece by piece (`REP MOVS`, `REP STOS`). A data
    /// watchpoint that it runs into is reported between two pieces, so that the program counter may still be here; what
    /// is done by then lies below `rdi`, and what was read below `rsi`.
    pub fn repeats_at(&self, addr: LinkAddr) -> bool {
        let Some(bytes) = self.code(addr, 3) else { return false };
        let code = Code { start: addr.0, bytes };
        code.instructions_from(addr.0).next().is_some_and(|it| it.has_rep_prefix() && it.is_string_instruction())
    }

    /// The memory accesses of a function that add so many bytes to their base.
    pub fn accesses_of(&self, function: &Function, disp: i64) -> Vec<MemoryAccess> {
        let Some(bytes) = self.code(function.entry, function.end.0 - function.entry.0) else { return Vec::new() };
        let code = Code { start: function.entry.0, bytes };
        let instructions = code.instructions_from(code.start);
        let wanted = instructions.filter(|instruction| instruction.memory_displacement64() == disp.cast_unsigned());
        wanted.filter_map(|instruction| access(&code, function, &instruction)).collect()
    }
}

/// The code of a function.
pub(crate) struct Code<'a> {
    pub(crate) start: u64,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Code<'a> {
    /// The instructions from `address` on; none if it is outside the function.
    pub(crate) fn instructions_from(&self, address: u64) -> impl Iterator<Item = Instruction> + use<'a> {
        let bytes = address
            .checked_sub(self.start)
            .and_then(|offset| self.bytes.get(usize::try_from(offset).ok()?..))
            .unwrap_or_default();
        let mut decoder = Decoder::with_ip(64, bytes, address, DecoderOptions::NONE);
        std::iter::from_fn(move || decoder.can_decode().then(|| decoder.decode()))
    }
}

/// The operand that is in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) base: iced_x86::Register,
    pub(crate) index: iced_x86::Register,
    scale: u32,
    pub(crate) disp: u64,
    pub(crate) segment: iced_x86::Register,
}

impl Place {
    pub(crate) fn of(instruction: &Instruction) -> Place {
        Place {
            base: instruction.memory_base(),
            index: instruction.memory_index(),
            scale: instruction.memory_index_scale(),
            disp: instruction.memory_displacement64(),
            segment: instruction.segment_prefix(),
        }
    }

    /// Whether the address is computed from a part of `register`.
    pub(crate) fn depends_on(&self, register: iced_x86::Register) -> bool {
        let full = register.full_register();
        [self.base, self.index].iter().any(|part| part.is_gpr() && part.full_register() == full)
    }
}

pub(crate) fn reads(access: OpAccess) -> bool {
    matches!(access, OpAccess::Read | OpAccess::CondRead | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
}

pub(crate) fn writes(access: OpAccess) -> bool {
    matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
}

fn access(code: &Code<'_>, function: &Function, instruction: &Instruction) -> Option<MemoryAccess> {
    let mut factory = InstructionInfoFactory::new();
    let info = factory.info(instruction);
    let operand = (0..instruction.op_count()).find(|&i| instruction.op_kind(i) == OpKind::Memory);
    let how = match operand {
        Some(operand) => info.op_access(operand),
        // PUSH, STOS, MOVS and the like: the memory is not an operand like others.
        None => info.used_memory().iter().map(|memory| memory.access()).max_by_key(|&access| writes(access))?,
    };
    let op = match (reads(how), writes(how)) {
        (true, true) => Op::ReadWrite,
        (true, false) => Op::Read,
        (false, true) => Op::Write,
        (false, false) => return None,
    };
    let place = Place::of(instruction);
    let overwritten = |register| {
        info.used_registers().iter().any(|used| writes(used.access()) && used.register().full_register() == register)
    };
    let relative = place.base == iced_x86::Register::RIP;
    let address_kept = operand.is_some()
        && !matches!(place.segment, iced_x86::Register::FS | iced_x86::Register::GS)
        && ![place.base, place.index].iter().any(|register| register.is_gpr() && overwritten(register.full_register()));
    let size = if operand.is_some() && !instruction.has_rep_prefix() {
        u64::try_from(instruction.memory_size().size()).unwrap_or(0)
    } else {
        0
    };
    let exchange = instruction.mnemonic() == Mnemonic::Xchg;
    Some(MemoryAccess {
        start: LinkAddr(instruction.ip()),
        after: LinkAddr(instruction.next_ip()),
        function: function.name.clone(),
        op,
        locked: instruction.has_lock_prefix() || exchange,
        size,
        value: operand.map_or(ValueSource::None, |operand| value_source(instruction, operand, op, size)),
        base: if relative { Some(Register::Rip) } else { Register::of(place.base) },
        index: Register::of(place.index),
        scale: u8::try_from(place.scale).unwrap_or(1),
        // The decoder has already added the address of the next instruction.
        disp: if relative { place.disp.wrapping_sub(instruction.next_ip()) } else { place.disp }.cast_signed(),
        address_kept,
        rewindable: op == Op::Read && operand.is_some() && address_kept && repeatable(info),
        role: match op {
            Op::Write | Op::ReadWrite => Role::Store,
            Op::Read => amd64_role::of_read(code, instruction),
        },
    })
}

/// Whether an instruction reads no register that it changes, so that it can be executed again.
fn repeatable(info: &InstructionInfo) -> bool {
    let used = info.used_registers();
    used.iter().filter(|to| writes(to.access())).all(|to| {
        let full = to.register().full_register();
        !used.iter().any(|from| reads(from.access()) && from.register().full_register() == full)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The access of the first instruction of `bytes`.
    pub(crate) fn first(bytes: &[u8]) -> Option<MemoryAccess> {
        let code = Code { start: 0x1000, bytes };
        let function = Function { name: "f".to_owned(), entry: LinkAddr(0x1000), end: LinkAddr(0x2000) };
        access(&code, &function, &code.instructions_from(0x1000).next()?)
    }

    #[test]
    fn a_load_into_its_own_base_hides_its_address() {
        let access = first(&[0x0f, 0xb6, 0x40, 0x08]).unwrap(); // movzbl 0x8(%rax),%eax
        assert_eq!((access.op, access.value), (Op::Read, ValueSource::Register(Register::Rax)));
        assert_eq!(access.effective_address(&|_| 0x5000), None);
        assert!(!access.address_kept && !access.rewindable);
    }

    #[test]
    fn a_full_address_is_computed() {
        let access = first(&[0x88, 0x4c, 0x73, 0xf8]).unwrap(); // mov %cl,-0x8(%rbx,%rsi,2)
        assert_eq!((access.op, access.role, access.size), (Op::Write, Role::Store, 1));
        assert_eq!(access.value, ValueSource::Register(Register::Rcx));
        let registers = |register| match register {
            Register::Rbx => 0x5000,
            Register::Rsi => 0x10,
            other => panic!("{other} is not in the address"),
        };
        assert_eq!(access.effective_address(&registers), Some(0x5018));
    }

    #[test]
    fn an_address_may_be_relative_to_the_program_counter() {
        let access = first(&[0x80, 0x3d, 0x10, 0x00, 0x00, 0x00, 0x00]).unwrap(); // cmpb $0x0,0x10(%rip)
        assert_eq!((access.base, access.disp), (Some(Register::Rip), 0x10));
        assert_eq!(access.effective_address(&|_| 0x55_0000_1007), Some(0x55_0000_1017));
        assert_eq!((access.role, access.value), (Role::Check, ValueSource::ZeroFlag { mask: 0xff }));
    }

    #[test]
    fn a_check_for_nil_is_no_other_read() {
        let role = |bytes: &[u8]| first(bytes).unwrap().role;
        assert_eq!(role(&[0x84, 0x00]), Role::NilCheck); // test %al,(%rax)
        assert_eq!(role(&[0x84, 0x42, 0x10]), Role::NilCheck); // test %al,0x10(%rdx)
        assert_eq!(role(&[0x84, 0x0a]), Role::Check); // test %cl,(%rdx)
        assert_eq!(role(&[0xf6, 0x00, 0x01]), Role::Check); // testb $0x1,(%rax)
        assert_eq!(role(&[0x80, 0x38, 0x00]), Role::Check); // cmpb $0x0,(%rax)
    }

    #[test]
    fn only_a_pure_read_is_rewindable() {
        let rewindable = |bytes: &[u8]| first(bytes).unwrap().rewindable;
        assert!(rewindable(&[0x0f, 0xb6, 0x4b, 0x08])); // movzbl 0x8(%rbx),%ecx
        assert!(rewindable(&[0x80, 0x7b, 0x08, 0x00])); // cmpb $0x0,0x8(%rbx)
        assert!(!rewindable(&[0x03, 0x4b, 0x08])); // add 0x8(%rbx),%ecx
        assert!(!rewindable(&[0xff, 0x73, 0x08])); // push 0x8(%rbx)
        assert!(!rewindable(&[0xf0, 0x08, 0x19])); // lock or %bl,(%rcx)
        assert!(first(&[0xf0, 0x08, 0x19]).unwrap().locked);
        assert!(first(&[0x86, 0x4b, 0x08]).unwrap().locked); // xchg is atomic without the prefix
    }

    #[test]
    fn what_touches_no_memory_is_no_access() {
        assert_eq!(first(&[0x48, 0x8d, 0x43, 0x08]), None); // lea 0x8(%rbx),%rax
        assert_eq!(first(&[0x90]), None); // nop
        assert_eq!(first(&[0x0f, 0x1f, 0x40, 0x00]), None); // nopl 0x0(%rax)
        assert_eq!(first(&[0x06]), None); // no instruction in 64-bit mode
        assert_eq!(first(&[]), None);
    }
}
