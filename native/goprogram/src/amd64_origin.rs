//! Where the argument of a call comes from: found by following its register backwards through the caller.

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpKind};

use crate::amd64::{Code, Place, writes};
use crate::{Function, LinkAddr, Program, Register};

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
    fn of(root: Root) -> Self {
        Origin { root, loads: Vec::new(), add: 0 }
    }

    /// The value at the other end of a pointer, `offset` bytes on.
    fn load(mut self, offset: i64) -> Option<Self> {
        let step = self.add.checked_add(offset)?;
        (self.loads.len() < MOST_LOADS).then_some(())?;
        self.loads.push(step);
        self.add = 0;
        Some(self)
    }

    fn plus(self, offset: i64) -> Option<Self> {
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
const MOST_LOADS: usize = 8;

/// So many branches are followed for one value.
const MOST_BRANCHES: usize = 64;

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

/// The instructions of a function.
pub(crate) struct Body {
    instructions: Vec<Instruction>,
    /// The jumps inside the function: to which instruction, from which; sorted.
    jumps: Vec<(usize, usize)>,
    /// The calls of the write barrier, which leave all registers but one as they are.
    kept: Vec<usize>,
    /// The first instruction that has the function's frame, and the first of those at its end that grow the stack.
    begin: usize,
    grow: usize,
}

/// A function begins with so many instructions until it has checked its stack, and made its frame, at most
/// (stacksplit in Go's src/cmd/internal/obj/x86/obj6.go).
const CHECKS_STACK: usize = 8;
const MAKES_FRAME: usize = 16;

/// What the write barrier returns: where to put the pointers (gcWriteBarrier in src/runtime/asm_amd64.s, since
/// Go 1.21; before, it returned nothing).
const BARRIER_RESULT: Register = Register::R11;

impl Body {
    pub(crate) fn new(program: &Program, function: &Function) -> Option<Self> {
        let bytes = program.code(function.entry, function.end.0.checked_sub(function.entry.0)?)?;
        let code = Code { start: function.entry.0, bytes };
        let instructions: Vec<Instruction> = code.instructions_from(code.start).collect();
        let index = |ip: u64| instructions.binary_search_by_key(&ip, Instruction::ip).ok();
        let jump = |(from, instruction): (usize, &Instruction)| match instruction.flow_control() {
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                Some((index(instruction.near_branch_target())?, from))
            }
            _ => None,
        };
        let mut jumps: Vec<(usize, usize)> = instructions.iter().enumerate().filter_map(jump).collect();
        jumps.sort_unstable();
        let barriers = &program.map_code().barriers;
        let is_barrier = |(index, instruction): (usize, &Instruction)| {
            let direct = instruction.flow_control() == FlowControl::Call;
            (direct && barriers.contains(&LinkAddr(instruction.near_branch_target()))).then_some(index)
        };
        let kept = instructions.iter().enumerate().filter_map(is_barrier).collect();
        // The first branch of a function that checks its stack leads to where it is grown.
        let checks = instructions.iter().take(CHECKS_STACK).find_map(|instruction| {
            (instruction.mnemonic() == Mnemonic::Jbe).then(|| index(instruction.near_branch_target()))?
        });
        let makes_frame = |instruction: &Instruction| {
            instruction.mnemonic() == Mnemonic::Sub && instruction.op0_register() == iced_x86::Register::RSP
                || instruction.mnemonic() == Mnemonic::Add && instruction.op0_register() == iced_x86::Register::RSP
        };
        let begin = instructions.iter().take(MAKES_FRAME).position(makes_frame).map_or(0, |index| index + 1);
        let grow = checks.unwrap_or(instructions.len());
        Some(Body { instructions, jumps, kept, begin, grow })
    }

    /// The call that returns to an address.
    pub(crate) fn call_before(&self, ret: LinkAddr) -> Option<usize> {
        let is_it = |instruction: &Instruction| instruction.next_ip() == ret.0 && is_call(instruction);
        self.instructions.iter().position(is_it)
    }

    /// Where the value comes from that a register holds before an instruction.
    pub(crate) fn origin(&self, index: usize, register: Register) -> Option<Origin> {
        let mut tracer = Tracer { body: self, factory: InstructionInfoFactory::new(), under_way: Vec::new() };
        match tracer.before(index, register) {
            Found::One(origin) => Some(origin),
            Found::Any | Found::Unknown => None,
        }
    }

    /// The same, also through a word of the function's own frame that is written in one place only: a value that
    /// the compiler had to put aside.
    pub(crate) fn lasting_origin(&self, index: usize, register: Register) -> Option<Origin> {
        let mut origin = self.origin(index, register)?;
        for _ in 0..MOST_LOADS {
            let (Root::Stack, Some((slot, loads))) = (origin.root, origin.loads.split_first()) else { break };
            let rest = Origin { root: Root::Stack, loads: loads.to_vec(), add: origin.add };
            origin = self.put_aside(*slot)?.then(&rest)?;
        }
        Some(origin)
    }

    /// What the only instruction writes that writes to the word `slot` bytes above the stack pointer.
    fn put_aside(&self, slot: i64) -> Option<Origin> {
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
        let (index, register) = only?;
        self.origin(index, register)
    }

    /// Every direct call: which instruction, where it leads and where it returns to.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (usize, LinkAddr, LinkAddr)> {
        let calls = self.instructions.iter().enumerate();
        calls.filter(|(_, instruction)| instruction.flow_control() == FlowControl::Call).map(|(index, instruction)| {
            (index, LinkAddr(instruction.near_branch_target()), LinkAddr(instruction.next_ip()))
        })
    }

    fn jumps_to(&self, index: usize) -> impl Iterator<Item = usize> {
        let first = self.jumps.partition_point(|(to, _)| *to < index);
        self.jumps.iter().skip(first).take_while(move |(to, _)| *to == index).map(|(_, from)| *from)
    }
}

/// Whether an instruction may change its first operand.
fn changes(instruction: &Instruction) -> bool {
    !matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Bt | Mnemonic::Nop)
}

fn is_call(instruction: &Instruction) -> bool {
    matches!(instruction.flow_control(), FlowControl::Call | FlowControl::IndirectCall)
}

/// What is found of a value.
#[derive(Clone, PartialEq, Eq)]
enum Found {
    /// Nothing yet: a loop leads back to where the search is under way.
    Any,
    One(Origin),
    Unknown,
}

impl Found {
    fn and(self, other: Found) -> Found {
        match (self, other) {
            (Found::Any, found) | (found, Found::Any) => found,
            (one, other) if one == other => one,
            _ => Found::Unknown,
        }
    }

    fn then(self, with: impl FnOnce(Origin) -> Option<Origin>) -> Found {
        match self {
            Found::One(origin) => with(origin).map_or(Found::Unknown, Found::One),
            found => found,
        }
    }
}

struct Tracer<'a> {
    body: &'a Body,
    factory: InstructionInfoFactory,
    /// Where the search has been at a place that several ways lead to.
    under_way: Vec<(usize, Register)>,
}

impl Tracer<'_> {
    /// What a register holds before an instruction.
    fn before(&mut self, mut index: usize, mut register: Register) -> Found {
        loop {
            if index == 0 {
                return match register {
                    Register::Rsp => Found::Unknown,
                    register => Found::One(Origin::of(Root::Entry(register))),
                };
            }
            let mut ways: Vec<usize> = self.body.jumps_to(index).collect();
            let before = self.body.instructions.get(index - 1);
            if before.is_some_and(falls_through) {
                ways.push(index - 1);
            }
            match ways.as_slice() {
                [] => return Found::Unknown,
                [only] => match self.step(*only, register) {
                    Step::Goes(on) => (index, register) = (*only, on),
                    Step::Ends(found) => return found,
                },
                several => {
                    if self.under_way.contains(&(index, register)) {
                        return Found::Any;
                    }
                    if self.under_way.len() >= MOST_BRANCHES {
                        return Found::Unknown;
                    }
                    self.under_way.push((index, register));
                    let mut all = Found::Any;
                    for way in several {
                        let found = match self.step(*way, register) {
                            Step::Goes(on) => self.before(*way, on),
                            Step::Ends(found) => found,
                        };
                        all = all.and(found);
                    }
                    return all;
                }
            }
        }
    }

    /// What a register holds after an instruction: what another one, or the same, held before it, or what is
    /// found.
    fn step(&mut self, index: usize, register: Register) -> Step {
        let Some(instruction) = self.body.instructions.get(index).copied() else { return Step::Ends(Found::Unknown) };
        if is_call(&instruction) {
            let kept = self.body.kept.binary_search(&index).is_ok() && register != BARRIER_RESULT;
            return if kept { Step::Goes(register) } else { Step::Ends(Found::Unknown) };
        }
        let is_it = |other: iced_x86::Register| Register::of(other.full_register()) == Some(register);
        let used = self.factory.info(&instruction).used_registers();
        if !used.iter().any(|used| writes(used.access()) && is_it(used.register())) {
            return Step::Goes(register);
        }
        if !is_it(instruction.op0_register()) {
            return Step::Ends(Found::Unknown);
        }
        Step::Ends(self.written(index, &instruction))
    }

    /// What an instruction writes to its first operand, a register.
    fn written(&mut self, index: usize, instruction: &Instruction) -> Found {
        let to = instruction.op0_register();
        match (instruction.mnemonic(), instruction.op1_kind()) {
            (Mnemonic::Mov, OpKind::Register) if to.is_gpr64() => match Register::of(instruction.op1_register()) {
                Some(from) => self.before(index, from),
                None => Found::Unknown,
            },
            (Mnemonic::Mov, OpKind::Memory) if to.is_gpr64() => {
                self.address(index, instruction).then(|origin| origin.load(0))
            }
            (Mnemonic::Lea, OpKind::Memory) if to.is_gpr64() => self.address(index, instruction),
            (Mnemonic::Mov, OpKind::Immediate32 | OpKind::Immediate64 | OpKind::Immediate32to64) => {
                Found::One(Origin::of(Root::Constant(instruction.immediate(1))))
            }
            (Mnemonic::Xor, OpKind::Register)
                if to == instruction.op1_register() && !to.is_gpr8() && !to.is_gpr16() =>
            {
                Found::One(Origin::of(Root::Constant(0)))
            }
            (Mnemonic::Add, OpKind::Immediate8to64 | OpKind::Immediate32to64) => {
                let by = instruction.immediate(1).cast_signed();
                match Register::of(to) {
                    Some(from) => self.before(index, from).then(|origin| origin.plus(by)),
                    None => Found::Unknown,
                }
            }
            _ => Found::Unknown,
        }
    }

    /// The address of an instruction's operand in memory.
    fn address(&mut self, index: usize, instruction: &Instruction) -> Found {
        let Place { base, index: scaled, disp, segment, .. } = Place::of(instruction);
        if scaled != iced_x86::Register::None || matches!(segment, iced_x86::Register::FS | iced_x86::Register::GS) {
            return Found::Unknown;
        }
        match base {
            // The decoder has already added the address of the next instruction.
            iced_x86::Register::RIP => Found::One(Origin::of(Root::Static(LinkAddr(disp)))),
            iced_x86::Register::None => Found::One(Origin::of(Root::Static(LinkAddr(disp)))),
            iced_x86::Register::RSP => {
                Found::One(Origin { root: Root::Stack, loads: Vec::new(), add: disp.cast_signed() })
            }
            base => match Register::of(base) {
                Some(base) => self.before(index, base).then(|origin| origin.plus(disp.cast_signed())),
                None => Found::Unknown,
            },
        }
    }
}

enum Step {
    /// It is in this register before the instruction.
    Goes(Register),
    Ends(Found),
}

/// Whether the next instruction may follow.
fn falls_through(instruction: &Instruction) -> bool {
    !matches!(
        instruction.flow_control(),
        FlowControl::UnconditionalBranch
            | FlowControl::IndirectBranch
            | FlowControl::Return
            | FlowControl::Interrupt
            | FlowControl::Exception
    )
}
