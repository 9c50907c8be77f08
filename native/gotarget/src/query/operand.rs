//! What a value is compared with, as a person writes it.

use std::cmp::Ordering;

use regex::bytes::Regex;

use super::moment;
use crate::error::Error;
use crate::value::{Pointee, Time, Value};

/// The right side of a comparison. The same words mean different things beside different values: `42` is a
/// number beside a number, and text beside text.
pub(super) struct Operand {
    /// The text itself, without quotes.
    text: Vec<u8>,
    /// Whether it had quotes: then it is text and nothing else.
    quoted: bool,
    number: Option<Number>,
    time: Option<Time>,
    nanoseconds: Option<i64>,
    pattern: Option<Regex>,
}

#[derive(Clone, Copy, PartialEq)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Operand {
    /// Reads an operand.
    pub(super) fn parse(source: &str) -> Result<Operand, Error> {
        let wrong = |why: String| Error::Query { text: source.to_owned(), why };
        let pattern = source.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).filter(|rest| !rest.is_empty());
        let pattern = pattern.map(Regex::new).transpose();
        let pattern =
            pattern.map_err(|error| wrong(format!("no regular expression: {}", last_line(&error.to_string()))))?;
        let unquoted = unquote(source).map_err(|why| wrong(why.to_owned()))?;
        let quoted = unquoted.is_some();
        let text = unquoted.unwrap_or_else(|| source.as_bytes().to_vec());
        let written = std::str::from_utf8(&text).unwrap_or_default();
        Ok(Operand {
            number: if quoted { None } else { number(source) },
            time: moment::time(written),
            nanoseconds: moment::duration(written),
            pattern,
            quoted,
            text,
        })
    }

    /// How a value stands to this: `None` where the two cannot be compared.
    pub(super) fn compare(&self, value: &Value) -> Option<Ordering> {
        match value {
            Value::Nil => self.is("nil").then_some(Ordering::Equal),
            Value::Bool(value) if self.is("true") => Some(value.cmp(&true)),
            Value::Bool(value) if self.is("false") => Some(value.cmp(&false)),
            Value::Int(value) => self.compare_whole((*value).into()),
            Value::Uint(value) | Value::Uintptr(value) => self.compare_whole((*value).into()),
            Value::UnsafePointer(value) if self.is("nil") => Some(value.cmp(&0)),
            Value::UnsafePointer(value) => self.compare_whole((*value).into()),
            Value::Float32(value) => self.compare_float((*value).into()),
            Value::Float64(value) => self.compare_float(*value),
            Value::String(value) => Some(value.bytes.as_slice().cmp(&self.text)),
            Value::Func(name) => Some(name.as_bytes().cmp(&self.text)),
            Value::Time(value) => {
                Some((value.unix, value.nanosecond).cmp(&self.time.map(|time| (time.unix, time.nanosecond))?))
            }
            Value::Duration(value) => match self.nanoseconds {
                Some(nanoseconds) => Some(value.cmp(&nanoseconds)),
                None => self.compare_whole((*value).into()),
            },
            // What there is, is not nil.
            Value::Pointer { .. } | Value::Interface { .. } | Value::Slice(_) | Value::Map(_) | Value::Chan(_)
                if self.is("nil") =>
            {
                Some(Ordering::Greater)
            }
            Value::Pointer { to: Pointee::Value(value), .. } => self.compare(value),
            Value::Pointer { addr, .. } => self.compare_whole((*addr).into()),
            Value::Interface { error: Some(message), .. } => Some(message.bytes.as_slice().cmp(&self.text)),
            Value::Interface { value, .. } => self.compare(value),
            _ => None,
        }
    }

    /// Whether a value contains this text, or matches this pattern; `None` of a value that is no text.
    pub(super) fn is_in(&self, value: &Value) -> Option<bool> {
        match value {
            Value::String(value) => Some(self.is_in_text(&value.bytes)),
            Value::Func(name) => Some(self.is_in_text(name.as_bytes())),
            Value::Pointer { to: Pointee::Value(value), .. } => self.is_in(value),
            Value::Interface { error: Some(message), .. } => Some(self.is_in_text(&message.bytes)),
            Value::Interface { value, .. } => self.is_in(value),
            Value::Nil => Some(false),
            _ => None,
        }
    }

    fn is_in_text(&self, text: &[u8]) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.is_match(text),
            None => self.text.is_empty() || text.windows(self.text.len()).any(|window| window == self.text),
        }
    }

    fn is(&self, word: &str) -> bool {
        !self.quoted && self.text == word.as_bytes()
    }

    fn compare_whole(&self, value: i128) -> Option<Ordering> {
        match self.number? {
            Number::Whole(number) => Some(value.cmp(&number)),
            Number::Float(number) => (value as f64).partial_cmp(&number),
        }
    }

    fn compare_float(&self, value: f64) -> Option<Ordering> {
        match self.number? {
            Number::Whole(number) => value.partial_cmp(&(number as f64)),
            Number::Float(number) => value.partial_cmp(&number),
        }
    }
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
}

/// `42`, `-0x2a`, `1_000`, `1.5e3`, `'x'`.
fn number(text: &str) -> Option<Number> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        let mut characters = inner.chars();
        let (only, None) = (characters.next()?, characters.next()) else { return None };
        return Some(Number::Whole(u32::from(only).into()));
    }
    let plain = text.replace('_', "");
    let (sign, digits) = plain.strip_prefix('-').map_or((1, plain.as_str()), |digits| (-1, digits));
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let whole = hex.map_or_else(|| digits.parse().ok(), |digits| u64::from_str_radix(digits, 16).ok().map(i128::from));
    // A second sign would be read by `parse` too.
    match whole.filter(|_| digits.starts_with(|first: char| first.is_ascii_digit())) {
        Some(whole) => whole.checked_mul(sign).map(Number::Whole),
        None => plain.parse().ok().map(Number::Float),
    }
}

/// The bytes of a text in quotes, as Go writes them; `None` if it has no quotes.
fn unquote(text: &str) -> Result<Option<Vec<u8>>, &'static str> {
    if let Some(raw) = text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        return Ok(Some(raw.as_bytes().to_vec()));
    }
    let Some(rest) = text.strip_prefix('"') else { return Ok(None) };
    let mut bytes = Vec::new();
    let mut characters = rest.chars();
    loop {
        match characters.next().ok_or("its quotes are never closed")? {
            '"' => break,
            '\\' => escape(&mut characters, &mut bytes).ok_or("an escape that Go doesn't know: \\\\ is a backslash")?,
            character => push(character, &mut bytes),
        }
    }
    if characters.as_str().is_empty() { Ok(Some(bytes)) } else { Err("something follows its closing quotes") }
}

fn escape(characters: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    let (byte, digits) = match characters.next()? {
        'a' => (7, 0),
        'b' => (8, 0),
        'f' => (12, 0),
        'n' => (b'\n', 0),
        'r' => (b'\r', 0),
        't' => (b'\t', 0),
        'v' => (11, 0),
        '\\' => (b'\\', 0),
        '"' => (b'"', 0),
        'x' => (0, 2),
        'u' => (0, 4),
        'U' => (0, 8),
        _ => return None,
    };
    if digits == 0 {
        bytes.push(byte);
        return Some(());
    }
    let hex: String = characters.by_ref().take(digits).collect();
    let value = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits)?;
    if digits == 2 {
        bytes.push(u8::try_from(value).ok()?);
    } else {
        push(char::from_u32(value)?, bytes);
    }
    Some(())
}

fn push(character: char, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Text;

    fn string(text: &str) -> Value {
        Value::String(Text { bytes: text.as_bytes().to_vec(), len: text.len() as u64 })
    }

    fn compare(value: &Value, operand: &str) -> Option<Ordering> {
        Operand::parse(operand).unwrap().compare(value)
    }

    #[test]
    fn the_same_words_are_a_number_beside_a_number_and_text_beside_text() {
        assert_eq!(compare(&Value::Int(42), "42"), Some(Ordering::Equal));
        assert_eq!(compare(&string("42"), "42"), Some(Ordering::Equal));
        assert_eq!(compare(&Value::Int(42), "\"42\""), None);
        assert_eq!(compare(&string("true"), "\"true\""), Some(Ordering::Equal));
        assert_eq!(compare(&Value::Bool(true), "\"true\""), None);
    }

    #[test]
    fn numbers_of_every_kind_compare_by_value() {
        assert_eq!(compare(&Value::Uint(u64::MAX), "18446744073709551615"), Some(Ordering::Equal));
        assert_eq!(compare(&Value::Int(-1), "-0x1"), Some(Ordering::Equal));
        assert_eq!(compare(&Value::Int(3), "2.5"), Some(Ordering::Greater));
        assert_eq!(compare(&Value::Float64(0.5), "1"), Some(Ordering::Less));
        assert_eq!(compare(&Value::Int(120), "'x'"), Some(Ordering::Equal));
        assert_eq!(compare(&Value::Int(1000), "1_000"), Some(Ordering::Equal));
        assert_eq!(compare(&Value::Float64(f64::NAN), "1"), None);
    }

    #[test]
    fn what_is_nil_and_what_is_not() {
        assert_eq!(compare(&Value::Nil, "nil"), Some(Ordering::Equal));
        assert_eq!(compare(&Value::Nil, "3"), None);
        let pointer = Value::Pointer { addr: 8, to: Pointee::Value(Box::new(Value::Int(3))) };
        assert_ne!(compare(&pointer, "nil"), Some(Ordering::Equal));
        assert_eq!(compare(&pointer, "3"), Some(Ordering::Equal));
    }

    #[test]
    fn text_is_found_in_text_and_by_pattern() {
        let is_in = |value: &Value, operand: &str| Operand::parse(operand).unwrap().is_in(value);
        assert_eq!(is_in(&string("alice"), "lic"), Some(true));
        assert_eq!(is_in(&string("alice"), "\"bob\""), Some(false));
        assert_eq!(is_in(&string("alice"), "/^a.*e$/"), Some(true));
        assert_eq!(is_in(&Value::Int(3), "3"), None);
    }

    #[test]
    fn quotes_and_patterns_that_are_wrong_say_so() {
        assert!(Operand::parse("\"alice").is_err());
        assert!(Operand::parse("\"a\\q\"").is_err());
        assert!(Operand::parse("\"a\" b").is_err());
        assert!(Operand::parse("/(/").is_err());
        assert_eq!(unquote(r#""\x00\u00e9\n""#).unwrap().unwrap(), b"\0\xc3\xa9\n");
    }
}
