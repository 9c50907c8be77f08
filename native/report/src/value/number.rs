//! Numbers, as Go writes them.

use std::fmt::{Display, LowerExp};
use std::io::Write;

/// Go's `%v` writes a float with an exponent from here on, and below its inverse's place (fmt/format.go,
/// `%e is used if the exponent from the conversion is less than -4 or greater than or equal to the precision`,
/// which `%v` sets to 21).
const LARGE: f64 = 1e21;
const SMALL: f64 = 1e-4;

/// An integer in decimal.
pub(super) fn integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// An address or bit pattern in hex.
pub(super) fn hex(value: u64, out: &mut Vec<u8>) {
    print(out, format_args!("{value:#x}"));
}

/// The shortest digits that parse back to the same bits. `size` is the value itself, widened.
pub(super) fn float<F: Display + LowerExp>(value: F, size: f64, out: &mut Vec<u8>) {
    if let Some(name) = not_finite(size) {
        out.extend_from_slice(name.as_bytes());
        return;
    }
    let magnitude = size.abs();
    if magnitude == 0.0 || (SMALL..LARGE).contains(&magnitude) {
        return print(out, format_args!("{value}"));
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    print(out, format_args!("{digits}e{sign}{exponent:0>2}"));
}

/// Go's name of a float that is no number.
pub(super) fn not_finite(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// Writes to memory, which does not fail.
pub(super) fn print(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}
