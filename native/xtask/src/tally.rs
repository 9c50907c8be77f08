//! How many tests passed and failed, from what cargo and pytest print.

use std::ops::AddAssign;

/// Passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// One check.
    pub(crate) fn one(passed: bool) -> Self {
        Tally { passed: passed.into(), failed: (!passed).into() }
    }

    /// What a line of `cargo test` adds: "test result: ok. 5 passed; 0 failed; 0 ignored; …".
    pub(crate) fn cargo(line: &str) -> Self {
        match line.split_once("test result:") {
            Some((_, counts)) => Tally { passed: before(counts, &["passed;"]), failed: before(counts, &["failed;"]) },
            None => Tally::default(),
        }
    }

    /// What a line of pytest adds: "== 1 failed, 20 passed, 2 errors in 5.20s ==", the last line only.
    pub(crate) fn pytest(line: &str) -> Self {
        let words = line.trim_matches(['=', ' ']);
        if !words.contains(" in ") || !words.starts_with(|letter: char| letter.is_ascii_digit()) {
            return Tally::default();
        }
        Tally {
            passed: before(words, &["passed", "passed,"]),
            failed: before(words, &["failed", "failed,"]) + before(words, &["error", "error,", "errors", "errors,"]),
        }
    }

    /// The same, but with a failure if the command failed without counting one (it didn't build, or crashed),
    /// or if it tested nothing.
    pub(crate) fn checked(mut self, succeeded: bool) -> Self {
        if (!succeeded && self.failed == 0) || self == Tally::default() {
            self.failed += 1;
        }
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// The number before the first of the words.
fn before(text: &str, words: &[&str]) -> u64 {
    let all: Vec<&str> = text.split_whitespace().collect();
    let found = all.windows(2).find_map(|pair| match pair {
        [number, word] if words.contains(word) => number.parse().ok(),
        _ => None,
    });
    found.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_cargo_are_counted_and_other_lines_are_not() {
        let line = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(Tally::cargo(line), Tally { passed: 5, failed: 0 });
        let line = "test result: \u{1b}[31mFAILED\u{1b}[m. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Tally::cargo(line), Tally { passed: 12, failed: 3 });
        assert_eq!(Tally::cargo("test tally::tests::ok ... ok"), Tally::default());
        assert_eq!(Tally::cargo("thread 'x' panicked: 3 failed; 2 passed;"), Tally::default());
    }

    #[test]
    fn results_of_pytest_are_counted_and_other_lines_are_not() {
        assert_eq!(Tally::pytest("7 passed in 0.12s"), Tally { passed: 7, failed: 0 });
        let line = "==== 1 failed, 20 passed, 3 skipped, 2 errors in 65.20s (0:01:05) ====";
        assert_eq!(Tally::pytest(line), Tally { passed: 20, failed: 3 });
        assert_eq!(Tally::pytest("1 error in 0.1s"), Tally { passed: 0, failed: 1 });
        assert_eq!(Tally::pytest("gdb-plugin/tests/test_watch.py ....F [ 50%]"), Tally::default());
        assert_eq!(Tally::pytest("E   assert 3 passed in the gate"), Tally::default());
    }

    #[test]
    fn a_command_that_fails_without_a_count_or_tests_nothing_is_a_failure() {
        let five = Tally { passed: 5, failed: 0 };
        assert_eq!(five.checked(true), five);
        assert_eq!(five.checked(false), Tally { passed: 5, failed: 1 });
        assert_eq!(Tally { passed: 5, failed: 2 }.checked(false), Tally { passed: 5, failed: 2 });
        assert_eq!(Tally::default().checked(true), Tally { passed: 0, failed: 1 });
    }
}
