//! What traps at one variable prove: by hand, and by programs that are simulated.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod programs;
mod sequences;
mod simulator;
