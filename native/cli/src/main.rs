//! The command `redhanded`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod arguments;

fn main() {
    let _ = arguments::Cli::parse();
}
