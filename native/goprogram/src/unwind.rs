//! Where a frame's caller is, from `.debug_frame`, or without it from Go's own table.

use gimli::{BaseAddresses, CieOrFde, DebugFrame, DebugFrameOffset, LittleEndian, UnwindContext, UnwindSection};

use crate::units::Slice;
use crate::{Error, LinkAddr, Program};

/// Where the caller's frame begins: at the stack pointer plus an offset. The return address lies in the
/// 8 bytes below that, and the caller's stack pointer is the sum itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CfaRule {
    /// Bytes to add to the stack pointer.
    pub offset_from_sp: i64,
}

/// Start and end of the code that a frame description covers, and where the description lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Described {
    start: u64,
    end: u64,
    offset: usize,
}

/// The stack pointer's number in DWARF (System V ABI, amd64 supplement, figure 3.36).
const AMD64_RSP: gimli::Register = gimli::Register(7);

impl Program {
    /// Where the caller's frame begins, for a thread at `pc`. For a return address pass it as it is:
    /// Go never ends a function with a call.
    ///
    /// # Errors
    /// [`Error::NoUnwindRule`] if the program has no rule for this address, or one that is not Go's, as in C code.
    pub fn caller_frame(&self, pc: LinkAddr) -> Result<CfaRule, Error> {
        let missing = Error::NoUnwindRule { addr: pc.0 };
        let described = match self.described() {
            Err(Error::NoDwarf) => {
                let size = self.pclntab().and_then(|table| table.frame_size(self, pc)).ok_or(missing)?;
                // The return address lies above the frame.
                return Ok(CfaRule { offset_from_sp: i64::from(size) + 8 });
            }
            described => described?,
        };
        let after = described.partition_point(|entry| entry.start <= pc.0);
        let Some(entry) = after.checked_sub(1).and_then(|last| described.get(last)).filter(|entry| pc.0 < entry.end)
        else {
            return Err(missing);
        };
        let frames = self.frames()?;
        let bases = BaseAddresses::default();
        let fde = frames.fde_from_offset(&bases, DebugFrameOffset(entry.offset), DebugFrame::cie_from_offset)?;
        let mut context = UnwindContext::new();
        let row = fde.unwind_info_for_address(&frames, &bases, &mut context, pc.0)?;
        match row.cfa() {
            gimli::CfaRule::RegisterAndOffset { register, offset } if *register == AMD64_RSP => {
                Ok(CfaRule { offset_from_sp: *offset })
            }
            _ => Err(missing),
        }
    }

    fn frames(&self) -> Result<DebugFrame<Slice<'_>>, Error> {
        let bytes = self.elf().section(".debug_frame")?;
        if bytes.is_empty() {
            return Err(Error::NoDwarf);
        }
        let mut frames = DebugFrame::new(bytes, LittleEndian);
        frames.set_address_size(8);
        Ok(frames)
    }

    /// All frame descriptions by address, read once.
    fn described(&self) -> Result<&[Described], Error> {
        if let Some(known) = self.described_cell().get() {
            return Ok(known);
        }
        let frames = self.frames()?;
        let bases = BaseAddresses::default();
        let mut described = Vec::new();
        let mut entries = frames.entries(&bases);
        while let Some(entry) = entries.next()? {
            if let CieOrFde::Fde(partial) = entry {
                let offset = partial.offset();
                let fde = partial.parse(DebugFrame::cie_from_offset)?;
                described.push(Described { start: fde.initial_address(), end: fde.end_address(), offset });
            }
        }
        described.sort_unstable();
        Ok(self.described_cell().get_or_init(|| described))
    }
}
