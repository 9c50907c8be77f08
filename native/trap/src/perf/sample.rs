//! What the kernel notes of a thread that meets a breakpoint.

use perf_event::{Builder, Clock, SampleFlag};
use perf_event_open_sys::bindings::{PERF_CONTEXT_MAX, PERF_SAMPLE_REGS_ABI_64};

/// The registers of amd64 by the kernel's numbers (arch/x86/include/uapi/asm/perf_regs.h).
#[allow(missing_docs)] // Their names say all.
pub mod amd64 {
    pub use perf_event_open_sys::bindings::{
        PERF_REG_X86_AX as AX, PERF_REG_X86_BP as BP, PERF_REG_X86_BX as BX, PERF_REG_X86_CX as CX,
        PERF_REG_X86_DI as DI, PERF_REG_X86_DX as DX, PERF_REG_X86_FLAGS as FLAGS, PERF_REG_X86_IP as IP,
        PERF_REG_X86_R8 as R8, PERF_REG_X86_R9 as R9, PERF_REG_X86_R10 as R10, PERF_REG_X86_R11 as R11,
        PERF_REG_X86_R12 as R12, PERF_REG_X86_R13 as R13, PERF_REG_X86_R14 as R14, PERF_REG_X86_R15 as R15,
        PERF_REG_X86_SI as SI, PERF_REG_X86_SP as SP,
    };
}

/// A set of registers, by the kernel's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegisterSet(u64);

impl RegisterSet {
    /// All general ones of amd64, the flags and the program counter.
    pub const ALL_AMD64: RegisterSet = RegisterSet(0xff_03ff);

    /// The same set with another register.
    #[must_use]
    pub fn with(self, number: u32) -> Self {
        RegisterSet(self.0 | 1 << number)
    }

    fn contains(self, number: u32) -> bool {
        self.0.checked_shr(number).unwrap_or(0) & 1 != 0
    }

    fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// How many of them have lower numbers.
    fn rank(self, number: u32) -> usize {
        (self.0 & !(u64::MAX << number)).count_ones() as usize
    }
}

/// What to take of every thread that meets a breakpoint. Each costs the thread some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Take {
    /// Some of its registers.
    pub registers: RegisterSet,
    /// Its stack: return addresses by frame pointers, and the word on top.
    pub stack: bool,
    /// Until when it was in its trap at least, at breakpoints on memory.
    pub span: Span,
}

/// How long a thread is to be known to be in its trap: before it goes on, it meets more breakpoints at the same place.
/// The processor has four for each thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// A moment: one breakpoint.
    #[default]
    Moment,
    /// As long as the trap takes anyway, some 2 µs: two breakpoints.
    Trap,
    /// Longer, some 10 µs, in which the kernel copies a piece of memory that nobody reads: three breakpoints.
    Long,
}

/// Frames of a stack that the kernel looks for: as many as other stacks of ours have.
const DEEPEST: u16 = 64;

/// Bytes that the kernel copies to take its time: nearly as many as it can.
const BALLAST: u32 = 60_000;

/// Words of a record whose number is fixed: its header, thread, time, address, event, and the counts of what follows.
const FIXED: usize = 11;

/// What the kernel puts among return addresses: here begin the user's.
const MARKERS: usize = 4;

impl Take {
    /// Asks for it.
    pub(super) fn ask(self, builder: &mut Builder<'_>) {
        builder.sample_period(1).sample(SampleFlag::TID | SampleFlag::TIME | SampleFlag::ADDR | SampleFlag::REGS_USER);
        builder.sample(SampleFlag::ID).sample_regs_user(self.registers.0).clockid(CLOCK);
        if self.stack {
            builder
                .sample(SampleFlag::CALLCHAIN | SampleFlag::STACK_USER)
                .sample_max_stack(DEEPEST)
                .exclude_callchain_kernel(true);
            builder.sample_stack_user(size_of::<u64>() as u32);
        }
    }

    /// Asks for no more than the time, in a second breakpoint at the same place.
    pub(super) fn ask_time(builder: &mut Builder<'_>) {
        builder.sample_period(1).sample(SampleFlag::TID | SampleFlag::TIME | SampleFlag::ADDR).clockid(CLOCK);
    }

    /// Asks for what takes long.
    pub(super) fn ask_ballast(builder: &mut Builder<'_>) {
        builder.sample_period(1).sample(SampleFlag::STACK_USER).sample_stack_user(BALLAST).clockid(CLOCK);
    }

    /// The most words that a record can have.
    pub(super) fn largest(self) -> usize {
        let stack = if self.stack { usize::from(DEEPEST) + MARKERS } else { 0 };
        FIXED + self.registers.len() + stack
    }
}

/// The clock of all records, and of [`super::recorder::now`]: it is the same on all processors, and nobody sets it.
pub(super) const CLOCK: Clock = Clock::MONOTONIC_RAW;

/// A thread that has met a breakpoint, as it was then.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// When, in nanoseconds of CLOCK_MONOTONIC_RAW.
    pub at: u64,
    /// Until when the thread had certainly not gone on; no later than `at` where that was not asked for.
    pub until: u64,
    /// The kernel's number of the thread.
    pub tid: u32,
    /// Which breakpoint, by its address.
    pub address: u64,
    /// The word that its stack pointer points to: in a function that has no frame, or not yet, the return address.
    pub top: Option<u64>,
    /// Which event has noted it; of those that a thread has inherited, the one that they come from.
    pub(super) event: u64,
    registers: &'a [u64],
    set: RegisterSet,
    callers: &'a [u64],
}

impl<'a> Hit<'a> {
    /// One of its registers, by the kernel's number, if it was asked for.
    #[must_use]
    pub fn register(&self, number: u32) -> Option<u64> {
        if !self.set.contains(number) {
            return None;
        }
        self.registers.get(self.set.rank(number)).copied()
    }

    /// The return addresses of its stack, innermost first, as its frame pointer leads to them.
    #[must_use]
    pub fn callers(&self) -> &'a [u64] {
        self.callers
    }

    /// Reads a record's words, those behind its header.
    pub(super) fn parse(words: &'a [u64], take: Take) -> Option<Self> {
        let (&[ids, at, address, event], mut rest) = words.split_first_chunk()?;
        let mut callers: &[u64] = &[];
        if take.stack {
            let chain = counted(&mut rest)?;
            // First comes a marker, then the program counter.
            let from = chain.iter().rposition(|word| *word >= PERF_CONTEXT_MAX).map_or(0, |marker| marker + 1);
            callers = chain.get(from + 1..).unwrap_or_default();
        }
        let mut registers: &[u64] = &[];
        if take_word(&mut rest)? == u64::from(PERF_SAMPLE_REGS_ABI_64) {
            (registers, rest) = rest.split_at_checked(take.registers.len())?;
        }
        let mut top = None;
        if take.stack && take_word(&mut rest)? == size_of::<u64>() as u64 {
            let word = take_word(&mut rest)?;
            // How much of it could be read.
            top = (take_word(&mut rest)? == size_of::<u64>() as u64).then_some(word);
        }
        Some(Hit {
            at,
            until: at,
            tid: (ids >> 32) as u32,
            address,
            event,
            top,
            registers,
            set: take.registers,
            callers,
        })
    }
}

/// When a record's hit was, which is its second word behind the header.
pub(super) const TIME: u64 = 2;

/// How many words the record of a second breakpoint has, with its header: no other has as few.
pub(super) const TIME_ONLY: u64 = 4;

fn take_word(words: &mut &[u64]) -> Option<u64> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    Some(*first)
}

/// A count, and so many words.
fn counted<'a>(words: &mut &'a [u64]) -> Option<&'a [u64]> {
    let count = usize::try_from(take_word(words)?).ok()?;
    let (these, rest) = words.split_at_checked(count)?;
    *words = rest;
    Some(these)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_counted_from_the_lowest() {
        let set = RegisterSet::default().with(amd64::FLAGS).with(amd64::AX).with(amd64::R14);
        let take = Take { registers: set, stack: false, span: Span::Moment };
        let words = [7 << 32 | 5, 100, 0xc000, 1, 2, 10, 20, 30];
        let hit = Hit::parse(&words, take).unwrap();
        assert_eq!((hit.tid, hit.at, hit.address), (7, 100, 0xc000));
        let registers = [amd64::AX, amd64::FLAGS, amd64::R14, amd64::BX].map(|number| hit.register(number));
        assert_eq!(registers, [Some(10), Some(20), Some(30), None]);
        assert_eq!(RegisterSet::ALL_AMD64.len(), 18);
    }

    #[test]
    fn callers_are_what_follows_the_program_counter() {
        let take = Take { registers: RegisterSet::default().with(amd64::IP), stack: true, span: Span::Moment };
        let user = -512i64 as u64;
        let words = [7 << 32, 100, 0xc000, 1, 4, user, 1, 2, 3, 2, 1, 8, 99, 8];
        let hit = Hit::parse(&words, take).unwrap();
        assert_eq!((hit.callers(), hit.top, hit.register(amd64::IP)), (&[2, 3][..], Some(99), Some(1)));
        // Its stack could not be read.
        let words = [7 << 32, 100, 0xc000, 1, 2, user, 1, 2, 1, 8, 0, 0];
        let hit = Hit::parse(&words, take).unwrap();
        assert_eq!((hit.callers(), hit.top), (&[][..], None));
    }

    #[test]
    fn a_record_that_is_cut_off_is_none() {
        let take = Take { registers: RegisterSet::default().with(amd64::IP), stack: true, span: Span::Moment };
        let words = [7 << 32, 100, 0xc000, 1, 2, 3, 4, 2, 1, 8, 99, 8];
        assert!(Hit::parse(&words, take).is_some());
        for cut in 0..words.len() {
            assert!(Hit::parse(&words[..cut], take).is_none(), "{cut}");
        }
    }
}
