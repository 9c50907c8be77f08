//! Entries, look-ups, checks, lists of maps, locals, and the doctor's findings.

use std::rc::Rc;

use gotarget::Value;
use gotarget::value::Text;
use report::value::Rendered;
use report::{
    CheckReport, CheckedMap, Columns, DoctorReport, EntryFormat, Examined, FindingLine, LocalLine, LocalsReport,
    LookupReport, MapLine, MapList, Palette, PrintSummary, ValueReport,
};
use serde_json::json;

use crate::{frame, json, plain, subject};

fn string(text: &str) -> Value {
    Value::String(Text { bytes: text.as_bytes().to_vec(), len: text.len() as u64 })
}

fn user(name: &str, age: i64) -> Value {
    Value::Struct(vec![(Rc::from("Name"), string(name)), (Rc::from("Age"), Value::Int(age))])
}

fn finding(address: u64) -> FindingLine {
    FindingLine {
        verdict: "damaged",
        field: "count",
        value: 3,
        address,
        why: "the buckets hold 2".into(),
        text: "count = 3: the buckets hold 2".into(),
    }
}

fn written(format: &EntryFormat, entries: &[(Value, Value)]) -> String {
    let mut out = Vec::new();
    format.head(&subject(), Some(2), &Palette::new(false), &mut out);
    for (key, elem) in entries {
        format.entry(key, elem, &mut out);
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn entries_are_lines_of_text_or_json() {
    let entries = [(string("a"), user("x", 3)), (string("b"), Value::Nil)];
    let text = "main.shared: map[int]int at 0xc000012180, 2 entries (Go 1.23.4)\n  \"a\": {Name: \"x\", Age: 3}\n  \"b\": nil\n";
    assert_eq!(written(&EntryFormat::Text, &entries), text);
    let lines = "{\"key\":\"a\",\"elem\":{\"Name\":\"x\",\"Age\":3}}\n{\"key\":\"b\",\"elem\":null}\n";
    assert_eq!(written(&EntryFormat::Json, &entries), lines);
}

#[test]
fn csv_rows_have_as_many_cells_as_there_are_columns() {
    let format = EntryFormat::Csv(Columns::of(&string(""), &user("", 0)));
    let unreadable = Value::Unreadable { addr: 16, why: Rc::from("not, mapped") };
    let entries = [
        (string("plain"), user("x", 3)),
        (string("with \"quotes\", a comma\nand a line"), user("", -1)),
        (string("lost"), unreadable),
        (string("nil"), Value::Nil),
    ];
    let expected = "key,elem.Name,elem.Age\r\n\
        plain,x,3\r\n\
        \"with \"\"quotes\"\", a comma\nand a line\",,-1\r\n\
        lost,\"{\"\"$unreadable\"\":\"\"0x10\"\",\"\"why\"\":\"\"not, mapped\"\"}\",\r\n\
        nil,,\r\n";
    assert_eq!(written(&format, &entries), expected);
    let simple = EntryFormat::Csv(Columns::of(&Value::Nil, &Value::Nil));
    let any = Value::Interface { ty: Rc::from("int"), error: None, value: Box::new(Value::Int(7)) };
    let bytes = Value::String(Text { bytes: vec![0xff], len: 1 });
    assert_eq!(written(&simple, &[(any, bytes)]), "key,elem\r\n7,\"{\"\"$bytes\"\":\"\"ff\"\"}\"\r\n");
}

#[test]
fn nothing_is_said_of_a_map_that_is_printed_wholly_and_well() {
    let summary = PrintSummary { len: 2, entries: 2, ..PrintSummary::new(subject()) };
    assert_eq!(plain(&summary), "");
    assert!(!summary.is_alarming());
    assert_eq!(json(&summary)["written_meanwhile"], false);
}

#[test]
fn what_makes_an_answer_inexact_is_said_after_it() {
    let summary = PrintSummary {
        len: 9,
        entries: 2,
        findings: vec![finding(0xc0_0001_2180), finding(0x10), finding(0x18), finding(0x20)],
        more_findings: 6,
        written_meanwhile: true,
        untested: 1,
        limited: true,
        sorted: Some(2),
        ..PrintSummary::new(subject())
    };
    let expected = "\
2 of 9 entries shown (there may be more: --limit); 2 entries sorted in memory
DAMAGED: count = 3: the buckets hold 2
DAMAGED: count = 3: the buckets hold 2 (at 0x10)
DAMAGED: count = 3: the buckets hold 2 (at 0x18)
… and 7 more findings
WRITTEN MEANWHILE: the program changed the map while it was read, so this may be inexact; --stop stops it for the read
UNREADABLE: 1 entry left out, whose condition leads to memory that is not there
";
    assert_eq!(plain(&summary), expected);
    assert!(summary.is_alarming());
}

fn lookup() -> LookupReport {
    LookupReport {
        map: subject(),
        len: 12,
        key: Rendered::new(&Value::Int(3)),
        found: true,
        elem: Some(Rendered::new(&user("x", 3))),
        by_hash: true,
        why_scanned: None,
        bytes_read: 152,
        findings: Vec::new(),
        written_meanwhile: false,
    }
}

#[test]
fn a_lookup_shows_the_entry_or_that_there_is_none() {
    assert_eq!(plain(&lookup()), "main.shared[3] = {Name: \"x\", Age: 3}\n");
    let value = json(&lookup());
    assert_eq!((&value["key"], &value["elem"]), (&json!(3), &json!({"Name": "x", "Age": 3})));
    let none = LookupReport {
        key: Rendered::written("alice"),
        found: false,
        elem: None,
        by_hash: false,
        why_scanned: Some("its hash function is unknown".into()),
        ..lookup()
    };
    let expected = "\
main.shared[alice]: no such key among 12 entries
all entries were searched: its hash function is unknown
";
    assert_eq!(plain(&none), expected);
    let value = json(&none);
    assert_eq!((&value["key"], &value["elem"], &value["found"]), (&json!("alice"), &json!(null), &json!(false)));
}

fn checked() -> CheckedMap {
    CheckedMap {
        map: subject(),
        len: 2,
        entries: 2,
        findings: Vec::new(),
        more_findings: 0,
        written_meanwhile: false,
        why_not_hashed: None,
        error: None,
    }
}

#[test]
fn one_map_that_is_checked_has_its_line_and_of_many_only_those_with_something_to_say() {
    let one = |map| CheckReport { maps: vec![map], interrupted: false };
    assert_eq!(plain(&one(checked())), "main.shared: map[int]int at 0xc000012180: 2 entries, sound\n");
    let damaged = CheckedMap { len: 3, findings: vec![finding(0x10)], ..checked() };
    let expected = "\
main.shared: map[int]int at 0xc000012180: 2 entries, header says 3
  DAMAGED: count = 3: the buckets hold 2 (at 0x10)
";
    assert_eq!(plain(&one(damaged.clone())), expected);
    let written = CheckedMap { written_meanwhile: true, ..checked() };
    assert!(plain(&one(written)).starts_with("main.shared: map[int]int at 0xc000012180: cannot be judged\n"));
    let failed = CheckedMap { error: Some("not mapped".into()), ..checked() };
    let many = CheckReport { maps: vec![checked(), damaged, failed], interrupted: false };
    let text = plain(&many);
    assert!(text.ends_with("\n2 maps with 6 entries checked, 1 with findings, 1 not checked\n"), "{text}");
    assert_eq!(text.lines().count(), 4);
    assert_eq!(json(&many)["maps"][1]["findings"][0]["address"], "0x10");
}

#[test]
fn maps_are_a_table_and_a_line_of_json_each() {
    let line = |name: &str, address, len| MapLine {
        name: name.into(),
        type_name: "map[int]int".into(),
        address,
        len,
        shape: "8 buckets".into(),
        writing: false,
        findings: 0,
        first_finding: None,
        error: None,
    };
    let writing = MapLine { writing: true, ..line("main.a", 0xc0_0000, 12) };
    let damaged = MapLine { findings: 2, first_finding: Some(finding(0x10)), ..line("main.b", 0xd0_0000, 1) };
    let lost = MapLine { error: Some("not mapped".into()), ..line("main.c", 0, 0) };
    let list = MapList::new(vec![writing, damaged, lost, line("main.nil", 0, 0)]);
    let expected = "\
main.a    map[int]int  0xc00000  12 entries  8 buckets  being written
main.b    map[int]int  0xd00000  1 entry     8 buckets  damaged: count = 3: the buckets hold 2 (and 1 more)
main.c    map[int]int                                   not readable: not mapped
main.nil  map[int]int  nil
";
    assert_eq!(plain(&list), expected);
    let lines: Vec<serde_json::Value> =
        list.json_lines().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["writing"], &lines[1]["findings"]), (5, &json!(true), &json!(2)));
    assert_eq!(
        lines[4],
        json!({"schema": "redhanded.maps/1", "maps": 4, "nil": 1, "entries": 13, "writing": 1, "with_findings": 1})
    );
}

#[test]
fn locals_have_types_and_values_or_a_reason() {
    let report = LocalsReport {
        frame: Some(frame("main.f", 23)),
        locals: vec![
            LocalLine {
                name: "n".into(),
                type_name: Some("int".into()),
                value: Some(Rendered::new(&Value::Int(3))),
                error: None,
            },
            LocalLine { name: "gone".into(), type_name: None, value: None, error: Some("optimized out".into()) },
        ],
    };
    assert_eq!(plain(&report), "main.f main.go:23\n  n: int = 3\n  gone = <optimized out>\n");
    assert_eq!(json(&report)["locals"][0], json!({"name": "n", "type": "int", "value": 3}));
    let none = LocalsReport { frame: None, locals: Vec::new() };
    assert_eq!(plain(&none), "  no variables here\n");
}

#[test]
fn a_value_is_printed_alone() {
    let value = Rendered::new(&Value::Int(42));
    let report = ValueReport { expression: "main.count".into(), type_name: "int".into(), value };
    assert_eq!(plain(&report), "42\n");
    assert_eq!(json(&report)["type"], "int");
}

#[test]
fn the_doctor_says_what_to_do() {
    let examined = |ok, remedy: Option<&str>| Examined {
        name: "read a process",
        needed_by: "print",
        ok,
        finding: "found".into(),
        remedy: remedy.map(str::to_owned),
    };
    let report =
        DoctorReport::new(vec![examined(Some(true), None), examined(Some(false), Some("do it")), examined(None, None)]);
    let expected = "\
yes  read a process (print): found
NO   read a process (print): found
     → do it
note read a process (print): found
";
    assert_eq!(plain(&report), expected);
    assert!(!report.ok && DoctorReport::new(vec![examined(None, None)]).ok);
}
