//! What a watch with --json says: a line for each access, one for each overlap, one at the end.

use serde::Deserialize;

/// A line.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "schema")]
pub(crate) enum Said {
    /// An access.
    #[serde(rename = "redhanded.access/1")]
    Access {},
    /// An overlap, with both culprits.
    #[serde(rename = "redhanded.race/1")]
    Race { first: Culprit, second: Culprit },
    /// How the watch ended.
    #[serde(rename = "redhanded.watch/1")]
    End { outcome: String, overlaps: u64, rescued: u64 },
}

/// One of the two accesses of an overlap.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Culprit {
    /// When it was, in nanoseconds since the watch began.
    pub(crate) time_ns: u64,
    goroutine: Option<u64>,
    stack: Vec<Frame>,
}

/// A frame of a stack.
#[derive(Debug, PartialEq, Deserialize)]
struct Frame {
    function: Option<String>,
}

/// The line, if it is one of ours: gdb has things to say, too.
pub(crate) fn parse(line: &str) -> Option<Said> {
    line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten()
}

/// Whether a report has two goroutines, one in each of the two functions.
pub(crate) fn shows_both(first: &Culprit, second: &Culprit, [a, b]: [&str; 2]) -> bool {
    let within = |culprit: &Culprit, name| culprit.stack.iter().any(|frame| frame.function.as_deref() == Some(name));
    let two = first.goroutine.is_some() && second.goroutine.is_some() && first.goroutine != second.goroutine;
    two && ((within(first, a) && within(second, b)) || (within(first, b) && within(second, a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RACE: &str = r#"{"schema":"redhanded.race/1","map":{"expression":"main.shared"},
        "second":{"kind":"write","time_ns":5000,"goroutine":18,"stack":[{"function":"runtime.mapassign_fast64","line":1},{"function":"main.writerA","line":20}]},
        "first":{"kind":"write","time_ns":4000,"goroutine":19,"stack":[{"function":null},{"function":"main.writerB","line":27}]}}"#;

    #[test]
    fn the_lines_of_a_watch_are_told_apart() {
        assert_eq!(parse(r#"{"schema":"redhanded.access/1","goid":7}"#), Some(Said::Access {}));
        assert!(matches!(parse(RACE), Some(Said::Race { .. })));
        let end =
            r#"{"schema":"redhanded.watch/1","outcome":"time","accesses":9,"overlaps":2,"rescued":1,"seconds":1.5}"#;
        assert_eq!(parse(end), Some(Said::End { outcome: "time".into(), overlaps: 2, rescued: 1 }));
        assert_eq!(parse("[New LWP 12]"), None);
        assert_eq!(parse("{ not json"), None);
    }

    #[test]
    fn a_report_shows_both_only_with_two_goroutines_in_the_two_functions() {
        let Some(Said::Race { first, mut second }) = parse(RACE) else { panic!("no race") };
        assert!(shows_both(&first, &second, ["main.writerA", "main.writerB"]));
        assert!(shows_both(&first, &second, ["main.writerB", "main.writerA"]));
        assert!(!shows_both(&first, &second, ["main.writerA", "main.reader"]));
        second.goroutine = first.goroutine;
        assert!(!shows_both(&first, &second, ["main.writerA", "main.writerB"]));
        second.goroutine = None;
        assert!(!shows_both(&first, &second, ["main.writerA", "main.writerB"]));
    }
}
