//! Files that are not what they should be: an error, never a panic.

use object::{Object, ObjectSection};

use goprogram::{Error, LinkAddr, Program, Type, TypeKind};

use crate::build::{Mode, both_generations, build_to};

/// Of the ways to build a program those with different parts to damage.
const MODES: [Mode; 3] = [Mode::UncompressedDwarf, Mode::Plain, Mode::Stripped];

/// How often each program is damaged.
fn rounds() -> u32 {
    std::env::var("REDHANDED_DAMAGE").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(8)
}

/// Asks everything. The answers do not matter.
fn interrogate(bytes: Vec<u8>) -> Option<Error> {
    let program = match Program::from_bytes("damaged", bytes) {
        Ok(program) => program,
        Err(error) => return Some(error),
    };
    let _ = program.variable("main.srv").map(|variable| program.ty(variable.ty));
    let maps = program.variable("main.maps").and_then(|variable| program.ty(variable.ty));
    if let Ok(Type { kind: TypeKind::Struct { fields }, .. }) = maps {
        for field in fields {
            let _ = program.slots(field.ty);
            let descriptor = program.ty(field.ty).ok().and_then(|ty| ty.descriptor);
            let _ = program.type_of_descriptor(descriptor.unwrap_or(LinkAddr(0x48_0000)));
        }
    }
    let _ = program.abi_layout();
    let _ = program.variable("main.shard");
    let _ = program.type_named("main.Server").map(|ty| program.ty(ty));
    let _ = program.map_variables("");
    let _ = program.map_layout();
    let _ = program.runtime_layout();
    let _ = program.constant("main.Answer");
    let write = program.function("main.write").map_or(LinkAddr(0x49_0000), |function| function.entry);
    for name in ["main.entry", "main.shadow", "main.outer", "main.escape"] {
        let entry = program.function(name).map_or(write, |function| function.entry);
        for pc in (entry.0..).step_by(9).take(30).map(LinkAddr) {
            let _ = program.locals(pc);
            let _ = program.lines_at(pc);
        }
    }
    for addr in [write.0, write.0.wrapping_add(30), 0, u64::MAX].map(LinkAddr) {
        let _ = program.lines_at(addr);
        let _ = program.caller_frame(addr);
        let _ = program.access_ending_at(addr);
    }
    let _ = program.fatal_functions();
    let _ = program.functions().count();
    None
}

#[test]
fn what_is_no_go_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    assert!(matches!(Program::open("/bin/true"), Err(Error::NotGo { .. })));
    for (name, bytes) in [("empty", &b""[..]), ("short", b"\x7fEL"), ("script", b"#!/bin/sh\necho hello\n")] {
        assert!(matches!(Program::open(file(name, bytes)), Err(Error::NotElf { .. })), "{name}");
    }
    assert!(matches!(Program::open(folder.path()), Err(Error::NotElf { .. })));
    assert!(matches!(Program::open(folder.path().join("missing")), Err(Error::Io { .. })));
    let real = std::fs::read("/bin/true").unwrap();
    let mut arm = real.clone();
    arm[18] = 183; // e_machine: EM_AARCH64
    match Program::open(file("arm", &arm)) {
        Err(error @ Error::UnsupportedArch { .. }) => assert!(error.to_string().contains("arm64"), "{error}"),
        other => panic!("{other:?}"),
    }
    let mut small = real;
    small[4] = 1; // ELFCLASS32
    assert!(matches!(Program::open(file("small", &small)), Err(Error::UnsupportedArch { .. })));
    assert!(matches!(Program::open(file("header", b"\x7fELF\x02\x01")), Err(Error::Damaged { .. })));
}

#[test]
fn a_truncated_program_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    build_to(&both_generations()[1], Mode::Plain, &whole);
    let bytes = std::fs::read(&whole).unwrap();
    for sixteenth in 0..16 {
        let error = interrogate(bytes[..bytes.len() * sixteenth / 16 + sixteenth].to_owned());
        if let Some(error) = error {
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}

/// Where the sections are that describe the program.
fn described_parts(bytes: &[u8]) -> Vec<(usize, usize)> {
    let elf = object::File::parse(bytes).unwrap();
    let tells = |name: &str| name.contains("debug") || name.contains("pclntab") || name.contains("symtab");
    let found = elf.sections().filter(|section| section.name().is_ok_and(tells));
    let ranges = found.filter_map(|section| section.file_range());
    ranges.map(|(start, len)| (usize::try_from(start).unwrap(), usize::try_from(len).unwrap())).collect()
}

#[test]
fn a_damaged_program_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    for (go, mode) in both_generations().iter().flat_map(|go| MODES.map(|mode| (go.clone(), mode))) {
        let whole = folder.path().join("whole");
        build_to(&go, mode, &whole);
        let bytes = std::fs::read(&whole).unwrap();
        let parts = described_parts(&bytes);
        let sections = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap());
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 + u64::from(go.minor);
        let mut random = move |below: usize| {
            // xorshift64: the same damage in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
        };
        for round in 0..rounds() {
            let mut damaged = bytes.clone();
            // A few bytes of one section; headers and section table; the DWARF; anywhere.
            let (start, len, count) = match round % 4 {
                0 => {
                    let (start, len) = parts[random(parts.len())];
                    (start, len, random(16))
                }
                1 if round % 8 == 1 => (0x10, 0x200, 8),
                1 => (usize::try_from(sections).unwrap(), 0x700, 28),
                2 => (bytes.len() / 2, bytes.len() / 2, 2000),
                _ => (0, bytes.len(), 2000),
            };
            for _ in 0..=count {
                if let Some(byte) = damaged.get_mut(start + random(len.max(1))) {
                    *byte = u8::try_from(random(256)).unwrap();
                }
            }
            interrogate(damaged);
        }
    }
}

#[test]
fn a_section_that_claims_to_be_huge_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    build_to(&both_generations()[1], Mode::Plain, &file);
    let mut bytes = std::fs::read(&file).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    let (start, _) = elf.section_by_name(".debug_info").unwrap().file_range().unwrap();
    // ch_size of the Elf64_Chdr at the section's start.
    let size = usize::try_from(start).unwrap() + 8;
    bytes[size..size + 8].copy_from_slice(&(1u64 << 31).to_le_bytes());
    std::fs::write(&file, bytes).unwrap();
    let program = Program::open(&file).unwrap();
    assert!(matches!(program.variable("main.shared"), Err(Error::Damaged { .. })));
}
