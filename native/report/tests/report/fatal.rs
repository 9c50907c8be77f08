use report::{AccessKind, FatalMap, FatalReport, Party};

use crate::{frame, json, plain, subject};

fn fatal() -> FatalReport {
    FatalReport {
        map: Some(FatalMap { subject: subject(), local_of: None, doubt: None }),
        message: Some("concurrent map writes".into()),
        access: Party {
            kind: AccessKind::Write,
            goroutine: Some(19),
            g: 0xc0_0000_7180,
            thread: Some(4712),
            whereabouts: "held before its end".into(),
            stack: vec![frame("main.writerB", 31)],
            created_by: Some(frame("main.main", 41)),
        },
    }
}

#[test]
fn who_ends_the_process_is_shown_with_its_map_and_stack() {
    assert_eq!(
        plain(&fatal()),
        "\
==================
WARNING: DATA RACE
main.shared: map[int]int at 0xc000012180 (Go 1.23.4)
goroutine 19 ends the process: fatal error: concurrent map writes

Write at 0x00c000012180 by goroutine 19:
  main.writerB()
      /src/clobber/main.go:31 +0x1d

Goroutine 19 (thread 4712, held before its end) created at:
  main.main()
      /src/clobber/main.go:41 +0x1d
==================
"
    );
    let json = json(&fatal());
    assert_eq!(json["schema"], "redhanded.fatal/1");
    assert_eq!(json["map"]["expression"], "main.shared");
    assert_eq!(json["access"]["goroutine"], 19);
}

#[test]
fn what_is_not_known_of_the_map_is_said() {
    let doubt = Some("(it may be another one)");
    let map = FatalMap { subject: subject(), local_of: Some("main.serve".into()), doubt };
    let text = plain(&FatalReport { map: Some(map), ..fatal() });
    assert!(text.contains("main.shared (of main.serve): map[int]int at"), "{text}");
    assert!(text.contains("\n(it may be another one)\n"), "{text}");
    let text = plain(&FatalReport { map: None, message: None, ..fatal() });
    assert!(text.contains("a map: where it is can't be told"), "{text}");
    assert!(text.contains("\nWrite by goroutine 19:\n"), "{text}");
}
