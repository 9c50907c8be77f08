//! Threads as the kernel recorded them while the process ran on.

use std::collections::HashMap;

use gomap::Part;
use goprogram::Register;
use trap::perf::{Hit, RegisterSet, amd64};

use crate::catch::Scene;
use crate::error::Error;
use crate::goroutine;
use crate::memory::RuntimeAddr;
use crate::stack::{self, Pc};
use crate::target::Target;

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

/// The numbers of goroutines, which are read a moment after what was recorded: by then the runtime may have given a
/// `g` to another goroutine. A number is only told where the `g` had the same before and after.
#[derive(Debug)]
pub struct Goids {
    /// Where a `g` has its number.
    offset: u64,
    known: HashMap<RuntimeAddr, Known>,
}

/// A number that a `g` had after the first time, when it was read for the first time, and before the other, when it
/// was read last: no two goroutines have the same.
#[derive(Clone, Copy, Debug)]
struct Known {
    goid: u64,
    from: u64,
    until: u64,
}

/// Goroutines whose numbers are read with one call.
const BATCH: usize = 256;

impl Goids {
    /// Reads the numbers of all goroutines there are. `now` tells the time on the recording's clock.
    ///
    /// # Errors
    /// The program does not tell its layout, or the runtime's list of goroutines cannot be read.
    pub fn new(target: &Target<'_>, now: &dyn Fn() -> u64) -> Result<Self, Error> {
        let mut goids = Goids { offset: target.program.runtime_layout()?.g.goid, known: HashMap::new() };
        let all = goroutine::addresses(target)?;
        for some in all.chunks(BATCH) {
            let mut numbers = [[0; 8]; BATCH];
            let parts = some.iter().zip(&mut numbers);
            let mut parts: Vec<_> =
                parts.map(|(g, buf)| Part { addr: g.plus(goids.offset).0, buf, read: false }).collect();
            let until = now();
            target.memory.read_parts(&mut parts);
            let from = now();
            let read: Vec<bool> = parts.iter().map(|part| part.read).collect();
            for ((g, number), read) in some.iter().zip(numbers).zip(read) {
                if read {
                    goids.known.insert(*g, Known { goid: u64::from_le_bytes(number), from, until });
                }
            }
        }
        Ok(goids)
    }

    /// The number of the goroutine that had this `g` at a time; `None` where that can't be told. `now` tells the time
    /// on the same clock.
    pub fn at(&mut self, target: &Target<'_>, g: RuntimeAddr, time: u64, now: &dyn Fn() -> u64) -> Option<u64> {
        if let Some(known) = self.known.get(&g)
            && time <= known.until
        {
            return (known.from <= time).then_some(known.goid);
        }
        let until = now();
        let goid = target.uint(g.plus(self.offset), 8).ok()?;
        let from = self.known.get(&g).filter(|known| known.goid == goid).map_or_else(now, |known| known.from);
        self.known.insert(g, Known { goid, from, until });
        (from <= time).then_some(goid)
    }
}
