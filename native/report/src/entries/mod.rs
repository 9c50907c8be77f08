//! The entries of a map, one after another, and what is to be said of them all.

mod csv;
mod summary;

use gotarget::Value;

use crate::palette::{Palette, paint};
use crate::value::{json_entry, text};
use crate::words::{Subject, entries};

pub use csv::Columns;
pub use summary::PrintSummary;

/// How entries are written.
#[derive(Debug, Clone)]
pub enum EntryFormat {
    /// A head line, then `key: elem`, a line each.
    Text,
    /// `{"key":…,"elem":…}`, a line each.
    Json,
    /// Comma-separated values (RFC 4180) with these columns.
    Csv(Columns),
}

impl EntryFormat {
    /// Writes what comes before the first entry. `len` is how many the map's header promises; a sync.Map has
    /// no such count.
    pub fn head(&self, map: &Subject, len: Option<u64>, palette: &Palette, out: &mut Vec<u8>) {
        match self {
            EntryFormat::Text => {
                let Subject { expression, type_name, address, go } = map;
                let count = len.map_or_else(String::new, |len| format!(", {}", entries(len)));
                let head = match address {
                    0 => format!("{expression}: {type_name}, nil (Go {go})"),
                    _ => format!("{expression}: {type_name} at {address:#x}{count} (Go {go})"),
                };
                out.extend_from_slice(paint(palette.heading, &head).as_bytes());
                out.push(b'\n');
            }
            EntryFormat::Json => {}
            EntryFormat::Csv(columns) => columns.head(out),
        }
    }

    /// Writes an entry, with the end of its line.
    pub fn entry(&self, key: &Value, elem: &Value, out: &mut Vec<u8>) {
        match self {
            EntryFormat::Text => {
                out.extend_from_slice(b"  ");
                text(key, out);
                out.extend_from_slice(b": ");
                text(elem, out);
                out.push(b'\n');
            }
            EntryFormat::Json => {
                json_entry(key, elem, out);
                out.push(b'\n');
            }
            EntryFormat::Csv(columns) => columns.row(key, elem, out),
        }
    }
}
