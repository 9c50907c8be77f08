//! Functions, source lines, and where a caller's frame is.

use goprogram::{Error, LinkAddr, MapFunction, MapFunctionKind};

use crate::build::{Mode, both_generations, line_of, program, with_each};

#[test]
fn functions_are_found_by_name_and_by_address() {
    with_each(|_, program| {
        let write = program.function("main.write").unwrap();
        let symbol = program.symbol("main.write").unwrap();
        assert_eq!((write.entry, write.end.0 - write.entry.0), (symbol.addr, symbol.size));
        for addr in [write.entry.0, write.entry.0 + 5, write.end.0 - 1] {
            assert_eq!(program.function_at(LinkAddr(addr)).unwrap(), write);
        }
        assert_ne!(program.function_at(write.end).map(|found| found.name), Some("main.write".to_owned()));
        assert_eq!(program.function_at(LinkAddr(0)), None);
        assert_eq!(program.function_at(LinkAddr(u64::MAX)), None);
        assert_eq!(program.function("main.nothing"), None);
        assert_eq!(program.function("main.shared"), None, "a variable is no function");

        let all: Vec<_> = program.functions().collect();
        assert!(all.len() > 1000);
        assert!(all.windows(2).all(|pair| pair[0].entry < pair[1].entry), "in order, no two at one address");
        assert!(all.iter().all(|function| function.entry < function.end));
        for name in ["runtime.mapassign_fast64", "main.main", "runtime.goexit.abi0", "runtime.goexit"] {
            if let Some(function) = program.function(name) {
                assert!(all.iter().any(|found| found.entry == function.entry));
            }
        }
    });
}

#[test]
fn lines_unfold_inlined_functions() {
    with_each(|_, program| {
        let write = program.function("main.write").unwrap();
        let mut inlined = 0;
        for addr in write.entry.0..write.end.0 {
            let lines = program.lines_at(LinkAddr(addr)).unwrap();
            let outermost = lines.last().unwrap();
            assert_eq!(outermost.function, "main.write");
            assert!(!outermost.inlined);
            assert!(outermost.file.ends_with("tests/program/main.go"), "{}", outermost.file);
            if let [inner, outer] = &lines[..] {
                inlined += 1;
                assert_eq!(inner.function, "main.bump");
                assert!(inner.inlined);
                assert_eq!((inner.line, outer.line), (line_of("// inside bump"), line_of("// inlined here")));
            }
        }
        assert!(inlined > 10, "only {inlined} bytes of main.write are inlined");
        let outside = program.lines_at(LinkAddr(0x10));
        assert!(matches!(outside, Err(Error::NoFunction { addr: 0x10 })), "{outside:?}");
    });
}

#[test]
fn what_the_compiler_puts_around_a_go_statement_is_a_wrapper() {
    with_each(|go, program| {
        if go.minor < 21 {
            return;
        }
        let name = if go.minor < 22 { "main.start.func1" } else { "main.start.gowrap1" };
        let wrapper = program.lines_at(program.function(name).unwrap().entry).unwrap();
        assert!(wrapper.last().unwrap().wrapper, "go {}", go.version);
        for name in ["main.start", "main.started", "main.closure.func1"] {
            let lines = program.lines_at(program.function(name).unwrap().entry).unwrap();
            assert!(!lines.last().unwrap().wrapper, "{name} go {}", go.version);
        }
    });
}

#[test]
fn nothing_is_inlined_without_optimization() {
    for go in both_generations() {
        let program = program(&go, Mode::Unoptimized);
        let bump = program.function("main.bump").unwrap();
        let lines = program.lines_at(bump.entry).unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].function.as_str(), lines[0].inlined), ("main.bump", false));
    }
}

#[test]
fn the_callers_frame_follows_the_stack_pointer() {
    with_each(|_, program| {
        let deep = program.function("main.deep").unwrap();
        let offset = |addr| program.caller_frame(LinkAddr(addr)).unwrap().offset_from_sp;
        assert_eq!(offset(deep.entry.0), 8, "only the return address is on the stack");
        let deepest = (deep.entry.0..deep.end.0).map(offset).max().unwrap();
        assert!((2408..3000).contains(&deepest), "300 ints are {deepest} bytes");
        // Wherever a function returns, only the return address is left.
        let mut returns = 0;
        for function in program.functions().filter(|function| function.name.starts_with("main.")) {
            let code = program.code(function.entry, function.end.0 - function.entry.0).unwrap();
            let decoder = iced_x86::Decoder::with_ip(64, code, function.entry.0, 0);
            for instruction in decoder.into_iter().filter(|found| found.mnemonic() == iced_x86::Mnemonic::Ret) {
                returns += 1;
                assert_eq!(offset(instruction.ip()), 8, "{} at {:#x}", function.name, instruction.ip());
            }
        }
        assert!(returns > 5);
        for outside in [0, 0x10, u64::MAX] {
            assert!(matches!(program.caller_frame(LinkAddr(outside)), Err(Error::NoUnwindRule { .. })));
        }
    });
}

#[test]
fn map_functions_are_told_from_others() {
    use MapFunctionKind::{Access, Assign, Clear, Delete, Iterate};
    let of = |name| MapFunction::named(name).map(|function| (function.kind, function.write));
    for (name, expected) in [
        ("runtime.mapassign", (Assign, true)),
        ("runtime.mapassign_fast64ptr", (Assign, true)),
        ("runtime.mapdelete_faststr", (Delete, true)),
        ("runtime.mapclear", (Clear, true)),
        ("runtime.mapaccess2_fast32", (Access, false)),
        ("runtime.mapaccessK", (Access, false)),
        ("runtime.mapiterinit", (Iterate, false)),
        ("runtime.mapIterNext", (Iterate, false)),
        ("reflect.mapassign_faststr0", (Assign, true)),
        ("internal/runtime/maps.(*Map).Delete", (Delete, true)),
        ("internal/runtime/maps.(*Map).Clear", (Clear, true)),
        ("internal/runtime/maps.(*Map).PutSlot", (Assign, true)),
        ("internal/runtime/maps.(*Map).putSlotSmallFast64", (Assign, true)),
        ("internal/runtime/maps.(*Map).growToTable", (Assign, true)),
        ("internal/runtime/maps.(*Map).getWithKeySmall", (Access, false)),
        ("internal/runtime/maps.(*table).rehash", (Assign, true)),
        ("internal/runtime/maps.(*table).Delete", (Delete, true)),
        ("internal/runtime/maps.(*Iter).Next", (Iterate, false)),
    ] {
        assert_eq!(of(name), Some(expected), "{name}");
    }
    assert_eq!(of("runtime.evacuate_fast64").map(|found| found.1), Some(true));
    assert_eq!(of("runtime.makemap_small").map(|found| found.1), Some(false));
    for other in ["main.mapassign", "runtime.mallocgc", "runtime.main", "internal/runtime/maps.MemHash64", ""] {
        assert_eq!(of(other), None, "{other}");
    }
}

#[test]
fn the_fatal_function_is_the_one_that_maps_call() {
    with_each(|go, program| {
        let names: Vec<String> = program.fatal_functions().into_iter().map(|function| function.name).collect();
        let expected = match go.minor {
            ..19 => "runtime.throw",
            19..24 => "runtime.fatal",
            24.. => "internal/runtime/maps.fatal",
        };
        assert_eq!(names, [expected], "{}", go.version);
    });
}
