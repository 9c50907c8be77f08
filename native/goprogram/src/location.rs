//! Where a function keeps a value: location lists and expressions of DWARF, as Go writes them.

use gimli::Operation;

use crate::code_units::Code;
use crate::entry::Entry;
use crate::register::Register;
use crate::units::{Slice, slice};
use crate::{Error, LinkAddr};

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

/// What an expression says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Placed {
    /// The parts of the value, or of its address; none where it is nowhere. A value in one part has the
    /// size 0 here, which its type tells.
    pub(crate) pieces: Vec<Piece>,
    /// Whether that is the value's address.
    pub(crate) is_address: bool,
}

/// More parts than any value in registers has: Go's ABI takes at most nine integer and fifteen
/// floating-point registers (src/internal/abi/abi_amd64.go).
const MOST_PIECES: usize = 64;

/// Where a variable is when `pc` is executed, as its entry says.
pub(crate) fn at(code: &Code<'_>, entry: &Entry, pc: LinkAddr) -> Result<Placed, Error> {
    if let Some(bytes) = entry.block(gimli::DW_AT_location) {
        return evaluate(code.encoding, gimli::Expression(slice(bytes)));
    }
    let Some(list) = entry.list(gimli::DW_AT_location) else { return Ok(Placed::default()) };
    match code.expression(list, pc)? {
        Some(expression) => evaluate(code.encoding, expression),
        None => Ok(Placed::default()),
    }
}

/// The expressions that Go writes (PutLocationList in Go's src/cmd/compile/internal/ssa/debug.go, putvar in
/// src/cmd/internal/dwarf/dwarf.go): places, perhaps in pieces. Its frame base is the canonical frame address.
fn evaluate(encoding: gimli::Encoding, expression: gimli::Expression<Slice<'_>>) -> Result<Placed, Error> {
    let mut operations = expression.operations(encoding);
    let mut placed = Placed::default();
    let mut location = None;
    let mut constant = 0i64;
    while let Some(operation) = operations.next()? {
        match operation {
            Operation::Register { register } => location = Register::from_dwarf(register.0).map(Location::Register),
            Operation::FrameOffset { offset } => location = Some(Location::FromCfa(offset)),
            Operation::CallFrameCFA => location = Some(Location::FromCfa(0)),
            Operation::PlusConstant { value } => location = moved(location, value.cast_signed()),
            Operation::SignedConstant { value } => constant = value,
            Operation::Plus => location = moved(location, constant),
            Operation::Deref { .. } => placed.is_address = true,
            Operation::Piece { size_in_bits, bit_offset: None } if size_in_bits % 8 == 0 => {
                placed.pieces.push(Piece { location: location.take(), size: size_in_bits / 8 });
                if placed.pieces.len() > MOST_PIECES {
                    return Err(Error::damaged("a variable in too many pieces"));
                }
            }
            // What Go never writes is answered as nothing known.
            _ => return Ok(Placed::default()),
        }
    }
    if let Some(location) = location {
        placed.pieces.push(Piece { location: Some(location), size: 0 });
    }
    Ok(placed)
}

fn moved(location: Option<Location>, by: i64) -> Option<Location> {
    match location {
        Some(Location::FromCfa(offset)) => offset.checked_add(by).map(Location::FromCfa),
        _ => None,
    }
}
