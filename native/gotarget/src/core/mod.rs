//! The memory of a process as a core file keeps it: from the kernel, from gdb's gcore, or from a Go program
//! that died with `GOTRACEBACK=crash`.

mod image;
mod notes;
mod write;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::error::Error;
use crate::memory::{Cause, LoadBias, Memory, RuntimeAddr, Unreadable};
use crate::registers::ThreadRegisters;
use image::Image;
use notes::{Mapping, Notes};

pub use write::{WrittenCore, write_core};

/// The memory of a process as a core file keeps it. What the core leaves out because it was mapped from a
/// file comes from that file, where it is here and the same.
#[derive(Debug)]
pub struct CoreMemory {
    path: PathBuf,
    map: Mmap,
    /// In the order of their addresses.
    segments: Vec<Segment>,
    notes: Notes,
    /// The executable, when it is known to be the right one, and how far it was moved.
    executable: OnceCell<(Image, LoadBias)>,
    /// The other files that were mapped, each opened when it is first needed; `None` for one that is not
    /// here or is another.
    libraries: HashMap<String, OnceCell<Option<Image>>>,
}

/// A range of the process's memory.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    end: u64,
    /// Where its bytes are in the core.
    offset: u64,
    /// How many of them the core holds, by its own account; the others were left out.
    held: u64,
    writable: bool,
}

/// How a compressed file begins, and what unpacks it.
const COMPRESSED: [(&[u8], &str); 4] = [
    (b"\x28\xb5\x2f\xfd", "zstd -d"),
    (b"\x1f\x8b", "gunzip"),
    (b"\xfd7zXZ\0", "unxz"),
    (b"\x04\x22\x4d\x18", "lz4 -d"),
];

/// How much of a file's beginning tells it from others: the kernel keeps a page of each ELF file in a core,
/// and the build's identity is in it.
const FIRST_PAGE: usize = 4096;

impl CoreMemory {
    /// Opens a core file.
    ///
    /// # Errors
    /// It is none, or one of another machine.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let not_a_core = |why: String| Error::NotACore { path: path.to_owned(), why };
        match std::fs::metadata(path) {
            Err(error) => return Err(not_a_core(error.to_string())),
            Ok(data) if !data.is_file() => return Err(not_a_core("it is no regular file".to_owned())),
            Ok(data) if data.len() == 0 => return Err(not_a_core("it is empty".to_owned())),
            Ok(_) => {}
        }
        let map = image::map(path).map_err(|error| not_a_core(error.to_string()))?;
        check(path, &map)?;
        let damaged = |_| not_a_core("its headers are damaged or cut off".to_owned());
        let header = FileHeader64::<LittleEndian>::parse(&*map).map_err(damaged)?;
        let mut segments = Vec::new();
        let mut notes = Notes::default();
        for segment in header.program_headers(LittleEndian, &*map).map_err(damaged)? {
            let (offset, held) = segment.file_range(LittleEndian);
            match segment.p_type(LittleEndian) {
                elf::PT_LOAD => {
                    let start = segment.p_vaddr(LittleEndian);
                    segments.push(Segment {
                        start,
                        end: start.saturating_add(segment.p_memsz(LittleEndian)),
                        offset,
                        held,
                        writable: segment.p_flags(LittleEndian).contains(elf::PF_W),
                    });
                }
                elf::PT_NOTE => notes.read(within(&map, offset, held)),
                _ => {}
            }
        }
        segments.sort_unstable_by_key(|segment| segment.start);
        let libraries = notes.mappings.iter().map(|mapping| (mapping.path.clone(), OnceCell::new())).collect();
        Ok(CoreMemory { path: path.to_owned(), map, segments, notes, executable: OnceCell::new(), libraries })
    }

    /// All threads; the kernel puts the one that died first.
    #[must_use]
    pub fn threads(&self) -> &[ThreadRegisters] {
        &self.notes.threads
    }

    /// The signal that the process was killed by; `None` of a copy that was made of it while it lived.
    #[must_use]
    pub fn signal(&self) -> Option<u64> {
        Some(u64::from(self.notes.signal)).filter(|signal| *signal != 0)
    }

    /// The address of the program's first instruction, where the core says it.
    #[must_use]
    pub fn entry(&self) -> Option<RuntimeAddr> {
        self.notes.entry.map(RuntimeAddr)
    }

    /// The path of the executable when the core was made, where the core says it.
    #[must_use]
    pub fn executable_path(&self) -> Option<&str> {
        self.notes.executable()
    }

    /// The command line, of which the kernel keeps 80 bytes.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.notes.command.as_deref()
    }

    /// What to tell the user of a core whose file ends too early, in one line.
    #[must_use]
    pub fn cut_off(&self) -> Option<String> {
        let len = self.map.len() as u64;
        let held = self.segments.iter().filter(|segment| segment.held > 0);
        let end = held.map(|segment| segment.offset.saturating_add(segment.held)).max()?;
        (end > len).then(|| {
            format!(
                "{} is cut off: it has {len} of {end} bytes, and what was in the rest cannot be read (raise `ulimit -c`, or free disk space, and take it again)",
                self.path.display()
            )
        })
    }

    /// Lets the executable stand in for what the core leaves out. It must be the right one.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn set_executable(&self, path: &Path, bias: LoadBias) -> std::io::Result<()> {
        let image = Image::open(path)?;
        // A second call changes nothing.
        let _ = self.executable.set((image, bias));
        Ok(())
    }

    /// Whether the beginning of the file that was mapped as `name` is that of `bytes`; `None` where the
    /// core does not have it.
    fn begins_like(&self, name: &str, bytes: &[u8]) -> Option<bool> {
        let first = self.notes.mappings.iter().find(|mapping| mapping.path == name && mapping.offset == 0)?;
        let len = FIRST_PAGE.min(bytes.len());
        let mut page = [0; FIRST_PAGE];
        let page = page.get_mut(..len)?;
        self.fill(first.start, page, &|addr| self.held(addr)).ok()?;
        Some(Some(&*page) == bytes.get(..len))
    }

    /// As [`begins_like`](Self::begins_like), for a file that may be the executable.
    pub(crate) fn began_with(&self, path: &Path) -> Option<bool> {
        let image = Image::open(path).ok()?;
        self.begins_like(self.executable_path()?, image.bytes())
    }

    /// The memory that the core itself holds, without what files have.
    pub(crate) fn alone(&self) -> Alone<'_> {
        Alone(self)
    }

    fn segment(&self, addr: u64) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.start <= addr);
        self.segments.get(after.checked_sub(1)?).filter(|segment| addr < segment.end)
    }

    /// What the core's file has from an address on, as far as it goes on without a break.
    fn held(&self, addr: u64) -> Result<&[u8], Cause> {
        let segment = self.segment(addr).ok_or(Cause::NotInCore)?;
        let from = addr - segment.start;
        let held = segment.held.min(segment.end - segment.start);
        if from >= held {
            return Err(Cause::NotInCore);
        }
        let bytes = within(&self.map, segment.offset.saturating_add(from), held - from);
        if bytes.is_empty() { Err(Cause::CutOff) } else { Ok(bytes) }
    }

    /// The same, with what files have where the core holds nothing.
    fn bytes(&self, addr: u64) -> Result<&[u8], Cause> {
        let Err(cause) = self.held(addr) else { return self.held(addr) };
        let segment = self.segment(addr);
        // What the process could write to may differ from the file.
        if cause == Cause::CutOff || segment.is_some_and(|segment| segment.writable) {
            return Err(cause);
        }
        let file = self
            .in_executable(addr)
            .or_else(|| self.in_library(addr))
            .ok_or_else(|| if self.notes.mapping(addr).is_some() { Cause::FileMissing } else { Cause::NotInCore })?;
        // The core's own bytes come first where they begin again.
        let next = self.segments.get(self.segments.partition_point(|segment| segment.start <= addr));
        let end = segment.map(|segment| segment.end).or(next.map(|next| next.start)).unwrap_or(u64::MAX);
        let len = usize::try_from(end - addr).unwrap_or(usize::MAX).min(file.len());
        file.get(..len).filter(|file| !file.is_empty()).ok_or(cause)
    }

    fn in_executable(&self, addr: u64) -> Option<&[u8]> {
        let (image, bias) = self.executable.get()?;
        image.at_address(bias.to_link(RuntimeAddr(addr)).0)
    }

    fn in_library(&self, addr: u64) -> Option<&[u8]> {
        let mapping = self.notes.mapping(addr)?;
        let image = self.libraries.get(&mapping.path)?.get_or_init(|| self.library(mapping)).as_ref()?;
        let bytes = image.at_offset(mapping.offset.checked_add(addr - mapping.start)?)?;
        let len = usize::try_from(mapping.end - addr).unwrap_or(usize::MAX).min(bytes.len());
        bytes.get(..len)
    }

    /// Opens a library if it is the one that was mapped.
    fn library(&self, mapping: &Mapping) -> Option<Image> {
        let path = Path::new(&mapping.path);
        // A path such as `/dev/…` is no library, and opening it might do something.
        let data = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let image = Image::open(path).ok()?;
        let is_same = self.begins_like(&mapping.path, image.bytes()).unwrap_or_else(|| {
            // Without its first page: a file that has not changed since.
            let made = std::fs::metadata(&self.path).and_then(|core| core.modified());
            made.is_ok_and(|made| data.modified().is_ok_and(|changed| changed <= made))
        });
        is_same.then_some(image)
    }

    /// Fills `buf` from pieces, each of which is not empty.
    fn fill<'a>(
        &'a self,
        addr: u64,
        buf: &mut [u8],
        piece: &dyn Fn(u64) -> Result<&'a [u8], Cause>,
    ) -> Result<(), Cause> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let bytes = piece(addr.checked_add(done as u64).ok_or(Cause::NotInCore)?)?;
            let len = bytes.len().min(rest.len());
            if let (Some(to), Some(from)) = (rest.get_mut(..len), bytes.get(..len)) {
                to.copy_from_slice(from);
            }
            done += len;
        }
        Ok(())
    }
}

impl Memory for CoreMemory {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        let len = buf.len();
        self.fill(addr.0, buf, &|addr| self.bytes(addr)).map_err(|cause| Unreadable { addr, len, cause })
    }
}

/// What the core itself holds.
pub(crate) struct Alone<'a>(&'a CoreMemory);

impl Memory for Alone<'_> {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        let len = buf.len();
        self.0.fill(addr.0, buf, &|addr| self.0.held(addr)).map_err(|cause| Unreadable { addr, len, cause })
    }
}

/// Whether a file is a core that we read, or else what it is.
fn check(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let not_a_core = |why: String| Err(Error::NotACore { path: path.to_owned(), why });
    if let Some((_, command)) = COMPRESSED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return not_a_core(format!("it is compressed (unpack it with `{command}`)"));
    }
    if !bytes.starts_with(&elf::ELFMAG) {
        return not_a_core("it is no ELF file".to_owned());
    }
    if (bytes.get(4), bytes.get(5)) != (Some(&elf::ELFCLASS64.0), Some(&elf::ELFDATA2LSB.0)) {
        return Err(Error::OtherMachine { path: path.to_owned(), found: "a 32-bit or big-endian machine".to_owned() });
    }
    let Ok(header) = FileHeader64::<LittleEndian>::parse(bytes) else {
        return not_a_core("it is cut off in its first bytes".to_owned());
    };
    match header.e_type(LittleEndian) {
        elf::ET_CORE => {}
        elf::ET_EXEC | elf::ET_DYN => {
            return not_a_core("it is an executable or a library (an executable goes with --exe)".to_owned());
        }
        other => return not_a_core(format!("it is an ELF file of type {}", other.0)),
    }
    match header.e_machine(LittleEndian) {
        elf::EM_X86_64 => Ok(()),
        elf::EM_AARCH64 => Err(Error::OtherMachine { path: path.to_owned(), found: "arm64".to_owned() }),
        other => Err(Error::OtherMachine { path: path.to_owned(), found: format!("ELF machine {}", other.0) }),
    }
}

/// The bytes of a range, as far as the file has them.
fn within(bytes: &[u8], offset: u64, len: u64) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    let end = usize::try_from(offset.saturating_add(len)).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}
