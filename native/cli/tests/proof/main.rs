//! The proof: what a Go program says of itself, held against what we read of it.
//!
//! The program is ../../../gotarget/tests/corpus. It is built with every Go version in every way that matters,
//! and read while it runs, from its core, and through gdb.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod builds;
mod compare;
mod corpus;
mod figures;
mod gdb;
mod hammer;
mod keys;
mod process;
mod random;
mod reading;
mod script;
mod steps;
