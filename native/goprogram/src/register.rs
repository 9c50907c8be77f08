//! The registers of an amd64 thread.

use std::fmt;
use std::str::FromStr;

/// A register, by its 64-bit name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // Their names say all.
pub enum Register {
    Rax,
    Rcx,
    Rdx,
    Rbx,
    Rsp,
    Rbp,
    Rsi,
    Rdi,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    Rip,
    Eflags,
    /// The low half of a vector register (8 bytes, where Go keeps floating-point values): its number, 0 to 15.
    Xmm(u8),
}

/// The vector registers' names in debuggers.
const VECTORS: [&str; 16] = [
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
    "xmm14", "xmm15",
];

/// The number of the first vector register in DWARF (System V ABI, amd64 supplement, figure 3.36).
const DWARF_XMM0: u16 = 17;

/// Every other register with its name in debuggers.
const REGISTERS: [(Register, &str); 18] = [
    (Register::Rax, "rax"),
    (Register::Rcx, "rcx"),
    (Register::Rdx, "rdx"),
    (Register::Rbx, "rbx"),
    (Register::Rsp, "rsp"),
    (Register::Rbp, "rbp"),
    (Register::Rsi, "rsi"),
    (Register::Rdi, "rdi"),
    (Register::R8, "r8"),
    (Register::R9, "r9"),
    (Register::R10, "r10"),
    (Register::R11, "r11"),
    (Register::R12, "r12"),
    (Register::R13, "r13"),
    (Register::R14, "r14"),
    (Register::R15, "r15"),
    (Register::Rip, "rip"),
    (Register::Eflags, "eflags"),
];

/// General registers in DWARF's order (System V ABI, amd64 supplement, figure 3.36).
const DWARF_ORDER: [Register; 16] = [
    Register::Rax,
    Register::Rdx,
    Register::Rcx,
    Register::Rbx,
    Register::Rsi,
    Register::Rdi,
    Register::Rbp,
    Register::Rsp,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
];

impl Register {
    /// The general or vector register with this number in DWARF.
    pub(crate) fn from_dwarf(number: u16) -> Option<Register> {
        let vector = || u8::try_from(number.checked_sub(DWARF_XMM0)?).ok().filter(|number| *number < 16);
        DWARF_ORDER.get(usize::from(number)).copied().or_else(|| vector().map(Register::Xmm))
    }

    /// The name that debuggers use: `rax`, `eflags`.
    pub fn name(self) -> &'static str {
        match self {
            Register::Xmm(number) => VECTORS.get(usize::from(number)).copied().unwrap_or_default(),
            other => REGISTERS.iter().find(|(register, _)| *register == other).map_or("", |(_, name)| name),
        }
    }

    /// The register that this one is a part of; `None` if it is not general-purpose.
    pub(crate) fn of(part: iced_x86::Register) -> Option<Register> {
        let full = part.full_register();
        if !full.is_gpr() {
            return None;
        }
        REGISTERS.get(full.number()).map(|(register, _)| *register)
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Register {
    type Err = String;

    fn from_str(name: &str) -> Result<Register, String> {
        REGISTERS
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(register, _)| *register)
            .or_else(|| {
                let number = VECTORS.iter().position(|known| *known == name)?;
                u8::try_from(number).ok().map(Register::Xmm)
            })
            .ok_or_else(|| format!("{name} is not a register: give one of rax … r15, rip, eflags, xmm0 … xmm15"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_the_names_of_debuggers() {
        let vectors = (0..16).map(|number| (Register::Xmm(number), VECTORS[usize::from(number)]));
        for (register, name) in REGISTERS.into_iter().chain(vectors) {
            assert_eq!(register.to_string(), name);
            assert_eq!(name.parse(), Ok(register));
        }
        assert!("eax".parse::<Register>().is_err());
    }

    #[test]
    fn registers_are_known_by_their_numbers_in_dwarf() {
        assert_eq!(Register::from_dwarf(0), Some(Register::Rax));
        assert_eq!(Register::from_dwarf(7), Some(Register::Rsp));
        assert_eq!(Register::from_dwarf(16), None);
        assert_eq!(Register::from_dwarf(17), Some(Register::Xmm(0)));
        assert_eq!(Register::from_dwarf(32), Some(Register::Xmm(15)));
        assert_eq!(Register::from_dwarf(33), None);
    }
}
