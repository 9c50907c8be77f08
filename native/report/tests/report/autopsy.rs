use report::{
    AccessKind, AutopsyReport, EndLine, EvidenceLine, FatalMap, FatalReport, Party, PlaceLine, PlaceList, SuspectLine,
    SuspectList,
};

use crate::{frame, json, plain, subject};

fn autopsy() -> AutopsyReport {
    let evidence = EvidenceLine {
        clue: "inside",
        kind: Some(AccessKind::Write),
        function: Some("runtime.mapassign_fast64".into()),
        at: Some(frame("main.writerA", 20)),
        text: "was inside runtime.mapassign_fast64 with this map, called by main.writerA main.go:20".into(),
    };
    AutopsyReport {
        fatal: Some(FatalReport {
            map: Some(FatalMap { subject: subject(), local_of: None, doubt: None }),
            message: Some("concurrent map writes".into()),
            access: Party {
                kind: AccessKind::Write,
                goroutine: Some(19),
                g: 0xc0_0000_7180,
                thread: Some(4712),
                whereabouts: "it ends the process".into(),
                stack: vec![frame("main.writerB", 31)],
                created_by: Some(frame("main.main", 41)),
            },
        }),
        end: None,
        suspects: Some(SuspectList {
            suspects: vec![SuspectLine {
                goroutine: 18,
                g: 0xc0_0000_7000,
                state: "running".into(),
                thread: Some(4711),
                moment: "on thread 4711".into(),
                evidence: vec![evidence],
                stack: vec![frame("main.writerA", 20)],
                created_by: Some(frame("main.main", 40)),
            }],
            goroutines: 9,
            ..SuspectList::default()
        }),
        places: Some(PlaceList {
            places: vec![
                PlaceLine { kind: AccessKind::Write, frames: vec![frame("main.writerA", 20)] },
                PlaceLine { kind: AccessKind::Delete, frames: vec![frame("main.drop", 9), frame("main.main", 50)] },
            ],
            others: vec![PlaceLine { kind: AccessKind::Write, frames: vec![frame("main.fill", 70)] }],
            any_type: 0,
        }),
        check: None,
        notes: vec!["something is missing".into()],
    }
}

#[test]
fn the_suspects_are_shown_with_what_speaks_against_them() {
    assert_eq!(
        plain(&autopsy()),
        "\
==================
WARNING: DATA RACE
main.shared: map[int]int at 0xc000012180 (Go 1.23.4)
goroutine 19 ends the process: fatal error: concurrent map writes

Write at 0x00c000012180 by goroutine 19:
  main.writerB()
      /src/clobber/main.go:31 +0x1d

Goroutine 19 (thread 4712, it ends the process) created at:
  main.main()
      /src/clobber/main.go:41 +0x1d

One of 9 goroutines is suspect

1. Goroutine 18 (running, on thread 4711)
   - it was inside runtime.mapassign_fast64 with this map, called by main.writerA main.go:20
  main.writerA()
      /src/clobber/main.go:20 +0x1d
  created by main.main main.go:40

2 places in the program are known to write this map
  write   main.writerA main.go:20
  delete  main.drop main.go:9      called by main.main main.go:50
  1 other place writes a map of its type: whether it is this one, the code doesn't tell
    write  main.fill main.go:70

note: something is missing
==================
"
    );
    let json = json(&autopsy());
    assert_eq!(json["fatal"]["access"]["goroutine"], 19);
    assert_eq!(json["suspects"]["suspects"][0]["evidence"][0]["clue"], "inside");
    assert_eq!(json["places"]["others"][0]["frames"][0]["function"], "main.fill");
}

#[test]
fn another_end_is_said_to_be_none_of_a_map() {
    let end = EndLine {
        kind: "panic",
        text: "No map: a panic ended the process: \"told to\"".into(),
        goroutine: Some(1),
        thread: Some(7),
        stack: vec![frame("main.die", 3)],
    };
    let empty = AutopsyReport { fatal: None, suspects: None, places: None, notes: Vec::new(), ..autopsy() };
    let text = plain(&AutopsyReport { end: Some(end), ..empty });
    assert!(
        text.contains("No map: a panic ended the process: \"told to\"\n\nGoroutine 1 (thread 7):\n  main.die()\n"),
        "{text}"
    );
    assert!(!text.contains("RACE"), "{text}");
}

#[test]
fn what_could_not_be_searched_is_counted() {
    let report = autopsy();
    let list = |unread, cut, error: Option<&str>| {
        let suspects = SuspectList { unread, cut, error: error.map(str::to_owned), ..report.suspects.clone().unwrap() };
        plain(&AutopsyReport { suspects: Some(suspects), ..report.clone() })
    };
    assert!(list(3, 0, None).contains("The stacks of 3 goroutines can't be read"));
    assert!(list(0, 2, None).contains("Of 2 large stacks only the part around the stack pointer was searched"));
    let suspects = SuspectList { more: 7, interrupted: true, ..report.suspects.clone().unwrap() };
    let text = plain(&AutopsyReport { suspects: Some(suspects), ..report.clone() });
    assert!(text.contains("8 of 9 goroutines are suspect"), "{text}");
    assert!(text.contains("7 more are suspect, less than all of these: they are not kept"), "{text}");
    assert!(text.contains("Interrupted: the other goroutines were not looked at"), "{text}");
    assert!(list(0, 0, Some("no list")).contains("The other one cannot be looked for: no list"));
}
