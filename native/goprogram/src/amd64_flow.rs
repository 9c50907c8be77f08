//! Where a stored value comes from: whether it was computed from one that was read before, by the instructions in
//! between, in one function or in several that call each other (amd64, Go's ABIInternal).
//!
//! Go's compiler keeps a value in registers, and over a call, which may change all of them, in a slot of the function's
//! own frame. That is followed here on every way from the read to the store: only if the value arrives on each of
//! them, it is said to.

use std::collections::BTreeMap;

use iced_x86::{ConditionCode, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind};

use crate::amd64::{reads, writes};
use crate::amd64_graph::{Between, Graph};
use crate::amd64_value::is_immediate;
use crate::{Function, LinkAddr, Program};

/// How a stored value came about from the one that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// It is the same.
    Copied,
    /// Bits of it were set or cleared: to do so twice changes nothing.
    Combined,
    /// It was computed otherwise.
    Computed,
}

/// A stored value's origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Derivation {
    /// How it came about.
    pub how: How,
    /// By how much it differs, modulo its size, where that is all; `None` where it isn't.
    pub plus: Option<i64>,
}

impl Program {
    /// What a goroutine that has made the access ending at `first`, and next of all on the same memory the one
    /// ending at `second`, has done in between, if it has gone straight from one to the other in one call of one
    /// function, and can't have let anyone go on: there is no call and no atomic operation but loads on any way.
    ///
    /// Where the code doesn't tell, the answer is `None`.
    pub fn stretch(&self, first: LinkAddr, second: LinkAddr) -> Option<Between> {
        let function = |after: LinkAddr| self.function_at(LinkAddr(after.0.wrapping_sub(1)));
        let found = function(first).zip(function(second)).filter(|(a, b)| a == b);
        let graph = found.and_then(|(function, _)| Graph::of(self, &function))?;
        let (first, second) = graph.ending_at(first).zip(graph.ending_at(second))?;
        graph.stretch(first, second)
    }

    /// How the value that a goroutine stored came about from the one that it had read last at the instruction that
    /// ends at the first address of `read`. `None` where it didn't, may not have, or can't be told.
    ///
    /// `read` and `stored` are stacks: where the instruction ends, and behind it the return addresses of all
    /// callers.
    pub fn derivation(&self, read: &[LinkAddr], stored: &[LinkAddr]) -> Option<Derivation> {
        let same = read.iter().rev().zip(stored.iter().rev()).take_while(|(a, b)| a == b).count();
        let (read, stored) = (read.get(..read.len() - same)?, stored.get(..stored.len() - same)?);
        let ((read_in, up), (stored_in, down)) = (read.split_last()?, stored.split_last()?);
        // From the read to where each function returns the value to its caller.
        let mut registers = None;
        for after in up {
            let flow = Flow::of(self, *after)?;
            let from = flow.graph.ending_at(*after)?;
            let to = flow.graph.returns();
            registers = Some(flow.run(Some(from), registers, &to)?.registers);
        }
        // In the function that both are in, or are called from.
        let flow = Flow::of(self, *read_in)
            .filter(|flow| Some(&flow.function) == function_before(self, *stored_in).as_ref())?;
        let to = flow.graph.ending_at(*stored_in)?;
        let mut state = flow.run(Some(flow.graph.ending_at(*read_in)?), registers, &[to])?;
        let mut last = (flow, to);
        // From where each function has the value as an argument to the store.
        for after in down.iter().rev() {
            let flow = Flow::of(self, *after)?;
            let to = flow.graph.ending_at(*after)?;
            state = flow.run(None, Some(state.registers), &[to])?;
            last = (flow, to);
        }
        let (flow, store) = last;
        let store = flow.graph.instruction(store)?;
        let is_store =
            is_copy(store.mnemonic()) && store.op0_kind() == OpKind::Memory && store.op1_kind() == OpKind::Register;
        if is_store { state.register(store.op1_register()) } else { None }
    }
}

fn function_before(program: &Program, after: LinkAddr) -> Option<Function> {
    program.function_at(LinkAddr(after.0.wrapping_sub(1)))
}

/// The general-purpose registers, and behind them the vector registers.
type Registers = [Option<Derivation>; 32];

/// Where the value is, or what was computed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    registers: Registers,
    /// Slots of the frame, by their distance from where the stack pointer was at the function's entry, with their size.
    slots: BTreeMap<i64, (u64, Derivation)>,
    /// The stack pointer, as such a distance.
    sp: i64,
}

impl State {
    fn new(registers: Registers, sp: i64) -> State {
        State { registers, slots: BTreeMap::new(), sp }
    }

    fn register(&self, register: iced_x86::Register) -> Option<Derivation> {
        self.registers.get(number(register)?).copied().flatten()
    }

    fn set(&mut self, register: iced_x86::Register, value: Option<Derivation>) {
        if let Some(slot) = number(register).and_then(|number| self.registers.get_mut(number)) {
            *slot = value;
        }
    }

    fn store(&mut self, at: i64, size: u64, value: Option<Derivation>) {
        let size_of = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        let end = at.saturating_add(size_of(size));
        self.slots.retain(|slot, (slot_size, _)| slot.saturating_add(size_of(*slot_size)) <= at || *slot >= end);
        if let Some(value) = value {
            self.slots.insert(at, (size, value));
        }
    }

    /// What is so on this way and on the other.
    fn meet(&self, other: &State) -> State {
        let both = |a: Derivation, b: Derivation| Derivation {
            how: a.how.min(b.how),
            plus: a.plus.filter(|plus| b.plus == Some(*plus)),
        };
        let mut registers = self.registers;
        for (register, other) in registers.iter_mut().zip(&other.registers) {
            *register = register.zip(*other).map(|(a, b)| both(a, b));
        }
        let slots = self.slots.iter().filter(|_| self.sp == other.sp).filter_map(|(slot, (size, value))| {
            let (other_size, other) = other.slots.get(slot)?;
            (size == other_size).then(|| (*slot, (*size, both(*value, *other))))
        });
        State { registers, slots: slots.collect(), sp: self.sp }
    }
}

fn number(register: iced_x86::Register) -> Option<usize> {
    let full = register.full_register();
    if full.is_gpr() {
        Some(full.number())
    } else {
        (full.is_vector_register() && full.number() < 16).then_some(16 + full.number())
    }
}

/// Follows a value through one function.
struct Flow<'a> {
    program: &'a Program,
    function: Function,
    graph: Graph,
    /// Where values begin whose addresses the function takes: calls and stores through pointers may change what is
    /// there or behind it, in the same frame.
    exposed: Vec<i64>,
}

impl<'a> Flow<'a> {
    /// In the function with the instruction that ends at an address.
    fn of(program: &'a Program, after: LinkAddr) -> Option<Self> {
        let function = function_before(program, after)?;
        let graph = Graph::of(program, &function)?;
        let mut flow = Flow { program, function, graph, exposed: Vec::new() };
        let exposes = |instruction: &Instruction| {
            let takes_address = instruction.mnemonic() == Mnemonic::Lea
                && instruction.memory_base() == iced_x86::Register::RSP
                // Up to Go 1.20 this sets up the frame.
                && instruction.op0_register() != iced_x86::Register::RBP;
            let offset = instruction.memory_displacement64().cast_signed();
            takes_address.then(|| flow.sp(instruction)?.checked_add(offset))
        };
        flow.exposed = flow.graph.instructions().iter().filter_map(exposes).collect::<Option<_>>()?;
        Some(flow)
    }

    /// The stack pointer at an instruction, as its distance from where it was at the function's entry.
    fn sp(&self, instruction: &Instruction) -> Option<i64> {
        let rule = self.program.caller_frame(LinkAddr(instruction.ip())).ok()?;
        // The caller's frame ends above the return address.
        Some(8 - rule.offset_from_sp)
    }

    /// What is where on arrival at one of `to`, whichever way was taken from the instruction `from`, without passing
    /// it again; or from the function's entry. `registers` are those after `from`, if that is a call, or at the entry.
    /// `None` also where `to` can be reached without `from`.
    fn run(&self, from: Option<usize>, registers: Option<Registers>, to: &[usize]) -> Option<State> {
        let (state, starts) = match from {
            Some(from) if self.graph.avoids(from, to) => return None,
            Some(from) => {
                let instruction = self.graph.instruction(from)?;
                let registers = registers.unwrap_or_else(|| read_by(instruction));
                (State::new(registers, self.sp(instruction)?), self.graph.followers(from).to_vec())
            }
            None => (State::new(registers.unwrap_or_default(), 0), vec![0]),
        };
        let ways = self.graph.ways(&starts, from, to)?;
        let mut known: BTreeMap<usize, State> = BTreeMap::new();
        let mut left: Vec<(usize, State)> = starts.into_iter().map(|start| (start, state.clone())).collect();
        let mut factory = InstructionInfoFactory::new();
        while let Some((number, arriving)) = left.pop() {
            if !ways.pass(number) && !to.contains(&number) {
                continue;
            }
            let merged = known.get(&number).map_or_else(|| arriving.clone(), |before| before.meet(&arriving));
            if known.get(&number) == Some(&merged) {
                continue;
            }
            known.insert(number, merged.clone());
            if to.contains(&number) {
                continue;
            }
            let mut state = merged;
            self.step(&mut state, self.graph.instruction(number)?, &mut factory);
            left.extend(self.graph.followers(number).iter().map(|follower| (*follower, state.clone())));
        }
        let mut arrived = to.iter().filter_map(|number| known.get(number));
        let first = arrived.next()?.clone();
        Some(arrived.fold(first, |all, state| all.meet(state)))
    }

    /// Follows the value through one instruction.
    fn step(&self, state: &mut State, instruction: &Instruction, factory: &mut InstructionInfoFactory) {
        use iced_x86::Register::RSP;
        if matches!(instruction.flow_control(), FlowControl::Call | FlowControl::IndirectCall) {
            state.registers = Registers::default();
            return self.may_change(state);
        }
        let info = factory.info(instruction);
        let is_rsp =
            |operand: u32| instruction.op_kind(operand) == OpKind::Register && instruction.op_register(operand) == RSP;
        let immediate = (instruction.op_count() == 2 && is_immediate(instruction.op_kind(1)))
            .then(|| instruction.immediate(1).cast_signed());
        match (instruction.mnemonic(), immediate) {
            (Mnemonic::Push, _) => {
                let value =
                    (instruction.op0_kind() == OpKind::Register).then(|| state.register(instruction.op0_register()));
                state.sp -= 8;
                return state.store(state.sp, 8, value.flatten());
            }
            (Mnemonic::Pop, _) => {
                let value = state.slots.remove(&state.sp).map(|(_, value)| value);
                state.sp += 8;
                return state.set(instruction.op0_register(), value);
            }
            (Mnemonic::Sub, Some(bytes)) if is_rsp(0) => return state.sp = state.sp.wrapping_sub(bytes),
            (Mnemonic::Add, Some(bytes)) if is_rsp(0) => return state.sp = state.sp.wrapping_add(bytes),
            _ => {}
        }
        let value = self.result(state, instruction, info.used_registers(), |operand| info.op_access(operand));
        for used in info.used_registers().iter().filter(|used| writes(used.access())) {
            if used.register().full_register() == RSP {
                state.slots.clear();
            }
            state.set(used.register(), value);
        }
        let operand = (0..instruction.op_count()).find(|&it| instruction.op_kind(it) == OpKind::Memory);
        let stores = match operand {
            Some(operand) => writes(info.op_access(operand)),
            None => info.used_memory().iter().any(|memory| writes(memory.access())),
        };
        match slot(instruction) {
            Some(offset) if stores && operand.is_some() => {
                let size = u64::try_from(instruction.memory_size().size()).unwrap_or(u64::MAX);
                state.store(state.sp.wrapping_add(offset), size, value);
            }
            _ if stores => self.may_change(state),
            _ => {}
        }
    }

    /// What an instruction gives.
    fn result(
        &self,
        state: &State,
        instruction: &Instruction,
        used: &[iced_x86::UsedRegister],
        access: impl Fn(u32) -> OpAccess,
    ) -> Option<Derivation> {
        let mnemonic = instruction.mnemonic();
        let is_address = |register: iced_x86::Register| {
            [instruction.memory_base(), instruction.memory_index()].contains(&register) && mnemonic != Mnemonic::Lea
        };
        let operands = 0..instruction.op_count();
        let registers: Vec<iced_x86::Register> = operands
            .clone()
            .filter(|&it| instruction.op_kind(it) == OpKind::Register)
            .map(|it| instruction.op_register(it))
            .collect();
        let clears = registers.len() == 2 && registers.first() == registers.last();
        let explicit =
            operands.clone().filter(|&it| reads(access(it))).filter_map(|it| match instruction.op_kind(it) {
                OpKind::Register => Some(state.register(instruction.op_register(it))),
                OpKind::Memory if mnemonic == Mnemonic::Lea => None,
                OpKind::Memory => Some(slot(instruction).and_then(|offset| {
                    let (size, value) = state.slots.get(&state.sp.wrapping_add(offset))?;
                    (u64::try_from(instruction.memory_size().size()).ok()? <= *size).then_some(*value)
                })),
                _ => None,
            });
        let implicit = used.iter().filter(|it| reads(it.access())).map(|it| it.register()).filter(|register| {
            let full = register.full_register();
            full != iced_x86::Register::RSP
                && !is_address(*register)
                && (mnemonic == Mnemonic::Lea || !registers.iter().any(|explicit| explicit.full_register() == full))
        });
        let sources: Vec<Option<Derivation>> =
            explicit.chain(implicit.map(|register| state.register(register))).collect();
        let from = sources.iter().flatten().copied().max_by_key(|source| source.how)?;
        let immediate = (instruction.op_count() == 2 && is_immediate(instruction.op_kind(1)))
            .then(|| instruction.immediate(1).cast_signed());
        let plus = |by: i64| Some(Derivation { how: How::Computed, plus: from.plus.map(|plus| plus.wrapping_add(by)) });
        match mnemonic {
            _ if is_copy(mnemonic) => Some(from),
            Mnemonic::Xor | Mnemonic::Sub | Mnemonic::Sbb | Mnemonic::Xorps | Mnemonic::Pxor if clears => None,
            Mnemonic::Inc => plus(1),
            Mnemonic::Dec => plus(-1),
            Mnemonic::Add if immediate.is_some() => plus(immediate.unwrap_or(0)),
            Mnemonic::Sub if immediate.is_some() => plus(immediate.unwrap_or(0).wrapping_neg()),
            Mnemonic::Lea if instruction.memory_index() == iced_x86::Register::None => {
                plus(instruction.memory_displacement64().cast_signed())
            }
            Mnemonic::And | Mnemonic::Or | Mnemonic::Bts | Mnemonic::Btr => {
                Some(Derivation { how: from.how.max(How::Combined), plus: None })
            }
            // Either of two values, or only whether a condition holds.
            _ if instruction.condition_code() != ConditionCode::None => {
                let all = sources.len() >= 2 && sources.iter().all(Option::is_some);
                all.then_some(Derivation { how: from.how.max(How::Combined), plus: None })
            }
            Mnemonic::Xchg | Mnemonic::Xadd | Mnemonic::Cmpxchg => None,
            _ => Some(Derivation { how: How::Computed, plus: None }),
        }
    }

    /// Something may have been stored through a pointer into the frame.
    fn may_change(&self, state: &mut State) {
        state.slots.retain(|slot, (size, _)| {
            let end = slot.saturating_add(i64::try_from(*size).unwrap_or(i64::MAX));
            // Between the function's own frame and its arguments is the return address.
            !self.exposed.iter().any(|exposed| end > *exposed && (*slot < 0) == (*exposed < 0))
        });
    }
}

/// The read itself: its value is where the instruction has put it.
fn read_by(instruction: &Instruction) -> Registers {
    let copies = is_copy(instruction.mnemonic());
    let how = if copies { How::Copied } else { How::Computed };
    let mut state = State::new(Registers::default(), 0);
    if instruction.op0_kind() == OpKind::Register {
        state.set(instruction.op0_register(), Some(Derivation { how, plus: copies.then_some(0) }));
    }
    state.registers
}

/// Where the operand in memory is, if it is a slot of the frame.
fn slot(instruction: &Instruction) -> Option<i64> {
    let is_slot = instruction.memory_base() == iced_x86::Register::RSP
        && instruction.memory_index() == iced_x86::Register::None
        && (0..instruction.op_count()).any(|operand| instruction.op_kind(operand) == OpKind::Memory);
    is_slot.then(|| instruction.memory_displacement64().cast_signed())
}

/// Whether an instruction only copies.
fn is_copy(mnemonic: Mnemonic) -> bool {
    use Mnemonic::{Mov, Movaps, Movd, Movq, Movsd, Movss, Movsx, Movsxd, Movups, Movzx};
    matches!(mnemonic, Mov | Movaps | Movd | Movq | Movsd | Movss | Movsx | Movsxd | Movups | Movzx)
}
