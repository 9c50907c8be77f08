//! A value as JSON. What JSON has no form for is an object whose first name begins with `$`.

use gotarget::value::{Chan, Entries, Items, Pointee, Text, Value, duration};

use super::number::{float as number, integer, not_finite, print};

/// Writes a value as JSON, on one line.
pub fn json(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => word("null", out),
        Value::Bool(value) => boolean(*value, out),
        Value::Int(value) => integer(*value, out),
        Value::Uint(value) | Value::Uintptr(value) => integer(*value, out),
        Value::UnsafePointer(value) => print(out, format_args!("\"{value:#x}\"")),
        Value::Float32(value) => float(*value, (*value).into(), out),
        Value::Float64(value) => float(*value, *value, out),
        Value::Complex64(real, imaginary) => {
            complex(|out| float(*real, (*real).into(), out), |out| float(*imaginary, (*imaginary).into(), out), out);
        }
        Value::Complex128(real, imaginary) => {
            complex(|out| float(*real, *real, out), |out| float(*imaginary, *imaginary, out), out);
        }
        Value::String(value) => go_string(value, out),
        Value::Array(value) | Value::Slice(value) => items(value, out),
        Value::Struct(fields) => {
            out.push(b'{');
            list(fields, out, |(name, value), out| {
                string(name, out);
                out.push(b':');
                json(value, out);
            });
            out.push(b'}');
        }
        Value::Pointer { addr, to } => {
            print(out, format_args!("{{\"$ptr\":\"{addr:#x}\""));
            match to {
                Pointee::Value(value) => {
                    word(",\"to\":", out);
                    json(value, out);
                }
                Pointee::Cycle => word(",\"cycle\":true", out),
                Pointee::NotFollowed => {}
            }
            out.push(b'}');
        }
        Value::Map(value) => entries("$map", value, out),
        Value::SyncMap(value) => entries("$sync.Map", value, out),
        Value::Interface { ty, value, .. } => {
            word("{\"$type\":", out);
            string(ty, out);
            word(",\"value\":", out);
            json(value, out);
            out.push(b'}');
        }
        Value::Func(name) => {
            word("{\"$func\":", out);
            string(name, out);
            out.push(b'}');
        }
        Value::Chan(value) => chan(value, out),
        Value::Time(time) => {
            word("{\"$time\":", out);
            string(&time.rfc3339(), out);
            out.push(b'}');
        }
        Value::Duration(value) => {
            print(out, format_args!("{{\"$duration\":\"{}\",\"ns\":{value}}}", duration(*value)));
        }
        Value::Mutex { locked, woken, starving, waiters } => print(
            out,
            format_args!(
                "{{\"$mutex\":{{\"locked\":{locked},\"woken\":{woken},\"starving\":{starving},\"waiters\":{waiters}}}}}"
            ),
        ),
        Value::RwMutex { locked, writer_waiting, readers } => print(
            out,
            format_args!(
                "{{\"$rwmutex\":{{\"locked\":{locked},\"writer_waiting\":{writer_waiting},\"readers\":{readers}}}}}"
            ),
        ),
        Value::WaitGroup { counter, waiters } => {
            print(out, format_args!("{{\"$waitgroup\":{{\"counter\":{counter},\"waiters\":{waiters}}}}}"));
        }
        Value::Once { done } => print(out, format_args!("{{\"$once\":{{\"done\":{done}}}}}")),
        Value::Unreadable { addr, why } => {
            print(out, format_args!("{{\"$unreadable\":\"{addr:#x}\",\"why\":"));
            string(why, out);
            out.push(b'}');
        }
        Value::OptimizedOut => word("{\"$optimized_out\":true}", out),
        Value::Cut => word("{\"$cut\":true}", out),
    }
}

fn word(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

fn boolean(value: bool, out: &mut Vec<u8>) {
    word(if value { "true" } else { "false" }, out);
}

/// A JSON string.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    // A string in memory: neither can fail.
    let _ = serde_json::to_writer(out, text);
}

fn list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}

fn float<F: std::fmt::Display + std::fmt::LowerExp>(value: F, size: f64, out: &mut Vec<u8>) {
    match not_finite(size) {
        Some(name) => print(out, format_args!("\"{name}\"")),
        None => number(value, size, out),
    }
}

fn complex(real: impl Fn(&mut Vec<u8>), imaginary: impl Fn(&mut Vec<u8>), out: &mut Vec<u8>) {
    word("{\"real\":", out);
    real(out);
    word(",\"imag\":", out);
    imaginary(out);
    out.push(b'}');
}

fn go_string(value: &Text, out: &mut Vec<u8>) {
    let is_cut = value.len > value.bytes.len() as u64;
    match std::str::from_utf8(&value.bytes) {
        Ok(text) if !is_cut => return string(text, out),
        Ok(text) => {
            word("{\"$string\":", out);
            string(text, out);
        }
        Err(_) => {
            word("{\"$bytes\":\"", out);
            for byte in &value.bytes {
                print(out, format_args!("{byte:02x}"));
            }
            out.push(b'"');
        }
    }
    if is_cut {
        print(out, format_args!(",\"len\":{}", value.len));
    }
    out.push(b'}');
}

fn items(value: &Items, out: &mut Vec<u8>) {
    let is_cut = value.len > value.items.len() as u64;
    word(if is_cut { "{\"$items\":[" } else { "[" }, out);
    list(&value.items, out, json);
    out.push(b']');
    if is_cut {
        print(out, format_args!(",\"len\":{}}}", value.len));
    }
}

fn entries(kind: &str, value: &Entries, out: &mut Vec<u8>) {
    print(out, format_args!("{{\"{kind}\":["));
    list(&value.entries, out, |(key, elem), out| entry(key, elem, out));
    print(out, format_args!("],\"len\":{}", value.len));
    if !value.findings.is_empty() {
        word(",\"findings\":[", out);
        list(&value.findings, out, |finding, out| string(finding, out));
        out.push(b']');
    }
    out.push(b'}');
}

/// `{"key":…,"elem":…}`.
pub(crate) fn entry(key: &Value, elem: &Value, out: &mut Vec<u8>) {
    word("{\"key\":", out);
    json(key, out);
    word(",\"elem\":", out);
    json(elem, out);
    out.push(b'}');
}

fn chan(value: &Chan, out: &mut Vec<u8>) {
    let Chan { len, cap, closed, receivers, senders, .. } = value;
    print(out, format_args!("{{\"$chan\":{{\"len\":{len},\"cap\":{cap},\"closed\":{closed},\"receivers\":["));
    list(receivers, out, |goid, out| integer(*goid, out));
    word("],\"senders\":[", out);
    list(senders, out, |goid, out| integer(*goid, out));
    word("]}}", out);
}
