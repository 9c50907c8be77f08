//! Calls of map functions, and which package variable their map comes from.

use goprogram::{LinkAddr, MapFunctionKind, Root};

use crate::build::{Mode, line_of, program, toolchains, with_each};

#[test]
fn every_call_of_a_map_function_is_found_with_its_map() {
    with_each(|go, program| {
        let shared = program.variable("main.shared").unwrap();
        let calls = program.map_calls();
        let of_shared = |kind| {
            let lines = calls.iter().filter(move |call| call.function.kind == kind).filter(|call| {
                let origin = call.map.as_ref();
                origin.is_some_and(|origin| origin.root == Root::Static(shared.addr) && origin.loads == [0])
            });
            lines.flat_map(|call| program.lines_at(LinkAddr(call.ret.0 - 1)).unwrap()).map(|line| line.line)
        };
        assert!(of_shared(MapFunctionKind::Delete).any(|line| line == line_of("delete(shared, 2)")), "{}", go.version);
        assert!(of_shared(MapFunctionKind::Access).any(|line| line == line_of("shared[number]")), "{}", go.version);
        // What a function was given it doesn't know, but where it was given.
        let write = program.function("main.write").unwrap();
        let given = calls.of(write.entry).find(|call| call.function.write).unwrap();
        let origin = given.map.clone().unwrap();
        assert!(matches!(origin.root, Root::Entry(_)), "{origin:?}");
        let passed = program.passed(&[(write.entry, origin)]);
        let from_shared = passed.iter().find(|passed| {
            passed.origin.as_ref().is_some_and(|origin| origin.root == Root::Static(shared.addr) && origin.loads == [0])
        });
        let line = program.lines_at(LinkAddr(from_shared.unwrap().ret.0 - 1)).unwrap()[0].line;
        assert_eq!(line, line_of("write(shared, Answer+Negative)"), "{}", go.version);
        // The descriptor is that of the variable's type.
        let ty = program.ty(shared.ty).unwrap();
        assert_eq!(given.descriptor, ty.descriptor, "{}", go.version);
        assert_eq!(program.name_of_descriptor(ty.descriptor.unwrap()).as_deref(), Some("map[int]int"));
        assert!(program.is_return_address(given.ret) && !program.is_return_address(LinkAddr(given.ret.0 - 1)));
        assert_eq!(program.callee(given.ret), Some(given.callee));
    });
}

#[test]
fn a_stripped_program_has_the_same_calls() {
    for go in toolchains() {
        let (plain, stripped) = (program(&go, Mode::Plain), program(&go, Mode::Stripped));
        let names = |program: &goprogram::Program| -> Vec<_> {
            let name = |addr| program.function_at(addr).unwrap().name;
            let calls = program.map_calls().iter().filter(|call| name(call.caller).starts_with("main."));
            calls
                .map(|call| (name(call.caller), name(call.callee), call.map.is_some(), call.descriptor.is_some()))
                .collect()
        };
        let plain: Vec<_> = names(&plain);
        assert!(plain.len() > 20, "{}", plain.len());
        let as_printed = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
        let plain: Vec<_> =
            plain.into_iter().map(|(caller, callee, map, ty)| (as_printed(&caller), callee, map, ty)).collect();
        let stripped: Vec<_> = names(&stripped)
            .into_iter()
            .map(|(caller, callee, map, ty)| (as_printed(&caller), callee, map, ty))
            .collect();
        assert_eq!(plain, stripped, "{}", go.version);
    }
}
