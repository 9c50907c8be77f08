//! A function's code, and where in it a value comes from: found by following a register backwards.

mod frame;

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpKind};

use crate::amd64::{Code, Place, writes};
use crate::amd64_origin::{Origin, Root};
use crate::{Function, LinkAddr, Program, Register};

/// So many branches are followed for one value.
const MOST_BRANCHES: usize = 64;

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
        Some(Body::decode(&Code { start: function.entry.0, bytes }, &program.map_code().barriers))
    }

    /// Decodes a function, given the write barriers' first instructions.
    fn decode(code: &Code<'_>, barriers: &[LinkAddr]) -> Self {
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
        Body { instructions, jumps, kept, begin, grow }
    }

    /// The call that returns to an address.
    pub(crate) fn call_before(&self, ret: LinkAddr) -> Option<usize> {
        let is_it = |instruction: &Instruction| instruction.next_ip() == ret.0 && is_call(instruction);
        self.instructions.iter().position(is_it)
    }

    /// Where the value comes from that a register holds before an instruction.
    pub(crate) fn origin(&self, index: usize, register: Register) -> Option<Origin> {
        self.trace(index, register, true)
    }

    /// The same. `joins` says whether ways may meet that have a value from different places, in a register and put
    /// aside.
    fn trace(&self, index: usize, register: Register, joins: bool) -> Option<Origin> {
        let mut tracer = Tracer { body: self, factory: InstructionInfoFactory::new(), seen: Vec::new(), joins };
        match tracer.before(index, register) {
            Found::One(origin) => Some(origin),
            Found::Any | Found::Unknown => None,
        }
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
            // A loop that changes the value in every round, as one through a list, or nothing at all.
            Found::Any | Found::Unknown => Found::Unknown,
        }
    }
}

struct Tracer<'a> {
    body: &'a Body,
    factory: InstructionInfoFactory,
    /// What was found at the places that several ways lead to; nothing yet while the search is under way there.
    seen: Vec<((usize, Register), Found)>,
    /// Whether ways may meet that have a value from different places.
    joins: bool,
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
                    if let Some((_, found)) = self.seen.iter().find(|(place, _)| *place == (index, register)) {
                        return found.clone();
                    }
                    let begin = self.seen.len();
                    if begin >= MOST_BRANCHES {
                        return Found::Unknown;
                    }
                    self.seen.push(((index, register), Found::Any));
                    let mut all = Found::Any;
                    for way in several {
                        let found = match self.step(*way, register) {
                            Step::Goes(on) => self.before(*way, on),
                            Step::Ends(found) => found,
                        };
                        all = match (all, found) {
                            (Found::One(one), Found::One(other)) if self.joins && one != other => {
                                self.body.same(one, other)
                            }
                            (all, found) => all.and(found),
                        };
                    }
                    // Places in a loop that only leads back to this one have what this one has.
                    let open = self.seen.iter_mut().skip(begin).filter(|(_, found)| *found == Found::Any);
                    open.for_each(|(_, found)| *found = all.clone());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The origin of a register at the last call of a function at 0x1000, and the one through the function's frame.
    fn both(bytes: &[u8], register: Register) -> (Option<Origin>, Option<Origin>) {
        let body = Body::decode(&Code { start: 0x1000, bytes }, &[]);
        let (last, ..) = body.calls().last().unwrap();
        (body.origin(last, register), body.lasting_origin(last, register))
    }

    fn origin(bytes: &[u8], register: Register) -> Option<Origin> {
        both(bytes, register).0
    }

    fn entry(register: Register) -> Option<Origin> {
        Some(Origin::of(Root::Entry(register)))
    }

    const CALL: [u8; 5] = [0xe8, 0, 1, 0, 0];

    #[test]
    fn a_map_in_what_a_package_variable_points_to_has_two_loads() {
        let code = [&[0x48, 0x8b, 0x1d, 0, 1, 0, 0][..], &[0x48, 0x8b, 0x5b, 0x10], &CALL].concat();
        // mov rbx,[rip+0x100]; mov rbx,[rbx+0x10]
        let found = origin(&code, Register::Rbx).unwrap();
        assert_eq!(found, Origin { root: Root::Static(LinkAddr(0x1107)), loads: vec![0, 0x10], add: 0 });
        assert_eq!(found.constant(), None);
    }

    #[test]
    fn constants_are_told() {
        let code = [&[0x48, 0x8d, 0x05, 0x20, 0, 0, 0][..], &[0xbb, 0x15, 0, 0, 0], &[0x31, 0xc9], &CALL].concat();
        // lea rax,[rip+0x20]; mov ebx,0x15; xor ecx,ecx
        let constant = |register| origin(&code, register).unwrap().constant();
        assert_eq!(constant(Register::Rax), Some(0x1027));
        assert_eq!(constant(Register::Rbx), Some(0x15));
        assert_eq!(constant(Register::Rcx), Some(0));
        assert_eq!(origin(&code, Register::Rdi), entry(Register::Rdi));
    }

    /// sub rsp,0x20; mov [rsp+0x10],rbx
    const PUT_ASIDE: [u8; 9] = [0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0x5c, 0x24, 0x10];

    /// mov rbx,[rsp+0x10]
    const TAKE: [u8; 5] = [0x48, 0x8b, 0x5c, 0x24, 0x10];

    #[test]
    fn what_was_put_aside_over_a_call_is_known_if_it_was_put_there_once() {
        let code = [&PUT_ASIDE[..], &CALL, &TAKE, &CALL].concat();
        let slot = Some(Origin { root: Root::Stack, loads: vec![0x10], add: 0 });
        assert_eq!(both(&code, Register::Rbx), (slot.clone(), entry(Register::Rbx)));
        // mov [rsp+0x10],rcx
        let twice = [&PUT_ASIDE[..], &[0x48, 0x89, 0x4c, 0x24, 0x10], &TAKE, &CALL].concat();
        assert_eq!(both(&twice, Register::Rbx), (slot.clone(), None));
        // lea rdi,[rsp+0x10]: whoever gets that may write there.
        let shared = [&PUT_ASIDE[..], &[0x48, 0x8d, 0x7c, 0x24, 0x10], &CALL, &TAKE, &CALL].concat();
        assert_eq!(both(&shared, Register::Rbx), (slot, None));
    }

    #[test]
    fn what_one_way_has_put_aside_and_the_other_still_has_is_the_same() {
        // mov rdx,rbx; test rax,rax; jne 1f; call; mov rdx,[rsp+0x10]; 1: mov rbx,rdx; call: as around an inlined
        // sync.Mutex.Lock.
        let begin: [&[u8]; 2] = [&[0x48, 0x89, 0xda], &[0x48, 0x85, 0xc0]];
        let end: [&[u8]; 4] = [&CALL, &[0x48, 0x8b, 0x54, 0x24, 0x10], &[0x48, 0x89, 0xd3], &CALL];
        let before = [&PUT_ASIDE[..], &begin.concat(), &[0x75, 0x0a], &end.concat()].concat();
        let slot = Some(Origin { root: Root::Stack, loads: vec![0x10], add: 0 });
        assert_eq!(both(&before, Register::Rbx), (slot, entry(Register::Rbx)));
        // Put aside on the one way only, the other one's frame has something else there.
        let (frame, put) = PUT_ASIDE.split_at(4);
        let after = [frame, &begin.concat(), &[0x75, 0x0f], put, &end.concat()].concat();
        assert_eq!(both(&after, Register::Rbx), (entry(Register::Rbx), entry(Register::Rbx)));
        // mov rdx,rcx: another value.
        let mut other = before.clone();
        other[9..12].copy_from_slice(&[0x48, 0x89, 0xca]);
        assert_eq!(both(&other, Register::Rbx), (None, None));
    }

    #[test]
    fn ways_that_meet_must_agree() {
        // mov rcx,rbx; test rax,rax; je 1f; mov rdx,rcx; jmp 2f; 1: mov rdx,rbx; 2: mov rbx,rdx
        let same: [&[u8]; 8] = [
            &[0x48, 0x89, 0xd9],
            &[0x48, 0x85, 0xc0],
            &[0x74, 0x05],
            &[0x48, 0x89, 0xca],
            &[0xeb, 0x03],
            &[0x48, 0x89, 0xda],
            &[0x48, 0x89, 0xd3],
            &CALL,
        ];
        assert_eq!(origin(&same.concat(), Register::Rbx), entry(Register::Rbx));
        // test rax,rax; je 1f; mov rbx,rcx; 1:
        let other: [&[u8]; 4] = [&[0x48, 0x85, 0xc0], &[0x74, 0x03], &[0x48, 0x89, 0xcb], &CALL];
        assert_eq!(origin(&other.concat(), Register::Rbx), None);
        // mov rbx,rcx; 1: test rax,rax; jne 1b
        let around: [&[u8]; 4] = [&[0x48, 0x89, 0xcb], &[0x48, 0x85, 0xc0], &[0x75, 0xfb], &CALL];
        assert_eq!(origin(&around.concat(), Register::Rbx), entry(Register::Rcx));
    }

    #[test]
    fn a_place_that_two_ways_come_from_is_no_loop() {
        // test rax,rax; je 1f; nop; 1: bt edx,7; jae 2f; mov rbx,[rbx]; 2: as reflect.Value.MapIndex
        let loads: [&[u8]; 7] = [
            &[0x48, 0x85, 0xc0],
            &[0x74, 0x01],
            &[0x90],
            &[0x0f, 0xba, 0xe2, 0x07],
            &[0x73, 0x03],
            &[0x48, 0x8b, 0x1b],
            &CALL,
        ];
        assert_eq!(origin(&loads.concat(), Register::Rbx), None);
        // test rax,rax; je 1f; nop; 1: bt edx,7; jb 3f; jmp 2f; 3: mov rbx,[rbx]; 2:
        let other_order: [&[u8]; 8] = [
            &[0x48, 0x85, 0xc0],
            &[0x74, 0x01],
            &[0x90],
            &[0x0f, 0xba, 0xe2, 0x07],
            &[0x72, 0x02],
            &[0xeb, 0x03],
            &[0x48, 0x8b, 0x1b],
            &CALL,
        ];
        assert_eq!(origin(&other_order.concat(), Register::Rbx), None);
        // The same, with nothing but another nop in place of the load.
        let mut same = loads;
        same[5] = &[0x0f, 0x1f, 0x00];
        assert_eq!(origin(&same.concat(), Register::Rbx), entry(Register::Rbx));
    }

    #[test]
    fn a_loop_that_goes_through_a_list_tells_nothing() {
        // 1: test rax,rax; je 2f; mov rbx,[rbx]; jmp 1b; 2:
        let list: [&[u8]; 5] = [&[0x48, 0x85, 0xc0], &[0x74, 0x05], &[0x48, 0x8b, 0x1b], &[0xeb, 0xf6], &CALL];
        assert_eq!(origin(&[&[0x90][..], &list.concat()].concat(), Register::Rbx), None);
        // With `add rbx,8` instead.
        let array: [&[u8]; 5] = [&[0x48, 0x85, 0xc0], &[0x74, 0x06], &[0x48, 0x83, 0xc3, 0x08], &[0xeb, 0xf5], &CALL];
        assert_eq!(origin(&[&[0x90][..], &array.concat()].concat(), Register::Rbx), None);
        // nop; 1: test rax,rax; je 3f; test rcx,rcx; je 2f; nop; 2: jmp 1b; 3: the loop changes nothing.
        let idle: [&[u8]; 8] = [
            &[0x90],
            &[0x48, 0x85, 0xc0],
            &[0x74, 0x08],
            &[0x48, 0x85, 0xc9],
            &[0x74, 0x01],
            &[0x90],
            &[0xeb, 0xf3],
            &CALL,
        ];
        assert_eq!(origin(&idle.concat(), Register::Rbx), entry(Register::Rbx));
    }

    #[test]
    fn a_call_leaves_nothing_unless_it_is_the_write_barrier() {
        // call; mov rbx,rax; call
        let code = [&CALL[..], &[0x48, 0x89, 0xc3], &CALL].concat();
        assert_eq!(origin(&code, Register::Rbx), None);
        let barrier = Body::decode(&Code { start: 0x1000, bytes: &code }, &[LinkAddr(0x1105)]);
        let (last, ..) = barrier.calls().last().unwrap();
        assert_eq!(barrier.origin(last, Register::Rbx), entry(Register::Rax));
    }

    #[test]
    fn code_that_is_cut_off_or_no_code_at_all_is_read_to_its_end() {
        for bytes in [&[][..], &[0xe8], &[0x48, 0x8b], &[0x06, 0x06], &[0xff; 64], &[0x74, 0xfe, 0xeb, 0xfc]] {
            let body = Body::decode(&Code { start: u64::MAX - 8, bytes }, &[]);
            for index in 0..4 {
                let _ = body.lasting_origin(index, Register::Rbx);
            }
        }
    }
}
