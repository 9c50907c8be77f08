//! Breakpoints that the kernel owns: they are gone with whoever set them, however that ends.

use std::io;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use perf_event::events::Breakpoint as Event;
use perf_event::{Builder, Counter};

use crate::{Error, access};

/// What `si_code` says in the SIGTRAP of a [`Breakpoint`] (`TRAP_PERF`, include/uapi/asm-generic/siginfo.h).
pub const TRAP_PERF: i32 = 6;

/// What a breakpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Every read and write of this byte. The thread is stopped, or seen, after the instruction.
    Byte(u64),
    /// The same of 1, 2, 4 or 8 bytes, at an address that is a multiple of it.
    Bytes {
        /// Where the first one is.
        address: u64,
        /// How many.
        length: u64,
    },
    /// The instruction at this address. The thread is stopped, or seen, before it.
    Instruction(u64),
}

/// A breakpoint in all threads of a traced process, also in those that they make from now on, but not in
/// processes that they fork. Whoever runs into it stops with SIGTRAP, which its tracer must keep from it: it ends
/// a Go program.
///
/// It belongs to the thread that set it, which must be the one that traces. When that thread ends, killed or not, the
/// kernel takes the breakpoint away before it lets go of the process.
#[derive(Debug)]
pub struct Breakpoint(Vec<Counter>);

impl Breakpoint {
    /// Sets a breakpoint in these threads, which must stand still: all of a process, or those that are made
    /// meanwhile go without.
    ///
    /// # Errors
    /// The system does not allow it, or the processor's four debug registers are in use.
    pub fn set(pid: i32, tids: impl IntoIterator<Item = i32>, at: At) -> Result<Self, Error> {
        allow_many_files();
        // Should we be killed, this thread's files must be closed before it lets go of what it traces. Files that it
        // shares stay open until the last thread is gone.
        unshare(CloneFlags::CLONE_FILES).map_err(|errno| Error::System {
            what: "prepare breakpoints",
            pid,
            source: errno.into(),
        })?;
        let mut counters = Vec::new();
        for tid in tids {
            match builder(at).observe_pid(tid).any_cpu().build() {
                Ok(counter) => counters.push(counter),
                // It is being killed.
                Err(error) if is(&error, Errno::ESRCH) => {}
                Err(error) => return Err(refused(pid, error)),
            }
        }
        Ok(Breakpoint(counters))
    }

    /// Whether the system allows it in a process. Stops and changes nothing.
    ///
    /// # Errors
    /// It doesn't.
    pub fn try_on(pid: i32) -> Result<(), Error> {
        // At an address where no program has anything, and not even switched on.
        let tried = builder(At::Instruction(0)).enabled(false).observe_pid(pid).any_cpu().build();
        match tried {
            Err(error) if is(&error, Errno::ESRCH) => Err(Error::Ended { pid }),
            tried => tried.map(drop).map_err(|error| refused(pid, error)),
        }
    }

    /// Switches it off for a while, without stopping anyone. Who ran into it before may be heard of later.
    ///
    /// # Errors
    /// What the system said.
    pub fn disable(&mut self) -> io::Result<()> {
        self.0.iter_mut().try_for_each(Counter::disable)
    }

    /// Switches it on again.
    ///
    /// # Errors
    /// What the system said.
    pub fn enable(&mut self) -> io::Result<()> {
        self.0.iter_mut().try_for_each(Counter::enable)
    }
}

fn builder(at: At) -> Builder<'static> {
    let mut builder = at.builder();
    builder.sample_period(1).sigtrap(true).enabled(true);
    builder
}

impl At {
    /// The address.
    pub(crate) fn address(self) -> u64 {
        match self {
            At::Byte(address) | At::Bytes { address, .. } | At::Instruction(address) => address,
        }
    }

    /// The address, if it is memory that is read and written.
    pub(crate) fn memory(self) -> Option<u64> {
        match self {
            At::Byte(address) | At::Bytes { address, .. } => Some(address),
            At::Instruction(_) => None,
        }
    }

    /// A breakpoint that is switched off and only counts: in one thread and those that it will make. Not in processes
    /// that it forks: they have no tracer, and are not ours to slow down. And not when it executes another program,
    /// which has nothing of ours at these addresses.
    pub(crate) fn builder(self) -> Builder<'static> {
        let mut builder = Builder::new(match self {
            At::Byte(address) => Event::read_write(address, 1),
            At::Bytes { address, length } => Event::read_write(address, length),
            At::Instruction(address) => Event::execute(address),
        });
        builder.remove_on_exec(true).inherit(true).inherit_thread(true);
        builder
    }
}

/// Each thread takes a file: as many as the system allows.
pub(crate) fn allow_many_files() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

pub(crate) fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

pub(crate) fn refused(pid: i32, source: io::Error) -> Error {
    match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => Error::NoPerf { remedy: access::perf_remedy() },
        Some(Errno::ENOSPC) => Error::NoSlot { pid },
        Some(Errno::EMFILE | Errno::ENFILE) => Error::System { what: "open a file for a breakpoint", pid, source },
        // Before 5.13 the kernel knows no such breakpoints; some virtual machines lack the registers.
        _ => Error::NoBreakpoints { source },
    }
}
