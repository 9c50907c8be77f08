//! The runtime's type descriptors: which is which, and how they are laid out.

use goprogram::{AbiLayout, LinkAddr, MapTypeLayout, Program, TypeKind};

use crate::build::{Mode, both_generations, program, toolchains, with_each, with_noswissmap};

/// Types of every kind, with the kind's number (Go's src/internal/abi/type.go).
const TYPES: [(&str, u8); 16] = [
    ("int", 2),
    ("uintptr", 12),
    ("float64", 14),
    ("[3][4]float32", 17),
    ("chan time.Duration", 18),
    ("func(int) error", 19),
    ("error", 20),
    ("interface {}", 20),
    ("map[int]int", 21),
    ("main.Cache", 21),
    ("*main.Server", 22),
    ("[]string", 23),
    ("string", 24),
    ("main.Server", 25),
    ("main.Pair[string,int]", 25),
    ("unsafe.Pointer", 26),
];

/// Each descriptor says the kind and size of the type that it is said to describe.
fn check(program: &Program, what: &str) {
    let layout = program.abi_layout().unwrap();
    for (name, kind) in TYPES {
        let ty = program.type_named(name).unwrap_or_else(|error| panic!("{what}: {error}"));
        let described = program.ty(ty).unwrap();
        if name == "unsafe.Pointer" && !program.version().at_least(1, 23) {
            assert_eq!(described.descriptor, None, "the linker did not write it before");
            continue;
        }
        let descriptor = described.descriptor.unwrap_or_else(|| panic!("{what}: {name} has no descriptor"));
        let bytes = program.code(descriptor, layout.size).unwrap();
        let at = |offset: u64| usize::try_from(offset).unwrap();
        assert_eq!(bytes[at(layout.kind)] & AbiLayout::KIND_MASK, kind, "{what}: {name}");
        let size = u64::from_le_bytes(bytes[at(layout.type_size)..][..8].try_into().unwrap());
        assert_eq!(size, described.size, "{what}: {name}");
        assert_eq!(program.type_of_descriptor(descriptor).unwrap(), Some(ty), "{what}: {name}");
        assert_eq!(program.type_of_descriptor(LinkAddr(descriptor.0 + 1)).unwrap(), None);
    }
    let unused = program.type_named("[4]main.Server").unwrap();
    assert_eq!(program.ty(unused).unwrap().descriptor, None, "{what}: the linker drops what nothing refers to");
    for nonsense in [0, u64::MAX] {
        assert_eq!(program.type_of_descriptor(LinkAddr(nonsense)).unwrap(), None);
    }
}

#[test]
fn descriptors_describe_the_types_that_name_them() {
    for go in toolchains() {
        check(&program(&go, Mode::Plain), &go.version);
    }
    for go in both_generations() {
        for mode in [Mode::Unoptimized, Mode::Pie, Mode::Cgo, Mode::NoSymbols] {
            check(&program(&go, mode), &format!("{} {mode:?}", go.version));
        }
    }
    if let Some(go) = with_noswissmap() {
        check(&program(&go, Mode::NoSwissMap), "noswissmap");
    }
}

#[test]
fn the_descriptor_of_a_map_names_those_of_its_keys_and_elems() {
    with_each(|go, program| {
        let layout = program.abi_layout().unwrap();
        let map = program.ty(program.type_named("map[string]map[int]int").unwrap()).unwrap();
        let pointer = |offset: u64| {
            let bytes = program.code(LinkAddr(map.descriptor.unwrap().0 + offset), 8).unwrap();
            Some(LinkAddr(u64::from_le_bytes(bytes.try_into().unwrap())))
        };
        let TypeKind::Map { key, elem, .. } = map.kind else { panic!() };
        assert_eq!(pointer(layout.map.key), program.ty(key).unwrap().descriptor, "{}", go.version);
        assert_eq!(pointer(layout.map.elem), program.ty(elem).unwrap().descriptor, "{}", go.version);
        let closure = pointer(layout.map.hasher).unwrap();
        let code = u64::from_le_bytes(program.code(closure, 8).unwrap().try_into().unwrap());
        assert_eq!(program.function_at(LinkAddr(code)).unwrap().name, "runtime.strhash", "{}", go.version);
    });
}

#[test]
fn descriptors_are_laid_out_as_each_go_has_them() {
    with_each(|go, program| {
        let expected = AbiLayout {
            size: 48,
            type_size: 0,
            hash: 16,
            tflag: 20,
            kind: 23,
            equal: 24,
            str: 40,
            map: MapTypeLayout {
                size: if go.minor < 24 {
                    88
                } else if go.minor < 27 {
                    112
                } else {
                    136
                },
                key: 48,
                elem: 56,
                unit: 64,
                hasher: 72,
                flags: if go.minor < 24 {
                    84
                } else if go.minor < 27 {
                    104
                } else {
                    128
                },
            },
        };
        assert_eq!(*program.abi_layout().unwrap(), expected, "{}", go.version);
    });
}
