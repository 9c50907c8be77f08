//! The rows of the table: what was measured, beside what is promised.

use serde::Deserialize;

/// The most memory that printing may take, in KiB, and the most bytes of the map that `get` may read.
pub(super) const MEMORY: i64 = 64 << 10;
const GET_BYTES: u64 = 64 << 10;

/// The least part of the bare system call's speed that a scan must have.
const SCAN: f64 = 0.5;

/// What a command took: the median of its runs.
#[derive(Clone, Copy)]
pub(super) enum Took {
    Seconds { wall: f64, processor: f64, peak_kib: i64, runs: usize },
    MoreThan(f64),
    Absent,
}

/// One row of the table.
pub(super) struct Row {
    pub(super) what: String,
    pub(super) ours: Took,
    pub(super) theirs: Vec<(&'static str, Took)>,
    /// How many times faster we have to be: with 0.5 we may take twice as long.
    pub(super) promised: Option<f64>,
    /// The most memory that we may take, in KiB.
    pub(super) memory: Option<i64>,
}

impl Took {
    /// What is left of it without another one. The peak of memory remains.
    pub(super) fn less(self, other: Took) -> Took {
        match (self, other) {
            (Took::Seconds { wall, processor, peak_kib, runs }, Took::Seconds { wall: w, processor: p, .. }) => {
                Took::Seconds { wall: wall - w, processor: processor - p, peak_kib, runs }
            }
            (took, _) => took,
        }
    }

    fn wall(self) -> Option<f64> {
        match self {
            Took::Seconds { wall, .. } | Took::MoreThan(wall) => Some(wall),
            Took::Absent => None,
        }
    }

    fn text(self) -> String {
        match self {
            Took::Seconds { wall, processor, peak_kib, runs } => {
                let once = if runs == 1 { ", one run" } else { "" };
                format!("{wall:.3} s ({processor:.3} s, {} MiB{once})", peak_kib / 1024)
            }
            Took::MoreThan(seconds) => format!("given up after {seconds} s"),
            Took::Absent => "not here".to_owned(),
        }
    }
}

impl Row {
    /// How many times faster we are than each of the others.
    fn ratios(&self) -> impl Iterator<Item = (&'static str, f64, bool)> {
        let ours = self.ours.wall();
        self.theirs
            .iter()
            .filter_map(move |(name, took)| Some((*name, took.wall()? / ours?, matches!(took, Took::MoreThan(_)))))
    }

    pub(super) fn is_kept(&self) -> bool {
        let fast = self.promised.is_none_or(|promised| self.ratios().all(|(_, ratio, _)| ratio >= promised));
        let small = match (self.memory, self.ours) {
            (Some(most), Took::Seconds { peak_kib, .. }) => peak_kib <= most,
            (Some(_), _) => false,
            (None, _) => true,
        };
        fast && small
    }

    pub(super) fn line(&self) -> String {
        let theirs: Vec<String> = self.theirs.iter().map(|(name, took)| format!("{name}: {}", took.text())).collect();
        let ratio = |(name, ratio, more): (&str, f64, bool)| {
            let digits = if ratio < 10.0 { 2 } else { 0 };
            format!("{}{ratio:.digits$}× ({name})", if more { ">" } else { "" })
        };
        let ratios: Vec<String> = self.ratios().map(ratio).collect();
        let mut promised: Vec<String> = self.promised.iter().map(|times| format!("≥ {times}×")).collect();
        promised.extend(self.memory.map(|most| format!("≤ {} MiB", most / 1024)));
        format!(
            "| {} | {} | {} | {} | {} | {} |",
            self.what,
            self.ours.text(),
            theirs.join("; "),
            ratios.join(", "),
            promised.join(", "),
            verdict(self.is_kept())
        )
    }
}

/// The answer of the example `measure` of crate `gotarget`.
#[derive(Deserialize)]
pub(super) struct Scan {
    entries: u64,
    bytes: u64,
    scan_seconds: f64,
    read_seconds: f64,
    get_bytes: u64,
}

impl Scan {
    fn fraction(&self) -> f64 {
        self.read_seconds / self.scan_seconds
    }

    pub(super) fn is_kept(&self) -> bool {
        self.fraction() >= SCAN && self.get_bytes < GET_BYTES
    }

    pub(super) fn lines(&self) -> [String; 2] {
        let speed = |seconds: f64| self.bytes as f64 / seconds / 1e9;
        [
            format!(
                "| scan {} entries ({} MB), as a part of process_vm_readv's speed for the same bytes | {:.0} % ({:.2} of {:.2} GB/s) | ≥ {:.0} % | {} |",
                self.entries,
                self.bytes / 1_000_000,
                self.fraction() * 100.0,
                speed(self.scan_seconds),
                speed(self.read_seconds),
                SCAN * 100.0,
                verdict(self.fraction() >= SCAN)
            ),
            format!(
                "| bytes of memory that `get` reads, with the proof of its hash | {} | < {GET_BYTES} | {} |",
                self.get_bytes,
                verdict(self.get_bytes < GET_BYTES)
            ),
        ]
    }
}

/// A row of the table of what it costs to watch.
pub(super) struct Bound {
    pub(super) what: String,
    pub(super) measured: String,
    pub(super) promised: String,
    pub(super) kept: bool,
}

impl Bound {
    /// So many times as long, and no more than promised.
    pub(super) fn most(what: String, times: f64, promised: f64, beside: String) -> Self {
        let measured = format!("{times:.3}× ({beside})");
        Bound { what, measured, promised: format!("≤ {promised}×"), kept: times <= promised }
    }

    /// So many times as fast, and no less than promised.
    pub(super) fn least(what: String, times: f64, promised: f64, beside: String) -> Self {
        let measured = format!("{times:.0}× ({beside})");
        Bound { what, measured, promised: format!("≥ {promised}×"), kept: times >= promised }
    }

    /// What could not be measured is not kept.
    pub(super) fn unknown(what: String, promised: String) -> Self {
        Bound { what, measured: "not here".to_owned(), promised, kept: false }
    }

    pub(super) fn line(&self) -> String {
        format!("| {} | {} | {} | {} |", self.what, self.measured, self.promised, verdict(self.kept))
    }
}

fn verdict(kept: bool) -> &'static str {
    if kept { "ok" } else { "NOT KEPT" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(wall: f64, peak_kib: i64) -> Took {
        Took::Seconds { wall, processor: wall, peak_kib, runs: 5 }
    }

    #[test]
    fn one_that_is_given_up_counts_with_the_time_it_was_given() {
        let row = Row {
            what: "print".to_owned(),
            ours: seconds(2.0, 1024),
            theirs: vec![("theirs", Took::MoreThan(600.0)), ("absent", Took::Absent)],
            promised: Some(300.0),
            memory: None,
        };
        assert!(row.is_kept());
        assert!(row.line().contains("| >300× (theirs) |"), "{}", row.line());
        assert!(!Row { promised: Some(301.0), ..row }.is_kept());
    }

    #[test]
    fn what_may_take_twice_as_long_takes_what_is_left_without_its_start() {
        let row = |wall| Row {
            what: "print".to_owned(),
            ours: seconds(wall, 1024).less(seconds(2.0, 512)),
            theirs: vec![("theirs", seconds(0.5, 1024))],
            promised: Some(0.5),
            memory: None,
        };
        assert!(row(3.0).is_kept());
        assert!(row(3.0).line().contains("| 0.50× (theirs) | ≥ 0.5× | ok |"), "{}", row(3.0).line());
        assert!(!row(3.1).is_kept());
    }

    #[test]
    fn too_much_memory_is_not_kept() {
        let row = |peak_kib| Row {
            what: "print".to_owned(),
            ours: seconds(1.0, peak_kib),
            theirs: Vec::new(),
            promised: None,
            memory: Some(MEMORY),
        };
        assert!(row(MEMORY).is_kept());
        assert!(!row(MEMORY + 1).is_kept());
    }

    #[test]
    fn a_bound_is_kept_up_to_its_last_figure_and_not_by_what_was_not_measured() {
        let most = |times| Bound::most(String::new(), times, 1.6, String::new()).kept;
        assert!(most(1.6) && !most(1.61) && !most(f64::NAN));
        let least = |times| Bound::least(String::new(), times, 10.0, String::new()).kept;
        assert!(least(10.0) && !least(9.9) && !least(f64::NAN));
        assert!(!Bound::unknown(String::new(), String::new()).kept);
    }
}
