//! Runs of a watch on a sample: what each showed, and how many were so.

use anyhow::Result;

use crate::session::Ended;
use crate::watch::{Said, parse, shows_both};

/// What a single watch showed.
#[derive(Default)]
pub(super) struct Seen {
    /// Whether both culprits were reported.
    pub(super) both: bool,
    /// When they were first, in nanoseconds since the watch began.
    pub(super) both_at_ns: Option<u64>,
    pub(super) races: u64,
    pub(super) accesses: u64,
    /// The outcome, the overlaps and those outlived.
    pub(super) end: Option<(String, u64, u64)>,
    /// What was said that is no JSON.
    pub(super) other: Vec<String>,
}

impl Seen {
    /// Takes a line of a watch with --json, on a sample whose culprits are these functions.
    pub(super) fn hear(&mut self, line: &str, culprits: [&str; 2]) {
        match parse(line) {
            Some(Said::Access {}) => self.accesses += 1,
            Some(Said::Race { first, second }) => {
                self.races += 1;
                if shows_both(&first, &second, culprits) {
                    self.both = true;
                    self.both_at_ns.get_or_insert(second.time_ns);
                }
            }
            Some(Said::End { outcome, overlaps, rescued }) => self.end = Some((outcome, overlaps, rescued)),
            None => self.other.push(line.to_owned()),
        }
    }
}

/// How a program begins to say that it dies.
const DIED: [&str; 4] = ["fatal error:", "panic:", "SIG", "unexpected"];

/// Counts the runs that were so, and says on stderr what each showed.
pub(super) fn count(runs: u32, title: &str, mut run: impl FnMut() -> Result<(bool, Seen, Ended)>) -> Result<u32> {
    let mut count = 0;
    for number in 1..=runs {
        let (so, seen, ended) = run()?;
        count += u32::from(so);
        let end = seen.end.map_or_else(
            || format!("no end; what was said: {}", seen.other.join("; ")),
            |(outcome, overlaps, rescued)| format!("{outcome}, {overlaps} overlaps, {rescued} rescued"),
        );
        let sample = ended.sample.end()?;
        let fatal = sample.iter().find(|line| DIED.iter().any(|word| line.starts_with(word)));
        let held = fatal.or(sample.last()).map_or("nothing", String::as_str);
        eprintln!(
            "{title} {number}/{runs}: {}; {end}; {} accesses; the program ended with {held:?}",
            if so { "yes" } else { "no" },
            seen.accesses
        );
    }
    Ok(count)
}
