//! What the instructions of the runtime's map code do to the flag byte.

use goprogram::{Error, LinkAddr, MemoryAccess, Op, Program, Register, Role, ValueSource};

use crate::build::{Go, Mode, both_generations, program, with_each};

/// The accesses to the flag byte in a function: one byte, at the flag's offset from a register.
fn flag_accesses(program: &Program, function: &str) -> Vec<MemoryAccess> {
    let offset = program.map_layout().unwrap().flag_offset().cast_signed();
    let function = program.function(function).unwrap_or_else(|| panic!("no {function}"));
    (function.entry.0 + 1..=function.end.0)
        .filter_map(|after| program.access_ending_at(LinkAddr(after)).ok())
        .filter(|access| access.size == 1 && access.disp == offset && access.index.is_none())
        .filter(|access| !matches!(access.base, Some(Register::Rsp | Register::Rbp | Register::Rip) | None))
        .inspect(|access| {
            assert!(access.start >= function.entry && access.after <= function.end);
            assert_eq!(access.function, function.name);
        })
        .collect()
}

/// A writer checks the flag, sets it, works, checks it again, and clears it.
fn check_writer(go: &Go, program: &Program, function: &str) {
    let accesses = flag_accesses(program, function);
    let shown: Vec<_> = accesses.iter().map(|access| (access.after, access.op, access.role, access.value)).collect();
    let classic = matches!(program.map_layout().unwrap(), gomap::Layout::Classic(_));
    let count = |role| accesses.iter().filter(|access| access.role == role).count();
    // Before 1.19 the function that ends the process never returned, so that one load may serve a check and
    // the toggling after it.
    if go.minor >= 19 {
        assert_eq!((accesses[0].op, accesses[0].role), (Op::Read, Role::Check), "{function}: {shown:?}");
        assert!(count(Role::Check) >= 2, "{function}: {shown:?}");
    }
    assert!(count(Role::Store) >= 2, "{function}: {shown:?}");
    assert_eq!(count(Role::Other), 0, "{function}: {shown:?}");
    assert_eq!(count(Role::Store), count(Role::ToggleLoad), "{function}: {shown:?}");
    for pair in accesses.windows(2) {
        let (first, second) = (&pair[0], &pair[1]);
        assert_eq!(first.role == Role::ToggleLoad, second.role == Role::Store, "{function}: {shown:?}");
        if first.role == Role::ToggleLoad {
            assert!(matches!(first.value, ValueSource::Register(_)));
            assert_eq!(first.value, second.value, "what was loaded is stored: {function}");
            assert_eq!(first.base, second.base, "{function}");
        }
    }
    for access in &accesses {
        assert!(!access.locked);
        assert_eq!(access.op, if access.role == Role::Store { Op::Write } else { Op::Read });
        assert_eq!(access.rewindable, access.op == Op::Read, "{function}: {access:?}");
        match (access.role, access.value) {
            (Role::Check, ValueSource::ZeroFlag { mask: 0xff }) => assert!(!classic),
            (_, ValueSource::Register(_)) => {}
            other => panic!("{function}: {other:?}"),
        }
        let base = access.base.unwrap();
        let address = access.effective_address(&|register| if register == base { 0xc000_1000 } else { 7 });
        assert_eq!(address, Some(0xc000_1000 + program.map_layout().unwrap().flag_offset()));
    }
}

const CLASSIC_WRITERS: [&str; 6] = [
    "runtime.mapassign",
    "runtime.mapassign_fast64",
    "runtime.mapassign_faststr",
    "runtime.mapdelete",
    "runtime.mapdelete_fast64",
    "runtime.mapclear",
];
const SWISS_WRITERS: [&str; 5] = [
    "runtime.mapassign",
    "runtime.mapassign_fast64",
    "runtime.mapassign_faststr",
    "internal/runtime/maps.(*Map).Delete",
    "internal/runtime/maps.(*Map).Clear",
];

#[test]
fn writers_check_set_check_and_clear_the_flag() {
    with_each(|go, program| {
        let writers: &[&str] = if go.minor < 24 { &CLASSIC_WRITERS } else { &SWISS_WRITERS };
        for writer in writers {
            check_writer(go, program, writer);
        }
    });
}

#[test]
fn an_unoptimized_runtime_does_the_same() {
    for go in both_generations() {
        let program = program(&go, Mode::Unoptimized);
        check_writer(&go, &program, "runtime.mapassign_fast64");
        check_writer(&go, &program, if go.minor < 24 { "runtime.mapdelete_fast64" } else { SWISS_WRITERS[3] });
    }
}

#[test]
fn readers_only_check_the_flag() {
    with_each(|go, program| {
        let iterator = if go.minor < 24 { "runtime.mapiternext" } else { "internal/runtime/maps.(*Iter).Next" };
        for reader in ["runtime.mapaccess2_fast64", "runtime.mapaccess2_fast32", iterator] {
            let accesses = flag_accesses(program, reader);
            assert!(accesses.iter().all(|access| access.op == Op::Read), "{reader}: {accesses:?}");
            assert!(accesses.iter().all(|access| access.role != Role::ToggleLoad), "{reader}: {accesses:?}");
            let first = accesses.first().unwrap();
            assert_eq!((first.role, first.rewindable), (Role::Check, true), "{reader}");
        }
    });
}

#[test]
fn a_classic_iterator_marks_the_map_atomically() {
    let go = &both_generations()[0];
    let program = program(go, Mode::Plain);
    let init = program.function("runtime.mapiterinit").unwrap();
    let locked: Vec<MemoryAccess> = (init.entry.0 + 1..=init.end.0)
        .filter_map(|after| program.access_ending_at(LinkAddr(after)).ok())
        .filter(|access| access.locked)
        .collect();
    assert_eq!(locked.len(), 1, "{locked:?}");
    let mark = &locked[0];
    assert_eq!((mark.op, mark.role, mark.rewindable), (Op::ReadWrite, Role::Store, false));
    assert_eq!(mark.value, ValueSource::ZeroFlag { mask: 0xff });
    assert_eq!(mark.size, 1);
}

#[test]
fn an_address_inside_an_instruction_is_no_access() {
    with_each(|_, program| {
        let access = &flag_accesses(program, "runtime.mapassign_fast64")[0];
        for inside in access.start.0 + 1..access.after.0 {
            let found = program.access_ending_at(LinkAddr(inside));
            assert!(matches!(found, Err(Error::NoAccess { .. })), "{found:?}");
        }
        assert!(matches!(program.access_ending_at(LinkAddr(0)), Err(Error::NoFunction { .. })));
        assert!(matches!(program.access_ending_at(LinkAddr(u64::MAX)), Err(Error::NoFunction { .. })));
    });
}
