//! What `gomap watch … --json` says: a line for each access, one for each overlap, one at the end.

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
    Race { culprits: Vec<Culprit> },
    /// How the watch ended.
    #[serde(rename = "redhanded.watch/1")]
    End { outcome: String, overlaps: u64, rescued: u64 },
}

/// One of the two accesses of an overlap.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Culprit {
    pub(crate) goid: u64,
    pub(crate) stack: Vec<Frame>,
}

/// A line of a stack.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Frame {
    pub(crate) function: String,
}

/// The line, if it is one of ours: gdb has things to say, too.
pub(crate) fn parse(line: &str) -> Option<Said> {
    line.starts_with('{').then(|| serde_json::from_str(line).ok()).flatten()
}

/// Whether a report has two goroutines, one in each of the two functions.
pub(crate) fn shows_both(culprits: &[Culprit], functions: [&str; 2]) -> bool {
    let [one, other] = culprits else { return false };
    let within = |culprit: &Culprit, function: &str| culprit.stack.iter().any(|frame| frame.function == function);
    let [a, b] = functions;
    one.goid != other.goid && ((within(one, a) && within(other, b)) || (within(one, b) && within(other, a)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RACE: &str = r#"{"schema":"redhanded.race/1","map":1,"culprits":[
        {"goid":18,"kind":"write","stack":[{"function":"runtime.mapassign_fast64","file":"f.go","line":1},{"function":"main.writerA","file":"main.go","line":20}]},
        {"goid":19,"kind":"write","stack":[{"function":"main.writerB","file":"main.go","line":27}]}]}"#;

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
        let Some(Said::Race { mut culprits }) = parse(RACE) else { panic!("no race") };
        assert!(shows_both(&culprits, ["main.writerA", "main.writerB"]));
        assert!(shows_both(&culprits, ["main.writerB", "main.writerA"]));
        assert!(!shows_both(&culprits, ["main.writerA", "main.reader"]));
        culprits[1].goid = 18;
        assert!(!shows_both(&culprits, ["main.writerA", "main.writerB"]));
        assert!(!shows_both(&culprits[..1], ["main.writerA", "main.writerB"]));
    }
}
