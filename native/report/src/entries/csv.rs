//! Entries as comma-separated values.

use gotarget::Value;
use gotarget::value::{Pointee, Text, duration};

use crate::value::{json, text};

/// The columns: one for the key and one for the elem, or of a struct one for each field.
#[derive(Debug, Clone)]
pub struct Columns {
    key: Vec<String>,
    elem: Vec<String>,
}

/// What ends a row (RFC 4180).
const END: &[u8] = b"\r\n";

impl Columns {
    /// The columns of a map whose keys and elems look like these: any will do, such as the zero values of
    /// their types.
    #[must_use]
    pub fn of(key: &Value, elem: &Value) -> Self {
        Columns { key: names("key", key), elem: names("elem", elem) }
    }

    pub(super) fn head(&self, out: &mut Vec<u8>) {
        for (at, name) in self.key.iter().chain(&self.elem).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let from = out.len();
            out.extend_from_slice(name.as_bytes());
            quote(from, out);
        }
        out.extend_from_slice(END);
    }

    pub(super) fn row(&self, key: &Value, elem: &Value, out: &mut Vec<u8>) {
        cells(key, self.key.len(), out);
        if !self.key.is_empty() && !self.elem.is_empty() {
            out.push(b',');
        }
        cells(elem, self.elem.len(), out);
        out.extend_from_slice(END);
    }
}

fn names(root: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Struct(fields) if !fields.is_empty() => {
            fields.iter().map(|(name, _)| format!("{root}.{name}")).collect()
        }
        _ => vec![root.to_owned()],
    }
}

/// As many cells as there are columns, whatever the value is: an unreadable struct has empty ones.
fn cells(value: &Value, columns: usize, out: &mut Vec<u8>) {
    let fields = match value {
        Value::Struct(fields) if fields.len() == columns => fields.as_slice(),
        _ => &[],
    };
    if fields.is_empty() {
        cell(value, out);
        out.resize(out.len() + columns.saturating_sub(1), b',');
        return;
    }
    for (at, (_, field)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        cell(field, out);
    }
}

/// What a spreadsheet or a database would hold: text without quotes, nothing for nil, and JSON for what has parts.
fn cell(value: &Value, out: &mut Vec<u8>) {
    let from = out.len();
    match value {
        Value::Nil => return,
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float32(_) | Value::Float64(_) => {
            return text(value, out);
        }
        Value::String(Text { bytes, len }) if *len == bytes.len() as u64 && std::str::from_utf8(bytes).is_ok() => {
            out.extend_from_slice(bytes);
        }
        Value::Time(time) => out.extend_from_slice(time.rfc3339().as_bytes()),
        Value::Duration(nanoseconds) => out.extend_from_slice(duration(*nanoseconds).as_bytes()),
        Value::Func(name) => out.extend_from_slice(name.as_bytes()),
        Value::Uintptr(_) | Value::UnsafePointer(_) | Value::Complex64(..) | Value::Complex128(..) => text(value, out),
        Value::Pointer { to: Pointee::Value(value), .. } if is_simple(value) => return cell(value, out),
        Value::Interface { error: None, value, .. } if is_simple(value) => return cell(value, out),
        _ => json(value, out),
    }
    quote(from, out);
}

fn is_simple(value: &Value) -> bool {
    matches!(
        value,
        Value::Bool(_)
            | Value::Int(_)
            | Value::Uint(_)
            | Value::Float32(_)
            | Value::Float64(_)
            | Value::String(_)
            | Value::Time(_)
            | Value::Duration(_)
    )
}

/// Puts what was written since `from` between quotes if it needs them.
fn quote(from: usize, out: &mut Vec<u8>) {
    let written = out.get(from..).unwrap_or_default();
    if !written.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return;
    }
    let plain = out.split_off(from);
    out.push(b'"');
    for byte in plain {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
