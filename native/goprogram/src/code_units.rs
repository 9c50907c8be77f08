//! Which unit describes an instruction, and where its entries say that code is.

use std::cell::Cell;

use gimli::{DebugAddr, DebugAddrBase, LocationLists, RangeLists};

use crate::entry::Entry;
use crate::units::{Offset, Slice, Unit, slice};
use crate::{Error, LinkAddr, Program};

/// A piece of code, and the unit that describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Described {
    start: u64,
    end: u64,
    /// Where the unit's own entry lies.
    root: Offset,
}

/// What it takes to read what the entries of a unit say of code.
pub(crate) struct Code<'a> {
    pub(crate) encoding: gimli::Encoding,
    /// The address that others are relative to.
    base: u64,
    addr_base: DebugAddrBase,
    addresses: DebugAddr<Slice<'a>>,
    ranges: RangeLists<Slice<'a>>,
    locations: LocationLists<Slice<'a>>,
    /// How many ranges and places may still be read: a damaged list may be referred to again and again.
    budget: Cell<u32>,
}

/// Ranges and places that a question reads at most: far more than one needs in the largest program.
const BUDGET: u32 = 1 << 23;

impl Program {
    /// The Go unit whose code `pc` belongs to.
    pub(crate) fn code_unit(&self, pc: LinkAddr) -> Result<Option<&Unit>, Error> {
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
        self.dwarf()?.units().containing(piece.root).map(Some)
    }

    /// All code that Go units describe, sorted.
    fn read_code_units(&self) -> Result<Vec<Described>, Error> {
        let reader = self.dwarf()?;
        let mut described = Vec::new();
        let mut budget = BUDGET;
        for unit in reader.units().iter() {
            let code = self.code_of(unit)?;
            code.budget.set(budget);
            code.each_range(&reader.entry(unit.root)?, |start, end| {
                described.push(Described { start, end, root: unit.root });
                true
            })?;
            budget = code.budget.get();
        }
        described.sort_unstable();
        Ok(described)
    }

    pub(crate) fn code_of(&self, unit: &Unit) -> Result<Code<'_>, Error> {
        let root = self.dwarf()?.entry(unit.root)?;
        let section = |name| self.elf().section(name).map(|bytes| slice(bytes));
        let number = |attribute| root.number(attribute).unwrap_or(0);
        Ok(Code {
            encoding: unit.encoding,
            base: number(gimli::DW_AT_low_pc),
            addr_base: DebugAddrBase(usize::try_from(number(gimli::DW_AT_addr_base)).unwrap_or(usize::MAX)),
            addresses: section(".debug_addr")?.into(),
            ranges: RangeLists::new(section(".debug_ranges")?.into(), section(".debug_rnglists")?.into()),
            locations: LocationLists::new(section(".debug_loc")?.into(), section(".debug_loclists")?.into()),
            budget: Cell::new(BUDGET),
        })
    }
}

impl<'a> Code<'a> {
    /// Whether an entry of a function or block covers the instruction.
    pub(crate) fn covers(&self, entry: &Entry, pc: LinkAddr) -> Result<bool, Error> {
        let mut found = false;
        self.each_range(entry, |start, end| {
            found = (start..end).contains(&pc.0);
            !found
        })?;
        Ok(found)
    }

    fn spend(&self) -> Result<(), Error> {
        let rest = self.budget.get().checked_sub(1).ok_or_else(|| Error::damaged("too many ranges of code"))?;
        self.budget.set(rest);
        Ok(())
    }

    /// Calls `visit` with start and end of each piece of code that an entry covers, until it says no.
    fn each_range(&self, entry: &Entry, mut visit: impl FnMut(u64, u64) -> bool) -> Result<(), Error> {
        if let Some(list) = entry.list(gimli::DW_AT_ranges) {
            let list = gimli::RangeListsOffset(list);
            let mut ranges = self.ranges.ranges(list, self.encoding, self.base, &self.addresses, self.addr_base)?;
            while let Some(range) = ranges.next()? {
                self.spend()?;
                if !visit(range.begin, range.end) {
                    break;
                }
            }
            return Ok(());
        }
        let start = match entry.address_index(gimli::DW_AT_low_pc) {
            Some(index) => {
                let index = gimli::DebugAddrIndex(index);
                Some(self.addresses.get_address(self.encoding.address_size, self.addr_base, index)?)
            }
            None => entry.number(gimli::DW_AT_low_pc),
        };
        if let (Some(start), Some(end)) = (start, entry.number(gimli::DW_AT_high_pc)) {
            // An address up to DWARF 4, as Go writes it; a number of bytes since.
            let end = if self.encoding.version < 5 { end } else { start.saturating_add(end) };
            visit(start, end);
        }
        Ok(())
    }

    /// The expression of a location list that holds when `pc` is executed.
    pub(crate) fn expression(&self, list: Offset, pc: LinkAddr) -> Result<Option<gimli::Expression<Slice<'a>>>, Error> {
        let list = gimli::LocationListsOffset(list);
        let mut entries = self.locations.locations(list, self.encoding, self.base, &self.addresses, self.addr_base)?;
        while let Some(entry) = entries.next()? {
            self.spend()?;
            if (entry.range.begin..entry.range.end).contains(&pc.0) {
                return Ok(Some(entry.data));
            }
        }
        Ok(None)
    }
}
