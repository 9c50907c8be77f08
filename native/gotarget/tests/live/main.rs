//! Real Go processes, looked at from outside and held against what they print of themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod cores;
mod damage;
mod dumps;
mod expressions;
mod fatal;
mod goroutines;
mod headers;
mod keys;
mod mortal;
mod mutations;
mod process;
mod racing;
mod stops;
mod suspects;
mod toolchain;
