//! The processor's debug registers of a process's threads, as a debugger sees them.

use std::ffi::c_void;
use std::io;

use nix::errno::Errno;
use nix::libc::{c_long, user};
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::{Error, Stopped};

/// How many registers hold an address; the register that switches them on, and its bits for a write of one byte at the address in the
/// first (Intel SDM, volume 3, section 18.2.4).
pub(crate) const ADDRESSES: usize = 4;
pub(crate) const CONTROL: usize = 7;
const WRITES_OF_FIRST: c_long = 1 | 1 << 16;

/// The debug registers of one thread that a debugger has set.
///
/// A perf breakpoint does not show here: it is the kernel's, and goes away with its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebugRegisters {
    /// The kernel's number of the thread.
    pub tid: i32,
    /// What is watched: DR0 to DR3.
    pub addresses: [u64; ADDRESSES],
    /// Which of them are on, and how: DR7.
    pub control: u64,
}

impl DebugRegisters {
    /// Whether nothing is left in them.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.addresses == [0; ADDRESSES] && self.control == 0
    }
}

/// Reads the debug registers of all threads of a process, which stands still for that moment.
///
/// # Errors
/// There is no such process, it is traced already, or the system does not allow it.
pub fn debug_registers(pid: i32) -> Result<Vec<DebugRegisters>, Error> {
    let stopped = Stopped::new(pid)?;
    let mut all = Vec::new();
    for thread in stopped.threads() {
        let tid = Pid::from_raw(thread.tid);
        let one = |number| ptrace::read_user(tid, offset(number)).map(c_long::cast_unsigned);
        let read = || Ok([one(0)?, one(1)?, one(2)?, one(3)?, one(CONTROL)?]);
        match read() {
            Ok([a, b, c, d, control]) => {
                all.push(DebugRegisters { tid: thread.tid, addresses: [a, b, c, d], control });
            }
            // Only SIGKILL ends a thread that stands.
            Err(Errno::ESRCH) => {}
            Err(errno) => {
                return Err(Error::System { what: "read the debug registers", pid, source: errno.into() });
            }
        }
    }
    if all.is_empty() { Err(Error::Ended { pid }) } else { Ok(all) }
}

/// Whether debuggers can watch memory on this machine by the processor: sets a watchpoint in a stopped
/// process and takes it away again. Give it a process that nobody needs.
///
/// # Errors
/// What the system said: a virtual machine or a sandbox may lack the registers.
pub fn try_watchpoint(stopped: &Stopped) -> io::Result<()> {
    let Some(thread) = stopped.threads().first() else { return Err(io::ErrorKind::NotFound.into()) };
    let tid = Pid::from_raw(thread.tid);
    let write = |number: usize, value: c_long| ptrace::write_user(tid, offset(number), value);
    let tried = write(0, thread.registers.rsp.cast_signed()).and_then(|()| write(CONTROL, WRITES_OF_FIRST));
    // What was not set needs no clearing.
    let _ = write(CONTROL, 0).and_then(|()| write(0, 0));
    Ok(tried?)
}

/// Where the kernel has a thread's debug register for a debugger.
pub(crate) fn offset(number: usize) -> *mut c_void {
    (std::mem::offset_of!(user, u_debugreg) + number * size_of::<c_long>()) as *mut c_void
}
