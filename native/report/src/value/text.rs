//! A value as text, as Go programmers write them.

use gotarget::value::{Chan, Entries, Items, Pointee, Text, Value, duration};

use super::number::{float, hex, integer, print};
use super::quote::quote;

/// Writes a value as text, on one line.
pub fn text(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => word("nil", out),
        Value::Bool(value) => word(if *value { "true" } else { "false" }, out),
        Value::Int(value) => integer(*value, out),
        Value::Uint(value) => integer(*value, out),
        Value::Uintptr(value) | Value::UnsafePointer(value) => hex(*value, out),
        Value::Float32(value) => float(*value, (*value).into(), out),
        Value::Float64(value) => float(*value, *value, out),
        Value::Complex64(real, imaginary) => {
            complex(|out| float(*real, (*real).into(), out), |out| float(*imaginary, (*imaginary).into(), out), out);
        }
        Value::Complex128(real, imaginary) => {
            complex(|out| float(*real, *real, out), |out| float(*imaginary, *imaginary, out), out);
        }
        Value::String(value) => string(value, out),
        Value::Array(value) | Value::Slice(value) => items(value, out),
        Value::Struct(fields) => {
            out.push(b'{');
            list(fields, 0, out, |(name, value), out| {
                word(name, out);
                word(": ", out);
                text(value, out);
            });
            out.push(b'}');
        }
        Value::Pointer { to: Pointee::Value(value), .. } => {
            out.push(b'&');
            text(value, out);
        }
        Value::Pointer { addr, to: Pointee::Cycle } => print(out, format_args!("{addr:#x} (cycle)")),
        Value::Pointer { addr, to: Pointee::NotFollowed } => hex(*addr, out),
        Value::Map(value) => entries("map", value, out),
        Value::SyncMap(value) => entries("sync.Map", value, out),
        Value::Interface { ty, error: Some(message), .. } => {
            print(out, format_args!("error({ty}): "));
            string(message, out);
        }
        Value::Interface { ty, value, .. } => interface(ty, value, out),
        Value::Func(name) => word(name, out),
        Value::Chan(value) => chan(value, out),
        Value::Time(time) => {
            let text = time.rfc3339();
            match text.trim_end_matches('Z').split_once('T') {
                Some((date, time)) => print(out, format_args!("{date} {time} UTC")),
                None => word(&text, out),
            }
        }
        Value::Duration(value) => word(&duration(*value), out),
        Value::Mutex { locked, woken, starving, waiters } => {
            word(if *locked { "locked" } else { "unlocked" }, out);
            count(*waiters, "waiter", out);
            word(if *woken { ", woken" } else { "" }, out);
            word(if *starving { ", starving" } else { "" }, out);
        }
        Value::RwMutex { locked, writer_waiting, readers } => {
            word(if *locked { "locked" } else { "unlocked" }, out);
            count(*readers, "reader", out);
            word(if *writer_waiting { ", writer waiting" } else { "" }, out);
        }
        Value::WaitGroup { counter, waiters } => {
            print(out, format_args!("counter {counter}"));
            count(*waiters, "waiter", out);
        }
        Value::Once { done } => word(if *done { "done" } else { "not done" }, out),
        Value::Unreadable { addr, why } => print(out, format_args!("<unreadable {addr:#x}: {why}>")),
        Value::OptimizedOut => word("<optimized out>", out),
        Value::Cut => word("...", out),
    }
}

fn word(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

/// `, 2 waiters`; nothing for none.
fn count(number: u64, noun: &str, out: &mut Vec<u8>) {
    match number {
        0 => {}
        1 => print(out, format_args!(", 1 {noun}")),
        _ => print(out, format_args!(", {number} {noun}s")),
    }
}

/// Items with commas between them, and how many there are beyond those.
fn list<T>(items: &[T], more: u64, out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            word(", ", out);
        }
        write(item, out);
    }
    if more > 0 {
        let comma = if items.is_empty() { "" } else { ", " };
        print(out, format_args!("{comma}...+{more} more"));
    }
}

fn complex(real: impl Fn(&mut Vec<u8>), imaginary: impl Fn(&mut Vec<u8>), out: &mut Vec<u8>) {
    out.push(b'(');
    real(out);
    let at = out.len();
    imaginary(out);
    // Go signs the imaginary part always.
    if !matches!(out.get(at), Some(b'+' | b'-')) {
        out.insert(at, b'+');
    }
    word("i)", out);
}

fn string(value: &Text, out: &mut Vec<u8>) {
    quote(&value.bytes, out);
    let more = value.len.saturating_sub(value.bytes.len() as u64);
    if more > 0 {
        print(out, format_args!("...+{more} more"));
    }
}

fn items(value: &Items, out: &mut Vec<u8>) {
    out.push(b'[');
    list(&value.items, value.len.saturating_sub(value.items.len() as u64), out, text);
    out.push(b']');
}

fn entries(kind: &str, value: &Entries, out: &mut Vec<u8>) {
    word(kind, out);
    out.push(b'[');
    list(&value.entries, value.len.saturating_sub(value.entries.len() as u64), out, |(key, elem), out| {
        text(key, out);
        word(": ", out);
        text(elem, out);
    });
    out.push(b']');
    for finding in &value.findings {
        print(out, format_args!(" <{finding}>"));
    }
}

fn interface(ty: &str, value: &Value, out: &mut Vec<u8>) {
    word(ty, out);
    let is_braced = matches!(value, Value::Struct(_));
    if !is_braced {
        out.push(b'(');
    }
    text(value, out);
    if !is_braced {
        out.push(b')');
    }
}

fn chan(value: &Chan, out: &mut Vec<u8>) {
    print(out, format_args!("{} (len {}, cap {}", value.ty, value.len, value.cap));
    word(if value.closed { ", closed" } else { "" }, out);
    for (goroutines, what) in [(&value.receivers, "to receive"), (&value.senders, "to send")] {
        if !goroutines.is_empty() {
            word(if goroutines.len() == 1 { ", goroutine " } else { ", goroutines " }, out);
            list(goroutines, 0, out, |goid, out| integer(*goid, out));
            print(out, format_args!(" waiting {what}"));
        }
    }
    out.push(b')');
    if !value.items.items.is_empty() {
        out.push(b' ');
        items(&value.items, out);
    }
}
