//! Where maps keep their entries, against what their own type descriptors say.

use goprogram::{LinkAddr, Program, TypeKind, TypeRef};

use crate::build::{Go, Mode, both_generations, program, toolchains, with_mapsplitgroup, with_noswissmap};

/// The map types of the program's `maps`, by field.
fn map_types(program: &Program) -> Vec<(String, TypeRef)> {
    let maps = program.ty(program.variable("main.maps").unwrap().ty).unwrap();
    let TypeKind::Struct { fields } = maps.kind else { panic!() };
    assert_eq!(fields.len(), 18);
    fields.into_iter().map(|field| (field.name, field.ty)).collect()
}

fn number(program: &Program, addr: u64, size: u64) -> u64 {
    let mut word = [0; 8];
    word[..usize::try_from(size).unwrap()].copy_from_slice(program.code(LinkAddr(addr), size).unwrap());
    u64::from_le_bytes(word)
}

/// Compares with the fields of abi.MapType (Go's src/internal/abi/map*.go), which the compiler filled in.
fn check(go: &Go, mode: Mode) {
    let program = program(go, mode);
    let classic = matches!(program.map_layout().unwrap(), gomap::Layout::Classic(_));
    let layout = program.abi_layout().unwrap();
    for (field, ty) in map_types(&program) {
        let what = format!("{field}, go {} {mode:?}", go.version);
        let described = program.ty(ty).unwrap();
        let TypeKind::Map { key, elem, .. } = described.kind else { panic!("{what}") };
        let (key, elem) = (program.ty(key).unwrap(), program.ty(elem).unwrap());
        let slots = program.slots(ty).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((slots.key.size, slots.elem.size), (key.size, elem.size), "{what}");

        let at = described.descriptor.unwrap().0;
        let flags = number(&program, at + layout.map.flags, 4);
        // abi.MapIndirectKey and abi.MapIndirectElem; in classic maps they are the first flags.
        let (indirect_key, indirect_elem) = if classic { (1, 2) } else { (4, 8) };
        assert_eq!(slots.key.indirect, flags & indirect_key != 0, "{what}");
        assert_eq!(slots.elem.indirect, flags & indirect_elem != 0, "{what}");

        // What follows the hasher differs between versions.
        let after = at + layout.map.hasher + 8;
        let word = |index: u64| number(&program, after + 8 * index, 8);
        let places = (slots.key.offset, slots.key.stride, slots.elem.offset, slots.elem.stride);
        if classic {
            let (key, elem) = (number(&program, after, 1), number(&program, after + 1, 1));
            assert_eq!(slots.unit, number(&program, after + 2, 2), "{what}");
            assert_eq!(places, (8, key, 8 + 8 * key, elem), "{what}");
            assert_eq!(slots.overflow, Some(slots.unit - 8), "{what}");
        } else if go.minor < 27 {
            let (slot, elem) = (word(1), word(2));
            assert_eq!(slots.unit, word(0), "{what}");
            assert_eq!(places, (8, slot, 8 + elem, slot), "{what}");
            assert_eq!(slots.overflow, None, "{what}");
        } else {
            assert_eq!(slots.unit, word(0), "{what}");
            assert_eq!(places, (word(1), word(2), word(3), word(4)), "{what}");
            assert!(mode != Mode::SplitGroup || slots.key.stride == slots.key.in_slot(), "{what}");
        }
    }
}

#[test]
fn entries_lie_where_the_map_type_says() {
    for go in toolchains() {
        check(&go, Mode::Plain);
        check(&go, Mode::Unoptimized);
    }
    for go in both_generations() {
        check(&go, Mode::Pie);
        check(&go, Mode::Cgo);
    }
}

#[test]
fn entries_of_experimental_maps_lie_where_the_map_type_says() {
    if let Some(go) = with_noswissmap() {
        check(&go, Mode::NoSwissMap);
    }
    if let Some(go) = with_mapsplitgroup() {
        check(&go, Mode::SplitGroup);
    }
}

#[test]
fn a_type_that_is_no_map_has_no_slots() {
    let program = program(&both_generations()[1], Mode::Plain);
    let error = program.slots(program.type_named("main.Server").unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("main.Server is not a map: "), "{error}");
}
