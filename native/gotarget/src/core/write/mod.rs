//! Writes the core of a process whose threads are stopped, as the kernel would.

mod headers;
mod mappings;
mod notes;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use object::elf::ELFMAG;

use crate::error::Error;
use mappings::{Kept, Mapping, mappings};

/// A page of amd64, in bytes.
const PAGE: u64 = 4096;

/// So much is read and written at once.
const PIECE: u64 = 1 << 20;

/// What the kernel puts into a core if the process hasn't said otherwise (proc_pid_coredump_filter(5)).
const DEFAULT_FILTER: u32 = 0x33;

/// What a written core lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenCore {
    /// How long the file is, in bytes, with the holes in it.
    pub len: u64,
    /// How many bytes could not be read, and are zeros in it.
    pub unreadable: u64,
    /// Where the first of them is.
    pub first_unreadable: Option<u64>,
}

/// Writes the core of a process to an empty file. The calling thread must have stopped these threads of it by ptrace;
/// the first of them is what a debugger shows first. `progress` is told how many bytes of how many are done, and says
/// whether to go on.
///
/// What the core holds is what the kernel's would: the process's `coredump_filter` decides. Pages of zeros take no
/// place on the disk. Memory that cannot be read is zeros, and counted.
///
/// # Errors
/// The process has ended, the file cannot be written, or `progress` wants an end.
pub fn write_core(
    pid: i32,
    threads: &[i32],
    core: &File,
    progress: &dyn Fn(u64, u64) -> bool,
) -> Result<WrittenCore, Error> {
    let gone = |_| Error::NoProcess { pid };
    let saved = threads.iter().map(|tid| trap::saved(*tid)).collect::<io::Result<Vec<_>>>().map_err(gone)?;
    let memory = File::open(format!("/proc/{pid}/mem")).map_err(|error| crate::live::unavailable(pid, &error))?;
    let mappings = mappings(pid).map_err(gone)?;
    let notes = notes::notes(pid, &saved, &mappings).map_err(gone)?;
    let filter = fs::read_to_string(format!("/proc/{pid}/coredump_filter")).ok();
    let filter = filter.and_then(|text| u32::from_str_radix(text.trim(), 16).ok()).unwrap_or(DEFAULT_FILTER);
    let held: Vec<u64> = mappings.iter().map(|mapping| held(mapping, filter, &memory)).collect();

    let failed = |source| Error::CoreNotWritten { source };
    let begin = headers::write(core, &notes, &mappings, &held).map_err(failed)?;
    let mut copy = Copy {
        memory: &memory,
        pages: File::open(format!("/proc/{pid}/pagemap")).ok(),
        core,
        buffer: vec![0; PIECE as usize],
        written: WrittenCore::default(),
    };
    let (mut offset, of) = (begin, held.iter().sum());
    for (mapping, len) in mappings.iter().zip(&held) {
        for done in (0..*len).step_by(PIECE as usize) {
            if !progress(offset + done - begin, of) {
                return Err(failed(io::ErrorKind::Interrupted.into()));
            }
            let piece = PIECE.min(len - done);
            copy.piece(mapping, mapping.start + done, offset + done, piece).map_err(|error| match error {
                Failure::Ended => Error::NoProcess { pid },
                Failure::Write(source) => failed(source),
            })?;
        }
        offset += len;
    }
    // The last pages may be zeros.
    core.set_len(offset).map_err(failed)?;
    Ok(WrittenCore { len: offset, ..copy.written })
}

/// How many bytes of a mapping the core holds.
fn held(mapping: &Mapping, filter: u32, memory: &File) -> u64 {
    let begins_as_elf = || {
        let mut magic = [0; ELFMAG.len()];
        memory.read_exact_at(&mut magic, mapping.start).is_ok() && magic == ELFMAG
    };
    match mapping.kept(filter) {
        Kept::All => mapping.len(),
        Kept::Header if begins_as_elf() => PAGE.min(mapping.len()),
        Kept::Header | Kept::Nothing => 0,
    }
}

/// Rounds up.
fn padded(len: u64, unit: u64) -> u64 {
    len.next_multiple_of(unit)
}

/// Copies memory to a core.
struct Copy<'a> {
    memory: &'a File,
    /// Which pages the process has.
    pages: Option<File>,
    core: &'a File,
    buffer: Vec<u8>,
    written: WrittenCore,
}

enum Failure {
    /// The process's memory is gone.
    Ended,
    Write(io::Error),
}

/// Bits of a page's word in `/proc/PID/pagemap`: it is in memory or swapped out (proc_pid_pagemap(5)).
const THERE: u64 = 3 << 62;

impl Copy<'_> {
    /// Copies the memory from `addr` on to an offset of the core.
    fn piece(&mut self, mapping: &Mapping, addr: u64, offset: u64, len: u64) -> Result<(), Failure> {
        if mapping.is_zero_where_absent() && self.is_absent(addr, len) {
            return Ok(());
        }
        if !self.read(addr, 0, len)? {
            for at in (0..len).step_by(PAGE as usize) {
                let page = PAGE.min(len - at);
                if !self.read(addr + at, at, page)? {
                    self.clear(at, page);
                    self.written.unreadable += page;
                    self.written.first_unreadable.get_or_insert(addr + at);
                }
            }
        }
        self.write(offset, len).map_err(Failure::Write)
    }

    /// Whether the process has none of these pages, so that all are zero. Reading them would make it have them.
    fn is_absent(&self, addr: u64, len: u64) -> bool {
        let mut words = vec![0; (len / PAGE * 8) as usize];
        let Some(Ok(())) = self.pages.as_ref().map(|pages| pages.read_exact_at(&mut words, addr / PAGE * 8)) else {
            return false;
        };
        let (words, _) = words.as_chunks();
        words.iter().all(|word| u64::from_le_bytes(*word) & THERE == 0)
    }

    /// Reads memory to a place in the buffer; false if some of it cannot be read.
    fn read(&mut self, addr: u64, at: u64, len: u64) -> Result<bool, Failure> {
        let Some(mut rest) = self.buffer.get_mut(at as usize..(at + len) as usize) else { return Ok(false) };
        let mut addr = addr;
        while !rest.is_empty() {
            match self.memory.read_at(rest, addr) {
                // The kernel's answer where the memory is gone with its process.
                Ok(0) => return Err(Failure::Ended),
                Ok(read) => {
                    rest = rest.get_mut(read..).unwrap_or_default();
                    addr += read as u64;
                }
                Err(error) if error.raw_os_error() == Some(Errno::EINTR as i32) => {}
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn clear(&mut self, at: u64, len: u64) {
        if let Some(place) = self.buffer.get_mut(at as usize..(at + len) as usize) {
            place.fill(0);
        }
    }

    /// Writes what is in the buffer, but for pages of zeros.
    fn write(&self, offset: u64, len: u64) -> io::Result<()> {
        let bytes = self.buffer.get(..len as usize).unwrap_or_default();
        let pages = bytes.chunks(PAGE as usize).map(|page| page.iter().all(|byte| *byte == 0));
        let mut from = 0;
        // The end is as good as a page of zeros.
        for (number, is_zero) in pages.chain([true]).enumerate() {
            if is_zero {
                let here = (number * PAGE as usize).min(bytes.len());
                let part = bytes.get(from..here).unwrap_or_default();
                self.core.write_all_at(part, offset + from as u64)?;
                from = here + PAGE as usize;
            }
        }
        Ok(())
    }
}
