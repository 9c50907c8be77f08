//! Which unit describes an instruction, and the sections that it takes to read what a unit says of code.

use crate::units::{Die, Offset, Slice, slice};
use crate::{Error, LinkAddr, Program};

pub(crate) type Dwarf<'a> = gimli::Dwarf<Slice<'a>>;
pub(crate) type CodeUnit<'a> = gimli::Unit<Slice<'a>>;

/// A piece of code, and the unit that describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Described {
    start: u64,
    end: u64,
    unit: Offset,
}

impl Program {
    /// The Go unit whose code `pc` belongs to: its offset, the sections, and itself.
    pub(crate) fn code_unit(&self, pc: LinkAddr) -> Result<Option<(Offset, Dwarf<'_>, CodeUnit<'_>)>, Error> {
        let described = match self.code_units_cell().get() {
            Some(known) => known,
            None => {
                let read = self.read_code_units()?;
                self.code_units_cell().get_or_init(|| read)
            }
        };
        let after = described.partition_point(|piece| piece.start <= pc.0);
        let last = after.checked_sub(1).and_then(|last| described.get(last));
        let Some(piece) = last.filter(|piece| pc.0 < piece.end) else { return Ok(None) };
        let dwarf = self.code_sections()?;
        let unit = self.dwarf()?.code_unit(&dwarf, piece.unit)?;
        Ok(Some((piece.unit, dwarf, unit)))
    }

    /// All code that Go units describe, sorted.
    fn read_code_units(&self) -> Result<Vec<Described>, Error> {
        let dwarf = self.code_sections()?;
        let reader = self.dwarf()?;
        let mut described = Vec::new();
        for start in reader.units().iter().map(|unit| unit.start()) {
            let unit = reader.code_unit(&dwarf, start)?;
            let mut entries = unit.entries();
            let Some(root) = entries.next_dfs()? else { continue };
            let mut ranges = dwarf.die_ranges(&unit, root)?;
            while let Some(range) = ranges.next()? {
                described.push(Described { start: range.begin, end: range.end, unit: start });
            }
        }
        described.sort_unstable();
        Ok(described)
    }

    fn code_sections(&self) -> Result<Dwarf<'_>, Error> {
        Dwarf::load(|id| -> Result<_, Error> {
            use gimli::SectionId as Id;
            Ok(match id {
                Id::DebugAddr | Id::DebugRanges | Id::DebugRngLists | Id::DebugLoc | Id::DebugLocLists => {
                    slice(self.elf().section(id.name())?)
                }
                _ => slice(&[]),
            })
        })
    }
}

/// Whether an entry of a function or block covers the instruction.
pub(crate) fn covers<'a>(dwarf: &Dwarf<'a>, unit: &CodeUnit<'a>, die: &Die<'a>, pc: LinkAddr) -> Result<bool, Error> {
    let mut ranges = dwarf.die_ranges(unit, die)?;
    while let Some(range) = ranges.next()? {
        if (range.begin..range.end).contains(&pc.0) {
            return Ok(true);
        }
    }
    Ok(false)
}
