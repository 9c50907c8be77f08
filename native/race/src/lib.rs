//! Accesses in, overlaps out: the one judge behind gdb, lldb, ptrace, perf and BPF.
//!
//! Pure: no I/O, no clock, no threads. Whoever traps an access says when it was and what it saw; this
//! crate says who was inside at the same time.
//!
//! - [`Access`] is one read or write of a map by one goroutine, with its window.
//! - [`Judge`] compares windows: two goroutines, one map, at the same time, at least one write.
//! - [`FlagWatch`] turns traps on a map's flag byte into accesses, and finds the overlaps that the byte
//!   itself proves.
//! - [`VarWatch`] takes the accesses to any other variable, and says what they prove: data races, lost updates.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod access;
mod flag;
mod judge;
mod variable;

pub use access::{Access, Deed, Goroutine, Kind, Step, Time};
pub use flag::{FlagWatch, Generation, Hit, Phase, Seen, Touch, Window};
pub use judge::{Judge, Overlap};
pub use variable::{Action, Between, Code, Derived, LostUpdate, Proven, VarAccess, VarRace, VarWatch};
