//! What the runtime's own data tell, with or without symbols and debug information.

use iced_x86::{Mnemonic, OpKind, Register};

use crate::amd64::{Code, Place};
use crate::{Error, LinkAddr, Program};

/// The longest name of a type.
const LONGEST: u64 = 1 << 12;

/// The bit of a descriptor's `TFlag` that says that its name has a star too many (`TFlagExtraStar`, Go's
/// src/internal/abi/type.go).
const EXTRA_STAR: u8 = 1 << 1;

impl Program {
    /// Where `runtime.allgs` lies, the slice with all goroutines.
    ///
    /// # Errors
    /// [`Error::NoSymbols`] if the function that writes it isn't what it used to be either.
    pub fn all_goroutines(&self) -> Result<LinkAddr, Error> {
        if let Some(symbol) = self.symbol("runtime.allgs") {
            return Ok(symbol.addr);
        }
        self.appended_to("runtime.allgadd").ok_or(Error::NoSymbols)
    }

    /// The slice that a function appends to: it uses pointer, length and capacity, three words in a row.
    fn appended_to(&self, function: &str) -> Option<LinkAddr> {
        let function = self.function(function)?;
        let bytes = self.code(function.entry, function.end.0.checked_sub(function.entry.0)?)?;
        let code = Code { start: function.entry.0, bytes };
        let uses = code.instructions_from(code.start).filter_map(|instruction| {
            let place = Place::of(&instruction);
            let is_word = instruction.mnemonic() == Mnemonic::Mov
                && [instruction.op0_kind(), instruction.op1_kind()].contains(&OpKind::Memory)
                && instruction.memory_size().size() == 8
                && place.base == Register::RIP;
            is_word.then_some(place.disp)
        });
        let uses: Vec<u64> = uses.collect();
        let all = |base: &&u64| [8, 16].iter().all(|offset| uses.contains(&base.wrapping_add(*offset)));
        uses.iter().find(all).copied().map(LinkAddr)
    }

    /// The name of the type that a descriptor of the runtime describes, as the runtime itself prints it:
    /// `map[string]*main.Server`, without the paths of packages.
    #[must_use]
    pub fn name_of_descriptor(&self, descriptor: LinkAddr) -> Option<String> {
        let layout = self.abi_layout().ok()?;
        let field = |offset: u64, len: u64| self.code(LinkAddr(descriptor.0.checked_add(offset)?), len);
        let flags = *field(layout.tflag, 1)?.first()?;
        let offset = i32::from_le_bytes(*field(layout.str, 4)?.first_chunk()?);
        let types = self.symbol("runtime.types").map(|symbol| symbol.addr.0).or_else(|| self.types_of_module())?;
        // A byte of flags, the length in groups of seven bits, and the text (src/internal/abi/type.go, since 1.17).
        let mut at = types.checked_add_signed(offset.into())?.checked_add(1)?;
        let mut len = 0u64;
        for shift in (0..28).step_by(7) {
            let byte = *self.code(LinkAddr(at), 1)?.first()?;
            at = at.checked_add(1)?;
            len |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let text = self.code(LinkAddr(at), len).filter(|_| len <= LONGEST)?;
        let text = std::str::from_utf8(text).ok()?;
        let text = if flags & EXTRA_STAR != 0 { text.strip_prefix('*')? } else { text };
        Some(text.to_owned())
    }
}
