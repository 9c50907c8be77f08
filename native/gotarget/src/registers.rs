//! The registers of a stopped thread, or of one in a core.

use goprogram::Register;

/// A thread, with its registers where they are known: not while it runs.
#[derive(Clone, Debug)]
pub struct ThreadRegisters {
    /// The kernel's number of the thread.
    pub tid: u32,
    registers: Option<Box<UserRegisters>>,
}

/// The words of `struct user_regs_struct` (arch/x86/include/asm/user_64.h), which is also what a core's
/// NT_PRSTATUS holds.
pub(crate) type UserRegisters = [u64; 27];

impl ThreadRegisters {
    /// A thread that runs.
    pub(crate) fn running(tid: u32) -> Self {
        ThreadRegisters { tid, registers: None }
    }

    /// A thread that stands.
    pub(crate) fn stopped(tid: u32, registers: UserRegisters) -> Self {
        ThreadRegisters { tid, registers: Some(Box::new(registers)) }
    }

    /// Whether its registers are known.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.registers.is_some()
    }

    /// One of its registers; `None` where the thread runs.
    #[must_use]
    pub fn get(&self, register: Register) -> Option<u64> {
        let index = match register {
            Register::R15 => 0,
            Register::R14 => 1,
            Register::R13 => 2,
            Register::R12 => 3,
            Register::Rbp => 4,
            Register::Rbx => 5,
            Register::R11 => 6,
            Register::R10 => 7,
            Register::R9 => 8,
            Register::R8 => 9,
            Register::Rax => 10,
            Register::Rcx => 11,
            Register::Rdx => 12,
            Register::Rsi => 13,
            Register::Rdi => 14,
            Register::Rip => 16,
            Register::Eflags => 18,
            Register::Rsp => 19,
            // These are not among the general registers that the kernel gives with a thread's state.
            Register::Xmm(_) => return None,
        };
        self.registers.as_ref()?.get(index).copied()
    }
}

/// Turns what ptrace gives into the words that a core has.
pub(crate) fn words(registers: &trap::Registers) -> UserRegisters {
    let r = registers;
    [
        r.r15, r.r14, r.r13, r.r12, r.rbp, r.rbx, r.r11, r.r10, r.r9, r.r8, r.rax, r.rcx, r.rdx, r.rsi, r.rdi,
        r.orig_rax, r.rip, r.cs, r.eflags, r.rsp, r.ss, r.fs_base, r.gs_base, r.ds, r.es, r.fs, r.gs,
    ]
}
