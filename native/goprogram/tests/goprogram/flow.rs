//! What lies between two accesses, in code that Go's compilers made.

use goprogram::{Between, Derivation, How, LinkAddr, MemoryAccess, Op, Program, Register};

use crate::build::{Mode, both_generations, line_in, program, with_each};

/// The accesses of a function that `is_it`.
fn accesses(program: &Program, function: &str, is_it: impl Fn(&MemoryAccess) -> bool) -> Vec<MemoryAccess> {
    let function = program.function(function).unwrap_or_else(|| panic!("no {function}"));
    let all =
        (function.entry.0 + 1..=function.end.0).filter_map(|after| program.access_ending_at(LinkAddr(after)).ok());
    all.filter(is_it).collect()
}

/// The accesses of a function to a package variable.
fn of_variable(program: &Program, function: &str, variable: &str) -> Vec<MemoryAccess> {
    let addr = program.variable(variable).unwrap().addr.0;
    accesses(program, function, |access| {
        access.base == Some(Register::Rip) && access.effective_address(&|_| access.after.0) == Some(addr)
    })
}

/// The access of a function to an elem, which is eight bytes at a register, on the line with this text.
fn of_elem(program: &Program, function: &str, op: Op, text: &str) -> MemoryAccess {
    let line = line_in("counters.go", text);
    let found = accesses(program, function, |access| {
        let plain = !matches!(access.base, None | Some(Register::Rsp | Register::Rip | Register::R14));
        let is_at = |line| program.lines_at(access.start).unwrap().iter().any(|it| it.line == line);
        access.op == op && access.size == 8 && access.disp == 0 && plain && access.index.is_none() && is_at(line)
    });
    // On the same line the deferred function is read, to be called.
    assert!((1..=2).contains(&found.len()), "{function}: {found:?}");
    found[0].clone()
}

/// Where the call of one function by another returns to, on the line with this text.
fn call(program: &Program, caller: &str, callee: &str, text: &str) -> LinkAddr {
    let line = line_in("counters.go", text);
    let (caller, callee) = (program.function(caller).unwrap(), program.function(callee).unwrap());
    let code = program.code(caller.entry, caller.end.0 - caller.entry.0).unwrap();
    let calls = code.windows(5).zip(caller.entry.0 + 5..).filter(|(bytes, after)| {
        let target = after.wrapping_add_signed(i32::from_le_bytes(bytes[1..].try_into().unwrap()).into());
        bytes[0] == 0xe8 && target == callee.entry.0
    });
    let on_line = |after: &u64| program.lines_at(LinkAddr(after - 1)).unwrap().iter().any(|it| it.line == line);
    let found: Vec<u64> = calls.map(|(_, after)| after).filter(on_line).collect();
    assert_eq!(found.len(), 1, "{text}: {found:x?}");
    LinkAddr(found[0])
}

/// How what a function stores into a variable came about from what it read there.
fn derivation(program: &Program, function: &str, variable: &str) -> Option<Derivation> {
    let accesses = of_variable(program, function, variable);
    let read = accesses.iter().find(|access| access.op == Op::Read).unwrap();
    let store = accesses.iter().rfind(|access| access.op == Op::Write).unwrap();
    program.derivation(&[read.after], &[store.after])
}

const COMPUTED: fn(i64) -> Option<Derivation> = |by| Some(Derivation { how: How::Computed, plus: Some(by) });

#[test]
fn one_instruction_may_read_and_store() {
    with_each(|_, program| {
        let all = of_variable(program, "main.raiseAtOnce", "main.counter");
        assert_eq!(all.iter().map(|access| access.op).collect::<Vec<_>>(), [Op::ReadWrite], "{all:?}");
        assert!(!all[0].locked);
    });
}

#[test]
fn a_load_and_its_store_are_a_stretch_unless_a_lock_is_between() {
    with_each(|_, program| {
        for function in ["main.raiseAndReturn", "main.raiseUpTo"] {
            let all = of_variable(program, function, "main.counter");
            assert_eq!(all.iter().map(|access| access.op).collect::<Vec<_>>(), [Op::Read, Op::Write], "{function}");
            assert_eq!(program.stretch(all[0].after, all[1].after), Some(Between::Nothing), "{function}");
            assert_eq!(program.stretch(all[1].after, all[0].after), None, "{function}");
            assert_eq!(program.derivation(&[all[0].after], &[all[1].after]), COMPUTED(1), "{function}");
        }
        let all = of_variable(program, "main.raiseStepByStep", "main.counter");
        assert_eq!(all.iter().map(|access| access.op).collect::<Vec<_>>(), [Op::Read, Op::Write]);
        assert_eq!(program.stretch(all[0].after, all[1].after), None);
        assert_eq!(program.stretch(LinkAddr(0), LinkAddr(u64::MAX)), None);
    });
}

#[test]
fn a_value_is_followed_over_calls() {
    with_each(|_, program| {
        assert_eq!(derivation(program, "main.raiseStepByStep", "main.counter"), COMPUTED(3));
        let tripled = derivation(program, "main.tripleStepByStep", "main.counter").unwrap();
        assert_eq!(tripled.how, How::Computed);
        let halved = derivation(program, "main.halveStepByStep", "main.ratio");
        assert_eq!(halved, Some(Derivation { how: How::Computed, plus: None }));
        let marked = derivation(program, "main.markStepByStep", "main.counter");
        assert_eq!(marked, Some(Derivation { how: How::Combined, plus: None }));
        let restored = derivation(program, "main.restore", "main.counter");
        assert_eq!(restored, Some(Derivation { how: How::Copied, plus: Some(0) }));
    });
}

#[test]
fn a_value_that_need_not_come_from_the_read_does_not() {
    with_each(|_, program| {
        for function in ["main.readThenReset", "main.computeOnce", "main.adjustStepByStep"] {
            assert_eq!(derivation(program, function, "main.counter"), None, "{function}");
        }
    });
}

#[test]
fn an_elem_is_followed_too() {
    with_each(|_, program| {
        let read = of_elem(program, "main.countName", Op::Read, "reads a name's count");
        let store = of_elem(program, "main.countName", Op::Write, "stores a name's count");
        assert_eq!(program.derivation(&[read.after], &[store.after]), COMPUTED(1));
        assert_eq!(program.stretch(read.after, store.after), None);
    });
}

#[test]
fn a_value_is_followed_out_of_one_function_and_into_another() {
    with_each(|_, program| {
        let read = of_elem(program, "main.nameCount", Op::Read, "gets a name's count");
        let store = of_elem(program, "main.setNameCount", Op::Write, "sets a name's count");
        let main = LinkAddr(program.function("main.main").unwrap().end.0);
        let by = |caller, get, set| {
            let get = call(program, caller, "main.nameCount", get);
            let set = call(program, caller, "main.setNameCount", set);
            program.derivation(&[read.after, get, main], &[store.after, set, main])
        };
        let counted = by("main.countNameByMethods", "calls the getter", "calls the setter");
        assert_eq!(counted, COMPUTED(1));
        let set = by("main.setNameByMethods", "calls only the getter", "calls only the setter");
        assert_eq!(set, None);
        assert_eq!(program.derivation(&[], &[]), None);
        assert_eq!(program.derivation(&[read.after, main], &[store.after, main]), None);
        assert_eq!(program.derivation(&[read.after], &[read.after]), None);
    });
}

#[test]
fn unoptimized_code_is_followed_as_far_as_it_tells() {
    for go in both_generations() {
        let program = program(&go, Mode::Unoptimized);
        assert_eq!(derivation(&program, "main.raiseStepByStep", "main.counter"), COMPUTED(3));
        for function in ["main.readThenReset", "main.computeOnce", "main.adjustStepByStep"] {
            assert_eq!(derivation(&program, function, "main.counter"), None, "{function}");
        }
    }
}
