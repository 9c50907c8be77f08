//! What the kernel keeps of a stopped thread, byte for byte as a core file has it.

use std::io;
use std::ptr;

use nix::libc::{self, c_void, iovec};

use crate::thread::EVENT_STOP;

/// What the kernel keeps of a stopped thread.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The kernel's number of the thread.
    pub tid: i32,
    /// The general registers: a `struct user_regs_struct`.
    pub general: Vec<u8>,
    /// The floating-point and vector registers: a `struct user_fpregs_struct`.
    pub floating: Vec<u8>,
    /// All that the processor saves, with the upper halves of the vector registers; empty where it doesn't.
    pub extended: Vec<u8>,
    /// The `siginfo_t` of the signal that it stopped for; `None` if it stopped because we asked.
    pub signal: Option<Vec<u8>>,
}

/// Kinds of register sets (include/uapi/linux/elf.h).
const NT_PRSTATUS: usize = 1;
const NT_PRFPREG: usize = 2;
const NT_X86_XSTATE: usize = 0x202;

/// Larger than any processor's state: with AMX it has 11 KB.
const LARGEST: usize = 64 << 10;

/// The size of `siginfo_t`, and where it has `si_code` (include/uapi/asm-generic/siginfo.h).
const SIGNAL_INFO: usize = 128;
const SIGNAL_CODE: usize = 8;

/// Asks for what the kernel keeps of a thread that the calling thread has stopped by ptrace.
///
/// # Errors
/// It is not stopped, or not by us.
pub fn saved(tid: i32) -> io::Result<Saved> {
    Ok(Saved {
        tid,
        general: register_set(tid, NT_PRSTATUS)?,
        floating: register_set(tid, NT_PRFPREG)?,
        // An old processor, or a virtual one, may lack it.
        extended: register_set(tid, NT_X86_XSTATE).unwrap_or_default(),
        signal: signal(tid),
    })
}

fn register_set(tid: i32, kind: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; LARGEST];
    let mut place = iovec { iov_base: bytes.as_mut_ptr().cast::<c_void>(), iov_len: bytes.len() };
    // SAFETY: the kernel writes to the buffer that `place` names no more than its length, and to `place` how much
    // that was. Both live until the call returns. (nix has no type for the extended state, whose size varies.)
    #[allow(unsafe_code)]
    let result = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, tid, kind, ptr::from_mut(&mut place)) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    bytes.truncate(place.iov_len);
    Ok(bytes)
}

fn signal(tid: i32) -> Option<Vec<u8>> {
    let mut bytes = vec![0u8; SIGNAL_INFO];
    // SAFETY: the kernel writes a siginfo_t, which is 128 bytes on every machine, to a buffer of that size.
    #[allow(unsafe_code)]
    let result = unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO, tid, 0usize, bytes.as_mut_ptr()) };
    let code = bytes.get(SIGNAL_CODE..SIGNAL_CODE + 4)?.try_into().ok().map(i32::from_le_bytes)?;
    (result == 0 && code >> 8 != EVENT_STOP).then_some(bytes)
}
