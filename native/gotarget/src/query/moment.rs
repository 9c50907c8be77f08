//! Times and durations, as a person writes them.

use crate::value::Time;

/// A duration as Go writes it, in nanoseconds: `1.5s`, `-2h45m`, `300ms`.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, unit) = rest.split_at(end);
        let end = unit.find(|character: char| character.is_ascii_digit() || character == '.').unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let nanoseconds = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * nanoseconds;
        rest = after;
    }
    Some((sign * sum).round() as i64)
}

/// A time as RFC 3339 writes it, or a day, which begins in UTC: `2026-11-23T07:30:00Z`, `2026-11-23 07:30:00.5+01:00`,
/// `2026-11-23`.
pub(super) fn time(text: &str) -> Option<Time> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let (year, month, day) = (year.parse::<i64>().ok()?, month.parse::<i64>().ok()?, day.parse::<i64>().ok()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * 86_400;
    if rest.is_empty() {
        return Some(Time { unix: midnight, nanosecond: 0 });
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut nanosecond = 0;
    let mut place = 100_000_000;
    for digit in fraction.chars() {
        nanosecond += digit.to_digit(10)? * place;
        place /= 10;
    }
    let zone = match zone.trim() {
        "" | "Z" | "z" | "UTC" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            sign * seconds(zone.trim_start_matches(['+', '-']))?
        }
    };
    Some(Time { unix: midnight + seconds(clock)? - zone, nanosecond })
}

/// `07:30` or `07:30:05`, in seconds.
fn seconds(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(|part| part.parse::<u32>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let in_range = hours < 24 && minutes < 60 && seconds < 61 && parts.next().is_none();
    in_range.then(|| i64::from(hours * 3600 + minutes * 60 + seconds))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that a leap day is
/// a year's last; 400 years have 146,097 days, of which 719,468 lie before 1970 in this reckoning.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(duration("1.5s"), Some(1_500_000_000));
        assert_eq!(duration("2h45m0s"), Some(9_900_000_000_000));
        assert_eq!(duration("-300ms"), Some(-300_000_000));
        assert_eq!(duration("5"), None);
        assert_eq!(duration("s"), None);
        assert_eq!(duration("alice"), None);
    }

    #[test]
    fn times_are_read_in_any_zone() {
        let unix = |text| time(text).map(|time| (time.unix, time.nanosecond));
        assert_eq!(unix("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(unix("2026-11-23T07:30:00.5Z"), Some((1_795_419_000, 500_000_000)));
        assert_eq!(unix("2026-11-23 08:30:00+01:00"), Some((1_795_419_000, 0)));
        assert_eq!(unix("2026-11-23"), Some((1_795_392_000, 0)));
        assert_eq!(unix("2000-02-29"), Some((951_782_400, 0)));
        assert_eq!(unix("2026-13-23"), None);
        assert_eq!(unix("tomorrow"), None);
    }
}
