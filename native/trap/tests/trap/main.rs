//! Real processes, stopped, traced and let go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod breakpoint;
mod process;
mod record;
mod span;
mod stop;
mod trace;
