//! What a process has mapped, and what of that belongs into its core.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use object::elf::{PF_R, PF_W, PF_X, ProgramFlags};

/// A range of a process's memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    pub(super) start: u64,
    pub(super) end: u64,
    readable: bool,
    writable: bool,
    executable: bool,
    shared: bool,
    /// Where in its file it begins, in bytes.
    pub(super) offset: u64,
    /// Its file, or what the kernel calls it (`[stack]`); empty if neither.
    pub(super) name: String,
    /// Whether the process has pages of its own in it.
    has_own_pages: bool,
    /// What the kernel says of it: `dd` not to be dumped, `io` a device, `ht` of huge pages.
    flags: Vec<String>,
}

/// How much of a mapping a core holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Only that it is there.
    Nothing,
    /// The first page, if it begins as an ELF file does: it has the build's identity.
    Header,
    /// All of it.
    All,
}

/// Kinds of memory that a process may exclude from its core (proc_pid_coredump_filter(5)).
const ANONYMOUS_PRIVATE: u32 = 1;
const ANONYMOUS_SHARED: u32 = 1 << 1;
const FILE_PRIVATE: u32 = 1 << 2;
const FILE_SHARED: u32 = 1 << 3;
const ELF_HEADERS: u32 = 1 << 4;
const HUGE_PRIVATE: u32 = 1 << 5;
const HUGE_SHARED: u32 = 1 << 6;

/// The kernel's own pages, which no other process can read, or which are the same in each.
const NOBODY_S: [&str; 3] = ["[vvar]", "[vvar_vclock]", "[vsyscall]"];

/// The kernel's code in each process. It differs with the kernel, so a core always has it.
const KERNEL_CODE: &str = "[vdso]";

/// All mappings of a process that a core tells of, in the order of their addresses.
pub(super) fn mappings(pid: i32) -> io::Result<Vec<Mapping>> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in BufReader::new(File::open(format!("/proc/{pid}/smaps"))?).split(b'\n') {
        // A file's name need not be text.
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if let Some(mapping) = head(&line) {
            mappings.push(mapping);
        } else if let (Some(mapping), Some((field, value))) = (mappings.last_mut(), line.split_once(':')) {
            match field {
                "Anonymous" => mapping.has_own_pages = value.trim() != "0 kB",
                "VmFlags" => mapping.flags = value.split_whitespace().map(str::to_owned).collect(),
                _ => {}
            }
        }
    }
    mappings.retain(|mapping| !NOBODY_S.contains(&mapping.name.as_str()));
    Ok(mappings)
}

/// `00400000-004a1000 r-xp 00000000 fe:00 131 /src/clobber/clobber`
fn head(line: &str) -> Option<Mapping> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let mut words = rest.splitn(5, ' ');
    let (permissions, offset) = (words.next()?, words.next()?);
    let name = words.nth(2).unwrap_or_default().trim_start();
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        readable: permissions.starts_with('r'),
        writable: permissions.get(1..2) == Some("w"),
        executable: permissions.get(2..3) == Some("x"),
        shared: permissions.ends_with('s'),
        offset: u64::from_str_radix(offset, 16).ok()?,
        name: name.to_owned(),
        ..Mapping::default()
    })
}

impl Mapping {
    pub(super) fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub(super) fn is_file(&self) -> bool {
        self.name.starts_with('/')
    }

    /// Whether a page that is in no memory is one of zeros that nobody has touched.
    pub(super) fn is_zero_where_absent(&self) -> bool {
        !self.is_file() && !self.shared && self.name != KERNEL_CODE
    }

    pub(super) fn protection(&self) -> ProgramFlags {
        let flag = |on: bool, flag: ProgramFlags| if on { flag } else { ProgramFlags::default() };
        flag(self.readable, PF_R) | flag(self.writable, PF_W) | flag(self.executable, PF_X)
    }

    /// How much of it belongs into the core of a process with this `coredump_filter`: what the kernel would keep
    /// (`vma_dump_size`, fs/coredump.c), and memory that nobody has touched yet, which is zero.
    pub(super) fn kept(&self, filter: u32) -> Kept {
        let has = |kinds: u32| filter & kinds != 0;
        let all = |wanted: bool| if wanted { Kept::All } else { Kept::Nothing };
        let is = |flag: &str| self.flags.iter().any(|it| it == flag);
        // One that has lost its name belongs to nobody else any more.
        let is_deleted = self.name.ends_with(" (deleted)");
        match () {
            () if self.name == KERNEL_CODE => Kept::All,
            () if is("dd") || is("io") || (!self.readable && !self.has_own_pages) => Kept::Nothing,
            () if is("ht") => all(has(if self.shared { HUGE_SHARED } else { HUGE_PRIVATE })),
            () if self.shared => all(has(if self.is_file() && !is_deleted { FILE_SHARED } else { ANONYMOUS_SHARED })),
            () if !self.is_file() => all(has(ANONYMOUS_PRIVATE)),
            () if self.has_own_pages && has(ANONYMOUS_PRIVATE) => Kept::All,
            () if has(FILE_PRIVATE) => Kept::All,
            () if self.offset == 0 && self.readable && has(ELF_HEADERS) => Kept::Header,
            () => Kept::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: &str, has_own_pages: bool, flags: &str, filter: u32) -> Kept {
        let flags = flags.split_whitespace().map(str::to_owned).collect();
        Mapping { has_own_pages, flags, ..head(line).unwrap() }.kept(filter)
    }

    #[test]
    fn a_line_tells_where_and_how_something_is_mapped() {
        let mapping = head("7f00-8f00 r-xp 00002000 fe:00 131    /a file (deleted)").unwrap();
        assert_eq!((mapping.start, mapping.end, mapping.offset, mapping.len()), (0x7f00, 0x8f00, 0x2000, 0x1000));
        assert_eq!((mapping.name.as_str(), mapping.protection()), ("/a file (deleted)", PF_R | PF_X));
        assert!(head("7f00-8f00 rw-p 00000000 00:00 0 ").unwrap().name.is_empty());
        for line in ["Rss:   4 kB", "VmFlags: rd ex mr", "ProtectionKey:         0", ""] {
            assert!(head(line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_core_holds_what_its_filter_says() {
        const DEFAULT: u32 = 0x33;
        let heap = "1000-2000 rw-p 00000000 00:00 0";
        let text = "1000-2000 r-xp 00000000 fe:00 131 /p";
        let data = "1000-2000 rw-p 00001000 fe:00 131 /p";
        let shared = "1000-2000 rw-s 00000000 00:05 131 /dev/shm/x";
        let gone = "1000-2000 rw-s 00000000 00:05 131 /memfd:x (deleted)";
        for (line, has_own_pages, flags, filter, wanted) in [
            (heap, true, "rd wr", DEFAULT, Kept::All),
            (heap, false, "rd wr", DEFAULT, Kept::All),
            (heap, true, "rd wr", 0x2, Kept::Nothing),
            (heap, true, "rd wr dd", 0xff, Kept::Nothing),
            (heap, true, "rd wr ht", 0x1, Kept::Nothing),
            (heap, true, "rd wr ht", DEFAULT, Kept::All),
            ("1000-2000 ---p 00000000 00:00 0", false, "", DEFAULT, Kept::Nothing),
            ("1000-2000 ---p 00000000 00:00 0", true, "", DEFAULT, Kept::All),
            (text, false, "rd ex", DEFAULT, Kept::Header),
            (text, false, "rd ex", 0x23, Kept::Nothing),
            (text, false, "rd ex", 0x37, Kept::All),
            (text, true, "rd ex", DEFAULT, Kept::All),
            (data, false, "rd wr", DEFAULT, Kept::Nothing),
            (data, true, "rd wr", DEFAULT, Kept::All),
            (data, true, "rd wr", 0x32, Kept::Nothing),
            (shared, false, "rd wr sh", DEFAULT, Kept::Nothing),
            (shared, false, "rd wr sh", 0x8, Kept::All),
            (gone, false, "rd wr sh", DEFAULT, Kept::All),
            ("1000-2000 r-xp 00000000 00:00 0 [vdso]", false, "rd ex dd", 0, Kept::All),
        ] {
            assert_eq!(kept(line, has_own_pages, flags, filter), wanted, "{line} {flags} {filter:#x}");
        }
    }
}
