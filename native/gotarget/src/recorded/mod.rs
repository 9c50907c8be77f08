//! Threads as the kernel recorded them while the process ran on.

mod census;
mod goids;

use goprogram::Register;
use trap::perf::{Hit, RegisterSet, amd64};

use crate::catch::Scene;
use crate::memory::RuntimeAddr;
use crate::stack::{self, Pc};
use crate::target::Target;

pub use goids::Goids;

/// The registers to ask the kernel for.
#[must_use]
pub fn registers(wanted: impl IntoIterator<Item = Register>) -> RegisterSet {
    wanted.into_iter().filter_map(number).fold(RegisterSet::default(), RegisterSet::with)
}

/// A register of a thread when it met a breakpoint, if it was asked for.
#[must_use]
pub fn register(hit: &Hit<'_>, register: Register) -> Option<u64> {
    hit.register(number(register)?)
}

/// The scene of a thread when it met a breakpoint.
#[must_use]
pub fn scene(target: &Target<'_>, hit: &Hit<'_>, goid: Option<u64>) -> Scene {
    let pc = RuntimeAddr(register(hit, Register::Rip).unwrap_or(0));
    // At a breakpoint on memory the instruction is over; at one on an instruction it has not begun.
    let here = Pc { addr: pc, cfa: RuntimeAddr(0), is_return: pc.0 != hit.address };
    Scene { thread: hit.tid, goid, stack: stack::recorded(target, here, hit.top, hit.callers()) }
}

/// The kernel's number of a register.
fn number(register: Register) -> Option<u32> {
    Some(match register {
        Register::Rax => amd64::AX,
        Register::Rcx => amd64::CX,
        Register::Rdx => amd64::DX,
        Register::Rbx => amd64::BX,
        Register::Rsp => amd64::SP,
        Register::Rbp => amd64::BP,
        Register::Rsi => amd64::SI,
        Register::Rdi => amd64::DI,
        Register::R8 => amd64::R8,
        Register::R9 => amd64::R9,
        Register::R10 => amd64::R10,
        Register::R11 => amd64::R11,
        Register::R12 => amd64::R12,
        Register::R13 => amd64::R13,
        Register::R14 => amd64::R14,
        Register::R15 => amd64::R15,
        Register::Rip => amd64::IP,
        Register::Eflags => amd64::FLAGS,
        Register::Xmm(_) => return None,
    })
}
