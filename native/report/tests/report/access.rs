use report::{AccessKind, AccessLine, FlagByte, Step};

use crate::{frame, json, plain};

fn line() -> AccessLine {
    AccessLine {
        time_ns: 1_234_567,
        thread: Some(4711),
        goroutine: Some(18),
        g: 0xc0_0000_6a80,
        kind: AccessKind::Write,
        step: Step::Sets,
        flag: FlagByte { before: Some(0), after: Some(4), writing_bit: 4 },
        runtime_function: Some("runtime.mapassign_fast64".into()),
        caller: Some(frame("main.writerA", 23)),
        entered_ns: Some(1_200_000),
        left: false,
        stack: Vec::new(),
    }
}

#[test]
fn an_access_is_one_line() {
    assert_eq!(
        plain(&line()),
        "   0.001234s  thread 4711  goroutine 18  sets     writing 0→1  main.writerA  main.go:23\n"
    );
}

#[test]
fn a_byte_that_stays_is_said_once() {
    let flag = FlagByte { before: Some(5), after: Some(5), writing_bit: 4 };
    assert_eq!(
        plain(&AccessLine { step: Step::Checks, flag, ..line() }),
        "   0.001234s  thread 4711  goroutine 18  checks   writing 1 (flags 0x5)  main.writerA  main.go:23\n"
    );
}

#[test]
fn what_is_not_known_is_said() {
    let flag = FlagByte { before: None, after: Some(0), writing_bit: 1 };
    let unknown = AccessLine { thread: None, goroutine: None, flag, runtime_function: None, caller: None, ..line() };
    assert_eq!(
        plain(&unknown),
        "   0.001234s  thread unknown  goroutine unknown  sets     writing ?→0  caller unknown\n"
    );
    let value = json(&unknown);
    assert!(value["goroutine"].is_null() && value["thread"].is_null());
}

#[test]
fn the_json_of_an_access_has_its_schema() {
    let value = json(&line());
    assert_eq!(value["schema"], "redhanded.access/1");
    assert_eq!(value["step"], "sets");
    assert_eq!(value["goroutine"], 18);
    assert_eq!(value["flag"]["after"], 4);
    assert_eq!(value["caller"]["file"], "/src/clobber/main.go");
}

#[test]
fn every_step_has_the_same_word_in_text_and_json() {
    for step in
        [Step::Checks, Step::Loads, Step::Sets, Step::Clears, Step::Updates, Step::Iterates, Step::Kept, Step::Dies]
    {
        let line = AccessLine { step, ..line() };
        assert_eq!(json(&line)["step"], step.word());
        assert!(plain(&line).contains(step.word()));
    }
}
