//! Stops the threads of a process, and lets them go as they were.
//!
//! The only code of the project that calls ptrace.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod access;
mod breakpoint;
mod error;
mod keeper;
pub mod perf;
mod registers;
mod saved;
mod stopped;
mod thread;
mod tracer;

pub use access::{has_ptrace_capability, perf_remedy, ptrace_scope, remedy};
pub use breakpoint::{At, Breakpoint, TRAP_PERF};
pub use error::Error;
pub use keeper::{Kept, keep};
pub use nix::libc::user_regs_struct as Registers;
pub use registers::{DebugRegisters, debug_registers, try_watchpoint};
pub use saved::{Saved, saved};
pub use stopped::{Stopped, Thread};
pub use thread::{living, threads_of};
pub use tracer::{End, Event, TRAP_HWBKPT, Tracer, Waker};
