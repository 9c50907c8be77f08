//! The ways through a function's amd64 code.

use std::collections::HashMap;

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpKind, UsedMemory};

use crate::amd64::{Code, Place, reads, writes};
use crate::{Function, LinkAddr, Program};

/// A function's instructions, by their numbers in the order of their addresses, and which may follow which.
pub(crate) struct Graph {
    instructions: Vec<Instruction>,
    next: Vec<Vec<usize>>,
    /// The number of the instruction that ends at an address.
    ends: HashMap<u64, usize>,
}

/// What a goroutine does on its straight way from one access to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Between {
    /// It loads something. That may be an atomic load, by which it learns of what others have done until then.
    Loads,
    /// Nothing by which it could learn of anything.
    Nothing,
}

/// The instructions that lie on the ways from one to others.
pub(crate) struct Ways {
    on: Vec<bool>,
}

impl Ways {
    /// Whether an instruction lies on one of them, between its ends.
    pub(crate) fn pass(&self, number: usize) -> bool {
        self.on.get(number).copied().unwrap_or(false)
    }

    /// Their instructions.
    pub(crate) fn instructions(&self) -> impl Iterator<Item = usize> {
        self.on.iter().enumerate().filter(|(_, on)| **on).map(|(number, _)| number)
    }
}

impl Graph {
    /// The graph of a function; `None` where it can't be told what follows what: after a jump through a table.
    pub(crate) fn of(program: &Program, function: &Function) -> Option<Graph> {
        let bytes = program.code(function.entry, function.end.0.checked_sub(function.entry.0)?)?;
        Graph::new(&Code { start: function.entry.0, bytes }, &|target| {
            program.function_at(LinkAddr(target)).is_some_and(|function| never_returns(&function.name))
        })
    }

    fn new(code: &Code<'_>, never_returns: &dyn Fn(u64) -> bool) -> Option<Graph> {
        let instructions: Vec<Instruction> = code.instructions_from(code.start).collect();
        let starts: HashMap<u64, usize> = instructions.iter().map(Instruction::ip).zip(0..).collect();
        let ends = instructions.iter().map(Instruction::next_ip).zip(0..).collect();
        let mut next = Vec::with_capacity(instructions.len());
        for instruction in &instructions {
            let following = starts.get(&instruction.next_ip());
            // A jump to another function's entry leaves this one.
            let target = || starts.get(&instruction.near_branch_target());
            let followers = match instruction.flow_control() {
                _ if instruction.is_invalid() => [None, None],
                FlowControl::Next | FlowControl::IndirectCall => [following, None],
                FlowControl::Call if never_returns(instruction.near_branch_target()) => [None, None],
                FlowControl::Call => [following, None],
                FlowControl::UnconditionalBranch => [target(), None],
                FlowControl::ConditionalBranch => [target(), following],
                FlowControl::Return | FlowControl::Exception | FlowControl::Interrupt => [None, None],
                _ => return None,
            };
            next.push(followers.into_iter().flatten().copied().collect());
        }
        Some(Graph { instructions, next, ends })
    }

    /// The number of the instruction that ends at an address.
    pub(crate) fn ending_at(&self, address: LinkAddr) -> Option<usize> {
        self.ends.get(&address.0).copied()
    }

    pub(crate) fn instruction(&self, number: usize) -> Option<&Instruction> {
        self.instructions.get(number)
    }

    pub(crate) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// What may follow an instruction.
    pub(crate) fn followers(&self, number: usize) -> &[usize] {
        self.next.get(number).map_or(&[], Vec::as_slice)
    }

    /// The instructions by which the function returns.
    pub(crate) fn returns(&self) -> Vec<usize> {
        let returns = |instruction: &Instruction| instruction.flow_control() == FlowControl::Return;
        (0..).zip(&self.instructions).filter(|(_, it)| returns(it)).map(|(number, _)| number).collect()
    }

    /// The ways that begin with one of `from`, pass none of `to` and not `without`, and end at one of `to`. `None`
    /// where there is none.
    pub(crate) fn ways(&self, from: &[usize], without: Option<usize>, to: &[usize]) -> Option<Ways> {
        let count = self.instructions.len();
        let mut reached = vec![false; count];
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut left: Vec<usize> = from.iter().copied().filter(|number| Some(*number) != without).collect();
        let mark =
            |of: &mut Vec<bool>, number: usize| of.get_mut(number).is_some_and(|it| !std::mem::replace(it, true));
        left.retain(|number| mark(&mut reached, *number));
        while let Some(number) = left.pop() {
            if to.contains(&number) {
                continue;
            }
            for &follower in self.followers(number).iter().filter(|follower| Some(**follower) != without) {
                before.get_mut(follower)?.push(number);
                if mark(&mut reached, follower) {
                    left.push(follower);
                }
            }
        }
        left = to.iter().copied().filter(|number| reached.get(*number) == Some(&true)).collect();
        if left.is_empty() {
            return None;
        }
        let mut on = vec![false; count];
        while let Some(number) = left.pop() {
            for &earlier in before.get(number)? {
                if mark(&mut on, earlier) {
                    left.push(earlier);
                }
            }
        }
        Some(Ways { on })
    }

    /// Whether one of `to` can be reached from the function's entry without `without`.
    pub(crate) fn avoids(&self, without: usize, to: &[usize]) -> bool {
        self.ways(&[0], Some(without), to).is_some() || to.contains(&0)
    }

    /// What a goroutine that has made the access with the number `first`, and next of all on the same memory the one
    /// with the number `second`, has done on its way from one to the other; `None` if it need not have gone straight,
    /// or may have let anyone go on.
    pub(crate) fn stretch(&self, first: usize, second: usize) -> Option<Between> {
        let (from, to) = self.instruction(first).zip(self.instruction(second))?;
        let place = Place::of(from);
        // They touch the same bytes, whatever the registers hold; and who has come to the second has come by the
        // first, in the same call: it would have been seen there.
        let is_same = place == Place::of(to) && from.memory_size().size() == to.memory_size().size();
        if first == second || !is_same || self.avoids(first, &[second]) {
            return None;
        }
        let ways = self.ways(self.followers(first), Some(first), &[second])?;
        let mut factory = InstructionInfoFactory::new();
        let mut moves = |instruction: &Instruction| {
            let used = factory.info(instruction).used_registers();
            used.iter().any(|used| writes(used.access()) && place.depends_on(used.register()))
        };
        let between = || ways.instructions().filter_map(|number| self.instruction(number));
        if moves(from) || between().any(|instruction| may_let_go(instruction) || moves(instruction)) {
            return None;
        }
        let loads = between().any(|instruction| factory.info(instruction).used_memory().iter().any(is_load));
        Some(if loads { Between::Loads } else { Between::Nothing })
    }
}

/// Whether an instruction reads memory that may be another goroutine's too: not a slot of the own frame.
fn is_load(memory: &UsedMemory) -> bool {
    let is_slot = memory.base() == iced_x86::Register::RSP && memory.index() == iced_x86::Register::None;
    reads(memory.access()) && !is_slot
}

/// Whether an instruction may be part of a synchronisation by which others go on. In Go that takes a call, or an atomic
/// operation; of those only loads, which let nobody go on, need no locked instruction.
fn may_let_go(instruction: &Instruction) -> bool {
    let exchanges = instruction.mnemonic() == Mnemonic::Xchg
        && (0..instruction.op_count()).any(|operand| instruction.op_kind(operand) == OpKind::Memory);
    let plain = matches!(
        instruction.flow_control(),
        FlowControl::Next | FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
    );
    let fences = matches!(
        instruction.mnemonic(),
        Mnemonic::Mfence
            | Mnemonic::Sfence
            | Mnemonic::Lfence
            | Mnemonic::Cpuid
            | Mnemonic::Serialize
            | Mnemonic::Syscall
    );
    !plain || instruction.has_lock_prefix() || exchanges || fences
}

/// Whether a function of the runtime never returns to where it is called: what follows such a call in memory does
/// not follow it in time.
fn never_returns(name: &str) -> bool {
    let name = name.strip_suffix(".abi0").unwrap_or(name);
    (name.starts_with("runtime.panic") && !name.starts_with("runtime.panicCheck"))
        || matches!(name, "runtime.gopanic" | "runtime.throw" | "runtime.fatal" | "runtime.goexit")
        || name.starts_with("runtime.goPanic")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The graph of a function that begins with `bytes` at 0x1000.
    fn graph(bytes: &[u8]) -> Option<Graph> {
        Graph::new(&Code { start: 0x1000, bytes }, &|target| target == 0x2000)
    }

    /// The stretch that leads from the access that ends at one offset to the one that ends at another.
    fn stretch(bytes: &[u8], first: u64, second: u64) -> Option<Between> {
        let graph = graph(bytes).unwrap();
        let number = |offset| graph.ending_at(LinkAddr(0x1000 + offset)).unwrap();
        graph.stretch(number(first), number(second))
    }

    fn is_stretch(bytes: &[u8], first: u64, second: u64) -> bool {
        stretch(bytes, first, second).is_some()
    }

    const LOAD: [u8; 4] = [0x48, 0x8b, 0x53, 0x08]; // mov 0x8(%rbx),%rdx
    const RAISE: [u8; 3] = [0x48, 0xff, 0xc2]; // inc %rdx
    const STORE: [u8; 4] = [0x48, 0x89, 0x53, 0x08]; // mov %rdx,0x8(%rbx)
    const RET: [u8; 1] = [0xc3];

    #[test]
    fn from_a_load_straight_to_the_store() {
        let code = [&LOAD[..], &RAISE, &STORE, &RET].concat();
        assert!(is_stretch(&code, 4, 11));
        assert!(!is_stretch(&code, 11, 4), "whoever comes back to the load has left in between");
        assert!(!is_stretch(&code, 4, 4));
    }

    #[test]
    fn what_may_synchronise_ends_a_stretch() {
        let with = |between: &[u8]| {
            let code = [&LOAD[..], between, &STORE, &RET].concat();
            is_stretch(&code, 4, 8 + between.len() as u64)
        };
        assert!(with(&[0x66, 0x90])); // xchg %ax,%ax does nothing
        assert!(with(&[0x89, 0x08])); // mov %ecx,(%rax)
        assert!(!with(&[0xf0, 0x0f, 0xc1, 0x08])); // lock xadd %ecx,(%rax)
        assert!(!with(&[0x87, 0x08])); // xchg %ecx,(%rax)
        assert!(!with(&[0xe8, 0, 0, 0, 0])); // call
        assert!(!with(&[0xff, 0xd0])); // call *%rax
        assert!(!with(&[0x48, 0x89, 0xc3])); // mov %rax,%rbx: another place
        assert!(!with(&[0xb3, 0x01])); // mov $0x1,%bl
    }

    #[test]
    fn by_a_load_it_may_learn_of_others() {
        let with = |between: &[u8]| stretch(&[&LOAD[..], between, &STORE, &RET].concat(), 4, 8 + between.len() as u64);
        assert_eq!(with(&RAISE), Some(Between::Nothing));
        assert_eq!(with(&[0x8b, 0x0e]), Some(Between::Loads)); // mov (%rsi),%ecx
        assert_eq!(with(&[0x83, 0x3e, 0x00]), Some(Between::Loads)); // cmpl $0x0,(%rsi)
        assert_eq!(with(&[0x89, 0x0e]), Some(Between::Nothing)); // mov %ecx,(%rsi)
        assert_eq!(with(&[0x8d, 0x0e]), Some(Between::Nothing)); // lea (%rsi),%ecx
        assert_eq!(with(&[0x8b, 0x4c, 0x24, 0x10]), Some(Between::Nothing)); // mov 0x10(%rsp),%ecx
        assert_eq!(with(&[0x8b, 0x0c, 0x34]), Some(Between::Loads)); // mov (%rsp,%rsi,1),%ecx
    }

    #[test]
    fn a_load_into_its_own_base_leads_nowhere() {
        let load = [0x48, 0x8b, 0x5b, 0x08]; // mov 0x8(%rbx),%rbx
        assert!(!is_stretch(&[&load[..], &STORE, &RET].concat(), 4, 8));
    }

    #[test]
    fn every_way_counts() {
        // test %rax,%rax; je to the store; lock xadd %ecx,(%rax)
        let locks_on_one_way = [0x48, 0x85, 0xc0, 0x74, 0x04, 0xf0, 0x0f, 0xc1, 0x08];
        assert!(!is_stretch(&[&LOAD[..], &locks_on_one_way, &STORE, &RET].concat(), 4, 17));
        // test %rax,%rax; je to the store; inc %rdx; nop
        let harmless = [0x48, 0x85, 0xc0, 0x74, 0x04, 0x48, 0xff, 0xc2, 0x90];
        assert!(is_stretch(&[&LOAD[..], &harmless, &STORE, &RET].concat(), 4, 17));
        // je past the load to the store: whoever came that way was not seen before.
        let past = [&[0x74, 0x04][..], &LOAD, &STORE, &RET].concat();
        assert!(!is_stretch(&past, 6, 10));
        // je past the store to a lock, and to the end: that way does not lead to the store.
        let leaves = [&LOAD[..], &[0x74, 0x04], &STORE, &[0xf0, 0x0f, 0xc1, 0x08], &RET].concat();
        assert!(is_stretch(&leaves, 4, 10));
    }

    #[test]
    fn a_way_back_to_the_first_access_begins_anew() {
        // load; je to the store; lock xadd; jmp to the load; store
        let code = [&LOAD[..], &[0x74, 0x06], &[0xf0, 0x0f, 0xc1, 0x08, 0xeb, 0xf4], &STORE, &RET].concat();
        assert!(is_stretch(&code, 4, 16));
    }

    #[test]
    fn a_panic_does_not_go_on() {
        let call_panic = [0xe8, 0xf5, 0x0f, 0x00, 0x00]; // at 0x1006: call 0x2000
        let code = [&LOAD[..], &[0x74, 0x05], &call_panic, &STORE, &RET].concat();
        assert!(is_stretch(&code, 4, 15));
        let call_other = [0xe8, 0xf6, 0x0f, 0x00, 0x00]; // call 0x2001
        let code = [&LOAD[..], &[0x74, 0x05], &call_other, &STORE, &RET].concat();
        assert!(!is_stretch(&code, 4, 15));
    }

    #[test]
    fn a_jump_through_a_table_tells_nothing() {
        assert!(graph(&[&LOAD[..], &STORE, &[0xff, 0xe0]].concat()).is_none()); // jmp *%rax
    }
}
