//! A live process, read through the kernel without stopping it.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicI32, Ordering};

use gomap::Part;
use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use crate::error::Error;
use crate::memory::{Cause, Memory, RuntimeAddr, Unreadable};

/// The memory of a running process: by `process_vm_readv`, or by `/proc/PID/mem` where that call is missing
/// or forbidden.
#[derive(Debug)]
pub struct LiveMemory {
    pid: Pid,
    /// The thread by whose number it is read.
    by: AtomicI32,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Call,
    File(File),
}

/// The most ranges that the kernel takes in one call (`UIO_MAXIOV`, include/uapi/linux/uio.h).
const MOST_RANGES: usize = 1024;

/// The type of the entry in a process's auxiliary vector that holds the address of its first instruction
/// (`AT_ENTRY`, include/uapi/linux/auxvec.h).
pub(crate) const AT_ENTRY: u64 = 9;

impl LiveMemory {
    /// The memory of the process `pid`.
    ///
    /// # Errors
    /// There is no such process, or the system does not let us read it: then it says what to do.
    pub fn of(pid: i32) -> Result<Self, Error> {
        let entry = entry(pid)?;
        let by = trap::living(pid);
        let memory = |way| LiveMemory { pid: Pid::from_raw(pid), by: by.into(), way };
        // Which way works is found out once, on a byte that every process has: of its first instruction.
        let mut byte = [0];
        let remote = RemoteIoVec { base: entry as usize, len: byte.len() };
        match process_vm_readv(Pid::from_raw(by), &mut [IoSliceMut::new(&mut byte)], &[remote]) {
            Ok(1) => return Ok(memory(Way::Call)),
            Err(Errno::ESRCH) => return Err(Error::NoProcess { pid }),
            _ => {}
        }
        let file = File::open(format!("/proc/{by}/mem")).map_err(|error| unavailable(pid, &error))?;
        match file.read_at(&mut byte, entry) {
            Ok(1) => Ok(memory(Way::File(file))),
            Ok(_) => Err(Error::NoProcess { pid }),
            Err(error) => Err(unavailable(pid, &error)),
        }
    }

    /// Fills as many whole parts, from the first on, as one call does, and says how many.
    fn fill(&self, parts: &mut [Part<'_>]) -> Result<usize, Cause> {
        let mut remote: Vec<RemoteIoVec> = Vec::with_capacity(parts.len());
        for part in parts.iter() {
            let (base, len) = (part.addr as usize, part.buf.len());
            match remote.last_mut() {
                // Many small ranges cost far more than one large one.
                Some(last) if last.base.checked_add(last.len) == Some(base) => last.len += len,
                _ => remote.push(RemoteIoVec { base, len }),
            }
        }
        let mut local: Vec<IoSliceMut<'_>> = parts.iter_mut().map(|part| IoSliceMut::new(part.buf)).collect();
        let read = self.call(&mut local, &remote).map_err(|errno| self.cause(errno))?;
        let mut left = read;
        let mut filled = 0;
        for part in parts {
            let Some(rest) = left.checked_sub(part.buf.len()) else { break };
            left = rest;
            part.read = true;
            filled += 1;
        }
        Ok(filled)
    }

    fn call(&self, local: &mut [IoSliceMut<'_>], remote: &[RemoteIoVec]) -> Result<usize, Errno> {
        let by = self.by.load(Ordering::Relaxed);
        match process_vm_readv(Pid::from_raw(by), local, remote) {
            Err(Errno::ESRCH) => {
                // The thread may have ended, and not the process.
                let other = trap::living(self.pid.as_raw());
                self.by.store(other, Ordering::Relaxed);
                process_vm_readv(Pid::from_raw(other), local, remote)
            }
            read => read,
        }
    }

    fn cause(&self, errno: Errno) -> Cause {
        let pid = self.pid.as_raw();
        match errno {
            Errno::ESRCH => Cause::Ended { pid },
            Errno::EPERM | Errno::EACCES => Cause::Denied { pid },
            _ => Cause::NotMapped,
        }
    }

    fn read_file(&self, file: &File, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Cause> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, addr.0.wrapping_add(done as u64)) {
                // The kernel's answer where the memory is gone with its process.
                Ok(0) => return Err(Cause::Ended { pid: self.pid.as_raw() }),
                Ok(read) => done += read,
                Err(error) => return Err(self.cause(Errno::from_raw(error.raw_os_error().unwrap_or_default()))),
            }
        }
        Ok(())
    }
}

impl Memory for LiveMemory {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        let len = buf.len();
        let result = match &self.way {
            Way::Call => {
                let remote = RemoteIoVec { base: addr.0 as usize, len };
                match self.call(&mut [IoSliceMut::new(buf)], &[remote]) {
                    Ok(read) if read == len => Ok(()),
                    Ok(_) => Err(Cause::NotMapped),
                    Err(errno) => Err(self.cause(errno)),
                }
            }
            Way::File(file) => self.read_file(file, addr, buf),
        };
        result.map_err(|cause| Unreadable { addr, len, cause })
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        let Way::Call = self.way else {
            for part in parts {
                part.read = self.read(RuntimeAddr(part.addr), part.buf).is_ok();
            }
            return;
        };
        for part in parts.iter_mut() {
            part.read = false;
        }
        let mut rest = parts;
        while !rest.is_empty() {
            let batch = rest.len().min(MOST_RANGES);
            let filled = rest.get_mut(..batch).map_or(Ok(0), |batch| self.fill(batch));
            let done = match filled {
                Ok(filled) if filled == batch => filled,
                Err(Cause::Ended { .. } | Cause::Denied { .. }) => return,
                filled => {
                    // The kernel stopped at a range that is not mapped; it may be one of ours or several
                    // that were joined. That part is tried alone, then the call resumes behind it.
                    let hole = filled.unwrap_or(0);
                    if let Some(part) = rest.get_mut(hole) {
                        part.read = self.read(RuntimeAddr(part.addr), part.buf).is_ok();
                    }
                    hole + 1
                }
            };
            rest = rest.get_mut(done..).unwrap_or_default();
        }
    }
}

/// Where a process began to execute, by what the kernel told it.
pub(crate) fn entry(pid: i32) -> Result<u64, Error> {
    let vector =
        std::fs::read(format!("/proc/{}/auxv", trap::living(pid))).map_err(|error| unavailable(pid, &error))?;
    // A process that has ended and is not yet buried has none, nor has a thread of the kernel.
    auxiliary(&vector, AT_ENTRY).ok_or(Error::NoProcess { pid })
}

/// An entry of an auxiliary vector.
pub(crate) fn auxiliary(vector: &[u8], kind: u64) -> Option<u64> {
    let (words, _) = vector.as_chunks();
    let words: Vec<u64> = words.iter().copied().map(u64::from_le_bytes).collect();
    let (pairs, _) = words.as_chunks();
    pairs.iter().find(|[found, _]| *found == kind).map(|[_, value]| *value)
}

/// Why a file of a process's folder in /proc cannot be read.
pub(crate) fn unavailable(pid: i32, error: &std::io::Error) -> Error {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EPERM | Errno::EACCES) => Error::Denied { pid, remedy: trap::remedy(pid) },
        _ => Error::NoProcess { pid },
    }
}
