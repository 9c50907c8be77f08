//! What a core says of its process: threads, registers, mapped files.

use object::LittleEndian;
use object::elf::{FileHeader64, NT_AUXV, NT_FILE, NT_FPREGSET, NT_PRPSINFO, NT_PRSTATUS};
use object::read::elf::NoteIterator;

use crate::live::{AT_ENTRY, auxiliary};
use crate::registers::{ThreadRegisters, UserRegisters, VECTORS};

/// The owner of the notes that every core has.
const OWNER: &[u8] = b"CORE";

/// Where `struct elf_prstatus` keeps the signal, the thread's number and its registers (include/linux/elfcore.h,
/// amd64).
const PR_CURSIG: usize = 12;
const PR_PID: usize = 32;
const PR_REG: usize = 112;

/// Where `struct elf_prpsinfo` keeps the command line, and how long that is (include/linux/elfcore.h, amd64).
const PR_PSARGS: usize = 56;
const PR_PSARGS_LEN: usize = 80;

/// A part of a file that was mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// The first address.
    pub(super) start: u64,
    /// The address after the last.
    pub(super) end: u64,
    /// Where in the file it begins, in bytes.
    pub(super) offset: u64,
    /// The file, as its process named it.
    pub(super) path: String,
}

/// What the notes of a core say.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// All threads; the kernel puts the one that died first.
    pub(super) threads: Vec<ThreadRegisters>,
    /// The signal that the first of them was killed by; 0 if by none.
    pub(super) signal: u16,
    /// The address of the program's first instruction.
    pub(super) entry: Option<u64>,
    /// The files that were mapped.
    pub(super) mappings: Vec<Mapping>,
    /// The command line, of which the kernel keeps 80 bytes.
    pub(super) command: Option<String>,
}

impl Notes {
    /// Takes in the notes of one segment. What is damaged ends them.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let Ok(mut notes) = NoteIterator::<FileHeader64<LittleEndian>>::new(LittleEndian, 4, bytes) else { return };
        while let Ok(Some(note)) = notes.next() {
            if note.name() != OWNER {
                continue;
            }
            match note.n_type(LittleEndian) {
                NT_PRSTATUS => {
                    if self.threads.is_empty() {
                        self.signal = signal(note.desc()).unwrap_or(0);
                    }
                    self.threads.extend(thread(note.desc()));
                }
                // It follows the other registers of the same thread.
                NT_FPREGSET => {
                    if let (Some(thread), Some(bytes)) = (self.threads.last_mut(), note.desc().get(VECTORS..)) {
                        thread.set_vectors(bytes);
                    }
                }
                NT_PRPSINFO => self.command = command(note.desc()),
                NT_AUXV => self.entry = auxiliary(note.desc(), AT_ENTRY),
                NT_FILE => self.mappings = mappings(note.desc()),
                _ => {}
            }
        }
    }

    /// The mapping that an address is in.
    pub(super) fn mapping(&self, addr: u64) -> Option<&Mapping> {
        self.mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&addr))
    }

    /// The path of the executable: of the file that held the first instruction.
    pub(super) fn executable(&self) -> Option<&str> {
        Some(self.mapping(self.entry?)?.path.as_str())
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn signal(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(PR_CURSIG..PR_CURSIG + 2)?.try_into().ok()?))
}

fn thread(bytes: &[u8]) -> Option<ThreadRegisters> {
    let tid = u32::from_le_bytes(bytes.get(PR_PID..PR_PID + 4)?.try_into().ok()?);
    let mut registers: UserRegisters = [0; 27];
    for (index, register) in registers.iter_mut().enumerate() {
        *register = word(bytes, PR_REG + index * 8)?;
    }
    Some(ThreadRegisters::stopped(tid, registers))
}

fn command(bytes: &[u8]) -> Option<String> {
    let text = bytes.get(PR_PSARGS..PR_PSARGS + PR_PSARGS_LEN)?;
    let text = text.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).trim().to_owned()).filter(|text| !text.is_empty())
}

/// Reads NT_FILE: the number of mappings, the unit of file offsets, three words for each, and all names.
fn mappings(bytes: &[u8]) -> Vec<Mapping> {
    let mut found = Vec::new();
    let (Some(count), Some(unit)) = (word(bytes, 0), word(bytes, 8)) else { return found };
    // A number that the note itself has no room for is a lie.
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= bytes.len() / 24) else { return found };
    let Some(names) = bytes.get(16 + count * 24..) else { return found };
    for (index, name) in names.split(|byte| *byte == 0).take(count).enumerate() {
        let at = 16 + index * 24;
        let (Some(start), Some(end), Some(page)) = (word(bytes, at), word(bytes, at + 8), word(bytes, at + 16)) else {
            break;
        };
        let path = String::from_utf8_lossy(name).into_owned();
        found.push(Mapping { start, end, offset: page.saturating_mul(unit), path });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_note() -> Vec<u8> {
        let words = [2u64, 4096, 0x40_0000, 0x40_2000, 0, 0x40_2000, 0x40_5000, 2];
        let mut note: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        note.extend(b"/bin/one\0/lib/two\0");
        note
    }

    #[test]
    fn mapped_files_are_found_by_address() {
        let notes = Notes { mappings: mappings(&file_note()), entry: Some(0x40_1000), ..Notes::default() };
        assert_eq!(notes.executable(), Some("/bin/one"));
        let two = notes.mapping(0x40_4fff).unwrap();
        assert_eq!((two.path.as_str(), two.offset), ("/lib/two", 8192));
        assert_eq!(notes.mapping(0x40_5000), None);
    }

    #[test]
    fn a_note_that_claims_more_than_it_holds_is_not_believed() {
        let mut note = file_note();
        note[0..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(mappings(&note), []);
        for length in 0..file_note().len() {
            let _ = mappings(&file_note()[..length]);
        }
    }
}
