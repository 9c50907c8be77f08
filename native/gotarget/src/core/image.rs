//! A file whose parts were mapped into the process: the executable or a shared library.

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;
use object::LittleEndian;
use object::elf::{FileHeader64, PF_W, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

/// A mapped file, with the parts of it that a process may share unchanged.
#[derive(Debug)]
pub(super) struct Image {
    bytes: Mmap,
    loads: Vec<Load>,
}

/// A loadable segment that the process does not write to: what it holds in memory is what the file holds.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// Its address in the file's own numbering.
    vaddr: u64,
    offset: u64,
    len: u64,
}

impl Image {
    /// Maps an ELF file. One that is none has no parts to share.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let bytes = map(path)?;
        let loads = loads(&bytes).unwrap_or_default();
        Ok(Image { bytes, loads })
    }

    /// The whole file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is loaded at an address of the file's own, up to the end of its segment.
    pub(super) fn at_address(&self, vaddr: u64) -> Option<&[u8]> {
        self.loads.iter().find_map(|load| self.part(load, vaddr.checked_sub(load.vaddr)?))
    }

    /// What is loaded from an offset in the file, up to the end of its segment.
    pub(super) fn at_offset(&self, offset: u64) -> Option<&[u8]> {
        self.loads.iter().find_map(|load| self.part(load, offset.checked_sub(load.offset)?))
    }

    fn part(&self, load: &Load, from: u64) -> Option<&[u8]> {
        let len = load.len.checked_sub(from).filter(|len| *len > 0)?;
        let start = usize::try_from(load.offset.checked_add(from)?).ok()?;
        self.bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }
}

fn loads(bytes: &[u8]) -> Option<Vec<Load>> {
    let header = FileHeader64::<LittleEndian>::parse(bytes).ok()?;
    let segments = header.program_headers(LittleEndian, bytes).ok()?;
    let shared = segments
        .iter()
        .filter(|segment| segment.p_type(LittleEndian) == PT_LOAD && !segment.p_flags(LittleEndian).contains(PF_W));
    let load = |segment: &object::elf::ProgramHeader64<LittleEndian>| Load {
        vaddr: segment.p_vaddr(LittleEndian),
        offset: segment.p_offset(LittleEndian),
        len: segment.p_filesz(LittleEndian),
    };
    Some(shared.map(load).collect())
}

/// Maps a file.
pub(super) fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the map is read-only and private. Whoever truncates the file while it is mapped makes reads
    // of it fail with SIGBUS, as for every debugger that maps a core or a program.
    #[allow(unsafe_code)]
    unsafe {
        Mmap::map(&file)
    }
}
