//! Whether there is colour.

use std::io::{self, IsTerminal};

use clap::ColorChoice;
use report::Palette;

/// The colours of stdout: on a terminal that has any, unless the user says otherwise.
pub(crate) fn palette(choice: ColorChoice) -> Palette {
    palette_on(choice, io::stdout().is_terminal())
}

/// The same of another output.
pub(crate) fn palette_on(choice: ColorChoice, is_terminal: bool) -> Palette {
    Palette::new(match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && !is_set("NO_COLOR") && !is_dumb(),
    })
}

/// Set and not empty (<https://no-color.org>).
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
