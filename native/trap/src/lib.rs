//! Stops the threads of a process, and lets them go as they were.
//!
//! The only code of the project that calls ptrace.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod access;
mod error;
mod registers;
mod stopped;

pub use access::{has_ptrace_capability, ptrace_scope, remedy};
pub use error::Error;
pub use nix::libc::user_regs_struct as Registers;
pub use registers::{DebugRegisters, debug_registers, try_watchpoint};
pub use stopped::{Stopped, Thread, threads_of};
