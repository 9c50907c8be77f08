//! The command line on real Go processes: every command, every format, and what goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod autopsy;
mod core;
mod errors;
mod files;
mod hold;
mod innocent;
mod look;
mod pages;
mod print;
mod record;
mod sample;
mod stakeout;
mod target;
mod terminal;
mod variable;
