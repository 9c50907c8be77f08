//! The table: a row for each mode, a column for what happens.

use super::case::COLUMNS;
use super::mode::Mode;

/// What was counted of one mode in one column.
#[derive(Clone, Copy, Default)]
pub(super) struct Cell {
    pub(super) runs: u32,
    /// Runs in which something was wrong.
    pub(super) wrong: u32,
    /// Whether that was announced.
    pub(super) announced: bool,
}

impl Cell {
    pub(super) fn is_kept(self) -> bool {
        self.wrong == 0 || self.announced
    }

    fn text(self) -> String {
        match self {
            Cell { runs: 0, .. } => "–".to_owned(),
            Cell { runs, wrong, .. } if self.is_kept() => format!("{} of {runs}", runs - wrong),
            Cell { runs, wrong, .. } => format!("**{} of {runs}**", runs - wrong),
        }
    }
}

/// One mode, with a cell for each column.
pub(super) struct Row {
    pub(super) mode: Mode,
    pub(super) cells: Vec<Cell>,
}

impl Row {
    pub(super) fn is_kept(&self) -> bool {
        self.cells.iter().all(|cell| cell.is_kept())
    }

    fn line(&self) -> String {
        let safe = self.mode.safety().text();
        let cells: Vec<String> = self.cells.iter().map(|cell| cell.text()).collect();
        let verdict = if self.is_kept() { "ok" } else { "HARM" };
        format!("| {} | {safe} | {} | {verdict} |", self.mode.name(), cells.join(" | "))
    }
}

/// The table.
pub(super) fn lines(rows: &[Row]) -> Vec<String> {
    let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
    let mut lines = vec![
        format!("| mode | may be killed | {} | |", titles.join(" | ")),
        format!("|{}", "---|".repeat(titles.len() + 3)),
    ];
    lines.extend(rows.iter().map(Row::line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_harmed_process_is_harm_unless_that_was_announced() {
        let row = |wrong, announced| Row { mode: Mode::Gdb, cells: vec![Cell { runs: 8, wrong, announced }] };
        assert!(row(0, false).is_kept() && row(8, true).is_kept());
        assert!(!row(1, false).is_kept());
        assert!(row(1, false).line().ends_with("| **7 of 8** | HARM |"), "{}", row(1, false).line());
        assert!(row(1, true).line().ends_with("| 7 of 8 | ok |"), "{}", row(1, true).line());
    }
}
