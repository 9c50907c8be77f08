//! All values and locals that the corpus tells of.

use gotarget::stack;
use gotarget::value::{Entries, Limits, Value, Values};
use gotarget::{FrameContext, Target, expression};
use serde_json::json;

use crate::compare::canonical;
use crate::process::Process;
use crate::toolchain::{Go, newest, toolchains_and_experiments};

/// No value of the corpus is as large.
const WHOLE: Limits = Limits { string: 1 << 20, items: 1 << 20, depth: 100 };

fn as_json(value: &Value) -> serde_json::Value {
    let mut text = Vec::new();
    report::value::json(value, &mut text);
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text)))
}

/// What the program has said, in the form of a value.
fn said(said: &serde_json::Value) -> serde_json::Value {
    match &said["map"] {
        serde_json::Value::Null => said["value"].clone(),
        serde_json::Value::Array(entries) => {
            let entries: Vec<_> = entries.iter().map(|it| json!({"key": it["key"], "elem": it["elem"]})).collect();
            json!({"$map": entries, "len": said["len"]})
        }
        other => panic!("{other}"),
    }
}

/// What is wrong with a value as it was read.
fn difference(target: &Target<'_>, frame: Option<&FrameContext<'_>>, line: &serde_json::Value) -> Option<String> {
    let name = line["name"].as_str().or(line["local"].as_str()).unwrap();
    let place = match expression::place(target, frame, name) {
        Ok(place) => place,
        Err(error) => return Some(format!("{name}: {error}")),
    };
    let value = Values::new(*target, WHOLE).place(&place);
    if let Value::Map(Entries { findings, .. }) | Value::SyncMap(Entries { findings, .. }) = &value
        && !findings.is_empty()
    {
        return Some(format!("{name}: {findings:?}"));
    }
    let (expected, found) = (canonical(&said(line)), canonical(&as_json(&value)));
    let cut = |value: &serde_json::Value| value.to_string().chars().take(500).collect::<String>();
    if expected != found {
        return Some(format!("{name}\n    expected {}\n    found    {}", cut(&expected), cut(&found)));
    }
    let (expected, found) = (line["type"].as_str().unwrap(), target.program.ty(place.ty).unwrap().name);
    // Reflection and DWARF spell a structure without a name differently.
    (expected != found && !expected.contains("struct {")).then(|| format!("{name}: {found}, not {expected}"))
}

fn compare(go: &Go, arguments: &[&str]) {
    let process = Process::start(go, "corpus", arguments);
    let target = process.target();
    let variables = process.told.iter().filter(|line| line["name"].is_string());
    let wrong: Vec<String> = variables.clone().filter_map(|line| difference(&target, None, line)).collect();
    assert!(wrong.is_empty(), "{go} {arguments:?}: {} of {}\n{}", wrong.len(), variables.count(), wrong.join("\n"));
    process.end();
}

#[test]
fn every_value_is_what_the_program_says() {
    for go in toolchains_and_experiments() {
        compare(&go, &[]);
    }
}

#[test]
fn values_of_a_program_that_was_moved_and_not_optimized_are_what_it_says() {
    compare(&newest(), &["-buildmode=pie", "-gcflags=all=-N -l"]);
}

#[test]
fn locals_are_what_the_program_says() {
    for (go, arguments) in toolchains_and_experiments().iter().flat_map(|go| [(go, ""), (go, "-gcflags=all=-N -l")]) {
        let is_optimized = arguments.is_empty();
        let arguments: Vec<&str> = Some(arguments).into_iter().filter(|_| !is_optimized).collect();
        let process = Process::start(go, "corpus", &arguments);
        let target = process.target();
        let whole = gotarget::Process::live(process.pid().cast_signed(), None).unwrap();
        let (mut wrong, mut gone, mut compared) = (Vec::new(), 0, 0);
        for line in process.told.iter().filter(|line| line["local"].is_string()) {
            let frames = whole.frames(line["goid"].as_u64().unwrap()).unwrap();
            let is_it = |pc| stack::describe(&target, &[pc]).iter().any(|frame| line["function"] == frame.function);
            let frame = frames.iter().find(|frame| is_it(frame.pc)).unwrap();
            let registers = |register| frame.register(register);
            let context = FrameContext::new(frame.pc, &registers);
            compared += 1;
            match difference(&target, Some(&context), line) {
                Some(problem) if is_optimized && problem.contains("is optimized out here") => gone += 1,
                problem => wrong.extend(problem),
            }
        }
        assert!(wrong.is_empty(), "{go} {arguments:?}\n{}", wrong.join("\n"));
        // What is used afterwards is still there.
        assert!(gone * 2 < compared, "{go}: {gone} of {compared} are gone");
        process.end();
    }
}
