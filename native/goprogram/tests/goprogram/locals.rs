//! Parameters and local variables, where the compiler keeps them.

use goprogram::{LinkAddr, Local, Location, Piece, Program, Register};

use crate::build::{Mode, both_generations, line_in, program, with_each};

/// Every instruction of `function` that belongs to the line of locals.go with this text.
fn at(program: &Program, function: &str, text: &str) -> Vec<LinkAddr> {
    let function = program.function(function).unwrap_or_else(|| panic!("no function {function}"));
    let line = line_in("locals.go", text);
    let is_there = |addr: &LinkAddr| program.lines_at(*addr).is_ok_and(|lines| lines[0].line == line);
    let all: Vec<LinkAddr> = (function.entry.0..function.end.0).map(LinkAddr).filter(is_there).collect();
    assert!(!all.is_empty(), "no code for {text}");
    all
}

fn locals(program: &Program, pc: LinkAddr) -> Vec<Local> {
    program.locals(pc).unwrap_or_else(|error| panic!("{error}"))
}

fn named<'a>(locals: &'a [Local], name: &str) -> &'a Local {
    locals.iter().find(|local| local.name == name).unwrap_or_else(|| panic!("no {name} in {locals:?}"))
}

fn type_of(program: &Program, local: &Local) -> String {
    program.ty(local.ty).unwrap().name
}

fn names(locals: &[Local]) -> Vec<&str> {
    locals.iter().map(|local| local.name.as_str()).collect()
}

#[test]
fn a_function_is_entered_with_its_arguments_in_registers() {
    with_each(|go, program| {
        let entry = program.function("main.entry").unwrap().entry;
        let locals = locals(program, entry);
        let words = |registers: &[Register]| -> Option<Vec<Piece>> {
            Some(registers.iter().map(|it| Piece { location: Some(Location::Register(*it)), size: 8 }).collect())
        };
        // Go's ABI: src/cmd/compile/abi-internal.md.
        use Register::{R8, R9, R10, Rax, Rbx, Rcx, Rdi, Rsi, Xmm};
        for (name, ty, registers) in [
            ("name", "string", &[Rax, Rbx][..]),
            ("m", "map[string]int", &[Rcx]),
            ("xs", "[]int", &[Rdi, Rsi, R8]),
            ("v", "interface {}", &[R9, R10]),
            ("f", "float64", &[Xmm(0)]),
        ] {
            let local = named(&locals, name);
            assert_eq!(local.location, words(registers), "{name}, go {}", go.version);
            assert_eq!(type_of(program, local), ty);
            assert!(local.parameter && !local.escaped);
            assert_eq!(local.function, "main.entry");
        }
        assert!(named(&locals, "count").parameter && named(&locals, "err").parameter, "results are there too");
    });
}

#[test]
fn without_optimization_variables_lie_in_the_frame() {
    for go in both_generations() {
        let program = program(&go, Mode::Unoptimized);
        for pc in at(&program, "main.entry", "entry body") {
            let locals = locals(&program, pc);
            for name in ["name", "m", "xs", "v", "f", "count", "err"] {
                let local = named(&locals, name);
                let size = program.ty(local.ty).unwrap().size;
                let Some([Piece { location: Some(Location::FromCfa(_)), size: whole }]) = local.location.as_deref()
                else {
                    panic!("{name}: {local:?}")
                };
                assert_eq!(*whole, size, "{name}");
            }
        }
    }
}

#[test]
fn a_name_means_what_was_declared_last_around_the_line() {
    for go in both_generations() {
        let program = program(&go, Mode::Unoptimized);
        for (text, ty, line) in [
            ("outer x", "int", "func shadow"),
            ("innermost x", "string", "declares x again"),
            ("middle x", "int", "declares x"),
            ("outer x again", "int", "func shadow"),
        ] {
            for pc in at(&program, "main.shadow", &format!("// {text}")) {
                let locals = locals(&program, pc);
                let x = named(&locals, "x");
                assert_eq!((type_of(&program, x).as_str(), x.line), (ty, line_in("locals.go", line)), "{text}");
            }
        }
        let pc = at(&program, "main.shadow", "// outer x again")[0];
        assert!(!names(&locals(&program, pc)).contains(&"i"), "the loop is over");
    }
}

#[test]
fn a_variable_on_the_heap_has_its_address_in_the_frame() {
    for go in both_generations() {
        for mode in [Mode::Plain, Mode::Unoptimized] {
            let program = program(&go, mode);
            let mut found = 0;
            for pc in at(&program, "main.escape", "after it moved") {
                let locals = locals(&program, pc);
                let moved = named(&locals, "moved");
                assert!(moved.escaped && !moved.parameter, "{moved:?}");
                assert_eq!(type_of(&program, moved), "int");
                found += usize::from(moved.location.is_some());
            }
            assert!(found > 0, "{mode:?} {}", go.version);
        }
    }
}

#[test]
fn inlined_functions_come_before_the_one_around_them() {
    with_each(|go, program| {
        let outer = program.function("main.outer").unwrap();
        let inside: Vec<LinkAddr> = (outer.entry.0..outer.end.0)
            .map(LinkAddr)
            .filter(|pc| program.lines_at(*pc).is_ok_and(|lines| lines[0].function == "main.inner"))
            .collect();
        assert!(!inside.is_empty());
        for pc in inside {
            let locals = locals(program, pc);
            let functions: Vec<&str> = locals.iter().map(|local| local.function.as_str()).collect();
            assert!(functions.is_sorted_by_key(|function| *function == "main.outer"), "{functions:?}");
            assert_eq!(named(&locals, "a").function, "main.inner", "go {}", go.version);
            assert_eq!(named(&locals, "b").function, "main.inner");
            assert!(named(&locals, "a").parameter);
            assert_eq!(named(&locals, "~r0").function, "main.outer");
        }
    });
}

#[test]
fn closures_generic_functions_and_unnamed_results_have_variables_too() {
    for go in both_generations() {
        let program = program(&go, Mode::Unoptimized);
        let pc = at(&program, "main.closure.func1", "inside the closure")[1];
        let count = named(&locals(&program, pc), "count").clone();
        assert_eq!((type_of(&program, &count).as_str(), count.escaped), ("int", true));

        let function = program.functions().find(|found| found.name.starts_with("main.generic[go.shape.int")).unwrap();
        let pc = *at(&program, &function.name, "inside generic").last().unwrap();
        let found = locals(&program, pc);
        assert_eq!(program.ty(named(&found, "a").ty).unwrap().size, 8);
        assert_eq!(type_of(&program, named(&found, "same")), "bool");
        assert!(names(&found).iter().all(|name| !name.starts_with('.')));

        let pc = at(&program, "main.unnamed", "inside unnamed")[0];
        let found = locals(&program, pc);
        assert!(named(&found, "~r0").parameter && named(&found, "~r1").parameter, "{found:?}");
    }
}

#[test]
fn addresses_outside_go_code_have_no_variables() {
    with_each(|_, program| {
        for nowhere in [0, 0x1000, u64::MAX] {
            assert_eq!(program.locals(LinkAddr(nowhere)).unwrap(), []);
        }
    });
}
