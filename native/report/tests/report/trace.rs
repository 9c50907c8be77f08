//! The trace file, by the rules of the Trace Event Format and of Perfetto's importer.

use report::timeline::{Access, Overlap, Timeline, Trace, Watched};
use report::{AccessKind, AccessLine, FlagByte, Outcome, Step, WatchSummary};
use serde_json::{Value, json};

use crate::{frame, race, subject};

pub(crate) fn watched() -> Watched {
    Watched {
        subject: subject(),
        quantity: "flag byte",
        header: None,
        program: "/src/clobber/clobber".into(),
        pid: 4710,
        began: "2026-11-23 17:53:26 UTC".into(),
        command: "redhanded watch -p 4710 main.shared".into(),
    }
}

pub(crate) fn summary() -> WatchSummary {
    WatchSummary {
        outcome: Outcome::Overlap,
        accesses: 5,
        traps: 5,
        overlaps: 1,
        rescued: 0,
        seconds: 0.021,
        held_seconds: 0.0,
        lost: 12,
        unshown: 0,
        notes: vec!["12 accesses were lost".into()],
    }
}

pub(crate) fn access(goroutine: u64, time_ns: u64, step: Step, before: u8, after: u8) -> AccessLine {
    let function = if goroutine == 18 { "main.writerA" } else { "main.writerB" };
    AccessLine {
        time_ns,
        thread: Some(4693 + goroutine as u32),
        goroutine: Some(goroutine),
        g: if goroutine == 18 { 0xc0_0000_6a80 } else { 0xc0_0000_7180 },
        kind: AccessKind::Write,
        step,
        flag: FlagByte { before: Some(before), after: Some(after), writing_bit: 4 },
        runtime_function: Some("runtime.mapassign_fast64".into()),
        caller: Some(frame(function, 23)),
        entered_ns: None,
        left: false,
        stack: vec![frame("runtime.mapassign_fast64", 100), frame(function, 23), frame("main.main", 40)],
    }
}

/// The trace of these accesses and, where asked for, of a race.
fn trace(lines: &[AccessLine], with_race: bool) -> Value {
    let mut bytes = Vec::new();
    let mut trace = Trace::new(&mut bytes, watched()).unwrap();
    for line in lines {
        trace.access(&Access::from(line)).unwrap();
    }
    if with_race {
        trace.overlap(&Overlap::from(&race::race())).unwrap();
    }
    trace.finish(&summary()).unwrap();
    let value = serde_json::from_slice(&bytes).unwrap();
    check(&value);
    value
}

/// What the format demands of every event.
fn check(trace: &Value) {
    for event in trace["traceEvents"].as_array().unwrap() {
        assert!(event["pid"] == 4710 && event["tid"].is_u64() && event["ts"].is_number(), "{event}");
        assert!(!event["name"].as_str().unwrap().is_empty() && event["args"].is_object(), "{event}");
        match event["ph"].as_str().unwrap() {
            "X" => assert!(event["dur"].as_f64().unwrap() >= 0.0, "{event}"),
            "i" => assert!(event["s"] == "t" || event["s"] == "p", "{event}"),
            "C" => assert!(event["args"].as_object().unwrap().values().all(Value::is_number), "{event}"),
            "M" => assert!(event["args"]["name"].is_string(), "{event}"),
            other => panic!("{other}"),
        }
    }
}

fn events<'a>(trace: &'a Value, ph: &str) -> Vec<&'a Value> {
    trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == ph).collect()
}

#[test]
fn every_goroutine_has_a_track_with_a_slice_for_each_window() {
    let entered = Some(12_000_123);
    let lines = [
        AccessLine { entered_ns: entered, ..access(18, 12_000_123, Step::Checks, 0, 0) },
        AccessLine { entered_ns: entered, ..access(18, 12_100_456, Step::Sets, 0, 4) },
        AccessLine { entered_ns: entered, ..access(18, 12_200_001, Step::Checks, 4, 4) },
        AccessLine { entered_ns: entered, left: true, ..access(18, 12_300_789, Step::Clears, 4, 0) },
    ];
    let trace = trace(&lines, false);
    assert_eq!(trace["displayTimeUnit"], "ns");
    let names: Vec<_> = events(&trace, "M").iter().map(|event| event["args"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["clobber: main.shared (map[int]int) at 0xc000012180", "goroutine 18 (main.writerA)"]);
    let slices = events(&trace, "X");
    let [slice] = slices[..] else { panic!("{slices:?}") };
    assert_eq!((&slice["name"], &slice["cat"], &slice["tid"]), (&json!("write"), &json!("window"), &json!(18)));
    assert_eq!((&slice["ts"], &slice["dur"]), (&json!(12_000.123), &json!(300.666)));
    assert_eq!(slice["args"]["stack"][1], "main.writerA /src/clobber/main.go:23");
    let steps: Vec<_> = events(&trace, "i").iter().map(|event| event["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["checks writing 0", "sets writing 0→1", "checks writing 1", "clears writing 1→0"]);
}

#[test]
fn the_flag_byte_is_a_counter_that_is_written_when_it_changes() {
    let lines = [
        access(18, 1_000, Step::Checks, 0, 0),
        access(18, 2_000, Step::Sets, 0, 4),
        access(19, 3_000, Step::Checks, 4, 4),
        access(19, 4_000, Step::Sets, 5, 5),
    ];
    let trace = trace(&lines, false);
    let counter = events(&trace, "C");
    let values: Vec<_> = counter.iter().map(|event| (&event["ts"], &event["args"]["flag byte"])).collect();
    assert_eq!(values, [(&json!(1.0), &json!(0.0)), (&json!(2.0), &json!(4.0)), (&json!(4.0), &json!(5.0))]);
    assert!(counter.iter().all(|event| event["name"] == "main.shared"));
}

#[test]
fn an_overlap_is_marked_on_both_tracks_and_joined_by_an_arrow() {
    let trace = trace(&[access(18, 12_100_000, Step::Sets, 0, 4), access(19, 20_300_000, Step::Checks, 4, 4)], true);
    let ends = events(&trace, "X");
    let [first, second] = ends[..] else { panic!("{ends:?}") };
    assert_eq!((&first["tid"], &first["ts"], &first["flow_out"]), (&json!(18), &json!(12_100.0), &json!(true)));
    assert_eq!((&second["tid"], &second["ts"], &second["flow_in"]), (&json!(19), &json!(20_300.0), &json!(true)));
    assert_eq!(first["bind_id"], second["bind_id"]);
    assert_eq!(second["args"]["deed"], "found it set");
    assert_eq!(second["args"]["stack"][1], "main.store /src/clobber/main.go:29");
    let mark = events(&trace, "i").into_iter().find(|event| event["s"] == "p").unwrap();
    assert_eq!(mark["name"], "overlap 1, data race: goroutine 18 (main.writerA) and goroutine 19 (main.writerB)");
}

#[test]
fn who_is_inside_at_the_end_has_a_slice_until_then() {
    let lines = [
        AccessLine { entered_ns: Some(1_000), ..access(18, 1_000, Step::Checks, 0, 0) },
        AccessLine { entered_ns: Some(1_000), ..access(18, 2_500, Step::Sets, 0, 4) },
        AccessLine { entered_ns: Some(7_000), ..access(19, 7_000, Step::Checks, 4, 4) },
        access(19, 9_000, Step::Dies, 4, 4),
    ];
    let trace = trace(&lines, false);
    let mut slices: Vec<_> = events(&trace, "X").iter().map(|it| (it["ts"].as_f64(), it["dur"].as_f64())).collect();
    slices.sort_by(|one, other| one.partial_cmp(other).unwrap());
    assert_eq!(slices, [(Some(1.0), Some(8.0)), (Some(7.0), Some(2.0))]);
    assert!(events(&trace, "X").iter().all(|slice| slice["args"]["still_inside"] == true));
}

#[test]
fn a_reader_is_an_instant_with_its_stack() {
    let line = AccessLine { kind: AccessKind::Read, entered_ns: Some(5), ..access(18, 5, Step::Checks, 0, 0) };
    let trace = trace(&[line], false);
    assert!(events(&trace, "X").is_empty());
    let instant = events(&trace, "i")[0];
    assert_eq!((&instant["args"]["kind"], &instant["ts"]), (&json!("read"), &json!(0.005)));
    assert_eq!(instant["args"]["stack"].as_array().unwrap().len(), 3);
}

#[test]
fn a_g_that_is_used_again_is_another_track() {
    let again = AccessLine { g: access(18, 0, Step::Checks, 0, 0).g, ..access(23, 2_000, Step::Checks, 0, 0) };
    let trace = trace(&[access(18, 1_000, Step::Checks, 0, 0), again], false);
    let tids: Vec<_> = events(&trace, "i").iter().map(|event| event["tid"].as_u64().unwrap()).collect();
    assert_eq!(tids, [18, 23]);
}

#[test]
fn a_number_that_is_learned_later_renames_the_track() {
    let unknown = AccessLine { goroutine: None, ..access(18, 1_000, Step::Checks, 0, 0) };
    let again = AccessLine { time_ns: 3_000, ..unknown.clone() };
    let trace = trace(&[unknown, access(18, 2_000, Step::Sets, 0, 4), again], false);
    let names: Vec<_> =
        events(&trace, "M").iter().skip(1).map(|event| event["args"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["goroutine unknown (main.writerA)", "goroutine 18 (main.writerA)"]);
    let tids: Vec<_> = events(&trace, "i").iter().map(|event| &event["tid"]).collect();
    assert!(tids.iter().all(|tid| *tid == tids[0]), "{tids:?}");
}

#[test]
fn hostile_names_stay_text() {
    let mut line = access(18, 1_000, Step::Checks, 0, 0);
    line.caller.as_mut().unwrap().function = Some("main.\"\\\u{1}</script>\u{2028}".into());
    let trace = trace(&[line], false);
    assert_eq!(events(&trace, "M")[1]["args"]["name"], "goroutine 18 (main.\"\\\u{1}</script>\u{2028})");
}

#[test]
fn what_was_lost_is_marked_where_it_is_missing() {
    let mut bytes = Vec::new();
    let mut trace = Trace::new(&mut bytes, watched()).unwrap();
    let line = access(18, 1_000, Step::Sets, 0, 4);
    trace.access(&Access::from(&line)).unwrap();
    trace.loss(3).unwrap();
    trace.access(&Access::from(&AccessLine { time_ns: 5_000, ..line })).unwrap();
    trace.finish(&summary()).unwrap();
    let trace: Value = serde_json::from_slice(&bytes).unwrap();
    check(&trace);
    let lost = events(&trace, "i").into_iter().find(|event| event["cat"] == "lost").unwrap();
    assert_eq!((&lost["args"]["lost"], &lost["ts"], &lost["s"]), (&json!(3), &json!(1.0), &json!("p")));
    // The counter says again what it is.
    let counter: Vec<_> = events(&trace, "C").iter().map(|event| event["ts"].as_f64().unwrap()).collect();
    assert_eq!(counter, [1.0, 1.0, 5.0, 5.0]);
}

#[test]
fn the_watch_itself_is_described() {
    let about = &trace(&[], false)["otherData"];
    assert_eq!(about["command"], "redhanded watch -p 4710 main.shared");
    assert_eq!((&about["address"], &about["go"]), (&json!("0xc000012180"), &json!("1.23.4")));
    assert_eq!(about["summary"]["notes"][0], "12 accesses were lost");
}
