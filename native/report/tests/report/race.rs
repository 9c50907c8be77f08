use report::{AccessKind, Culprit, FlagByte, Frame, RaceReport, Step};

use crate::{frame, json, plain, subject};

fn runtime_frame(function: &str) -> Frame {
    Frame {
        pc: 0x41_0000,
        function: Some(function.into()),
        file: Some("/go/src/runtime/map_fast64.go".into()),
        line: Some(113),
        offset: Some(0x42),
        inlined: false,
    }
}

pub(crate) fn race() -> RaceReport {
    RaceReport {
        map: subject(),
        second: Culprit {
            kind: AccessKind::Write,
            step: Step::Checks,
            flag: FlagByte { before: Some(4), after: Some(4), writing_bit: 4 },
            goroutine: Some(19),
            g: 0xc0_0000_7180,
            thread: Some(4712),
            time_ns: 20_300_000,
            stack: vec![
                runtime_frame("runtime.mapassign_fast64"),
                Frame { inlined: true, ..frame("main.store", 29) },
                frame("main.writerB", 31),
            ],
            created_by: Some(frame("main.main", 41)),
            inside: true,
            held: true,
        },
        first: Culprit {
            kind: AccessKind::Write,
            step: Step::Sets,
            flag: FlagByte { before: Some(0), after: Some(4), writing_bit: 4 },
            goroutine: Some(18),
            g: 0xc0_0000_6a80,
            thread: Some(4711),
            time_ns: 12_100_000,
            stack: vec![runtime_frame("runtime.mapassign_fast64"), frame("main.writerA", 23)],
            created_by: Some(frame("main.main", 40)),
            inside: true,
            held: false,
        },
    }
}

#[test]
fn both_culprits_are_shown_with_their_stacks() {
    assert_eq!(
        plain(&race()),
        "\
==================
WARNING: DATA RACE
main.shared: map[int]int at 0xc000012180 (Go 1.23.4)
writing 0→1 by goroutine 18, 8.2 ms ago; goroutine 19 found it set

Write at 0x00c000012180 by goroutine 19:
  runtime.mapassign_fast64()
      /go/src/runtime/map_fast64.go:113 +0x42
  main.store(...)
      /src/clobber/main.go:29
  main.writerB()
      /src/clobber/main.go:31 +0x1d

Previous write at 0x00c000012180 by goroutine 18:
  runtime.mapassign_fast64()
      /go/src/runtime/map_fast64.go:113 +0x42
  main.writerA()
      /src/clobber/main.go:23 +0x1d

Goroutine 19 (running, thread 4712, held inside its window) created at:
  main.main()
      /src/clobber/main.go:41 +0x1d

Goroutine 18 (running, thread 4711, inside its window, not held) created at:
  main.main()
      /src/clobber/main.go:40 +0x1d
==================
"
    );
}

#[test]
fn what_is_not_known_is_said() {
    let mut race = race();
    race.second.kind = AccessKind::Iteration;
    race.second.goroutine = Some(1);
    race.second.created_by = None;
    race.first.goroutine = None;
    race.first.thread = None;
    race.first.created_by = None;
    race.first.stack = Vec::new();
    race.first.inside = false;
    let text = plain(&race);
    for line in [
        "Iteration at 0x00c000012180 by goroutine 1:",
        "Previous write at 0x00c000012180 by goroutine unknown:",
        "  [failed to restore the stack]",
        "Goroutine 1 (running, thread 4712, held inside its window) is the main goroutine",
        "Goroutine unknown (running, thread unknown, has left its window) created where is not known",
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
}

#[test]
fn the_flag_byte_tells_what_happened() {
    let sentence = |second: Step, before: u8, after: u8| {
        let mut race = race();
        race.second.step = second;
        race.second.flag = FlagByte { before: Some(before), after: Some(after), writing_bit: 4 };
        plain(&race).lines().nth(3).unwrap().to_owned()
    };
    let start = "writing 0→1 by goroutine 18, 8.2 ms ago; goroutine 19";
    for (step, before, after, end) in [
        (Step::Dies, 4, 4, "found it set and is about to end the process"),
        (Step::Kept, 4, 4, "found it set and is kept from ending the process"),
        (Step::Sets, 4, 4, "set it again, having found it clear"),
        (Step::Sets, 4, 0, "toggled it, and so cleared it"),
        (Step::Clears, 4, 0, "clears: writing 1→0"),
    ] {
        assert_eq!(sentence(step, before, after), format!("{start} {end}"));
    }
    let mut reader_first = race();
    std::mem::swap(&mut reader_first.first, &mut reader_first.second);
    reader_first.first.flag = FlagByte { before: Some(0), after: Some(0), writing_bit: 4 };
    reader_first.second.time_ns = reader_first.first.time_ns + 850;
    assert_eq!(
        plain(&reader_first).lines().nth(3).unwrap(),
        "goroutine 19 found it clear, 850 ns ago; goroutine 18 sets: writing 0→1"
    );
}

#[test]
fn the_json_of_a_race_has_its_schema() {
    let value = json(&race());
    assert_eq!(value["schema"], "redhanded.race/1");
    assert_eq!(value["first"]["goroutine"], 18);
    assert_eq!(value["second"]["goroutine"], 19);
    assert_eq!(value["second"]["kind"], "write");
    assert_eq!(value["second"]["g"], "0xc000007180");
    assert_eq!(value["second"]["stack"][1]["inlined"], true);
    assert_eq!(value["first"]["held"], false);
}
