//! The commands that look at a Go process: `print`, `get`, `header`, `check`, `maps`, `goroutines`, `locals`,
//! `autopsy`.
//!
//! [`parse`] reads one from words, as a debugger's user types them; the command line reads the same
//! [`Command`] with its own options beside it. [`Command::run`] writes the answer. Which process, how it is
//! read and what stands still meanwhile is the caller's: a [`Context`] says it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod arguments;
mod autopsy;
mod check;
mod context;
mod get;
mod goroutines;
mod header;
mod locals;
mod maps;
mod print;
mod run;
mod variables;

pub use arguments::{
    AutopsyArgs, CheckArgs, Command, GetArgs, GoroutinesArgs, HeaderArgs, LimitArgs, LocalsArgs, MapsArgs, PrintArgs,
    Usage, parse,
};
pub use context::{Context, Error, Status};
