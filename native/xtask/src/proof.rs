//! The figures that the proof (native/cli/tests/proof) writes down, as tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::ground;

/// A table: which figures, and its columns.
struct Table {
    proof: &'static str,
    title: &'static str,
    /// Rows with the same values of these are one, whose numbers are added up.
    rows: &'static [&'static str],
    numbers: &'static [&'static str],
}

const TABLES: [Table; 5] = [
    Table {
        proof: "corpus",
        title: "Every entry and value that the corpus program says it has, against what is read of it",
        rows: &["go", "source"],
        numbers: &["builds", "maps", "entries", "values", "locals", "optimized_out", "wrong"],
    },
    Table {
        proof: "keys",
        title: "`get` of every key of the corpus",
        rows: &["go"],
        numbers: &["gets", "scanned", "wrong"],
    },
    Table {
        proof: "random",
        title: "After each of many random changes: the scan, `get` of present and absent keys, and the check",
        rows: &["go"],
        numbers: &["changes", "entries", "gets", "scanned", "wrong"],
    },
    Table {
        proof: "steps",
        title: "Writes stopped at each of their stores: exact, not exact but with a finding, wrong without one",
        rows: &["go"],
        numbers: &["writes", "instructions", "readings", "exact", "findings", "wrong"],
    },
    Table {
        proof: "hammer",
        title: "A map that two goroutines hammer: reads, those without a finding, and those of them that are wrong",
        rows: &["go"],
        numbers: &["reads", "without_finding", "stopped_reads", "stopped_without_finding", "wrong"],
    },
];

fn path() -> Result<PathBuf> {
    Ok(ground::ours()?.join("figures.jsonl"))
}

/// The file for the figures of a new run.
pub(crate) fn begin() -> Result<PathBuf> {
    let path = path()?;
    ground::write(&path, "")?;
    Ok(path)
}

/// The tables of the last run.
pub(crate) fn tables() -> Result<String> {
    let path = path()?;
    let text = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let figures: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(TABLES.iter().map(|table| table.of(&figures)).collect::<Vec<_>>().join("\n\n"))
}

impl Table {
    fn of(&self, figures: &[Value]) -> String {
        let mut rows: BTreeMap<Vec<String>, Vec<u64>> = BTreeMap::new();
        for figure in figures.iter().filter(|figure| figure.get("proof").and_then(Value::as_str) == Some(self.proof)) {
            let word = |name: &&str| figure.get(*name).and_then(Value::as_str).unwrap_or("–").to_owned();
            // Each line is one build.
            let number =
                |name: &&str| figure.get(*name).and_then(Value::as_u64).unwrap_or(u64::from(*name == "builds"));
            let sums = rows.entry(self.rows.iter().map(word).collect()).or_insert_with(|| vec![0; self.numbers.len()]);
            for (sum, number) in sums.iter_mut().zip(self.numbers.iter().map(number)) {
                *sum += number;
            }
        }
        let columns: Vec<String> =
            self.rows.iter().chain(self.numbers).map(|name| name.replace('_', " ").replacen("go", "Go", 1)).collect();
        let mut lines = vec![
            format!("{}:", self.title),
            String::new(),
            format!("| {} |", columns.join(" | ")),
            format!("|{}", "---|".repeat(columns.len())),
        ];
        lines.extend(rows.into_iter().map(|(words, sums)| {
            let numbers = sums.iter().map(|sum| grouped(*sum));
            format!("| {} |", words.into_iter().chain(numbers).collect::<Vec<_>>().join(" | "))
        }));
        lines.join("\n")
    }
}

/// "1,234,567".
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_of_one_version_are_added_up_and_others_are_left_out() {
        let figures = [
            json!({"proof": "corpus", "go": "1.23.4", "source": "live", "entries": 1200, "wrong": 0}),
            json!({"proof": "corpus", "go": "1.23.4", "source": "live", "entries": 1000, "wrong": 1}),
            json!({"proof": "hammer", "go": "1.23.4", "reads": 5}),
        ];
        let table = TABLES[0].of(&figures);
        let row = table.lines().last().unwrap();
        assert_eq!(row, "| 1.23.4 | live | 2 | 0 | 2,200 | 0 | 0 | 0 | 1 |");
    }
}
