//! Numbers as Go writes them.

/// Reads an integer: decimal, `0x`, `0o`, `0b`, with `_` between digits, or a float that is whole (`1e3`).
pub(super) fn integer(text: &str) -> Result<i128, String> {
    let none = || "give a number, such as 42, 0x2a, 0b101 or 'x'".to_owned();
    let (negative, digits) = sign(text);
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..).unwrap_or_default()),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..).unwrap_or_default()),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..).unwrap_or_default()),
        [b'0', _, ..] if digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') => (8, digits),
        _ => (10, digits),
    };
    if radix == 10 && digits.contains(['.', 'e', 'E']) {
        /// Beyond, a float64 no longer tells neighbouring integers apart.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let float = float(text).map_err(|_| none())?;
        return match float.fract() == 0.0 && float.abs() <= EXACT {
            true => Ok(float as i128),
            false => Err("give a whole number".to_owned()),
        };
    }
    let digits = separated(digits, radix != 10).ok_or_else(none)?;
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(none());
    }
    let number = i128::from_str_radix(&digits, radix).map_err(|_| "it has too many digits".to_owned())?;
    Ok(if negative { -number } else { number })
}

/// The bytes of an integer of so many bytes.
pub(super) fn integer_bytes(number: i128, size: usize, signed: bool) -> Result<Vec<u8>, String> {
    let bits = u32::try_from(size.min(8) * 8).unwrap_or(64);
    let (least, most) = match signed {
        true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    };
    if number < least || number > most {
        return Err(format!("out of range; it goes from {least} to {most}"));
    }
    Ok(number.to_le_bytes().into_iter().take(size).collect())
}

/// The bytes of a float of so many bytes.
pub(super) fn float_bytes(text: &str, size: usize) -> Result<Vec<u8>, String> {
    let value = float(text)?;
    let named = text.trim_start_matches(['+', '-']).starts_with(['I', 'i', 'N', 'n']);
    let (bytes, infinite) = match size {
        4 => {
            // Rounded once, from the text; only a hexadecimal one has to go by way of a float64.
            let (negative, digits) = sign(text);
            let decimal = separated(digits, false).and_then(|digits| digits.parse::<f32>().ok());
            let value = decimal.map_or(value as f32, |value| if negative { -value } else { value });
            (value.to_le_bytes().to_vec(), value.is_infinite())
        }
        _ => (value.to_le_bytes().to_vec(), value.is_infinite()),
    };
    if infinite && !named {
        return Err("too large for this type; +Inf and -Inf are written so".to_owned());
    }
    Ok(bytes)
}

/// The bytes of a complex number of so many bytes: `(1+2i)`, `1+2i`, `2i` or `1`.
pub(super) fn complex_bytes(text: &str, size: usize) -> Result<Vec<u8>, String> {
    let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    let inside: String = inside.split_whitespace().collect();
    let (real, imaginary) = match inside.strip_suffix('i') {
        None => (inside.as_str(), "0"),
        Some(number) => {
            // The sign between the parts is not the first character, nor that of an exponent.
            let sign = number.char_indices().rfind(|&(at, c)| {
                let before = number.get(..at).and_then(|before| before.chars().next_back());
                let hexadecimal = number.contains(['x', 'X']);
                matches!(c, '+' | '-')
                    && before.is_some_and(|before| match before {
                        'p' | 'P' => false,
                        'e' | 'E' => hexadecimal,
                        _ => true,
                    })
            });
            match sign {
                Some((at, _)) => (number.get(..at).unwrap_or_default(), number.get(at..).unwrap_or_default()),
                None => ("0", number),
            }
        }
    };
    let none = |_| "give a complex number, such as (1+2i)".to_owned();
    let mut bytes = float_bytes(real, size / 2).map_err(none)?;
    bytes.extend(float_bytes(imaginary, size / 2).map_err(none)?);
    Ok(bytes)
}

/// Reads `1.5s`, `1h2m` or `-300ms`, in nanoseconds; `None` if it has no unit.
pub(super) fn duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = sign(text);
    let mut total = 0i128;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(end)?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let nanoseconds = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000i128,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(nanoseconds)?)?;
        let mut scale = nanoseconds;
        for digit in fraction.chars() {
            scale /= 10;
            total = total.checked_add(i128::from(digit.to_digit(10)?).checked_mul(scale)?)?;
        }
        rest = after;
    }
    Some(if negative { -total } else { total })
}

/// The type that Go gives such a constant in an interface; "nil" for nil.
pub(super) fn guess(text: &str) -> Option<&'static str> {
    match text {
        "nil" => Some("nil"),
        "true" | "false" => Some("bool"),
        _ if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => None,
        _ if text.ends_with('i') => Some("complex128"),
        // 1e3 alone is a float64 in Go, though an int may be written so.
        _ if integer(text).is_ok() && (text.contains(['x', 'X']) || !text.contains(['.', 'e', 'E'])) => Some("int"),
        _ => float(text).is_ok().then_some("float64"),
    }
}

/// Reads a float: decimal, hexadecimal (`0x1p-2`), an integer, `NaN`, `Inf`.
fn float(text: &str) -> Result<f64, String> {
    let none = || "give a number, such as 1.5, 1e-3, NaN or +Inf".to_owned();
    let (negative, digits) = sign(text);
    let value = match digits {
        "NaN" | "nan" => f64::NAN,
        "Inf" | "inf" => f64::INFINITY,
        _ if digits.starts_with("0x") || digits.starts_with("0X") => {
            hexadecimal(digits.get(2..).unwrap_or_default()).ok_or_else(none)?
        }
        _ => {
            let digits = separated(digits, false).ok_or_else(none)?;
            let plain = digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
            plain.then(|| digits.parse().ok()).flatten().ok_or_else(none)?
        }
    };
    Ok(if negative { -value } else { value })
}

/// `1p-2`, `a.8p3`, or an integer without an exponent.
fn hexadecimal(text: &str) -> Option<f64> {
    let text = separated(text, true)?;
    let (mantissa, exponent) = text.split_once(['p', 'P']).unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let exponent: i32 = exponent.parse().ok()?;
    // 13 digits and a bit fill a float64; more are not rounded here.
    if digits.is_empty() || digits.len() > 14 || exponent.abs() > 2048 {
        return None;
    }
    let value = u64::from_str_radix(&digits, 16).ok()? as f64;
    let fraction = i32::try_from(fraction.len()).ok()?;
    let exponent = exponent - 4 * fraction;
    // In two steps, so that the power itself neither overflows nor vanishes.
    Some(value * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2))
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The digits without `_`, which stands between digits only, or after the prefix that says the base.
fn separated(digits: &str, prefixed: bool) -> Option<String> {
    let wrong = digits.ends_with('_') || digits.contains("__") || (digits.starts_with('_') && !prefixed);
    (!wrong).then(|| digits.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_in_every_base() {
        let cases = [("42", 42), ("-0x2A", -42), ("0b1010_1010", 170), ("0o17", 15), ("017", 15), ("1_000", 1000)];
        for (text, number) in cases.into_iter().chain([("1e3", 1000), ("2.0", 2), ("+7", 7), ("0x_ff", 255), ("0", 0)])
        {
            assert_eq!(integer(text), Ok(number), "{text}");
        }
        for wrong in ["", "-", "0x", "1__0", "_1", "1_", "08", "abc", "1.5", "0b2", "--1", "+-1", "1e40"] {
            assert!(integer(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn integers_out_of_range_are_named() {
        assert_eq!(integer_bytes(-1, 1, true), Ok(vec![0xff]));
        assert_eq!(integer_bytes(u64::MAX.into(), 8, false), Ok(vec![0xff; 8]));
        assert_eq!(integer_bytes(300, 1, true), Err("out of range; it goes from -128 to 127".to_owned()));
        assert!(integer_bytes(-1, 8, false).is_err() && integer_bytes(1 << 63, 8, true).is_err());
    }

    #[test]
    fn floats_come_as_go_writes_them() {
        let read = |text| float(text);
        assert_eq!(read("1.5"), Ok(1.5));
        assert_eq!(read("-1e-3"), Ok(-0.001));
        assert_eq!(read("0x1p-2"), Ok(0.25));
        assert_eq!(read("0xA.8p0"), Ok(10.5));
        assert_eq!(read("1_000.5"), Ok(1000.5));
        assert_eq!(read(".5"), Ok(0.5));
        assert_eq!(read("-Inf"), Ok(f64::NEG_INFINITY));
        assert!(read("NaN").unwrap().is_nan());
        assert!(read("-0").unwrap().is_sign_negative());
        for wrong in ["", "x", "1.5.5", "infinity", "0xp1", "1e"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(float_bytes("0.1", 4), Ok(0.1f32.to_le_bytes().to_vec()));
        assert!(float_bytes("1e40", 4).is_err() && float_bytes("+Inf", 4).is_ok());
    }

    #[test]
    fn complex_numbers_have_two_parts() {
        let bytes = |real: f64, imaginary: f64| Ok([real.to_le_bytes(), imaginary.to_le_bytes()].concat());
        for text in ["(1+2i)", "1+2i", "1 + 2i"] {
            assert_eq!(complex_bytes(text, 16), bytes(1.0, 2.0));
        }
        assert_eq!(complex_bytes("2i", 16), bytes(0.0, 2.0));
        assert_eq!(complex_bytes("-1e-3-2e+5i", 16), bytes(-0.001, -200_000.0));
        assert_eq!(complex_bytes("3", 16), bytes(3.0, 0.0));
        assert!(complex_bytes("(1+2)", 16).is_err() && complex_bytes("i", 16).is_err());
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1.5s"), Some(1_500_000_000));
        assert_eq!(duration("1h2m3.004s"), Some(3_723_004_000_000));
        assert_eq!(duration("-300µs"), Some(-300_000));
        assert_eq!(duration("100"), None);
        assert!(duration("1x").is_none() && duration("s").is_none() && duration(".s").is_none());
    }
}
