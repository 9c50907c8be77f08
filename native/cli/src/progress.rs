//! How far long work has got: on stderr, if that is a terminal, and only once the work has turned out to be long.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work that is over sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a bar says of its work.
const ENTRIES: &str = "{bar:32} {human_pos} of {human_len} entries, {eta} left";
const BYTES: &str = "{bar:32} {bytes} of {total_bytes}, {eta} left";

/// A bar that may come to be.
pub(crate) struct Progress {
    template: &'static str,
    began: Instant,
    state: RefCell<State>,
}

enum State {
    /// Nothing to show so far.
    Waiting,
    Shown(ProgressBar),
    /// It has been in the way of the output, or there is no terminal.
    Never,
}

impl Progress {
    /// No bar so far; it will count entries.
    pub(crate) fn new() -> Self {
        Progress::with(ENTRIES)
    }

    /// No bar so far; it will count bytes.
    pub(crate) fn of_bytes() -> Self {
        Progress::with(BYTES)
    }

    fn with(template: &'static str) -> Self {
        let state = if io::stderr().is_terminal() { State::Waiting } else { State::Never };
        Progress { template, began: Instant::now(), state: RefCell::new(state) }
    }

    /// So many of so many are done.
    pub(crate) fn show(&self, done: u64, of: u64) {
        let mut state = self.state.borrow_mut();
        if let State::Waiting = *state
            && self.began.elapsed() >= PATIENCE
        {
            let bar = ProgressBar::new(of);
            if let Ok(style) = ProgressStyle::with_template(self.template) {
                bar.set_style(style);
            }
            *state = State::Shown(bar);
        }
        if let State::Shown(bar) = &*state {
            bar.set_length(of.max(done));
            bar.set_position(done);
        }
    }

    /// Takes the bar away, for good.
    pub(crate) fn clear(&self) {
        if let State::Shown(bar) = self.state.replace(State::Never) {
            bar.finish_and_clear();
        }
    }
}
