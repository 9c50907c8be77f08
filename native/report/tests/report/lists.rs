use report::{AccessKind, Doing, GoroutineLine, GoroutineList, Runs, ThreadLine, ThreadTable};

use crate::{frame, json, plain};

fn goroutines() -> GoroutineList {
    let running = GoroutineLine {
        goroutine: Some(18),
        g: 0xc0_0000_6a80,
        current: true,
        state: "running".into(),
        wait_reason: None,
        wait_ns: None,
        thread: Some(4711),
        at: Some(frame("main.writerA", 23)),
        created_by: Some(frame("main.main", 40)),
    };
    let waiting = GoroutineLine {
        goroutine: Some(1),
        current: false,
        state: "waiting".into(),
        wait_reason: Some("chan receive".into()),
        wait_ns: Some(61_000_000_000),
        thread: None,
        at: Some(frame("main.main", 44)),
        created_by: None,
        ..running.clone()
    };
    let unknown =
        GoroutineLine { goroutine: None, current: false, thread: None, at: None, created_by: None, ..running.clone() };
    GoroutineList { goroutines: vec![waiting, running, unknown], notes: Vec::new() }
}

fn threads() -> ThreadTable {
    let writing = ThreadLine {
        thread: Some(4711),
        current: true,
        runs: Runs::Goroutine(18),
        doing: Some(Doing {
            kind: AccessKind::Write,
            map: "main.shared".into(),
            function: "runtime.mapassign_fast64".into(),
        }),
        at: Some(frame("main.writerA", 23)),
    };
    let idle = ThreadLine { thread: Some(4709), current: false, runs: Runs::Nothing, doing: None, at: None };
    let elsewhere = ThreadLine { doing: None, current: false, runs: Runs::Unknown, ..writing.clone() };
    ThreadTable { threads: vec![writing, idle, elsewhere] }
}

#[test]
fn goroutines_are_listed_one_a_line() {
    assert_eq!(
        plain(&goroutines()),
        "  1        waiting [chan receive] for 61.0 s               main.main main.go:44
* 18       running                            thread 4711  main.writerA main.go:23  created by main.main main.go:40
  unknown  running                                         place unknown
"
    );
}

#[test]
fn what_cannot_be_told_of_goroutines_is_said_below_them() {
    let list = GoroutineList { goroutines: Vec::new(), notes: vec!["Nobody knows.".into()] };
    assert_eq!(plain(&list), "Nobody knows.\n");
    assert_eq!(json(&list)["notes"][0], "Nobody knows.");
}

#[test]
fn threads_say_what_they_do_to_which_map() {
    assert_eq!(
        plain(&threads()),
        "\
* thread 4711  goroutine 18       writing main.shared in runtime.mapassign_fast64  main.writerA main.go:23
  thread 4709  no goroutine
  thread 4711  goroutine unknown  main.writerA main.go:23
"
    );
}

#[test]
fn the_json_of_lists_has_their_schema() {
    let value = json(&goroutines());
    assert_eq!(value["schema"], "redhanded.goroutines/1");
    assert_eq!(value["goroutines"][0]["wait_reason"], "chan receive");
    assert!(value["goroutines"][2]["goroutine"].is_null());
    let value = json(&threads());
    assert_eq!(value["schema"], "redhanded.threads/1");
    assert_eq!(value["threads"][0]["runs"]["goroutine"], 18);
    assert_eq!(value["threads"][1]["runs"], "nothing");
    assert_eq!(value["threads"][0]["doing"]["kind"], "write");
}
