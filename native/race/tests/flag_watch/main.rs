//! Traps on a map's flag byte, turned into accesses: single sequences by hand, and simulated runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod runs;
mod sequences;
mod simulator;
