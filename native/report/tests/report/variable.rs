use report::timeline::{Access, Overlap, Page, Timeline, Watched};
use report::{LostUpdateReport, MovedLine, VarAction, VarBy, VarCulprit, VarLine, VarRaceReport, VarValue};

use crate::trace::{summary, watched};
use crate::{frame, json, plain, subject};

fn value(number: i64) -> Option<VarValue> {
    Some(VarValue { text: number.to_string(), number: Some(number as f64) })
}

fn line(goroutine: u64, time_ns: u64, action: VarAction, seen: i64) -> VarLine {
    VarLine {
        time_ns,
        until_ns: time_ns + 2_000,
        thread: 4700 + goroutine as u32,
        goroutine: Some(goroutine),
        g: 0xc0_0000_6000 + goroutine,
        by: VarBy::Program,
        action,
        atomic: (action != VarAction::Read).then_some(false),
        before: value(seen).filter(|_| action == VarAction::Read),
        after: value(seen).filter(|_| action != VarAction::Update),
        raised: (action == VarAction::Update).then_some(seen),
        via: None,
        caller: Some(frame("main.worker", 23)),
        stack: Vec::new(),
    }
}

fn culprit(goroutine: u64, time_ns: u64, action: VarAction, seen: i64) -> VarCulprit {
    let access = VarLine { stack: vec![frame("main.worker", 23)], ..line(goroutine, time_ns, action, seen) };
    VarCulprit { access, created_by: Some(frame("main.main", 40)) }
}

#[test]
fn an_access_is_one_line_with_what_is_known_of_its_values() {
    let words = |line: &VarLine| plain(line).split_whitespace().skip(5).collect::<Vec<_>>().join(" ");
    assert_eq!(words(&line(18, 1_234_000, VarAction::Read, 41)), "reads 41 main.worker main.go:23");
    assert_eq!(words(&line(18, 1_234_000, VarAction::Write, 42)), "writes 42 main.worker main.go:23");
    assert_eq!(words(&line(18, 1_234_000, VarAction::Update, 1)), "updates +1 main.worker main.go:23");
    let atomic = VarLine { atomic: Some(true), before: value(41), raised: None, ..line(18, 0, VarAction::Update, 0) };
    assert_eq!(words(&atomic), "updates atomically 41→ main.worker main.go:23");
    let via = Some("runtime.memmove".to_owned());
    let grows = VarLine { by: VarBy::Growth, via, ..line(18, 0, VarAction::Read, 41) };
    assert_eq!(words(&grows), "reads 41 main.worker main.go:23 by runtime.memmove (the map grows)");
    assert!(plain(&line(18, 1_234_000, VarAction::Read, 41)).starts_with("   0.001234s  thread 4718  goroutine 18"));
}

#[test]
fn an_access_tells_a_program_what_is_not_known() {
    let read = json(&line(18, 5, VarAction::Read, 41));
    assert_eq!((&read["schema"], &read["atomic"]), (&"redhanded.variable_access/1".into(), &serde_json::Value::Null));
    assert_eq!((&read["before"], &read["by"]), (&"41".into(), &"program".into()));
    let update = json(&line(18, 5, VarAction::Update, 1));
    assert_eq!((&update["atomic"], &update["raised"]), (&false.into(), &1.into()));
    assert!(update["after"].is_null() && update.get("stack").is_none());
}

#[test]
fn a_race_at_the_same_time_says_so() {
    let report = VarRaceReport {
        variable: subject(),
        first: culprit(18, 1_000_000, VarAction::Update, 1),
        second: culprit(19, 1_001_000, VarAction::Update, 1),
        resumed: None,
    };
    let text = plain(&report);
    assert!(text.contains("WARNING: DATA RACE\n"), "{text}");
    let sentence =
        "goroutine 18 added 1; before its thread had gone on from there, goroutine 19 added 1: nothing keeps";
    assert!(text.contains(sentence), "{text}");
    let (second, first) = (text.find("\nWrite at").unwrap(), text.find("\nPrevious write at").unwrap());
    assert!(second < first && text.matches("created at:").count() == 2, "{text}");
    assert_eq!(json(&report)["schema"], "redhanded.variable_race/1");
}

#[test]
fn a_race_in_a_stretch_shows_all_three_accesses() {
    let report = VarRaceReport {
        variable: subject(),
        first: culprit(18, 1_000_000, VarAction::Read, 41),
        second: culprit(19, 1_003_000, VarAction::Write, 42),
        resumed: Some(culprit(18, 1_005_000, VarAction::Write, 42)),
    };
    let text = plain(&report);
    let sentence = "goroutine 18 read 41; goroutine 19 wrote 42, 3.0 µs later; 2.0 µs after that goroutine 18 wrote 42";
    assert!(text.contains(sentence), "{text}");
    let places = ["\nWrite at", "\nPrevious write at", "\nBefore that, read at"].map(|what| text.find(what).unwrap());
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn a_lost_update_is_not_called_a_race() {
    let report = LostUpdateReport {
        variable: subject(),
        read: culprit(18, 1_000_000, VarAction::Read, 41),
        lost: culprit(19, 1_003_000, VarAction::Write, 42),
        overwritten: culprit(18, 1_005_000, VarAction::Write, 42),
        updates: 1,
    };
    let text = plain(&report);
    assert!(text.contains("WARNING: LOST UPDATE\n") && !text.contains("RACE"), "{text}");
    assert!(text.contains("computed from 41: the update by goroutine 19 is lost\n"), "{text}");
    assert!(text.contains("Each access may well be locked"), "{text}");
    let places = ["\nWrite at", "\nOverwritten write at", "\nOutdated read at"].map(|what| text.find(what).unwrap());
    assert!(places.is_sorted(), "{text}");
    let several = plain(&LostUpdateReport { updates: 3, ..report.clone() });
    assert!(several.contains("3 updates are lost, the last by goroutine 19"), "{several}");
    assert_eq!(json(&report)["schema"], "redhanded.lost_update/1");
}

/// The page of some accesses, and of what they prove.
fn page<'a>(lines: &'a [VarLine], proven: impl Into<Overlap<'a>>) -> String {
    let mut bytes = Vec::new();
    let mut page = Page::new(&mut bytes, Watched { quantity: "value", header: None, ..watched() });
    lines.iter().for_each(|line| page.access(&Access::from(line)).unwrap());
    page.overlap(&proven.into()).unwrap();
    page.finish(&summary()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_page_says_how_the_two_meet_and_no_value_that_is_not_known() {
    let updates = [line(18, 1_000_000, VarAction::Update, 1), line(19, 1_001_000, VarAction::Update, 1)];
    let mut race = VarRaceReport {
        variable: subject(),
        first: culprit(18, 1_000_000, VarAction::Update, 1),
        second: culprit(19, 1_001_000, VarAction::Update, 1),
        resumed: None,
    };
    let text = page(&updates, &race);
    assert!(text.contains("write · before 1 had gone on") && text.contains("not known"), "{text}");
    assert!(!text.contains("1 was inside") && !text.contains("both were inside"), "there are no windows: {text}");
    assert!(!text.contains("0 – 0"), "{text}");
    race.resumed = Some(culprit(18, 1_005_000, VarAction::Write, 42));
    let text = page(&updates, &race);
    assert!(text.contains("write · between two steps of 1"), "{text}");
}

#[test]
fn a_page_of_a_lost_update_shows_it_from_the_outdated_read_on() {
    let times = [50_000_000, 50_300_000, 50_320_000];
    let lines = [
        line(18, times[0], VarAction::Read, 41),
        line(19, times[1], VarAction::Write, 42),
        line(18, times[2], VarAction::Write, 42),
    ];
    let lost = LostUpdateReport {
        variable: subject(),
        read: culprit(18, times[0], VarAction::Read, 41),
        lost: culprit(19, times[1], VarAction::Write, 42),
        overwritten: culprit(18, times[2], VarAction::Write, 42),
        updates: 1,
    };
    let text = page(&lines, &lost);
    assert!(text.contains("write · over it, from an outdated read") && text.contains("41 – 42"), "{text}");
    // From a quarter before it to a quarter behind it.
    let shown = |name: &str| text.split(&format!("data-{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
    assert_eq!((shown("from"), shown("to")), ("49920000", "50400000"));
}

#[test]
fn where_a_variable_goes_is_said() {
    let (expression, why) = ("main.m[\"k\"]".to_owned(), None);
    let moved = MovedLine { time_ns: 1_000_000, expression, from: 0xc000, to: Some(0xd000), why };
    assert!(plain(&moved).contains("main.m[\"k\"] is now at 0xd000, and watched there"));
    assert_eq!((&json(&moved)["from"], &json(&moved)["to"]), (&"0xc000".into(), &"0xd000".into()));
    let gone = MovedLine { to: None, why: Some("it has no such key".to_owned()), ..moved };
    assert!(plain(&gone).contains("is no longer at 0xc000, and not watched: it has no such key"));
    assert!(json(&gone)["to"].is_null());
}
