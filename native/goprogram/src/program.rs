//! An opened program.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use crate::build_info::{BuildInfo, GoVersion};
use crate::descriptor::{AbiLayout, Descriptors};
use crate::elf::{Contents, Elf};
use crate::functions::Extent;
use crate::layout::RuntimeLayout;
use crate::lines::LineFinder;
use crate::map_calls::MapCalls;
use crate::map_functions::MapCode;
use crate::pclntab::Pclntab;
use crate::units::{Reader, Units};
use crate::unwind::Described;
use crate::{Error, code_units};

/// An address in the ELF file, before the loader moves a position-independent program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkAddr(pub u64);

impl fmt::Display for LinkAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// An executable that Go built. Opening reads the headers and the build information; all else is read,
/// and kept, when a question first needs it. It may be shared between threads.
pub struct Program {
    elf: Elf,
    version: GoVersion,
    build_info: BuildInfo,
    units: OnceLock<Units>,
    extents: OnceLock<Vec<Extent>>,
    described: OnceLock<Vec<Described>>,
    line_finder: OnceLock<Mutex<LineFinder>>,
    map_layout: OnceLock<gomap::Layout>,
    runtime_layout: OnceLock<RuntimeLayout>,
    abi_layout: OnceLock<AbiLayout>,
    types_start: OnceLock<Option<u64>>,
    descriptors: OnceLock<Descriptors>,
    code_units: OnceLock<Vec<code_units::Described>>,
    pclntab: OnceLock<Option<Pclntab>>,
    map_code: OnceLock<MapCode>,
    map_calls: OnceLock<MapCalls>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("path", &self.path())
            .field("version", &self.version.text)
            .finish_non_exhaustive()
    }
}

impl Program {
    /// Opens the executable file at `path`; `/proc/PID/exe` will do. That debug information or symbols
    /// are missing is no error here, but at the questions that need them.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotElf`], [`Error::UnsupportedArch`], [`Error::NotGo`], or [`Error::Damaged`].
    pub fn open(path: impl AsRef<Path>) -> Result<Program, Error> {
        Program::new(Elf::open(path.as_ref())?)
    }

    /// Reads an executable that is in memory, as one fetched from another machine; `path` is what to call it.
    ///
    /// # Errors
    /// As [`Program::open`], but for [`Error::Io`].
    pub fn from_bytes(path: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Program, Error> {
        Program::new(Elf::new(path.as_ref(), Contents::Read(bytes))?)
    }

    fn new(elf: Elf) -> Result<Program, Error> {
        let build_info = find_build_info(&elf)?.ok_or_else(|| Error::NotGo { path: elf.path().to_owned() })?;
        Ok(Program {
            elf,
            version: GoVersion::parse(&build_info.version),
            build_info,
            units: OnceLock::new(),
            extents: OnceLock::new(),
            described: OnceLock::new(),
            line_finder: OnceLock::new(),
            map_layout: OnceLock::new(),
            runtime_layout: OnceLock::new(),
            abi_layout: OnceLock::new(),
            types_start: OnceLock::new(),
            descriptors: OnceLock::new(),
            code_units: OnceLock::new(),
            pclntab: OnceLock::new(),
            map_code: OnceLock::new(),
            map_calls: OnceLock::new(),
        })
    }

    /// Where execution begins (`e_entry`): with the kernel's `AT_ENTRY` it tells how far the program was moved.
    pub fn entry(&self) -> LinkAddr {
        LinkAddr(self.elf.entry())
    }

    /// The file, as it was given.
    pub fn path(&self) -> &Path {
        self.elf.path()
    }

    /// The Go that built it.
    pub fn version(&self) -> &GoVersion {
        &self.version
    }

    /// What `go version -m` prints.
    pub fn build_info(&self) -> &BuildInfo {
        &self.build_info
    }

    /// Whether the loader moves the program, so that its addresses in memory differ from [`LinkAddr`]s.
    pub fn is_position_independent(&self) -> bool {
        self.elf.is_position_independent()
    }

    /// Whether the program has Go's debug information.
    pub fn has_dwarf(&self) -> bool {
        self.dwarf().is_ok()
    }

    /// The bytes in the file that are loaded at `start`: code or read-only data. `None` if the file
    /// has not all of them.
    pub fn code(&self, start: LinkAddr, len: u64) -> Option<&[u8]> {
        self.elf.loaded(start.0, len)
    }

    pub(crate) fn elf(&self) -> &Elf {
        &self.elf
    }

    pub(crate) fn dwarf(&self) -> Result<Reader<'_>, Error> {
        let units = match self.units.get() {
            Some(units) => units,
            None => {
                let read = Units::read(&self.elf)?;
                self.units.get_or_init(|| read)
            }
        };
        Reader::new(&self.elf, units)
    }

    pub(crate) fn line_finder(&self) -> Result<&Mutex<LineFinder>, Error> {
        if let Some(finder) = self.line_finder.get() {
            return Ok(finder);
        }
        let finder = self.new_line_finder()?;
        Ok(self.line_finder.get_or_init(|| Mutex::new(finder)))
    }

    pub(crate) fn extents_cell(&self) -> &OnceLock<Vec<Extent>> {
        &self.extents
    }

    pub(crate) fn described_cell(&self) -> &OnceLock<Vec<Described>> {
        &self.described
    }

    pub(crate) fn map_layout_cell(&self) -> &OnceLock<gomap::Layout> {
        &self.map_layout
    }

    pub(crate) fn runtime_layout_cell(&self) -> &OnceLock<RuntimeLayout> {
        &self.runtime_layout
    }

    pub(crate) fn abi_layout_cell(&self) -> &OnceLock<AbiLayout> {
        &self.abi_layout
    }

    pub(crate) fn types_start_cell(&self) -> &OnceLock<Option<u64>> {
        &self.types_start
    }

    pub(crate) fn pclntab_cell(&self) -> &OnceLock<Option<Pclntab>> {
        &self.pclntab
    }

    pub(crate) fn code_units_cell(&self) -> &OnceLock<Vec<code_units::Described>> {
        &self.code_units
    }

    pub(crate) fn map_code_cell(&self) -> &OnceLock<MapCode> {
        &self.map_code
    }

    pub(crate) fn map_calls_cell(&self) -> &OnceLock<MapCalls> {
        &self.map_calls
    }

    pub(crate) fn descriptors_cell(&self) -> &OnceLock<Descriptors> {
        &self.descriptors
    }
}

fn find_build_info(elf: &Elf) -> Result<Option<BuildInfo>, Error> {
    if let Some(info) = BuildInfo::find(elf.section(".go.buildinfo")?) {
        return Ok(Some(info));
    }
    // Without section headers it is still at the start of a writable segment.
    Ok(elf.writable_segments()?.into_iter().find_map(BuildInfo::find))
}

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn a_program_may_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Program>();
    }
}
