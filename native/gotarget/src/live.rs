//! A live process, read through the kernel without stopping it.

use std::io::IoSliceMut;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use crate::memory::{Memory, RuntimeAddr, Unreadable};

/// The memory of a running process, by `process_vm_readv`.
#[derive(Clone, Copy, Debug)]
pub struct LiveMemory {
    pid: Pid,
}

impl LiveMemory {
    /// The memory of the process `pid`.
    #[must_use]
    pub fn of(pid: i32) -> Self {
        LiveMemory { pid: Pid::from_raw(pid) }
    }
}

impl Memory for LiveMemory {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        let len = buf.len();
        let remote = RemoteIoVec { base: addr.0 as usize, len };
        match process_vm_readv(self.pid, &mut [IoSliceMut::new(buf)], &[remote]) {
            Ok(read) if read == len => Ok(()),
            _ => Err(Unreadable::unmapped(addr, len)),
        }
    }
}
