//! `print` and `get`: entries in every form, chosen and sorted.

use std::collections::BTreeMap;

use serde_json::json;

use crate::target::Target;

#[test]
fn every_entry_is_printed_once_in_both_kinds_of_map() {
    for target in [Target::start(&["1000"]), Target::start_classic(&["1000"])] {
        let said = target.redhanded(&["print", "main.shared", "--json"]);
        let lines = said.json();
        let (last, entries) = lines.split_last().unwrap();
        let entries: BTreeMap<i64, i64> =
            entries.iter().map(|line| (line["key"].as_i64().unwrap(), line["elem"].as_i64().unwrap())).collect();
        assert_eq!(entries, (0..1000).map(|i| (i, i * i)).collect());
        assert_eq!(last["schema"], "redhanded.print/1");
        assert_eq!((&last["len"], &last["entries"]), (&json!(1000), &json!(1000)));
        assert_eq!((&last["findings"], &last["written_meanwhile"]), (&json!([]), &json!(false)));
        assert_eq!(last["map"]["type"], "map[int]int");
        said.clean();
    }
}

#[test]
fn text_has_a_head_line_and_a_line_for_each_entry() {
    let target = Target::start(&["3"]);
    let text = target.redhanded(&["print", "main.users", "--sort", "key", "--limit", "2"]).clean();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("main.users: map[string]main.User at 0x"), "{text}");
    let alice = r#"  "alice": {Name: "alice", Age: 20, Joined: 2026-01-01 00:00:00 UTC, Tags: ["go", "alice"], Role: &{Name: "admin"}}"#;
    assert_eq!(lines[1], alice);
    assert!(lines[2].starts_with(r#"  "bob": "#));
    assert_eq!(lines[3], "2 of 4 entries shown (there may be more: --limit); 2 entries sorted in memory");
}

#[test]
fn csv_has_a_column_for_each_field_and_quotes_what_needs_it() {
    let target = Target::start(&["3"]);
    let csv = target.redhanded(&["print", "main.points", "--csv", "--sort", "key"]).clean();
    assert_eq!(csv, "key.X,key.Y,elem\r\n1,2,a\r\n3,-4,\"b,\"\"c\"\"\nd\"\r\n");
    let csv = target.redhanded(&["print", "main.users", "--csv", "--key", "bob"]).clean();
    let expected = "key,elem.Name,elem.Age,elem.Joined,elem.Tags,elem.Role\r\n\
        bob,bob,30,2026-01-02T00:00:00Z,\"[\"\"go\"\",\"\"bob\"\"]\",\r\n";
    assert_eq!(csv, expected);
}

#[test]
fn conditions_choose_entries_and_all_must_hold() {
    let target = Target::start(&["3"]);
    for (conditions, expected) in [
        (&["elem.Age > 30"][..], "carol dave"),
        (&["elem.Age >= 30", "elem.Age != 40"], "bob dave"),
        (&["elem.Age<=20"], "alice"),
        (&["key ~ /^[ab]/"], "alice bob"),
        (&["key ~ aro"], "carol"),
        (&["key == \"bob\""], "bob"),
        (&["elem.Tags[1] == dave"], "dave"),
        (&["elem.Tags[7] == dave"], ""),
        (&["elem.Role.Name == admin"], "alice carol"),
        (&["elem.Role == nil"], "bob dave"),
        (&["elem.Role != nil", "elem.Joined < 2026-01-02"], "alice"),
    ] {
        let mut words = vec!["print", "main.users", "--csv", "--sort", "key"];
        words.extend(conditions.iter().flat_map(|condition| ["--where", *condition]));
        let said = target.redhanded(&words).clean();
        let names: Vec<&str> = said.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(names.join(" "), expected, "{conditions:?}");
    }
}

#[test]
fn sorting_goes_by_key_elem_or_a_field_in_both_directions() {
    let target = Target::start(&["12"]);
    let keys = |words: &[&str]| {
        let said = target.redhanded(&[&["print", "main.shared", "--csv"], words].concat()).clean();
        said.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(&["--sort", "key", "--limit", "3"]), "0 1 2");
    assert_eq!(keys(&["--sort", "elem", "--desc", "--limit", "3"]), "11 10 9");
    assert_eq!(keys(&["--sort", "key"]), "0 1 2 3 4 5 6 7 8 9 10 11");
    assert_eq!(keys(&["--limit", "0"]), "");
}

#[test]
fn a_count_is_one_number() {
    let target = Target::start(&["12"]);
    assert_eq!(target.redhanded(&["print", "main.shared", "--count"]).clean(), "12\n");
    assert_eq!(target.redhanded(&["print", "main.shared", "--count", "--where", "elem > 50"]).clean(), "4\n");
    let said = target.redhanded(&["print", "main.shared", "--count", "--json", "--where", "elem > 50"]);
    assert_eq!(said.json()[0]["entries"], 4);
}

#[test]
fn limits_cut_what_is_inside_values() {
    let target = Target::start(&["3"]);
    let words = ["print", "main.users", "--key", "alice", "--max-string", "2", "--max-items", "1"];
    let said = target.redhanded(&words).clean();
    assert!(said.contains(r#"Name: "al"...+3 more"#), "{said}");
    assert!(said.contains(r#"Tags: ["go", ...+1 more]"#), "{said}");
}

#[test]
fn what_is_no_map_is_printed_as_a_value() {
    let target = Target::start(&["3"]);
    assert_eq!(target.redhanded(&["print", "main.count"]).clean(), "42\n");
    let value = &target.redhanded(&["print", "main.users[\"bob\"].Age", "--json"]).json()[0];
    assert_eq!((&value["schema"], &value["value"]), (&json!("redhanded.value/1"), &json!(30)));
    let error = target.redhanded(&["print", "main.count", "--where", "key == 1"]).error();
    assert_eq!(
        error,
        "main.count is not a map, and --key, --where and --sort choose among a map's entries: leave them out"
    );
}

#[test]
fn a_sync_map_is_printed_as_a_map() {
    for target in [Target::start(&["3"]), Target::start_classic(&["3"])] {
        let said = target.redhanded(&["print", "main.once"]).clean();
        assert!(said.ends_with("\n  string(\"key\"): int(1)\n"), "{said}");
        assert_eq!(target.redhanded(&["print", "main.once", "--count"]).clean(), "1\n");
    }
}

#[test]
fn nil_and_empty_maps_have_no_entries() {
    let target = Target::start(&["0"]);
    assert!(target.redhanded(&["print", "main.none"]).clean().starts_with("main.none: map[string]int, nil (Go "));
    assert!(target.redhanded(&["print", "main.empty"]).clean().contains(", 0 entries ("));
    assert_eq!(target.redhanded(&["print", "main.none", "--csv"]).clean(), "key,elem\r\n");
    assert_eq!(target.redhanded(&["get", "main.none", "a"]).status, 1);
}

#[test]
fn one_key_is_found_by_its_hash() {
    for target in [Target::start(&["5000"]), Target::start_classic(&["5000"])] {
        let said = target.redhanded(&["get", "main.shared", "77"]).clean();
        assert_eq!(said, "main.shared[77] = 5929\n");
        let found = &target.redhanded(&["get", "main.shared", "77", "--json"]).json()[0];
        assert_eq!((&found["found"], &found["elem"], &found["by_hash"]), (&json!(true), &json!(5929), &json!(true)));
        assert!(found["bytes_read"].as_u64().unwrap() < 65536, "{found}");
        let said = target.redhanded(&["get", "main.points", "{X: 3, Y: -4}"]).clean();
        assert_eq!(said, "main.points[{X: 3, Y: -4}] = \"b,\\\"c\\\"\\nd\"\n");
        let said = target.redhanded(&["get", "main.anything", "int(1)"]).clean();
        assert_eq!(said, "main.anything[int(1)] = string(\"one\")\n");
    }
}

#[test]
fn a_key_that_is_not_there_is_status_1() {
    let target = Target::start(&["5000"]);
    let said = target.redhanded(&["get", "main.shared", "-1"]);
    assert_eq!((said.status, said.out.as_str()), (1, "main.shared[-1]: no such key among 5000 entries\n"));
    let said = target.redhanded(&["get", "main.shared", "-1", "--json"]);
    assert_eq!((said.status, &said.json()[0]["found"], &said.json()[0]["elem"]), (1, &json!(false), &json!(null)));
}

#[test]
fn a_map_that_is_hammered_is_marked_as_written_meanwhile() {
    let target = Target::start(&["3", "hammer"]);
    // Each read may by chance fall between two writes.
    let marked = (0..50).any(|_| {
        let said = target.redhanded(&["print", "main.hammered", "--json"]);
        let last = said.json().pop().unwrap();
        let is_marked = last["written_meanwhile"] == json!(true);
        assert!(said.status == 1 || !is_marked, "{last}");
        is_marked
    });
    assert!(marked);
}

#[test]
fn a_process_that_is_stopped_for_the_read_is_read_exactly() {
    let target = Target::start(&["3", "hammer"]);
    for _ in 0..10 {
        let said = target.redhanded(&["print", "main.hammered", "--json", "--stop"]);
        let lines = said.json();
        let (last, entries) = lines.split_last().unwrap();
        assert_eq!(last["written_meanwhile"], json!(false), "{last}");
        assert_eq!(last["entries"], entries.len());
    }
}
