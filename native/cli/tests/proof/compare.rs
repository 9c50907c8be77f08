//! Two forms of one value, which must be the same.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value, json};

/// The value in the one form that equal values have: entries of maps in an order, numbers by what they are.
pub(crate) fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => json!(number),
            (_, Some(number), _) => json!(number),
            (.., Some(float)) if float == 0.0 && float.is_sign_negative() => json!("-0"),
            // One writes 1 and the other 1.0.
            (.., Some(float)) if float.fract() == 0.0 && float.abs() < 1e15 => json!(float as i64),
            (.., float) => json!(float),
        },
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(fields) => {
            let canonical = |(name, value): (&String, &Value)| match (name.as_str(), value) {
                ("$map" | "$sync.Map", Value::Array(entries)) => {
                    let mut entries: Vec<Value> = entries.iter().map(canonical).collect();
                    entries.sort_by_cached_key(Value::to_string);
                    (name.clone(), Value::Array(entries))
                }
                _ => (name.clone(), canonical(value)),
            };
            Value::Object(fields.iter().map(canonical).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// How many times each entry is there, by its key and elem.
pub(crate) fn entries<'a>(all: impl IntoIterator<Item = (&'a Value, &'a Value)>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (key, elem) in all {
        *counts.entry(format!("{} => {}", canonical(key), canonical(elem))).or_default() += 1;
    }
    counts
}

/// What only one of two multisets of entries has, a line each; empty if they are the same.
pub(crate) fn differences(expected: &BTreeMap<String, usize>, found: &BTreeMap<String, usize>) -> String {
    const MOST: usize = 10;
    let mut lines = String::new();
    let mut count = 0;
    let mut each = |here: &BTreeMap<String, usize>, there: &BTreeMap<String, usize>, word: &str| {
        for (entry, times) in here {
            let others = there.get(entry).copied().unwrap_or(0);
            if *times > others {
                count += 1;
                if count <= MOST {
                    let shown: String = entry.chars().take(200).collect();
                    let _ = writeln!(lines, "    {word} {} times: {shown}", times - others);
                }
            }
        }
    };
    each(expected, found, "missing");
    each(found, expected, "too much");
    if count > MOST {
        let _ = writeln!(lines, "    and {} more", count - MOST);
    }
    lines
}

#[test]
fn an_entry_too_much_a_missing_one_and_a_double_one_are_told_apart() {
    let of = |all: &[(i32, i32)]| {
        let all: Vec<(Value, Value)> = all.iter().map(|(key, elem)| (json!(key), json!(elem))).collect();
        entries(all.iter().map(|(key, elem)| (key, elem)))
    };
    assert_eq!(differences(&of(&[(1, 2), (3, 4)]), &of(&[(3, 4), (1, 2)])), "");
    let told = differences(&of(&[(1, 2), (3, 4)]), &of(&[(1, 2), (1, 2)]));
    assert_eq!(told, "    missing 1 times: 3 => 4\n    too much 1 times: 1 => 2\n");
}

#[test]
fn numbers_are_the_same_however_they_are_written() {
    let read = |text: &str| canonical(&serde_json::from_str(text).unwrap());
    assert_eq!(read("1"), read("1.0"));
    assert_eq!(read("1e+06"), read("1000000"));
    assert_eq!(read("1e+21"), read("1e21"));
    assert_ne!(read("0"), read("-0"));
    assert_ne!(read("0.1"), read("0.10000000000000002"));
    assert_eq!(read("18446744073709551615"), read("18446744073709551615"));
    assert_eq!(read(r#"{"$map":[{"key":1},{"key":2}]}"#), read(r#"{"$map":[{"key":2},{"key":1}]}"#));
    assert_ne!(read(r#"[1,2]"#), read(r#"[2,1]"#));
}
