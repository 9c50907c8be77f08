//! Strings, as Go quotes them.

use super::number::print;

/// `strconv.Quote`: what cannot be printed is escaped, bytes that are no UTF-8 as `\x` and two digits.
pub(super) fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        plain(chunk.valid(), out);
        for byte in chunk.invalid() {
            print(out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push(b'"');
}

fn plain(text: &str, out: &mut Vec<u8>) {
    // Most strings are printable ASCII from end to end.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{7}' => out.extend_from_slice(b"\\a"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{b}' => out.extend_from_slice(b"\\v"),
            '\0'..' ' | '\u{7f}' => print(out, format_args!("\\x{:02x}", u32::from(character))),
            _ if is_printable(character) => print(out, format_args!("{character}")),
            '\u{80}'..='\u{ffff}' => print(out, format_args!("\\u{:04x}", u32::from(character))),
            _ => print(out, format_args!("\\U{:08x}", u32::from(character))),
        }
    }
}

/// What the standard library doesn't escape either. After a letter, since it escapes a mark that stands alone.
fn is_printable(character: char) -> bool {
    let mut buffer = [b'a', 0, 0, 0, 0];
    let (_, rest) = buffer.split_at_mut(1);
    let end = 1 + character.encode_utf8(rest).len();
    let pair = buffer.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok());
    pair.is_some_and(|pair| pair.escape_debug().count() == 2)
}
