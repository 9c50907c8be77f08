//! Strings and runes as Go writes them.

/// Reads a string in quotes or backquotes: its bytes, and what is left.
pub(super) fn quoted(text: &str) -> Result<(Vec<u8>, &str), String> {
    if let Some(raw) = text.strip_prefix('`') {
        let (inside, rest) = raw.split_once('`').ok_or("the closing ` is missing")?;
        // Go drops carriage returns from raw strings.
        return Ok((inside.bytes().filter(|&byte| byte != b'\r').collect(), rest));
    }
    let mut rest = text.strip_prefix('"').ok_or("a string begins with a quote")?;
    let mut bytes = Vec::new();
    loop {
        match rest.chars().next() {
            None => return Err("the closing quote is missing".to_owned()),
            Some('"') => return Ok((bytes, rest.get(1..).unwrap_or_default())),
            Some('\\') => {
                let (unit, after) = escape(rest, '"')?;
                match unit {
                    Unit::Byte(byte) => bytes.push(byte),
                    Unit::Rune(rune) => bytes.extend(rune.encode_utf8(&mut [0; 4]).bytes()),
                }
                rest = after;
            }
            Some(c) => {
                bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
}

/// Reads a rune such as `'x'`: its number, and what is left.
pub(super) fn rune(text: &str) -> Result<(u32, &str), String> {
    let inside = text.strip_prefix('\'').ok_or("a rune begins with '")?;
    let (number, rest) = match inside.chars().next() {
        Some('\\') => match escape(inside, '\'')? {
            (Unit::Byte(byte), rest) => (byte.into(), rest),
            (Unit::Rune(rune), rest) => (rune.into(), rest),
        },
        Some(c) if c != '\'' => (c.into(), inside.get(c.len_utf8()..).unwrap_or_default()),
        _ => return Err("there is nothing between the '".to_owned()),
    };
    let rest = rest.strip_prefix('\'').ok_or("a rune is one character; a string has double quotes")?;
    Ok((number, rest))
}

/// What an escape stands for.
enum Unit {
    Byte(u8),
    Rune(char),
}

fn escape(text: &str, quote: char) -> Result<(Unit, &str), String> {
    let after = text.strip_prefix('\\').unwrap_or(text);
    let c = after.chars().next().ok_or("the text ends in the middle of an escape")?;
    let rest = after.get(c.len_utf8()..).unwrap_or_default();
    let plain = |byte| Ok((Unit::Byte(byte), rest));
    match c {
        'a' => plain(7),
        'b' => plain(8),
        'f' => plain(12),
        'n' => plain(b'\n'),
        'r' => plain(b'\r'),
        't' => plain(b'\t'),
        'v' => plain(11),
        '\\' => plain(b'\\'),
        c if c == quote => plain(quote as u8),
        'x' => digits(rest, 2, 16).and_then(byte),
        '0'..='7' => digits(after, 3, 8).and_then(byte),
        'u' => digits(rest, 4, 16).and_then(character),
        'U' => digits(rest, 8, 16).and_then(character),
        _ => Err(format!("Go has no escape \\{c}; a backslash itself is \\\\")),
    }
}

fn byte((value, rest): (u32, &str)) -> Result<(Unit, &str), String> {
    let value = u8::try_from(value).map_err(|_| "an octal escape goes up to \\377")?;
    Ok((Unit::Byte(value), rest))
}

fn character((value, rest): (u32, &str)) -> Result<(Unit, &str), String> {
    let value = char::from_u32(value).ok_or("there is no such character in Unicode")?;
    Ok((Unit::Rune(value), rest))
}

fn digits(text: &str, count: usize, radix: u32) -> Result<(u32, &str), String> {
    let number = text.get(..count).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)));
    let value = number.and_then(|digits| u32::from_str_radix(digits, radix).ok());
    let value = value.ok_or_else(|| format!("this escape needs {count} digits"))?;
    Ok((value, text.get(count..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_gos_escapes() {
        let read = |text| quoted(text).map(|(bytes, rest)| (bytes, rest.to_owned()));
        assert_eq!(
            read(r#""a\tb\x00\377\u00e9\U0001F600\"" x"#),
            Ok((b"a\tb\x00\xff\xc3\xa9\xf0\x9f\x98\x80\"".to_vec(), " x".into()))
        );
        assert_eq!(read("`a\\n\"`"), Ok((b"a\\n\"".to_vec(), String::new())));
        for wrong in [r#""a"#, r#""\q""#, r#""\x1""#, r#""\400""#, r#""\ud800""#, "`a", r#""\"#, r#""\'""#] {
            assert!(quoted(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rune_is_its_number() {
        assert_eq!(rune("'x'"), Ok((120, "")));
        assert_eq!(rune("'é', 1"), Ok((233, ", 1")));
        assert_eq!(rune(r"'\''"), Ok((39, "")));
        assert_eq!(rune(r"'\n'"), Ok((10, "")));
        assert_eq!(rune(r"'\u4e16'"), Ok((0x4e16, "")));
        assert!(rune("'ab'").is_err() && rune("''").is_err() && rune("'").is_err());
    }
}
