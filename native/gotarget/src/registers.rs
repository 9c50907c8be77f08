//! The registers of a stopped thread, or of one in a core.

use goprogram::Register;

/// A thread, with its registers where they are known: not while it runs.
#[derive(Clone, Debug)]
pub struct ThreadRegisters {
    /// The kernel's number of the thread.
    pub tid: u32,
    registers: Option<Box<UserRegisters>>,
    vectors: Option<Box<Vectors>>,
}

/// The words of `struct user_regs_struct` (arch/x86/include/asm/user_64.h), which is also what a core's
/// NT_PRSTATUS holds.
pub(crate) type UserRegisters = [u64; 27];

/// Where each register is among them.
const PLACES: [(Register, usize); 18] = [
    (Register::R15, 0),
    (Register::R14, 1),
    (Register::R13, 2),
    (Register::R12, 3),
    (Register::Rbp, 4),
    (Register::Rbx, 5),
    (Register::R11, 6),
    (Register::R10, 7),
    (Register::R9, 8),
    (Register::R8, 9),
    (Register::Rax, 10),
    (Register::Rcx, 11),
    (Register::Rdx, 12),
    (Register::Rsi, 13),
    (Register::Rdi, 14),
    (Register::Rip, 16),
    (Register::Eflags, 18),
    (Register::Rsp, 19),
];

/// The lower halves of the vector registers, in which Go keeps floating-point numbers.
pub(crate) type Vectors = [u64; 16];

/// Where `struct user_fpregs_struct` and the FXSAVE area of the processor keep them (Intel SDM, volume 1,
/// table 10-2), 16 bytes each.
pub(crate) const VECTORS: usize = 160;

impl ThreadRegisters {
    /// A thread that runs.
    pub(crate) fn running(tid: u32) -> Self {
        ThreadRegisters { tid, registers: None, vectors: None }
    }

    /// The same thread, with its vector registers, given the bytes of the FXSAVE area from [`VECTORS`] on.
    pub(crate) fn set_vectors(&mut self, bytes: &[u8]) {
        let mut vectors: Vectors = [0; 16];
        let (halves, _) = bytes.as_chunks::<16>();
        for (vector, bytes) in vectors.iter_mut().zip(halves) {
            let (words, _) = bytes.as_chunks();
            *vector = words.first().copied().map_or(0, u64::from_le_bytes);
        }
        self.vectors = (halves.len() >= vectors.len()).then(|| Box::new(vectors));
    }

    /// A thread that stands.
    pub(crate) fn stopped(tid: u32, registers: UserRegisters) -> Self {
        ThreadRegisters { tid, registers: Some(Box::new(registers)), vectors: None }
    }

    /// A thread whose registers someone else reads, as a debugger does. Those that can't be read are 0.
    #[must_use]
    pub fn read(tid: u32, registers: &dyn Fn(Register) -> Option<u64>) -> Self {
        let mut words: UserRegisters = [0; 27];
        for (register, index) in PLACES {
            if let (Some(word), Some(value)) = (words.get_mut(index), registers(register)) {
                *word = value;
            }
        }
        ThreadRegisters::stopped(tid, words)
    }

    /// Whether its registers are known.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.registers.is_some()
    }

    /// One of its registers, of a vector register the lower half; `None` where the thread runs.
    #[must_use]
    pub fn get(&self, register: Register) -> Option<u64> {
        if let Register::Xmm(number) = register {
            return self.vectors.as_ref()?.get(usize::from(number)).copied();
        }
        let (_, index) = *PLACES.iter().find(|(known, _)| *known == register)?;
        self.registers.as_ref()?.get(index).copied()
    }
}

/// A general register of a thread that ptrace has stopped, without its vector registers.
#[must_use]
pub fn general(registers: &trap::Registers, register: Register) -> Option<u64> {
    let r = registers;
    Some(match register {
        Register::R15 => r.r15,
        Register::R14 => r.r14,
        Register::R13 => r.r13,
        Register::R12 => r.r12,
        Register::Rbp => r.rbp,
        Register::Rbx => r.rbx,
        Register::R11 => r.r11,
        Register::R10 => r.r10,
        Register::R9 => r.r9,
        Register::R8 => r.r8,
        Register::Rax => r.rax,
        Register::Rcx => r.rcx,
        Register::Rdx => r.rdx,
        Register::Rsi => r.rsi,
        Register::Rdi => r.rdi,
        Register::Rip => r.rip,
        Register::Eflags => r.eflags,
        Register::Rsp => r.rsp,
        Register::Xmm(_) => return None,
    })
}

impl From<&trap::Thread> for ThreadRegisters {
    /// A thread that ptrace has stopped.
    fn from(thread: &trap::Thread) -> Self {
        let r = &thread.registers;
        let words = [
            r.r15, r.r14, r.r13, r.r12, r.rbp, r.rbx, r.r11, r.r10, r.r9, r.r8, r.rax, r.rcx, r.rdx, r.rsi, r.rdi,
            r.orig_rax, r.rip, r.cs, r.eflags, r.rsp, r.ss, r.fs_base, r.gs_base, r.ds, r.es, r.fs, r.gs,
        ];
        let mut registers = ThreadRegisters::stopped(thread.tid.cast_unsigned(), words);
        if let Some(vectors) = &thread.vectors {
            let bytes: Vec<u8> = vectors.iter().flat_map(|word| word.to_le_bytes()).collect();
            registers.set_vectors(&bytes);
        }
        registers
    }
}
