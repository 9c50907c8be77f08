//! What real Go programs say about themselves: the program beside this file, built by several Go toolchains
//! in several ways.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod accesses;
mod build;
mod code;
mod damage;
mod descriptors;
mod flow;
mod layouts;
mod locals;
mod map_calls;
mod modes;
mod names;
mod slots;
