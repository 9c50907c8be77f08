use std::rc::Rc;

use gotarget::value::{Chan, Entries, Items, Pointee, Text, Time, Value};

use super::{json, text};

fn both(value: &Value) -> (String, String) {
    let (mut as_text, mut as_json) = (Vec::new(), Vec::new());
    text(value, &mut as_text);
    json(value, &mut as_json);
    serde_json::from_slice::<serde_json::Value>(&as_json).unwrap();
    (String::from_utf8(as_text).unwrap(), String::from_utf8(as_json).unwrap())
}

#[track_caller]
fn shows(value: Value, as_text: &str, as_json: &str) {
    assert_eq!(both(&value), (as_text.to_owned(), as_json.to_owned()));
}

fn whole(bytes: impl AsRef<[u8]>) -> Text {
    Text { bytes: bytes.as_ref().to_vec(), len: bytes.as_ref().len() as u64 }
}

fn string(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(whole(bytes))
}

fn ints(range: std::ops::Range<i64>, len: u64) -> Items {
    Items { items: range.map(Value::Int).collect(), len }
}

#[test]
fn simple_values_are_written_as_in_go() {
    shows(Value::Nil, "nil", "null");
    shows(Value::Bool(true), "true", "true");
    shows(Value::Int(i64::MIN), "-9223372036854775808", "-9223372036854775808");
    shows(Value::Uint(u64::MAX), "18446744073709551615", "18446744073709551615");
    shows(Value::Uintptr(42), "0x2a", "42");
    shows(Value::UnsafePointer(0xc0_0000_0010), "0xc000000010", "\"0xc000000010\"");
}

#[test]
fn a_float_has_the_shortest_digits_that_read_back_the_same() {
    for (value, expected) in [
        (0.1, "0.1"),
        (3.0, "3"),
        (-0.0, "-0"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.0001, "0.0001"),
        (0.000_01, "1e-05"),
        (5e-324, "5e-324"),
    ] {
        shows(Value::Float64(value), expected, expected);
        assert_eq!(expected.parse::<f64>().unwrap().to_bits(), value.to_bits());
    }
    shows(Value::Float32(0.1), "0.1", "0.1");
    shows(Value::Float32(f32::MAX), "3.4028235e+38", "3.4028235e+38");
    shows(Value::Float64(f64::NAN), "NaN", "\"NaN\"");
    shows(Value::Float64(f64::INFINITY), "+Inf", "\"+Inf\"");
    shows(Value::Float32(f32::NEG_INFINITY), "-Inf", "\"-Inf\"");
}

#[test]
fn the_imaginary_part_always_has_a_sign() {
    shows(Value::Complex128(1.0, 2.0), "(1+2i)", r#"{"real":1,"imag":2}"#);
    shows(Value::Complex64(0.5, -2.5), "(0.5-2.5i)", r#"{"real":0.5,"imag":-2.5}"#);
    shows(Value::Complex128(f64::NAN, f64::INFINITY), "(NaN+Infi)", r#"{"real":"NaN","imag":"+Inf"}"#);
}

#[test]
fn strings_are_quoted_as_strconv_does() {
    shows(string("alice"), "\"alice\"", "\"alice\"");
    shows(string("a\"\\\n\x1b\x7f"), r#""a\"\\\n\x1b\x7f""#, "\"a\\\"\\\\\\n\\u001b\x7f\"");
    shows(string("größe 日本 e\u{301}"), "\"größe 日本 e\u{301}\"", "\"größe 日本 e\u{301}\"");
    shows(string("\u{feff}\u{200b}\u{e0001}"), r#""\ufeff\u200b\U000e0001""#, "\"\u{feff}\u{200b}\u{e0001}\"");
    shows(string([0xff, b'a', 0xc3]), r#""\xffa\xc3""#, r#"{"$bytes":"ff61c3"}"#);
    shows(string(""), "\"\"", "\"\"");
}

#[test]
fn what_is_cut_says_how_much_there_is() {
    let cut = Value::String(Text { bytes: b"first".to_vec(), len: 300 });
    shows(cut, r#""first"...+295 more"#, r#"{"$string":"first","len":300}"#);
    let bytes = Value::String(Text { bytes: vec![0xff], len: 300 });
    shows(bytes, r#""\xff"...+299 more"#, r#"{"$bytes":"ff","len":300}"#);
    shows(Value::Slice(ints(1..3, 5)), "[1, 2, ...+3 more]", r#"{"$items":[1,2],"len":5}"#);
    shows(Value::Array(ints(0..0, 5)), "[...+5 more]", r#"{"$items":[],"len":5}"#);
    shows(Value::Cut, "...", r#"{"$cut":true}"#);
}

#[test]
fn structs_pointers_and_interfaces_show_what_they_hold() {
    let user = Value::Struct(vec![(Rc::from("Name"), string("x")), (Rc::from("Age"), Value::Int(3))]);
    shows(user.clone(), r#"{Name: "x", Age: 3}"#, r#"{"Name":"x","Age":3}"#);
    shows(Value::Struct(vec![]), "{}", "{}");
    let pointer = |to| Value::Pointer { addr: 0xc0_0000_0010, to };
    let to_user = pointer(Pointee::Value(Box::new(user.clone())));
    shows(to_user, r#"&{Name: "x", Age: 3}"#, r#"{"$ptr":"0xc000000010","to":{"Name":"x","Age":3}}"#);
    shows(pointer(Pointee::Cycle), "0xc000000010 (cycle)", r#"{"$ptr":"0xc000000010","cycle":true}"#);
    shows(pointer(Pointee::NotFollowed), "0xc000000010", r#"{"$ptr":"0xc000000010"}"#);
    let any = |ty: &str, error, value| Value::Interface { ty: Rc::from(ty), error, value: Box::new(value) };
    shows(
        any("main.T", None, user),
        r#"main.T{Name: "x", Age: 3}"#,
        r#"{"$type":"main.T","value":{"Name":"x","Age":3}}"#,
    );
    shows(any("string", None, string("x")), r#"string("x")"#, r#"{"$type":"string","value":"x"}"#);
    let error = any("*errors.errorString", Some(whole("boom")), pointer(Pointee::NotFollowed));
    shows(
        error,
        r#"error(*errors.errorString): "boom""#,
        r#"{"$type":"*errors.errorString","value":{"$ptr":"0xc000000010"}}"#,
    );
}

#[test]
fn maps_show_their_entries_and_what_is_wrong_with_them() {
    let entries = |len, findings| Entries { entries: vec![(string("a"), Value::Int(1))], len, findings };
    shows(Value::Map(entries(1, vec![])), r#"map["a": 1]"#, r#"{"$map":[{"key":"a","elem":1}],"len":1}"#);
    shows(
        Value::SyncMap(entries(3, vec![])),
        r#"sync.Map["a": 1, ...+2 more]"#,
        r#"{"$sync.Map":[{"key":"a","elem":1}],"len":3}"#,
    );
    shows(
        Value::Map(entries(1, vec![Rc::from("count = 2: but 1 entry")])),
        r#"map["a": 1] <count = 2: but 1 entry>"#,
        r#"{"$map":[{"key":"a","elem":1}],"len":1,"findings":["count = 2: but 1 entry"]}"#,
    );
}

#[test]
fn functions_and_channels_are_named() {
    shows(Value::Func(Rc::from("main.f")), "main.f", r#"{"$func":"main.f"}"#);
    let chan = Chan {
        ty: Rc::from("chan int"),
        len: 1,
        cap: 4,
        closed: false,
        receivers: vec![],
        senders: vec![7, 9],
        items: ints(5..6, 1),
    };
    shows(
        Value::Chan(Box::new(chan)),
        "chan int (len 1, cap 4, goroutines 7, 9 waiting to send) [5]",
        r#"{"$chan":{"len":1,"cap":4,"closed":false,"receivers":[],"senders":[7,9]}}"#,
    );
}

#[test]
fn time_is_shown_in_utc_and_durations_in_go_s_units() {
    let time = Value::Time(Time { unix: 1_795_419_000, nanosecond: 500_000_000 });
    shows(time, "2026-11-23 07:30:00.5 UTC", r#"{"$time":"2026-11-23T07:30:00.5Z"}"#);
    shows(Value::Duration(1_500_000_000), "1.5s", r#"{"$duration":"1.5s","ns":1500000000}"#);
}

#[test]
fn locks_say_who_holds_them_and_who_waits() {
    shows(
        Value::Mutex { locked: true, woken: false, starving: true, waiters: 2 },
        "locked, 2 waiters, starving",
        r#"{"$mutex":{"locked":true,"woken":false,"starving":true,"waiters":2}}"#,
    );
    shows(
        Value::RwMutex { locked: false, writer_waiting: true, readers: 1 },
        "unlocked, 1 reader, writer waiting",
        r#"{"$rwmutex":{"locked":false,"writer_waiting":true,"readers":1}}"#,
    );
    shows(
        Value::WaitGroup { counter: 2, waiters: 1 },
        "counter 2, 1 waiter",
        r#"{"$waitgroup":{"counter":2,"waiters":1}}"#,
    );
    shows(Value::Once { done: true }, "done", r#"{"$once":{"done":true}}"#);
}

#[test]
fn what_cannot_be_read_says_so_in_its_place() {
    shows(
        Value::Unreadable { addr: 0x10, why: Rc::from("not mapped") },
        "<unreadable 0x10: not mapped>",
        r#"{"$unreadable":"0x10","why":"not mapped"}"#,
    );
    shows(Value::OptimizedOut, "<optimized out>", r#"{"$optimized_out":true}"#);
}
