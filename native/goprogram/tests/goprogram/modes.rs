//! Every way to build a program.

use goprogram::{Error, LinkAddr};

use crate::build::{MODES, Mode, both_generations, program, with_each};

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
                program.map_layout().unwrap_err(),
                program.runtime_layout().unwrap_err(),
                program.lines_at(LinkAddr(0x401000)).unwrap_err(),
                program.caller_frame(LinkAddr(0x401000)).unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(error, Error::NoDwarf), "{mode:?}: {error:?}");
                assert!(error.to_string().contains("-ldflags=-w"), "{error}");
            }
            // The functions are there as long as the symbols are.
            assert_eq!(program.function("main.write").is_some(), mode == Mode::NoDwarf);
            assert_eq!(program.fatal_functions().len(), usize::from(mode == Mode::NoDwarf));
            assert_eq!(program.functions().next().is_some(), mode == Mode::NoDwarf);
        }
        let stripped = program(&go, Mode::Stripped);
        assert!(matches!(stripped.access_ending_at(LinkAddr(0x401010)), Err(Error::NoSymbols)));
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
