//! The ELF file: sections (decompressed when first needed), segments, symbols.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use memmap2::Mmap;
use object::elf::{EM_X86_64, FileHeader64, PT_LOAD};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{CompressedData, CompressionFormat, LittleEndian, Object, ObjectSection, ObjectSegment};

use crate::Error;
use crate::paged::Paged;

/// The sections that questions need.
const SECTIONS: [&str; 14] = [
    ".debug_info",
    ".debug_abbrev",
    ".debug_str",
    ".debug_line",
    ".debug_line_str",
    ".debug_str_offsets",
    ".debug_addr",
    ".debug_ranges",
    ".debug_rnglists",
    ".debug_aranges",
    ".debug_loc",
    ".debug_loclists",
    ".debug_frame",
    ".go.buildinfo",
];

/// The bytes of a file.
pub(crate) enum Contents {
    Mapped(Mmap),
    Read(Vec<u8>),
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Contents::Mapped(map) => map,
            Contents::Read(bytes) => bytes,
        }
    }
}

/// An ELF file for linux/amd64.
pub(crate) struct Elf {
    path: PathBuf,
    map: Contents,
    info: OnceLock<Stored>,
    sections: BTreeMap<&'static str, OnceLock<Arc<[u8]>>>,
}

const INFO: &str = ".debug_info";

/// How the file has `.debug_info`.
enum Stored {
    /// As it is: these bytes of the file.
    Plain(Range<usize>),
    /// In these bytes of the file, as a zlib stream.
    Zlib(Range<usize>, Paged),
    /// In another compressed form, which is inflated whole.
    Inflated(Arc<[u8]>),
}

/// The bytes of `.debug_info`.
#[derive(Clone, Copy)]
pub(crate) enum Info<'a> {
    Plain(&'a [u8]),
    Zlib(&'a [u8], &'a Paged),
}

impl<'a> Info<'a> {
    pub(crate) fn size(&self) -> usize {
        match self {
            Info::Plain(bytes) => bytes.len(),
            Info::Zlib(_, paged) => paged.size(),
        }
    }

    /// Up to `len` bytes from `offset` on: fewer only where the section ends.
    pub(crate) fn read(&self, offset: usize, len: usize) -> Result<Cow<'a, [u8]>, Error> {
        match self {
            Info::Plain(bytes) => {
                let rest = bytes.get(offset..).unwrap_or_default();
                Ok(Cow::Borrowed(rest.get(..len).unwrap_or(rest)))
            }
            Info::Zlib(stream, paged) => paged.read(stream, offset, len).map(Cow::Owned),
        }
    }
}

/// Where the relocations of a position-independent program are: as Go's linker names it, and others.
const RELOCATIONS: [&str; 2] = [".rela", ".rela.dyn"];

/// To put an address of the program, moved as the program is (System V ABI, amd64 supplement, table 4.10).
const R_X86_64_RELATIVE: u64 = 8;

/// `e_entry` in the header of a 64-bit ELF file.
const ENTRY: std::ops::Range<usize> = 24..32;

impl Elf {
    /// The address of the first instruction; 0 in a file too short to say, which `open` refuses.
    pub(crate) fn entry(&self) -> u64 {
        let bytes = self.map.get(ENTRY).and_then(|bytes| bytes.try_into().ok());
        u64::from_le_bytes(bytes.unwrap_or_default())
    }

    pub(crate) fn open(path: &Path) -> Result<Elf, Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        // Before opening: a named pipe would wait for its other end.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(Error::NotElf { path: path.to_owned() });
        }
        let file = File::open(path).map_err(io)?;
        // SAFETY: the map is read-only and private. Whoever truncates the file while it is mapped makes
        // reads of it fail with SIGBUS, as for every debugger that maps its program; Go's linker and
        // package managers replace a program by a new file instead.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Elf::new(path, Contents::Mapped(map))
    }

    pub(crate) fn new(path: &Path, map: Contents) -> Result<Elf, Error> {
        let elf = Elf {
            path: path.to_owned(),
            map,
            info: OnceLock::new(),
            sections: SECTIONS.iter().map(|&name| (name, OnceLock::new())).collect(),
        };
        elf.check()?;
        Ok(elf)
    }

    fn check(&self) -> Result<(), Error> {
        if !self.map.starts_with(&object::elf::ELFMAG) {
            return Err(Error::NotElf { path: self.path.clone() });
        }
        let (class, order) = (self.map.get(4), self.map.get(5));
        if class != Some(&object::elf::ELFCLASS64.0) || order != Some(&object::elf::ELFDATA2LSB.0) {
            return Err(Error::UnsupportedArch { found: "a 32-bit or big-endian machine".to_owned() });
        }
        let header = FileHeader64::<LittleEndian>::parse(&*self.map)?;
        let machine = header.e_machine(LittleEndian);
        if machine != EM_X86_64 {
            return Err(Error::UnsupportedArch {
                found: match machine {
                    object::elf::EM_AARCH64 => "arm64".to_owned(),
                    other => format!("ELF machine {other:?}"),
                },
            });
        }
        self.object().map(drop)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's headers and tables. Cheap: nothing but the headers is read.
    pub(crate) fn object(&self) -> Result<ElfFile64<'_, LittleEndian>, Error> {
        Ok(ElfFile64::parse(&*self.map)?)
    }

    pub(crate) fn is_position_independent(&self) -> bool {
        FileHeader64::<LittleEndian>::parse(&*self.map)
            .is_ok_and(|header| header.e_type(LittleEndian) == object::elf::ET_DYN)
    }

    /// `.debug_info`, which may be far larger than what a question needs of it.
    pub(crate) fn info(&self) -> Result<Info<'_>, Error> {
        let stored = match self.info.get() {
            Some(known) => known,
            None => {
                let found = self.find_info()?;
                self.info.get_or_init(|| found)
            }
        };
        let in_file = |range: &Range<usize>| self.map.get(range.clone()).unwrap_or_default();
        Ok(match stored {
            Stored::Plain(range) => Info::Plain(in_file(range)),
            Stored::Zlib(range, paged) => Info::Zlib(in_file(range), paged),
            Stored::Inflated(bytes) => Info::Plain(bytes),
        })
    }

    fn find_info(&self) -> Result<Stored, Error> {
        let object = self.object()?;
        let Some(section) = object.section_by_name(INFO) else { return Ok(Stored::Plain(0..0)) };
        if !is_plausible(&section.compressed_data()?) {
            return Err(Error::damaged(format_args!("section {INFO} claims an impossible size")));
        }
        let found = section.compressed_file_range()?;
        let number = |number: u64| usize::try_from(number).map_err(|_| Error::damaged("a section too large"));
        let range = number(found.offset)?..number(found.offset.saturating_add(found.compressed_size))?;
        Ok(match found.format {
            CompressionFormat::None => Stored::Plain(range),
            CompressionFormat::Zlib => Stored::Zlib(range, Paged::new(number(found.uncompressed_size)?)),
            _ => Stored::Inflated(self.section(INFO)?.clone()),
        })
    }

    /// The bytes of a section, decompressed; empty if the file has none of this name.
    pub(crate) fn section(&self, name: &str) -> Result<&Arc<[u8]>, Error> {
        let cell =
            self.sections.get(name).ok_or_else(|| Error::damaged(format_args!("section {name} is not one of ours")))?;
        if let Some(bytes) = cell.get() {
            return Ok(bytes);
        }
        let bytes: Arc<[u8]> = match self.object()?.section_by_name(name) {
            Some(section) => {
                let compressed = section.compressed_data()?;
                if !is_plausible(&compressed) {
                    return Err(Error::damaged(format_args!("section {name} claims an impossible size")));
                }
                compressed.decompress()?.into()
            }
            None => Arc::default(),
        };
        Ok(cell.get_or_init(|| bytes))
    }

    /// The bytes of the writable segments, where Go keeps its build information.
    pub(crate) fn writable_segments(&self) -> Result<Vec<&[u8]>, Error> {
        let object = self.object()?;
        Ok(object
            .segments()
            .filter(|segment| segment.permissions().writable())
            .filter_map(|segment| segment.data().ok())
            .collect())
    }

    /// The file's bytes from the one that is loaded at `address` to the end of its segment.
    pub(crate) fn loaded_from(&self, address: u64) -> Option<&[u8]> {
        let header = FileHeader64::<LittleEndian>::parse(&*self.map).ok()?;
        let segments = header.program_headers(LittleEndian, &*self.map).ok()?;
        let loaded = segments.iter().filter(|segment| segment.p_type(LittleEndian) == PT_LOAD);
        loaded.into_iter().find_map(|segment| {
            let from = usize::try_from(address.checked_sub(segment.p_vaddr(LittleEndian))?).ok()?;
            segment.data(LittleEndian, &*self.map).ok()?.get(from..).filter(|rest| !rest.is_empty())
        })
    }

    /// The pointer at `address`, as the loader makes it but for moving the program: in the file of a
    /// position-independent program only its relocation tells.
    pub(crate) fn pointer(&self, address: u64) -> Option<u64> {
        let relocated = self.relocations().find(|&(at, _)| at == address).map(|(_, target)| target);
        let in_file = || self.loaded(address, 8)?.try_into().ok().map(u64::from_le_bytes);
        relocated.or_else(in_file)
    }

    /// Where the loader puts the address `target`.
    pub(crate) fn relocated_to(&self, target: u64) -> impl Iterator<Item = u64> {
        self.relocations().filter(move |&(_, found)| found == target).map(|(at, _)| at)
    }

    /// The relocations of a position-independent program: where each is, and the address that it puts there.
    fn relocations(&self) -> impl Iterator<Item = (u64, u64)> {
        let data = self.object().ok().and_then(|object| {
            let sections = RELOCATIONS.iter().filter_map(|name| object.section_by_name(name));
            sections.filter_map(|section| section.data().ok()).find(|data| !data.is_empty())
        });
        let words = |entry: &[u8]| {
            let word = |from: usize| entry.get(from..from + 8)?.try_into().ok().map(u64::from_le_bytes);
            // Elf64_Rela: r_offset, r_info, r_addend.
            (word(8)? == R_X86_64_RELATIVE).then_some((word(0)?, word(16)?))
        };
        data.unwrap_or_default().chunks_exact(24).filter_map(words)
    }

    /// The file's bytes that are loaded at `address`, if all of them are in one segment.
    pub(crate) fn loaded(&self, address: u64, len: u64) -> Option<&[u8]> {
        let header = FileHeader64::<LittleEndian>::parse(&*self.map).ok()?;
        let segments = header.program_headers(LittleEndian, &*self.map).ok()?;
        segments
            .iter()
            .filter(|segment| segment.p_type(LittleEndian) == PT_LOAD)
            .find_map(|segment| segment.data_range(LittleEndian, &*self.map, address, len).ok()?)
    }
}

/// Whether the data can really hold as much as its header claims: memory is set aside for that much.
fn is_plausible(compressed: &CompressedData<'_>) -> bool {
    // Bytes that one compressed byte can stand for, at most: 258 for 2 bits in deflate; 128 KiB for 4 in zstd.
    let ratio = match compressed.format {
        CompressionFormat::Zlib => 1_032,
        _ => 32_768,
    };
    let len = u64::try_from(compressed.data.len()).unwrap_or(u64::MAX);
    // Debug information is never so repetitive; what is small does no harm. And no section of 32-bit DWARF is
    // larger than 4 GiB.
    let likely = len.saturating_mul(64).max(64 << 20).min(u64::from(u32::MAX));
    compressed.uncompressed_size <= len.saturating_mul(ratio).min(likely)
}
