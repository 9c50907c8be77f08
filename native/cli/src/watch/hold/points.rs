//! What makes the traps.

use std::time::Duration;

use trap::{At, Breakpoint, Error, TRAP_HWBKPT, TRAP_PERF, Tracer};

/// How long to wait for a thread that won't stop. On a busy machine it may only wait for a processor.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often to try to take the traps away from all threads.
const ATTEMPTS: u32 = 10;

/// Whose the traps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The kernel's: they are gone with us.
    Kernel,
    /// The threads': where perf events are not allowed, or not known.
    Threads,
}

impl Owner {
    /// Whose they can be in a process.
    pub(super) fn in_process(pid: i32) -> Result<Self, Error> {
        match Breakpoint::try_on(trap::living(pid)) {
            Ok(()) => Ok(Owner::Kernel),
            Err(Error::NoPerf { .. } | Error::NoBreakpoints { .. }) => Ok(Owner::Threads),
            Err(error) => Err(error),
        }
    }
}

/// Traps at the flag byte and at the fatal functions, in all threads of a process.
#[derive(Debug)]
pub(super) enum Points {
    Kernel {
        on_flag: Breakpoint,
        _on_fatal: Vec<Breakpoint>,
    },
    Threads {
        flag: At,
        fatal: Vec<At>,
        /// What is set now.
        set: Vec<At>,
    },
}

impl Points {
    /// Sets the traps, in a full stop.
    pub(super) fn set(owner: Owner, tracer: &mut Tracer, flag: u64, fatal: &[u64]) -> Result<Self, Error> {
        tracer.stop_all(PATIENCE);
        let flag = At::Byte(flag);
        let fatal: Vec<At> = fatal.iter().map(|addr| At::Instruction(*addr)).collect();
        let points = match owner {
            Owner::Kernel => {
                let set = |at| Breakpoint::set(tracer.pid(), tracer.threads(), at);
                let on_fatal = fatal.into_iter().map(set).collect::<Result<_, _>>()?;
                Points::Kernel { on_flag: set(flag)?, _on_fatal: on_fatal }
            }
            Owner::Threads => {
                let mut points = Points::Threads { set: [&fatal[..], &[flag]].concat(), flag, fatal };
                if let Err(error) = points.write(tracer) {
                    points.remove(tracer);
                    return Err(error);
                }
                points
            }
        };
        tracer.resume_all();
        Ok(points)
    }

    /// What `si_code` says at a trap of ours.
    pub(super) fn code(&self) -> i32 {
        match self {
            Points::Kernel { .. } => TRAP_PERF,
            Points::Threads { .. } => TRAP_HWBKPT,
        }
    }

    /// A thread was born, and stands.
    pub(super) fn born(&self, tracer: &Tracer, tid: i32) {
        if let Points::Threads { set, .. } = self {
            // It fails for one that has been killed.
            let _ = tracer.set_debug_registers(tid, set);
        }
    }

    /// Switches the trap at the flag byte on or off. It fails for the threads of a process that is ending.
    pub(super) fn switch(&mut self, tracer: &mut Tracer, on: bool) {
        match self {
            Points::Kernel { on_flag, .. } => {
                let _ = if on { on_flag.enable() } else { on_flag.disable() };
            }
            Points::Threads { flag, fatal, set } => {
                *set = if on { [&fatal[..], &[*flag]].concat() } else { fatal.clone() };
                tracer.stop_all(PATIENCE);
                let _ = self.write(tracer);
                tracer.resume_all();
            }
        }
    }

    /// Takes the traps away, in a full stop.
    pub(super) fn remove(&mut self, tracer: &mut Tracer) {
        let Points::Threads { set, .. } = self else { return };
        set.clear();
        // A thread that won't stop waits in the kernel. Left with a trap, it would end the process.
        for _ in 0..ATTEMPTS {
            let is_complete = tracer.stop_all(PATIENCE).is_empty();
            let _ = self.write(tracer);
            if is_complete {
                break;
            }
        }
    }

    /// Writes what is set into the registers of all threads that stand.
    fn write(&mut self, tracer: &Tracer) -> Result<(), Error> {
        let Points::Threads { set, .. } = self else { return Ok(()) };
        tracer.standing().try_for_each(|tid| match tracer.set_debug_registers(tid, set) {
            // It has been killed.
            Err(Error::Ended { .. }) => Ok(()),
            other => other,
        })
    }
}
