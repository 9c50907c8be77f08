//! Values and expressions of real Go processes, held against what these say of themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod ahead;
#[path = "../../../cli/tests/proof/compare.rs"]
#[allow(dead_code)]
mod compare;
mod corpus;
mod expressions;
mod limits;
#[path = "../live/process.rs"]
mod process;
#[path = "../live/toolchain.rs"]
#[allow(dead_code)]
mod toolchain;
