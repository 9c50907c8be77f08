//! The processor's debug registers, as far as to find out whether a process may use them.

use std::ffi::c_void;
use std::io;

use nix::libc::{c_long, user};
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::Stopped;

/// The register that switches the others on, and its bits for a write of one byte at the address in the
/// first (Intel SDM, volume 3, section 18.2.4).
const CONTROL: usize = 7;
const WRITES_OF_FIRST: c_long = 1 | 1 << 16;

/// Whether debuggers can watch memory on this machine by the processor: sets a watchpoint in a stopped
/// process and takes it away again. Give it a process that nobody needs.
///
/// # Errors
/// What the system said: a virtual machine or a sandbox may lack the registers.
pub fn try_watchpoint(stopped: &Stopped) -> io::Result<()> {
    let Some(thread) = stopped.threads().first() else { return Err(io::ErrorKind::NotFound.into()) };
    let tid = Pid::from_raw(thread.tid);
    let write = |number: usize, value: c_long| {
        let offset = std::mem::offset_of!(user, u_debugreg) + number * size_of::<c_long>();
        ptrace::write_user(tid, offset as *mut c_void, value)
    };
    let tried = write(0, thread.registers.rsp.cast_signed()).and_then(|()| write(CONTROL, WRITES_OF_FIRST));
    // What was not set needs no clearing.
    let _ = write(CONTROL, 0).and_then(|()| write(0, 0));
    Ok(tried?)
}
