//! Variables, types and constants by name.

use goprogram::{Error, Program, TypeKind, TypeRef};

use crate::build::with_each;

fn named(program: &Program, name: &str) -> TypeRef {
    program.type_named(name).unwrap_or_else(|error| panic!("{error}"))
}

fn name_of(program: &Program, ty: TypeRef) -> String {
    program.ty(ty).unwrap().name
}

/// Key and elem of a map type.
fn entry(program: &Program, ty: TypeRef) -> (String, String) {
    match program.ty(ty).unwrap().kind {
        TypeKind::Map { key, elem, .. } => (name_of(program, key), name_of(program, elem)),
        other => panic!("{other:?} is not a map"),
    }
}

#[test]
fn variables_lie_where_the_symbol_table_says() {
    with_each(|_, program| {
        for (name, symbol) in [
            ("main.shared", "main.shared"),
            ("main.srv", "main.srv"),
            ("runtime.allgs", "runtime.allgs"),
            ("runtime.allglen", "runtime.allglen"),
            ("example.com/a.b/c.Var", "example.com/a.b/c.Var"),
            ("example.com/a.b/y.v2.Dotted", "example.com/a.b/y%2ev2.Dotted"),
        ] {
            let variable = program.variable(name).unwrap();
            assert_eq!(variable.name, name);
            assert_eq!(variable.addr, program.symbol(symbol).unwrap().addr, "{name}");
            assert_eq!(program.variable(symbol).unwrap(), variable, "the linker's spelling is understood too");
        }
    });
}

#[test]
fn variables_have_their_types() {
    with_each(|_, program| {
        let ty = |name| program.ty(program.variable(name).unwrap().ty).unwrap();
        for (name, type_name, entry_types) in [
            ("main.shared", "map[int]int", ("int", "int")),
            ("main.words", "map[string]string", ("string", "string")),
            ("main.cache", "main.Cache", ("string", "int")),
            ("main.nested", "map[string]map[int]int", ("string", "map[int]int")),
            ("example.com/a.b/c.Var", "map[string]int", ("string", "int")),
            ("example.com/a.b/y.v2.Dotted", "map[int32]string", ("int32", "string")),
        ] {
            let variable = program.variable(name).unwrap();
            assert_eq!(ty(name).name, type_name);
            assert_eq!(ty(name).size, 8);
            let (key, elem) = entry(program, variable.ty);
            assert_eq!((&*key, &*elem), entry_types, "{name}");
        }
        let TypeKind::Pointer { target: Some(target) } = ty("main.srv").kind else { panic!() };
        assert_eq!(name_of(program, target), "main.Server");
        let TypeKind::Array { elem, len } = ty("main.table").kind else { panic!() };
        assert_eq!((name_of(program, elem).as_str(), len), ("main.Server", 4));
        assert_eq!(ty("main.table").size, 4 * 224);
        assert_eq!(ty("main.number").kind, TypeKind::Int);
        assert_eq!(ty("main.twice").kind, TypeKind::Func);
        assert_eq!(ty("main.pair").name, "main.Pair[string,int]");
    });
}

#[test]
fn a_map_leads_to_its_own_header() {
    with_each(|go, program| {
        let TypeKind::Map { header, .. } = program.ty(named(program, "main.Cache")).unwrap().kind else { panic!() };
        let header = program.ty(header).unwrap();
        let classic = go.minor < 24;
        assert_eq!(header.name, if classic { "hash<string,int>" } else { "map<string,int>" });
        assert_eq!(header.size, program.map_layout().unwrap().size());
        let TypeKind::Struct { fields } = header.kind else { panic!() };
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        assert!(names.contains(&if classic { "buckets" } else { "dirPtr" }), "{names:?}");
    });
}

#[test]
fn a_structure_has_its_fields() {
    with_each(|_, program| {
        let server = program.ty(named(program, "main.Server")).unwrap();
        assert_eq!(server.size, 224);
        let TypeKind::Struct { fields } = server.kind else { panic!() };
        // Offsets by the rules of Go's specification, on amd64.
        let expected = [
            ("Inner", 0, "main.Inner"),
            ("Builder", 8, "*strings.Builder"),
            ("name", 16, "string"),
            ("cache", 32, "main.Cache"),
            ("byID", 40, "map[uint64]*main.Server"),
            ("tags", 48, "[]string"),
            ("grid", 72, "[3][4]float32"),
            ("handle", 120, "func(int) error"),
            ("any", 128, "interface {}"),
            ("err", 144, "error"),
            ("events", 160, "chan time.Duration"),
            ("raw", 168, "unsafe.Pointer"),
            ("ratio", 176, "float64"),
            ("z", 184, "complex128"),
            ("ok", 200, "bool"),
            ("next", 208, "*main.Server"),
            ("inline", 216, "struct { main.a uint16; main.b uint16 }"),
        ];
        assert_eq!(fields.len(), expected.len());
        for (field, (name, offset, ty)) in fields.iter().zip(expected) {
            assert_eq!((field.name.as_str(), field.offset), (name, offset));
            assert_eq!(name_of(program, field.ty), ty);
            assert_eq!(field.embedded, offset < 16, "{name}");
        }
        let kind = |index: usize| program.ty(fields[index].ty).unwrap();
        assert_eq!(kind(2).kind, TypeKind::String);
        assert!(matches!(kind(5).kind, TypeKind::Slice { elem } if name_of(program, elem) == "string"));
        assert_eq!((kind(6).size, kind(7).size), (48, 8));
        assert_eq!((kind(8).kind, kind(8).size), (TypeKind::Interface { empty: true }, 16));
        assert_eq!(kind(9).kind, TypeKind::Interface { empty: false });
        assert!(matches!(kind(10).kind, TypeKind::Chan { elem } if name_of(program, elem) == "time.Duration"));
        assert_eq!((kind(11).kind, kind(11).size), (TypeKind::UnsafePointer, 8));
        assert_eq!(kind(12).kind, TypeKind::Float);
        assert_eq!((kind(13).kind, kind(13).size), (TypeKind::Complex, 16));
        assert_eq!(kind(14).kind, TypeKind::Bool);
    });
}

#[test]
fn types_are_found_as_go_spells_them() {
    with_each(|_, program| {
        for name in ["map[int]int", "*main.Server", "main.Pair[string,int]", "runtime.g", "[]string", "uint16"] {
            assert_eq!(name_of(program, named(program, name)), name);
        }
        assert_eq!(name_of(program, named(program, "[]any")), "[]interface {}");
        let TypeKind::Struct { fields } = program.ty(named(program, "main.Pair[string,int]")).unwrap().kind else {
            panic!()
        };
        assert_eq!(entry(program, fields[2].ty), ("string".to_owned(), "int".to_owned()));
    });
}

#[test]
fn constants_have_their_values() {
    with_each(|go, program| {
        assert_eq!(program.constant("main.Answer").unwrap(), 42);
        assert_eq!(program.constant("main.Negative").unwrap(), -7);
        assert_eq!(program.constant("runtime._Gwaiting").unwrap(), 4);
        let writing = program.constant("runtime.hashWriting");
        if go.minor < 24 {
            assert_eq!(writing.unwrap(), 4);
        } else {
            assert!(matches!(writing, Err(Error::UnknownConstant { .. })));
        }
    });
}

#[test]
fn a_wrong_name_is_answered_with_the_nearest() {
    with_each(|_, program| {
        for (wrong, right) in [
            ("main.shard", "main.shared"),
            ("main.Shared", "main.shared"),
            ("shared", "main.shared"),
            ("mainn.shared", "main.shared"),
            ("c.Var", "example.com/a.b/c.Var"),
        ] {
            match program.variable(wrong) {
                Err(Error::UnknownVariable { name, near }) => {
                    assert_eq!(name, wrong);
                    assert_eq!(near.first().map(String::as_str), Some(right), "for {wrong}");
                }
                other => panic!("{wrong}: {other:?}"),
            }
        }
        for nonsense in ["", ".", "main", "main.", "/", "nowhere.to.be/found.at_all", "main.\u{1f4a5}", "%"] {
            assert!(matches!(program.variable(nonsense), Err(Error::UnknownVariable { .. })), "{nonsense}");
            assert!(matches!(program.type_named(nonsense), Err(Error::UnknownType { .. })), "{nonsense}");
        }
        match program.type_named("main.Sever") {
            Err(Error::UnknownType { near, .. }) => assert_eq!(near[0], "main.Server"),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn map_variables_are_offered_the_users_own_first() {
    with_each(|_, program| {
        let names = |prefix| -> Vec<String> {
            program.map_variables(prefix).unwrap().into_iter().map(|variable| variable.name).collect()
        };
        let all = names("");
        let own = ["main.cache", "main.nested", "main.shared", "main.words"];
        assert_eq!(all[..4], own);
        assert_eq!(all[4..6], ["example.com/a.b/c.Var", "example.com/a.b/y.v2.Dotted"]);
        assert!(all[6..].iter().any(|name| name == "unicode.FoldCategory"), "{all:?}");
        assert_eq!(names("main."), own);
        assert_eq!(names("main.sh"), ["main.shared"]);
        assert_eq!(names("ma"), own);
        assert_eq!(names("example.com/a.b/y"), ["example.com/a.b/y.v2.Dotted"]);
        assert!(names("main.number").is_empty());
    });
}
