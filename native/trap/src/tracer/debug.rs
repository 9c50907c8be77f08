//! Breakpoints in the debug registers of a traced thread, as debuggers set them.

use nix::errno::Errno;
use nix::libc::c_long;
use nix::sys::ptrace;
use nix::unistd::Pid;

use super::Tracer;
use crate::registers::{ADDRESSES, CONTROL, offset};
use crate::{At, Error};

/// What `si_code` says in the SIGTRAP of a debug register that ptrace has set (`TRAP_HWBKPT`,
/// include/uapi/asm-generic/siginfo.h).
pub const TRAP_HWBKPT: i32 = 4;

/// For each register, the control register has two bits from this one on that switch it on, and four that say how
/// (Intel SDM, volume 3, section 18.2.4).
const ON: usize = 0;
const HOW: usize = 16;

/// How a register traps: at its instruction, or at reads and writes; and of how many bytes.
const EXECUTED: c_long = 0b00;
const READ_OR_WRITTEN: c_long = 0b11;

impl Tracer {
    /// Sets the breakpoints of a thread that stands, up to four, in place of those that it had. Threads that it makes
    /// have none.
    ///
    /// They are the thread's own: unless they are taken away with an empty list, they stay when the tracing ends, and
    /// the next trap ends the process. Prefer a [`Breakpoint`](crate::Breakpoint).
    ///
    /// # Errors
    /// The registers are in use, or this machine has none; the thread does not stand, or has been killed.
    pub fn set_debug_registers(&self, tid: i32, places: &[At]) -> Result<(), Error> {
        if places.len() > ADDRESSES {
            return Err(Error::NoSlot { pid: self.pid });
        }
        let write = |number: usize, value: c_long| ptrace::write_user(Pid::from_raw(tid), offset(number), value);
        let set = || {
            // The kernel takes an address for what the control register says of it at that moment.
            write(CONTROL, 0)?;
            for number in 0..ADDRESSES {
                write(number, places.get(number).map_or(0, |at| at.address().cast_signed()))?;
            }
            let control = places
                .iter()
                .enumerate()
                .fold(0, |control, (number, at)| control | 1 << (ON + 2 * number) | how(*at) << (HOW + 4 * number));
            write(CONTROL, control)
        };
        set().map_err(|errno: Errno| match errno {
            Errno::ESRCH => Error::Ended { pid: self.pid },
            Errno::ENOSPC => Error::NoSlot { pid: self.pid },
            errno => Error::NoBreakpoints { source: errno.into() },
        })
    }
}

fn how(at: At) -> c_long {
    let length = match at {
        At::Bytes { length: 2, .. } => 0b01,
        At::Bytes { length: 4, .. } => 0b11,
        At::Bytes { length: 8, .. } => 0b10,
        At::Byte(_) | At::Bytes { .. } | At::Instruction(_) => 0b00,
    };
    let when = if matches!(at, At::Instruction(_)) { EXECUTED } else { READ_OR_WRITTEN };
    when | length << 2
}
