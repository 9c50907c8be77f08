//! Every way to build a program.

use goprogram::{Error, LinkAddr};

use crate::build::{MODES, Mode, both_generations, line_of, program, toolchains, with_each};

#[test]
fn the_build_is_known_in_every_mode() {
    for go in both_generations() {
        for mode in MODES {
            let program = program(&go, mode);
            assert_eq!(program.version().text, format!("go{}", go.version), "{mode:?}");
            assert_eq!((program.version().major, program.version().minor), (1, go.minor));
            let info = program.build_info();
            assert_eq!((info.path.as_str(), info.module.as_str()), ("example.com/a.b", "example.com/a.b"));
            let cgo = info.settings.iter().find(|(key, _)| key == "CGO_ENABLED").unwrap();
            assert_eq!(cgo.1 == "1", mode == Mode::Cgo);
            assert_eq!(program.is_position_independent(), mode == Mode::Pie, "{mode:?}");
            assert_eq!(program.has_dwarf(), mode.has_dwarf(), "{mode:?}");
        }
    }
}

#[test]
fn questions_have_the_same_answers_in_every_mode() {
    for go in both_generations() {
        let plain = program(&go, Mode::Plain);
        for mode in MODES.into_iter().filter(|mode| mode.has_dwarf()) {
            let program = program(&go, mode);
            for name in ["main.shared", "main.srv", "example.com/a.b/y.v2.Dotted"] {
                let variable = program.variable(name).unwrap();
                assert_eq!(variable.addr, program.symbol(&name.replace("y.v2", "y%2ev2")).unwrap().addr, "{mode:?}");
                let (ty, plain_ty) = (program.ty(variable.ty).unwrap(), plain.variable(name).unwrap().ty);
                assert_eq!(ty.name, plain.ty(plain_ty).unwrap().name);
            }
            assert_eq!(program.map_layout().unwrap(), plain.map_layout().unwrap(), "{mode:?}");
            let (layout, plain_layout) = (program.runtime_layout().unwrap(), plain.runtime_layout().unwrap());
            assert_eq!(layout.statuses, plain_layout.statuses, "{mode:?}");
            assert_eq!(layout.g.goid, plain_layout.g.goid, "{mode:?}");
            let write = program.function("main.write").unwrap();
            assert_eq!(program.caller_frame(write.entry).unwrap().offset_from_sp, 8, "{mode:?}");
            let lines = program.lines_at(write.entry).unwrap();
            assert_eq!(lines.last().unwrap().function, "main.write", "{mode:?}");
            assert_eq!(program.fatal_functions(), [program.function(&plain.fatal_functions()[0].name).unwrap()]);
        }
    }
}

#[test]
fn cgo_programs_have_c_code_too() {
    for go in both_generations() {
        let program = program(&go, Mode::Cgo);
        assert!(program.build_info().settings.iter().any(|(key, _)| key == "CGO_CFLAGS"));
        let c_function = program.function("_start").unwrap();
        // Whether C code has a rule of Go's kind depends on the C compiler; it may be none.
        let _ = program.caller_frame(c_function.entry);
        let c_lines = program.lines_at(program.function("x_cgo_init").unwrap().entry).unwrap();
        assert_eq!((c_lines.len(), c_lines[0].function.as_str()), (1, "x_cgo_init"));
        assert!(c_lines[0].file.ends_with(".c") && c_lines[0].line > 0, "{c_lines:?}");
        assert!(program.variable("main.twice").is_ok());
    }
}

#[test]
fn without_dwarf_the_error_names_the_remedy() {
    for go in both_generations() {
        for mode in [Mode::NoDwarf, Mode::Stripped] {
            let program = program(&go, mode);
            let errors = [
                program.variable("main.shared").unwrap_err(),
                program.map_variables("").unwrap_err(),
                program.type_named("main.Server").unwrap_err(),
                program.constant("main.Answer").unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(error, Error::NoDwarf), "{mode:?}: {error:?}");
                assert!(error.to_string().contains("-ldflags=-w"), "{error}");
            }
            // Go's own table of functions is there all the same.
            assert_eq!(program.fatal_functions().len(), 1, "{mode:?}");
        }
    }
}

#[test]
fn without_symbols_functions_have_the_same_names_and_places() {
    for go in toolchains() {
        let with_symbols = program(&go, Mode::Plain);
        // The linker leaves nothing out but symbols: the code is the same.
        let stripped = program(&go, Mode::Stripped);
        assert!(stripped.symbol("main.write").is_none());
        let names = ["main.write", "runtime.mapassign_fast64", "main.(*Server).String", "main.main"];
        for name in names {
            let (found, expected) = (stripped.function(name), with_symbols.function(name));
            assert_eq!(
                found.as_ref().map(|it| it.entry),
                expected.as_ref().map(|it| it.entry),
                "{name} {}",
                go.version
            );
        }
        let mut compared = 0;
        for function in with_symbols.functions().filter(|function| !function.name.contains(['[', ':'])) {
            let found = stripped.function_at(function.entry).unwrap();
            // Assembly has a suffix for its calling convention only among the symbols.
            let name = function.name.trim_end_matches(".abi0");
            assert_eq!((found.entry, found.name.as_str()), (function.entry, name), "{}", go.version);
            assert!(found.end >= function.end, "{}: up to the next function", function.name);
            compared += 1;
        }
        assert!(compared > 1000);
    }
}

#[test]
fn lines_need_neither_symbols_nor_debug_information() {
    for go in both_generations() {
        for mode in [Mode::NoDwarf, Mode::Stripped, Mode::StrippedPie, Mode::StrippedCgo] {
            let program = program(&go, mode);
            let write = program.function("main.write").unwrap_or_else(|| panic!("{mode:?} {}", go.version));
            let mut inlined = 0;
            for addr in write.entry.0..write.end.0 {
                // Padding may follow the function.
                let Ok(lines) = program.lines_at(LinkAddr(addr)) else { continue };
                let outermost = lines.last().unwrap();
                assert_eq!((outermost.function.as_str(), outermost.inlined), ("main.write", false));
                assert!(outermost.file.ends_with("tests/program/main.go"), "{}", outermost.file);
                if let [inner, _] = lines.as_slice() {
                    assert_eq!((inner.function.as_str(), inner.inlined), ("main.bump", true), "{mode:?}");
                    assert_eq!((inner.line, outermost.line), (line_of("// inside bump"), line_of("// inlined here")));
                    inlined += 1;
                }
            }
            assert!(inlined > 0, "{mode:?} {}", go.version);
        }
    }
}

#[test]
fn code_is_read_from_the_file() {
    with_each(|_, program| {
        let write = program.function("main.write").unwrap();
        let code = program.code(write.entry, write.end.0 - write.entry.0).unwrap();
        // The stack check that begins every Go function: cmp 0x10(%r14),%rsp.
        assert!(code.starts_with(&[0x49, 0x3b, 0x66, 0x10]), "{:x?}", &code[..8]);
        assert_eq!(program.code(write.entry, u64::MAX), None);
        assert_eq!(program.code(LinkAddr(u64::MAX), 2), None);
        assert_eq!(program.code(LinkAddr(0), 1), None);
    });
}
