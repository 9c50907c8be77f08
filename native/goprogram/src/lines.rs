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
        self.dwarf_lines_at(addr)
    }

    fn dwarf_lines_at(&self, addr: LinkAddr) -> Result<Vec<Line>, Error> {
        let finder = self.line_finder()?;
        if self.code(addr, 1).is_none() {
            return Err(Error::NoFunction { addr: addr.0 });
        }
        let finder = finder.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut frames = finder.find_frames(addr.0).skip_all_loads()?;
        let mut lines: Vec<Line> = Vec::new();
        while let Some(frame) = frames.next()? {
            let function = match &frame.function {
                Some(name) => name.raw_name()?.into_owned(),
                None => self.function_at(addr).map(|found| found.name).unwrap_or_default(),
            };
            if let Some(inner) = lines.last_mut() {
                inner.inlined = true;
            }
            let location = frame.location;
            let file = location.as_ref().and_then(|location| location.file);
            lines.push(Line {
                function,
                // Go gives "." as the directory of a build, which says nothing.
                file: file.map(|file| file.strip_prefix("./").unwrap_or(file)).unwrap_or_default().to_owned(),
                line: location.and_then(|location| location.line).unwrap_or(0),
                inlined: false,
            });
        }
        if lines.is_empty() {
            return Err(Error::NoFunction { addr: addr.0 });
        }
        Ok(lines)
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
