//! Files that are not what they should be: an error, never a panic.

use std::path::Path;

use goprogram::{Error, LinkAddr, Program};

use crate::build::{Mode, both_generations, build_to};

/// Asks everything. The answers do not matter.
fn interrogate(file: &Path) -> Option<Error> {
    let program = match Program::open(file) {
        Ok(program) => program,
        Err(error) => return Some(error),
    };
    let _ = program.variable("main.srv").map(|variable| program.ty(variable.ty));
    let _ = program.variable("main.shard");
    let _ = program.type_named("main.Server").map(|ty| program.ty(ty));
    let _ = program.map_variables("");
    let _ = program.map_layout();
    let _ = program.runtime_layout();
    let _ = program.constant("main.Answer");
    let write = program.function("main.write").map_or(LinkAddr(0x49_0000), |function| function.entry);
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
    let part = folder.path().join("part");
    for sixteenth in 0..16 {
        std::fs::write(&part, &bytes[..bytes.len() * sixteenth / 16 + sixteenth]).unwrap();
        let error = interrogate(&part);
        if let Some(error) = error {
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}

#[test]
fn a_damaged_program_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    for go in both_generations() {
        let whole = folder.path().join("whole");
        build_to(&go, Mode::UncompressedDwarf, &whole);
        let bytes = std::fs::read(&whole).unwrap();
        let sections = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap());
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 + u64::from(go.minor);
        let mut random = move |below: usize| {
            // xorshift64: the same damage in every run.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
        };
        let part = folder.path().join("part");
        for round in 0..24 {
            let mut damaged = bytes.clone();
            // Headers and section table, then the DWARF, then anywhere.
            let (start, len) = match round % 3 {
                0 if round % 2 == 0 => (0x10, 0x200),
                0 => (usize::try_from(sections).unwrap(), 0x700),
                1 => (bytes.len() / 2, bytes.len() / 2),
                _ => (0, bytes.len()),
            };
            for _ in 0..=(len / 64).min(2000) {
                if let Some(byte) = damaged.get_mut(start + random(len)) {
                    *byte = u8::try_from(random(256)).unwrap();
                }
            }
            std::fs::write(&part, damaged).unwrap();
            interrogate(&part);
        }
    }
}

#[test]
fn a_section_that_claims_to_be_huge_is_refused() {
    use object::{Object, ObjectSection};

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
