//! Words and numbers that several reports share.

use serde::{Serialize, Serializer};

/// What a report is about: a map, or another variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// The expression that named it, `main.shared`.
    pub expression: String,
    /// Its Go type, `map[int]int`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Address of the map's header, or of the variable.
    #[serde(serialize_with = "hex")]
    pub address: u64,
    /// Version of the program's Go without the leading "go", `1.23.4`.
    pub go: String,
}

/// Serializes an address.
pub(crate) fn hex<S: Serializer>(address: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{address:#x}"))
}

/// `goroutine 18`, or that it is not known.
pub(crate) fn goroutine(goid: Option<u64>) -> String {
    goid.map_or_else(|| "goroutine unknown".to_owned(), |goid| format!("goroutine {goid}"))
}

/// `thread 4711`, or that it is not known.
pub(crate) fn thread(tid: Option<u32>) -> String {
    tid.map_or_else(|| "thread unknown".to_owned(), |tid| format!("thread {tid}"))
}

/// Text that came from elsewhere, for a page: what has no form of its own, or turns the direction of what follows, is
/// shown as its code.
pub(crate) fn shown(text: &str) -> String {
    let is_hidden = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Nanoseconds in the unit that a person would use: `850 ns`, `8.2 ms`, `12.0 s`.
pub(crate) fn duration(ns: u64) -> String {
    let (unit, name) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    format!("{}.{} {name}", ns / unit, ns % unit * 10 / unit)
}

/// Columns of text, each as wide as its widest cell and two spaces from the next. Colours belong
/// to the caller: put them on the last cell, or they count as width.
pub(crate) fn columns(indent: &str, rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let line =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect::<Vec<_>>().join("  ");
        text.push_str(indent);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `1 entry`, `12 entries`.
pub(crate) fn entries(count: u64) -> String {
    match count {
        1 => "1 entry".to_owned(),
        _ => format!("{count} entries"),
    }
}
