//! Source lines with the functions that the compiler inlined: of Go code from Go's own table, of C code from
//! DWARF.

use std::sync::Arc;

use addr2line::Context;
use gimli::{EndianArcSlice, LittleEndian, SectionId};

use crate::{Error, LinkAddr, Program};

/// Finds lines. Its sections are shared with [`crate::elf::Elf`], so that it can live beside it.
pub(crate) type LineFinder = Context<EndianArcSlice<LittleEndian>>;

/// A place in the source that an instruction belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The function, as Go names it: `main.(*Server).Serve`.
    pub function: String,
    /// The source file: an absolute path, or with `-trimpath` the package's path and the file's name.
    pub file: String,
    /// The line, from 1; 0 if unknown.
    pub line: u32,
    /// Whether the compiler inlined this function into the next one.
    pub inlined: bool,
    /// Whether the compiler made the function, as around the call of a `go` statement: Go's own tracebacks leave
    /// it out. Only known since Go 1.21.
    pub wrapper: bool,
}

impl Program {
    /// The source lines of the instruction at `addr`: the innermost inlined function first, the function
    /// that really was called last. For a return address ask for the byte before it.
    ///
    /// # Errors
    /// [`Error::NoFunction`] if the address is outside the program's code, [`Error::NoDwarf`] if it is in C code
    /// and that has no debug information.
    pub fn lines_at(&self, addr: LinkAddr) -> Result<Vec<Line>, Error> {
        if let Some(lines) = self.pclntab().and_then(|table| table.lines(self, addr)) {
            return Ok(lines);
        }
        self.c_lines_at(addr)
    }

    /// The line of C code. What C compilers inline is not unfolded.
    fn c_lines_at(&self, addr: LinkAddr) -> Result<Vec<Line>, Error> {
        let finder = self.line_finder()?;
        if self.code(addr, 1).is_none() {
            return Err(Error::NoFunction { addr: addr.0 });
        }
        let finder = finder.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let location = finder.find_location(addr.0)?.ok_or(Error::NoFunction { addr: addr.0 })?;
        Ok(vec![Line {
            function: self.function_at(addr).map(|found| found.name).unwrap_or_default(),
            file: location.file.unwrap_or_default().to_owned(),
            line: location.line.unwrap_or(0),
            inlined: false,
            wrapper: false,
        }])
    }

    pub(crate) fn new_line_finder(&self) -> Result<LineFinder, Error> {
        self.dwarf()?;
        let dwarf = gimli::Dwarf::load(|id: SectionId| -> Result<_, Error> {
            let bytes = match id {
                SectionId::DebugInfo
                | SectionId::DebugAbbrev
                | SectionId::DebugLine
                | SectionId::DebugLineStr
                | SectionId::DebugStr
                | SectionId::DebugStrOffsets
                | SectionId::DebugAddr
                | SectionId::DebugRanges
                | SectionId::DebugRngLists
                | SectionId::DebugAranges => self.elf().section(id.name())?.clone(),
                _ => Arc::default(),
            };
            Ok(EndianArcSlice::new(bytes, LittleEndian))
        })?;
        Ok(Context::from_dwarf(dwarf)?)
    }
}
