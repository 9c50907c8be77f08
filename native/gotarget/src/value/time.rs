//! Dates and durations, as package time writes them.

use std::fmt;

/// `time.Time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub unix: i64,
    /// Nanoseconds within that second: 0 to 999,999,999.
    pub nanosecond: u32,
}

/// The bit of `wall` that says that it holds seconds too, and `ext` the monotonic clock (hasMonotonic, Go's
/// src/time/time.go, unchanged from 1.9 to 1.27).
const HAS_MONOTONIC: u64 = 1 << 63;

/// Bits of `wall` below the seconds: the nanoseconds (nsecShift).
const NANOSECOND_BITS: u32 = 30;

/// Bits of `wall` that hold seconds since 1885.
const SECOND_BITS: u32 = 33;

/// Seconds from year 1 to 1885 (wallToInternal), and to 1970 (unixToInternal).
const YEAR_1885: i64 = (1884 * 365 + 1884 / 4 - 1884 / 100 + 1884 / 400) * 86_400;
const YEAR_1970: i64 = (1969 * 365 + 1969 / 4 - 1969 / 100 + 1969 / 400) * 86_400;

impl Time {
    /// From the two words of Go's structure.
    #[must_use]
    pub(super) fn of(wall: u64, ext: i64) -> Self {
        let since_year_1 = if wall & HAS_MONOTONIC == 0 {
            ext
        } else {
            let seconds = (wall >> NANOSECOND_BITS) & ((1 << SECOND_BITS) - 1);
            YEAR_1885.wrapping_add_unsigned(seconds)
        };
        let nanosecond = u32::try_from(wall & ((1 << NANOSECOND_BITS) - 1)).unwrap_or(0);
        Time { unix: since_year_1.wrapping_sub(YEAR_1970), nanosecond }
    }

    /// As RFC 3339 in UTC, with as many decimals as are needed: `2026-11-23T07:30:00.5Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (date, clock) = self.parts();
        format!("{date}T{clock}Z")
    }

    fn parts(self) -> (String, String) {
        let (days, second) = (self.unix.div_euclid(86_400), self.unix.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        // Go pads the digits, not the sign.
        let sign = if year < 0 { "-" } else { "" };
        let date = format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs());
        let mut clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        if self.nanosecond != 0 {
            let decimals = format!("{:09}", self.nanosecond);
            clock.push('.');
            clock.push_str(decimals.trim_end_matches('0'));
        }
        (date, clock)
    }
}

/// As Go prints a time in UTC: `2026-11-23 07:30:00.5 UTC`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, clock) = self.parts();
        write!(f, "{date} {clock} UTC")
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from 0000-03-01, so that a leap day is a year's last; 400 years have 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// A duration in nanoseconds as Go's `Duration.String` writes it: `1.5s`, `2h45m0s`, `0s`.
#[must_use]
pub fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    let amount = match all {
        0 => "0s".to_owned(),
        1..1_000 => format!("{all}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(all, 1_000, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(all, 1_000_000, 6)),
        _ => {
            let seconds = decimal(all % 60_000_000_000, 1_000_000_000, 9);
            let minutes = all / 60_000_000_000;
            match minutes {
                0 => format!("{seconds}s"),
                1..60 => format!("{minutes}m{seconds}s"),
                _ => format!("{}h{}m{seconds}s", minutes / 60, minutes % 60),
            }
        }
    };
    format!("{sign}{amount}")
}

/// `amount / unit`, with as many of the `digits` decimals as are needed.
fn decimal(amount: u64, unit: u64, digits: usize) -> String {
    let (whole, rest) = (amount / unit, amount % unit);
    match rest {
        0 => whole.to_string(),
        _ => format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        for (nanoseconds, written) in [
            (0, "0s"),
            (1, "1ns"),
            (-1_100, "-1.1µs"),
            (2_200_000, "2.2ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (300_001_000_000, "5m0.001s"),
            (9_900_000_000_000, "2h45m0s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
            (i64::MAX, "2562047h47m16.854775807s"),
        ] {
            assert_eq!(duration(nanoseconds), written);
        }
    }

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        for (unix, nanosecond, written) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (-YEAR_1970, 0, "0001-01-01T00:00:00Z"),
            (1_795_419_000, 500_000_000, "2026-11-23T07:30:00.5Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (253_402_300_800, 0, "10000-01-01T00:00:00Z"),
            (-YEAR_1970 - 86_400 * 367, 0, "-0001-12-31T00:00:00Z"),
        ] {
            assert_eq!(Time { unix, nanosecond }.rfc3339(), written);
        }
        assert_eq!(Time { unix: 0, nanosecond: 10 }.to_string(), "1970-01-01 00:00:00.00000001 UTC");
        // Nothing overflows.
        let _ = (Time { unix: i64::MIN, nanosecond: 0 }.rfc3339(), Time { unix: i64::MAX, nanosecond: 0 }.rfc3339());
    }

    #[test]
    fn the_monotonic_clock_is_not_part_of_a_time() {
        let wall = HAS_MONOTONIC | (1 << NANOSECOND_BITS) | 7;
        assert_eq!(Time::of(wall, 12345).rfc3339(), "1885-01-01T00:00:01.000000007Z");
        assert_eq!(Time::of(0, 0).rfc3339(), "0001-01-01T00:00:00Z");
    }
}
