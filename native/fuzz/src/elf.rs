//! Files that may be executables or cores.

use std::cell::RefCell;
use std::io::Write;

use goprogram::{LinkAddr, Program, Type, TypeKind};
use gotarget::{CoreMemory, Memory, RuntimeAddr};

/// Where the file is loaded.
const LOADED: u64 = 0x40_0000;

/// An ELF file for linux/amd64 with these sections, loaded as a whole.
fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = vec![0];
    let mut headers = vec![0; 64];
    let mut contents = Vec::new();
    let start = 64 + 56;
    let all = sections.iter().copied().chain([(".shstrtab", &[][..])]);
    for (name, bytes) in all {
        let name_at = names.len() as u32;
        names.extend(name.bytes().chain([0]));
        let bytes = if name == ".shstrtab" { &names } else { bytes };
        while contents.len() % 16 != 8 {
            contents.push(0);
        }
        let at = (start + contents.len()) as u64;
        contents.extend(bytes);
        // SHT_PROGBITS or SHT_STRTAB, SHF_ALLOC.
        headers.extend([name_at, if name == ".shstrtab" { 3 } else { 1 }].iter().flat_map(|word| word.to_le_bytes()));
        let words = [2, LOADED + at, at, bytes.len() as u64, 0, 1, 0];
        headers.extend(words.iter().flat_map(|word: &u64| word.to_le_bytes()));
    }
    let len = (start + contents.len()) as u64;
    let count = sections.len() as u16 + 2;
    // ELFCLASS64, ELFDATA2LSB; ET_EXEC, EM_X86_64.
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    file.extend([LOADED, 64, len].iter().flat_map(|word| word.to_le_bytes()));
    file.extend([0u8; 4]);
    file.extend([64, 56, 1, 64, count, count - 1].iter().flat_map(|half: &u16| half.to_le_bytes()));
    // PT_LOAD; readable, writable and executable.
    file.extend([1u32, 7].iter().flat_map(|word| word.to_le_bytes()));
    file.extend([0, LOADED, LOADED, len, len, 4096].iter().flat_map(|word: &u64| word.to_le_bytes()));
    file.extend(contents);
    file.extend(headers);
    file
}

/// Build information of a Go version.
fn build_info(version: &str) -> Vec<u8> {
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    info.push(version.len() as u8);
    info.extend(version.bytes());
    info.push(0);
    info
}

const VERSIONS: [&str; 4] = ["go1.19", "go1.23.4", "go1.24.11", "go1.27.3"];

/// The input as so many parts: each begins with its length in two bytes; the last takes the rest.
fn parts<const N: usize>(mut data: &[u8]) -> [&[u8]; N] {
    std::array::from_fn(|part| {
        let Some((len, rest)) = data.split_first_chunk() else { return data };
        let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
        let (bytes, rest) = if part + 1 == N { (rest, &[][..]) } else { rest.split_at(len) };
        data = rest;
        bytes
    })
}

/// A program's debug information: types, variables, functions, lines, locals, frames.
pub fn dwarf(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let [info, abbreviations, line, ranges, locations, frames, addresses] = parts(data);
    let version = VERSIONS[usize::from(*choice) % VERSIONS.len()];
    let code = [0x90; 64];
    let five = choice & 4 != 0;
    let file = elf(&[
        (".go.buildinfo", &build_info(version)),
        (".text", &code),
        (".debug_info", info),
        (".debug_abbrev", abbreviations),
        (".debug_line", line),
        (if five { ".debug_rnglists" } else { ".debug_ranges" }, ranges),
        (if five { ".debug_loclists" } else { ".debug_loc" }, locations),
        (".debug_frame", frames),
        (".debug_addr", addresses),
    ]);
    interrogate(file);
}

/// The table of functions and lines that a program without debug information still has.
pub fn pclntab(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let [table, module] = parts(data);
    let version = VERSIONS[usize::from(*choice) % VERSIONS.len()];
    let code = [0x90; 64];
    interrogate(elf(&[
        (".go.buildinfo", &build_info(version)),
        (".text", &code),
        (".gopclntab", table),
        (".noptrdata", module),
    ]));
}

/// Asks a program everything. The answers do not matter.
fn interrogate(file: Vec<u8>) {
    let Ok(program) = Program::from_bytes("fuzzed", file) else { return };
    let _ = program.map_layout();
    let _ = program.runtime_layout();
    let _ = program.abi_layout();
    let _ = program.constant("main.c");
    let _ = program.packages();
    let _ = program.type_named("main.T").map(|ty| program.ty(ty));
    let variables = program.map_variables("").unwrap_or_default();
    for variable in variables.iter().take(20).chain(program.variable("main.m").iter()) {
        let ty = program.ty(variable.ty);
        let _ = program.slots(variable.ty);
        if let Ok(Type { kind: TypeKind::Struct { fields }, .. }) = &ty {
            for field in fields.iter().take(20) {
                let _ = program.ty(field.ty);
            }
        }
        let descriptor = ty.ok().and_then(|ty| ty.descriptor).unwrap_or(LinkAddr(LOADED + 64));
        let _ = program.type_of_descriptor(descriptor);
    }
    let function = program.functions().next();
    let _ = program.functions().count();
    let _ = program.fatal_functions();
    let near = function.map_or(LinkAddr(LOADED + 176), |function| function.entry);
    for addr in [near.0, near.0.wrapping_add(5), LOADED + 176, 0, u64::MAX].map(LinkAddr) {
        let _ = program.function_at(addr);
        let _ = program.lines_at(addr);
        let _ = program.locals(addr);
        let _ = program.caller_frame(addr);
        let _ = program.access_ending_at(addr);
        let _ = program.parameter_location(addr, "h");
    }
}

thread_local! {
    /// The file that the cores of this process are written to, one after the other.
    static CORE: RefCell<Option<std::path::PathBuf>> = const { RefCell::new(None) };
}

/// A core file.
pub fn core_file(data: &[u8]) {
    let written = CORE.with_borrow_mut(|path| {
        let folder = if std::path::Path::new("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
        let path = path.get_or_insert_with(|| folder.join(format!("redhanded-fuzz-{}", std::process::id())));
        let mut file = std::fs::File::create(&*path)?;
        file.write_all(data)?;
        Ok::<_, std::io::Error>(path.clone())
    });
    let Ok(path) = written else { return };
    let core = CoreMemory::open(&path);
    let _ = std::fs::remove_file(&path);
    let Ok(core) = core else { return };
    let _ = (core.threads().len(), core.entry(), core.executable_path(), core.command(), core.cut_off());
    let mut bytes = [0; 64];
    for addr in [0, LOADED, LOADED + 4090, 0xc0_0000_0000, u64::MAX - 63] {
        let _ = core.read(RuntimeAddr(addr), &mut bytes);
        let [mut a, mut b, mut c] = [[0; 8]; 3];
        let part = |addr, buf| gomap::Part { addr, buf, read: false };
        core.read_parts(&mut [
            part(addr, &mut a[..]),
            part(addr.wrapping_add(4096), &mut b[..]),
            part(addr.wrapping_sub(4), &mut c[..]),
        ]);
    }
}
