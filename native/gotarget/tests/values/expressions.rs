//! What a user types to name a value.

use gotarget::value::Value;
use gotarget::{Error, FrameContext, Limits, Target, Values, expression, stack};

use crate::process::Process;
use crate::toolchain::{newest, toolchains};

fn value(target: &Target<'_>, frame: Option<&FrameContext<'_>>, text: &str) -> Value {
    let place = expression::place(target, frame, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Values::new(*target, Limits::default()).place(&place)
}

#[test]
fn what_an_interface_holds_is_named_directly_or_by_its_type() {
    for go in toolchains() {
        let process = Process::start(&go, "corpus", &[]);
        let target = process.target();
        let path = value(&target, None, "main.opened.Path");
        assert!(matches!(path, Value::String(_)), "{go}: {path:?}");
        for text in ["main.opened.(*main.Opened).Path", "main.opened.(data).Path", "(main.opened.(*main.Opened)).Path"]
        {
            assert_eq!(value(&target, None, text), path, "{go} {text}");
        }
        assert!(matches!(value(&target, None, "*main.opened.(*main.Opened)"), Value::Struct(_)), "{go}");
        process.end();
    }
}

#[test]
fn an_index_may_be_a_number_in_any_base_or_a_variable() {
    let process = Process::start(&newest(), "corpus", &[]);
    let target = process.target();
    let Value::Int(x) = value(&target, None, "main.toPoint.X") else { panic!() };
    let third = value(&target, None, &format!("main.manyInts[{x}]"));
    for text in [
        format!("main.manyInts[{x:#x}]"),
        format!("main.manyInts[ {x:#b} ]"),
        "main.manyInts[main.toPoint.X]".to_owned(),
    ] {
        assert_eq!(value(&target, None, &text), third, "{text}");
    }
    process.end();
}

#[test]
fn the_end_of_a_package_s_path_is_enough_where_it_is_that_of_one_package() {
    for go in toolchains() {
        let process = Process::start(&go, "corpus", &[]);
        let target = process.target();
        let by_end = expression::place(&target, None, "fs.ErrExist").unwrap();
        assert_eq!(by_end.expression, "io/fs.ErrExist", "{go}");
        assert_eq!(by_end, expression::place(&target, None, "io/fs.ErrExist").unwrap(), "{go}");
        process.end();
    }
}

#[test]
fn what_names_no_value_is_an_error_of_one_line_that_says_what_to_do() {
    for go in toolchains() {
        let process = Process::start(&go, "corpus", &[]);
        let target = process.target();
        for (text, message) in [
            ("main.someInts[99]", "index 99 is out of range: len(main.someInts) is "),
            ("main.someInts[-1]", "index -1 is out of range: len(main.someInts) is "),
            ("main.nilInts[0]", "index 0 is out of range: len(main.nilInts) is 0"),
            ("main.matrix[1][9]", "index 9 is out of range: len(main.matrix[1]) is "),
            ("main.texts[0][1000]", "index 1000 is out of range: len(main.texts[0]) is "),
            ("main.someInts[x]", "cannot read `x` at column 1: a variable needs its package's name"),
            ("main.someInts[main.names]", "`main.names` is no number: give the index as 7 or 0x10"),
            ("main.nilPoint.X", "main.nilPoint is a nil pointer"),
            ("*main.nilPoint", "main.nilPoint is a nil pointer"),
            ("*main.someInts", "main.someInts is not a pointer: it is a []int; leave out the *"),
            ("main.most.I8[0]", "main.most.I8 has no items: it is an int8; an index goes with"),
            ("main.server.users[\"nope\"].Name", "main.server.users has no key \"nope\"; print the map"),
            ("main.nilError.x", "main.nilError is a nil interface: it holds nothing"),
            ("main.opened.(main.Coded)", "main.opened holds a *main.Opened: write .(*main.Opened)"),
            ("main.someInts.(int)", "main.someInts is not an interface: it is a []int; leave out the .(type)"),
            ("main.opened.Pat", "main.Opened has no field Pat; it has: Path"),
            ("main.someInts[0", "cannot read `main.someInts[0` at column 14: this bracket is never closed"),
            ("main.someInts[0] + 1", "cannot read `main.someInts[0] + 1` at column 18: what follows"),
            ("main.someInt[0]", "no package variable main.someInt: did you mean main.someInts?"),
        ] {
            let error = expression::place(&target, None, text).expect_err(text).to_string();
            assert!(error.starts_with(message), "{go} {text}: {error}");
            assert_eq!(error.lines().count(), 1, "{go} {text}: {error}");
        }
        process.end();
    }
}

#[test]
fn in_a_frame_locals_win_and_the_package_goes_without_saying() {
    for go in toolchains() {
        let process = Process::start(&go, "corpus", &["-gcflags=all=-N -l"]);
        let target = process.target();
        let whole = gotarget::Process::live(process.pid().cast_signed(), None).unwrap();
        let local = process.told.iter().find(|line| line["local"] == "names").unwrap();
        let frames = whole.frames(local["goid"].as_u64().unwrap()).unwrap();
        let is_it = |pc| stack::describe(&target, &[pc]).iter().any(|frame| local["function"] == frame.function);
        let frame = frames.iter().find(|frame| is_it(frame.pc)).unwrap();
        let registers = |register| frame.register(register);
        let context = FrameContext::new(frame.pc, &registers);
        let frame = Some(&context);
        // A local hides the variable of its package with the same name.
        assert!(matches!(value(&target, frame, "names"), Value::Map(_)), "{go}");
        assert!(matches!(value(&target, frame, "main.names"), Value::Slice(_)), "{go}");
        assert_eq!(value(&target, frame, "text"), value(&target, frame, "(text)"), "{go}");
        assert_eq!(value(&target, frame, "main.manyInts[n]"), value(&target, None, "main.manyInts[3]"), "{go}");
        assert_eq!(value(&target, frame, "server.users"), value(&target, None, "main.server.users"), "{go}");
        assert!(matches!(value(&target, frame, "inHeap"), Value::Struct(_)), "{go}");
        assert_eq!(value(&target, frame, "inHeap.X"), Value::Int(3), "{go}");
        let error = expression::place(&target, frame, "nam").unwrap_err();
        assert!(matches!(error, Error::NoSuchName { .. }), "{go}: {error}");
        let locals = expression::locals(&target, &context).unwrap();
        for name in ["n", "total", "array", "inHeap", "names", "any", "text"] {
            let found = locals.iter().find(|(found, _)| found == name);
            assert!(matches!(found, Some((_, Ok(_)))), "{go} {name}: {locals:?}");
        }
        process.end();
    }
}

#[test]
fn an_unfinished_expression_is_completed() {
    let process = Process::start(&newest(), "corpus", &[]);
    let program = process.target().program;
    let complete = |text: &str, maps_only| expression::complete(program, text, maps_only);
    assert!(complete("main.ser", false).contains(&"main.server".to_owned()));
    assert!(!complete("main.ser", true).contains(&"main.server".to_owned()));
    assert!(complete("main.nes", true).contains(&"main.nested".to_owned()));
    assert_eq!(complete("main.server.us", false), ["main.server.users"]);
    assert_eq!(complete("main.service.us", true), ["main.service.users"]);
    assert_eq!(complete("main.server.users[\"a.b\"].na", false), Vec::<String>::new());
    assert_eq!(complete("main.server.users[\"alice\"].Na", false), ["main.server.users[\"alice\"].Name"]);
    assert_eq!(complete("main.registry[1].m", true), ["main.registry[1].mu"]);
    assert_eq!(complete("main.most.I", true), Vec::<String>::new());
    assert_eq!(complete("(*main.Server)0xc000.us", true), ["(*main.Server)0xc000.us".to_owned() + "ers"]);
    for nothing in ["", ".", "main.server..", "main.nosuch.x", "main.server.users[", "((("] {
        let _ = complete(nothing, false);
    }
    process.end();
}
