//! What a user types to name a map.

use gotarget::{Error, expression};

use crate::process::Process;
use crate::toolchain::toolchains;

/// What the program told of a variable's map.
fn told(process: &Process, variable: &str) -> u64 {
    process.told.iter().find(|told| told["variable"] == variable).unwrap()["address"].as_u64().unwrap()
}

#[test]
fn a_map_is_named_by_a_variable_a_path_or_a_typed_address() {
    for go in toolchains() {
        let process = Process::start(&go, "headers", &[]);
        let target = process.target();
        let small = told(&process, "main.small");
        let cache = told(&process, "main.server.cache");
        let server = target.program.variable("main.server").unwrap();
        let at = target.pointer(target.bias.to_runtime(server.addr)).unwrap();
        let cases = [
            ("main.small".to_owned(), small, "map[string]int"),
            (" main.small ".to_owned(), small, "map[string]int"),
            ("'main.small'".to_owned(), small, "map[string]int"),
            (format!("(map[string]int){small:#x}"), small, "map[string]int"),
            (format!("(map[string]int) {small}"), small, "map[string]int"),
            ("main.registry".to_owned(), told(&process, "main.registry"), "main.Registry"),
            (format!("(main.Registry){small:#x}"), small, "main.Registry"),
            ("main.server.cache".to_owned(), cache, "map[string]int"),
            ("main.pool.Server.cache".to_owned(), cache, "map[string]int"),
            ("main.pool.cache".to_owned(), cache, "map[string]int"),
            ("main.nested.inner.cache".to_owned(), cache, "map[string]int"),
            // A Pool has a cache too, one level further down.
            ("main.layers.cache".to_owned(), told(&process, "main.full"), "map[int]int"),
            (format!("(*main.Server){at}.cache"), cache, "map[string]int"),
        ];
        for (text, header, type_name) in cases {
            let map = expression::map(&target, None, &text).unwrap_or_else(|error| panic!("{go} {text}: {error}"));
            assert_eq!((map.header.0, map.type_name.as_str()), (header, type_name), "{go} {text}");
        }
        let small = expression::map(&target, None, "main.small").unwrap();
        assert_eq!(expression::name_of(&target, small.header).as_deref(), Some("main.small"), "{go}");
        assert_eq!(expression::name_of(&target, small.header.plus(1)), None, "{go}");
        process.end();
    }
}

#[test]
fn what_names_no_map_is_an_error_of_one_line_that_says_what_to_do() {
    for go in toolchains() {
        let process = Process::start(&go, "headers", &[]);
        let target = process.target();
        let error = |text: &str| {
            let error = expression::map(&target, None, text).and_then(|map| map.not_nil()).expect_err(text);
            let message = error.to_string();
            assert!(!message.contains('\n'), "{go} {text}: {message}");
            (error, message)
        };

        let (kind, message) = error("main.smal");
        assert!(matches!(kind, Error::Program(goprogram::Error::UnknownVariable { .. })), "{kind:?}");
        assert!(message.contains("main.small"), "{message}");

        let (kind, message) = error("main.server.cash");
        assert!(matches!(kind, Error::NoField { .. }), "{kind:?}");
        assert_eq!(message, "main.Server has no field cash; it has: name, cache");

        let (kind, message) = error("main.server");
        assert!(matches!(kind, Error::NotAMap { .. }), "{kind:?}");
        assert_eq!(
            message,
            "main.server is not a map: it is a main.Server; name a variable or field whose type is a map"
        );
        let (kind, message) = error("main.pool.workers");
        assert!(matches!(kind, Error::NotAMap { .. }), "{kind:?}");
        assert!(message.contains("it is an int;"), "{message}");

        let (kind, message) = error("main.server.name.length.x");
        assert!(matches!(kind, Error::NoField { .. }), "{kind:?} {message}");

        let (kind, message) = error("main.nothing");
        assert!(matches!(kind, Error::NilMap { .. }), "{kind:?}");
        assert!(message.starts_with("main.nothing is a nil map"), "{message}");
        assert!(matches!(error("(map[int]int)0x0").0, Error::NilMap { .. }));

        for text in ["main.absent.cache", "main.orphan.Server.cache"] {
            let (kind, message) = error(text);
            assert!(matches!(kind, Error::NilPointer { .. }), "{kind:?}");
            let pointer = text.strip_suffix(".cache").unwrap();
            assert!(message.starts_with(&format!("{pointer} is a nil pointer")), "{message}");
        }
        let (kind, message) = error("main.orphan.cache");
        assert!(matches!(kind, Error::NilPointer { .. }), "promoted through a nil pointer: {kind:?}");
        assert!(message.starts_with("main.orphan.Server is a nil pointer"), "{message}");

        let (kind, message) = error("(map[int]main.Nothing)0xc000012180");
        assert!(matches!(kind, Error::Program(goprogram::Error::UnknownType { .. })), "{kind:?} {message}");
        assert!(matches!(error("(int)0xc000012180").0, Error::NotAMap { .. }));
        assert!(matches!(error("(*main.Server)0x10.cache").0, Error::Unreadable(_)));

        for text in [
            "",
            "small",
            "main",
            "main.small + 1",
            "(map[int]int",
            "(map[int]int)",
            "(map[int]int)c000",
            "(map[int]int)0xc000.x",
            "main.server.",
            "main..small",
            ".",
            "()0x10",
        ] {
            error(text);
        }
        process.end();
    }
}
