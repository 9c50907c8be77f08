//! Where a function keeps its parameters, from DWARF location lists.

use gimli::{AttributeValue, Operation};

use crate::amd64::Register;
use crate::units::{Slice, slice};
use crate::{Error, LinkAddr, Program};

/// Where a value is while its function executes a certain instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In a register of that very frame.
    Register(Register),
    /// In memory, so many bytes above the frame's canonical frame address; below it if negative.
    FromCfa(i64),
}

/// A part of a value: the parts of a string in registers are its pointer and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where it is; `None` where the compiler keeps this part nowhere.
    pub location: Option<Location>,
    /// Its size, in bytes.
    pub size: u64,
}

type Dwarf<'a> = gimli::Dwarf<Slice<'a>>;
type Unit<'a> = gimli::Unit<Slice<'a>>;
type Die<'a> = gimli::DebuggingInformationEntry<Slice<'a>>;

impl Program {
    /// Where the parameter `name` of the function at `pc` is when `pc` is executed. `None` where the
    /// function has no such parameter or the compiler keeps it no longer. For a return address ask for
    /// the byte before it.
    ///
    /// # Errors
    /// [`Error::NoDwarf`], or [`Error::Damaged`] DWARF.
    pub fn parameter_location(&self, pc: LinkAddr, name: &str) -> Result<Option<Location>, Error> {
        let Some(header) = self.unit_at(pc)? else { return Ok(None) };
        let dwarf = Dwarf::load(|id| -> Result<_, Error> {
            use gimli::SectionId as Id;
            Ok(match id {
                Id::DebugInfo
                | Id::DebugLine
                | Id::DebugLineStr
                | Id::DebugAbbrev
                | Id::DebugAddr
                | Id::DebugRanges
                | Id::DebugRngLists
                | Id::DebugLoc
                | Id::DebugLocLists => slice(self.elf().section(id.name())?),
                _ => slice(&[]),
            })
        })?;
        let unit = dwarf.unit(dwarf.debug_info.header_from_offset(header)?)?;
        let mut entries = unit.entries();
        let mut inside = false;
        while let Some(die) = entries.next_dfs()? {
            match (die.depth(), die.tag()) {
                (1, gimli::DW_TAG_subprogram) => inside = covers(&dwarf, &unit, die, pc)?,
                (1, _) => inside = false,
                (2, gimli::DW_TAG_formal_parameter) if inside && is_named(&unit, die, name)? => {
                    return location_at(&dwarf, &unit, die, pc);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The unit whose code `pc` belongs to.
    fn unit_at(&self, pc: LinkAddr) -> Result<Option<gimli::DebugInfoOffset>, Error> {
        let finder = self.line_finder()?.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let unit = finder.find_dwarf_and_unit(pc.0).skip_all_loads();
        Ok(unit.and_then(|unit| unit.header.debug_info_offset()))
    }
}

fn covers<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>, die: &Die<'a>, pc: LinkAddr) -> Result<bool, Error> {
    let mut ranges = dwarf.die_ranges(unit, die)?;
    while let Some(range) = ranges.next()? {
        if (range.begin..range.end).contains(&pc.0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an entry has this name: its own, or that of the function of which it is a copy.
fn is_named<'a>(unit: &Unit<'a>, die: &Die<'a>, name: &str) -> Result<bool, Error> {
    let own = |die: &Die<'_>| match die.attr_value(gimli::DW_AT_name) {
        Some(AttributeValue::String(found)) => Some(found.slice() == name.as_bytes()),
        _ => None,
    };
    if let Some(found) = own(die) {
        return Ok(found);
    }
    match die.attr_value(gimli::DW_AT_abstract_origin) {
        Some(AttributeValue::UnitRef(origin)) => Ok(own(&unit.entry(origin)?).unwrap_or(false)),
        Some(AttributeValue::DebugInfoRef(origin)) => match origin.to_unit_offset(&unit.header) {
            Some(origin) => Ok(own(&unit.entry(origin)?).unwrap_or(false)),
            None => Ok(false),
        },
        _ => Ok(false),
    }
}

fn location_at<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>, die: &Die<'a>, pc: LinkAddr) -> Result<Option<Location>, Error> {
    let Some(value) = die.attr_value(gimli::DW_AT_location) else { return Ok(None) };
    if let AttributeValue::Exprloc(expression) = value {
        return evaluate(unit, expression);
    }
    let Some(mut list) = dwarf.attr_locations(unit, value)? else { return Ok(None) };
    while let Some(entry) = list.next()? {
        if (entry.range.begin..entry.range.end).contains(&pc.0) {
            return evaluate(unit, entry.data);
        }
    }
    Ok(None)
}

/// The few forms of expressions that Go writes for a value in one piece. Its frame base is the canonical
/// frame address.
fn evaluate(unit: &Unit<'_>, expression: gimli::Expression<Slice<'_>>) -> Result<Option<Location>, Error> {
    let mut operations = expression.operations(unit.encoding());
    let first = operations.next()?;
    let second = operations.next()?;
    let third = operations.next()?;
    Ok(match (first, second, third) {
        (Some(Operation::Register { register }), None, None) => {
            Register::from_dwarf(register.0).map(Location::Register)
        }
        (Some(Operation::FrameOffset { offset }), None, None) => Some(Location::FromCfa(offset)),
        (Some(Operation::CallFrameCFA), None, None) => Some(Location::FromCfa(0)),
        (Some(Operation::CallFrameCFA), Some(Operation::PlusConstant { value }), None) => {
            i64::try_from(value).ok().map(Location::FromCfa)
        }
        (Some(Operation::CallFrameCFA), Some(Operation::SignedConstant { value }), Some(Operation::Plus)) => {
            Some(Location::FromCfa(value))
        }
        _ => None,
    })
}
