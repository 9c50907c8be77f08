//! The headers of a core that is written, with the notes behind them.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use object::elf::{
    ELFCLASS64, ELFDATA2LSB, ELFMAG, ELFOSABI_NONE, EM_X86_64, ET_CORE, EV_CURRENT, FileHeader64, Ident, PF_R, PN_XNUM,
    PT_LOAD, PT_NOTE, ProgramHeader64, SectionHeader64,
};
use object::{LittleEndian, U16, U32, U64, pod};

use super::mappings::Mapping;
use super::{PAGE, padded};

const ENDIAN: LittleEndian = LittleEndian;

/// Writes all that comes before the memory, and says where that begins.
pub(super) fn write(file: &File, notes: &[u8], mappings: &[Mapping], held: &[u64]) -> io::Result<u64> {
    let segments = mappings.len() + 1;
    // More than the header has room for stand in a section made for that (PN_XNUM, elf(5)).
    let is_extended = segments >= usize::from(PN_XNUM);
    let header_len = size_of::<FileHeader64<LittleEndian>>() as u64;
    let segments_len = (segments * size_of::<ProgramHeader64<LittleEndian>>()) as u64;
    let sections_len = if is_extended { size_of::<SectionHeader64<LittleEndian>>() as u64 } else { 0 };
    let notes_offset = header_len + segments_len + sections_len;
    let begin = padded(notes_offset + notes.len() as u64, PAGE);

    let mut out = BufWriter::new(file);
    let number = |number: usize| U16::new(ENDIAN, number as u16);
    let header: FileHeader64<LittleEndian> = FileHeader64 {
        e_ident: Ident {
            magic: ELFMAG,
            class: ELFCLASS64,
            data: ELFDATA2LSB,
            version: EV_CURRENT,
            os_abi: ELFOSABI_NONE,
            abi_version: 0,
            padding: [0; 7],
        },
        e_type: U16::new(ENDIAN, ET_CORE),
        e_machine: U16::new(ENDIAN, EM_X86_64),
        e_version: U32::new(ENDIAN, EV_CURRENT.0.into()),
        e_entry: U64::new(ENDIAN, 0),
        e_phoff: U64::new(ENDIAN, header_len),
        e_shoff: U64::new(ENDIAN, if is_extended { header_len + segments_len } else { 0 }),
        e_flags: U32::new(ENDIAN, Default::default()),
        e_ehsize: number(size_of::<FileHeader64<LittleEndian>>()),
        e_phentsize: number(size_of::<ProgramHeader64<LittleEndian>>()),
        e_phnum: number(segments.min(PN_XNUM.into())),
        e_shentsize: number(if is_extended { size_of::<SectionHeader64<LittleEndian>>() } else { 0 }),
        e_shnum: number(usize::from(is_extended)),
        e_shstrndx: U16::new(ENDIAN, Default::default()),
    };
    out.write_all(pod::bytes_of(&header))?;
    let segment = |p_type, p_flags, p_offset, p_vaddr, p_filesz, p_memsz, p_align| ProgramHeader64 {
        p_type: U32::new(ENDIAN, p_type),
        p_flags: U32::new(ENDIAN, p_flags),
        p_offset: U64::new(ENDIAN, p_offset),
        p_vaddr: U64::new(ENDIAN, p_vaddr),
        p_paddr: U64::new(ENDIAN, 0),
        p_filesz: U64::new(ENDIAN, p_filesz),
        p_memsz: U64::new(ENDIAN, p_memsz),
        p_align: U64::new(ENDIAN, p_align),
    };
    out.write_all(pod::bytes_of(&segment(PT_NOTE, PF_R, notes_offset, 0, notes.len() as u64, 0, 4)))?;
    let mut offset = begin;
    for (mapping, held) in mappings.iter().zip(held) {
        let load = segment(PT_LOAD, mapping.protection(), offset, mapping.start, *held, mapping.len(), PAGE);
        out.write_all(pod::bytes_of(&load))?;
        offset += held;
    }
    if is_extended {
        let zero = U64::new(ENDIAN, 0);
        let section: SectionHeader64<LittleEndian> = SectionHeader64 {
            sh_name: U32::new(ENDIAN, 0),
            sh_type: U32::new(ENDIAN, Default::default()),
            sh_flags: U64::new(ENDIAN, Default::default()),
            sh_addr: zero,
            sh_offset: zero,
            sh_size: zero,
            sh_link: U32::new(ENDIAN, 0),
            sh_info: U32::new(ENDIAN, segments as u32),
            sh_addralign: zero,
            sh_entsize: zero,
        };
        out.write_all(pod::bytes_of(&section))?;
    }
    out.write_all(notes)?;
    out.seek(SeekFrom::Start(begin))?;
    out.flush()?;
    Ok(begin)
}
