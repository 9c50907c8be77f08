//! A Go process, live or dead: its memory, its maps, threads, goroutines and stacks.
//!
//! Nothing here stops, changes or calls into the process. [`Target`] puts together what is known of it;
//! [`expression`] finds a map, [`map`] reads its header, [`goroutine`] and [`stack`] say who is where, and
//! [`catch`] turns a stop at the flag byte into an access for crate `race` to judge.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod argument;
pub mod catch;
mod core;
mod error;
pub mod expression;
pub mod fatal;
pub mod frame;
mod frames;
pub mod goroutine;
pub mod hasher;
pub mod literal;
mod live;
pub mod lookup;
pub mod map;
mod memory;
pub mod places;
mod process;
pub mod query;
pub mod recorded;
mod registers;
pub mod stack;
pub mod suspects;
mod target;
pub mod threads;
pub mod users;
pub mod value;
pub mod variable;

pub use crate::core::{CoreMemory, WrittenCore, write_core};
pub use error::Error;
pub use frame::FrameContext;
pub use frames::UnwoundFrame;
pub use live::LiveMemory;
pub use memory::{Cause, LoadBias, MapSource, Memory, RuntimeAddr, Unreadable, read_bytes, read_uint};
pub use process::{Kind, Process, Stopped};
pub use registers::{ThreadRegisters, general};
pub use target::Target;
pub use value::{Limits, Value, Values};
