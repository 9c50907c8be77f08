//! Writes the inputs that fuzzing begins with into `seeds/`: a few small, sound ones for each target.

use std::path::Path;

/// Where the fuzzed memory lies (`map.rs`), and where the fuzzed file's code does (`elf.rs`).
const BASE: u64 = 0x1_0000;
const CODE: u64 = 0x40_0000 + 176;

/// Bytes that are put together.
#[derive(Default, Clone)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn words(self, values: &[u64]) -> Self {
        values.iter().fold(self, |bytes, value| bytes.u64(*value))
    }

    fn all(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.all(text.as_bytes()).u8(0)
    }

    /// As the parts of an input are told apart: its length, then the bytes.
    fn part(self, bytes: &Bytes) -> Self {
        self.u16(bytes.0.len() as u16).all(&bytes.0)
    }

    fn len(&self) -> u32 {
        self.0.len() as u32
    }

    fn filled_to(mut self, len: usize) -> Self {
        self.0.resize(len, 0);
        self
    }
}

/// A small Swiss map of three numbers.
fn small() -> Bytes {
    let header = Bytes::default().words(&[3, 7, BASE + 48, 0, 0, 0]);
    let group = header.all(&[1, 2, 3, 0x80, 0x80, 0x80, 0x80, 0x80]);
    group.words(&[10, 1, 20, 2, 30, 3]).filled_to(48 + 136)
}

/// A Swiss map of two tables of one group each.
fn directory() -> Bytes {
    let header = Bytes::default().words(&[2, 7, BASE + 48, 2]).all(&[1, 63, 0, 0, 0, 0, 0, 0]).u64(0);
    let tables = header.words(&[BASE + 64, BASE + 96]);
    let table = |bytes: Bytes, index: u64| {
        let bytes = bytes.u16(1).u16(8).u16(6).all(&[1, 0]);
        bytes.words(&[index, BASE + 128 + 136 * index, 0])
    };
    let tables = table(table(tables, 0), 1);
    let group = |bytes: Bytes, len| bytes.all(&[5]).all(&[0x80; 7]).words(&[40, 4]).filled_to(len);
    group(group(tables, 128 + 136), 128 + 272)
}

/// A classic map in the middle of growing from one bucket to two.
fn growing() -> Bytes {
    let header = Bytes::default().u64(3).all(&[0, 1, 0, 0]).u32(7);
    let header = header.words(&[BASE + 48 + 144, BASE + 48, 0, 0]);
    let old = header.all(&[9, 10, 11, 0, 0, 0, 0, 0]).words(&[1, 2, 3]).filled_to(48 + 144);
    old.filled_to(48 + 3 * 144)
}

/// Entries of debug information, with where each begins.
struct Info(Bytes);

impl Info {
    fn entry(&mut self, code: u8) -> u32 {
        let at = self.0.len();
        self.0 = std::mem::take(&mut self.0).u8(code);
        at
    }

    fn add(&mut self, add: impl FnOnce(Bytes) -> Bytes) {
        self.0 = add(std::mem::take(&mut self.0));
    }

    fn base(&mut self, name: &str, encoding: u8, size: u8) -> u32 {
        let at = self.entry(4);
        self.add(|bytes| bytes.text(name).u8(encoding).u8(size));
        at
    }

    fn structure(&mut self, name: &str, size: u8, members: &[(&str, u8, u32)]) -> u32 {
        let at = self.entry(2);
        self.add(|bytes| bytes.text(name).u8(size));
        for (name, offset, ty) in members {
            self.entry(3);
            self.add(|bytes| bytes.text(name).u8(*offset).u32(*ty));
        }
        self.entry(0);
        at
    }

    fn pointer(&mut self, name: &str, to: u32) -> u32 {
        let at = self.entry(6);
        self.add(|bytes| bytes.text(name).u32(to));
        at
    }
}

/// A program with a classic map in a variable, and one function with a parameter.
fn dwarf() -> Bytes {
    // Tag, whether it has children, attributes with their forms (DWARF 4, section 7).
    let abbreviation = |bytes: Bytes, code: u8, tag: u8, children: u8, attributes: &[(u16, u8)]| {
        let bytes = bytes.u8(code).u8(tag).u8(children);
        let attribute = |bytes: Bytes, (name, form): &(u16, u8)| match *name {
            name @ ..0x80 => bytes.u8(name as u8).u8(*form),
            name => bytes.u8(name as u8 | 0x80).u8((name >> 7) as u8).u8(*form),
        };
        attributes.iter().fold(bytes, attribute).all(&[0, 0])
    };
    let (string, addr, data1, reference, expression, offset) = (0x08, 0x01, 0x0b, 0x10, 0x18, 0x17);
    let unit = [(0x03, string), (0x13, data1), (0x11, addr), (0x12, addr), (0x10, offset), (0x25, string)];
    let function = [(0x03, string), (0x11, addr), (0x12, addr), (0x40, expression)];
    // DW_AT_go_kind, go_key and go_elem (src/cmd/internal/dwarf/dwarf.go).
    let map = [(0x03, string), (0x49, reference), (0x2900, data1), (0x2901, reference), (0x2902, reference)];
    let abbreviations = Bytes::default();
    let abbreviations = abbreviation(abbreviations, 1, 0x11, 1, &unit);
    let abbreviations = abbreviation(abbreviations, 2, 0x13, 1, &[(0x03, string), (0x0b, data1)]);
    let abbreviations = abbreviation(abbreviations, 3, 0x0d, 0, &[(0x03, string), (0x38, data1), (0x49, reference)]);
    let abbreviations = abbreviation(abbreviations, 4, 0x24, 0, &[(0x03, string), (0x3e, data1), (0x0b, data1)]);
    let abbreviations =
        abbreviation(abbreviations, 5, 0x34, 0, &[(0x03, string), (0x02, expression), (0x49, reference)]);
    let abbreviations = abbreviation(abbreviations, 6, 0x0f, 0, &[(0x03, string), (0x49, reference)]);
    let abbreviations = abbreviation(abbreviations, 7, 0x16, 0, &map);
    let abbreviations = abbreviation(abbreviations, 8, 0x2e, 1, &function);
    let abbreviations =
        abbreviation(abbreviations, 9, 0x05, 0, &[(0x03, string), (0x49, reference), (0x02, expression)]);
    let abbreviations = abbreviations.u8(0);

    let mut info = Info(Bytes::default().u32(0).u16(4).u32(0).u8(8));
    info.entry(1);
    info.add(|bytes| bytes.text("main").u8(0x16).u64(CODE).u64(CODE + 64).u32(0).text("Go cmd/compile go1.23.4"));
    let (int, byte) = (info.base("int", 5, 8), info.base("uint8", 7, 1));
    let pointer = info.pointer("unsafe.Pointer", int);
    let fields = [("count", 0, int), ("flags", 8, byte), ("B", 9, byte), ("noverflow", 10, byte), ("hash0", 12, byte)];
    let pointers =
        [("buckets", 16, pointer), ("oldbuckets", 24, pointer), ("nevacuate", 32, int), ("extra", 40, pointer)];
    let fields: Vec<_> = fields.into_iter().chain(pointers).collect();
    info.structure("runtime.hmap", 48, &fields);
    let bucket = info.structure(
        "bucket<int,int>",
        144,
        &[("tophash", 0, byte), ("keys", 8, int), ("values", 72, int), ("overflow", 136, pointer)],
    );
    let to_bucket = info.pointer("*bucket<int,int>", bucket);
    let hash = info.structure("hash<int,int>", 48, &[("count", 0, int), ("buckets", 16, to_bucket)]);
    let to_hash = info.pointer("*hash<int,int>", hash);
    let map = info.entry(7);
    info.add(|bytes| bytes.text("map[int]int").u32(to_hash).u8(21).u32(int).u32(int));
    info.entry(5);
    info.add(|bytes| bytes.text("main.m").u8(9).u8(3).u64(0x40_1000).u32(map));
    info.entry(8);
    info.add(|bytes| bytes.text("main.f").u64(CODE).u64(CODE + 32).u8(1).u8(0x9c));
    info.entry(9);
    // DW_OP_fbreg 8.
    info.add(|bytes| bytes.text("h").u32(map).u8(2).all(&[0x91, 8]));
    info.entry(0);
    info.entry(0);
    let Info(Bytes(mut info)) = info;
    let len = info.len() as u32 - 4;
    info[..4].copy_from_slice(&len.to_le_bytes());

    // Version 2: one line at the start of the code.
    let tables = Bytes::default().all(&[1]).text("main.go").all(&[0, 0, 0, 0]);
    let header = Bytes::default().all(&[1, 1, 0xfc, 10, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1]).all(&tables.0[1..]);
    let program = Bytes::default().all(&[0, 9, 2]).u64(CODE).all(&[1, 2, 32, 0, 1, 1]);
    let body = Bytes::default().u16(2).u32(header.len()).all(&header.0).all(&program.0);
    let line = Bytes::default().u32(body.len()).all(&body.0);

    // A CIE and an FDE of all the code (version 3).
    let cie = Bytes::default().u32(u32::MAX).u8(3).u8(0).all(&[1, 0x7c, 16, 0x0c, 7, 8, 0x90, 1, 0, 0, 0]);
    let fde = Bytes::default().u32(0).u64(CODE).u64(64).all(&[0x44, 0x0e, 16, 0]);
    let frames = Bytes::default().u32(cie.len()).all(&cie.0).u32(fde.len()).all(&fde.0);

    let none = Bytes::default();
    let seed = Bytes::default().u8(1).part(&Bytes(info)).part(&abbreviations).part(&line);
    seed.part(&none).part(&none).part(&frames).part(&none)
}

/// A table of one function, as Go writes it since 1.20.
fn pclntab() -> Bytes {
    let header = Bytes::default().all(&[0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]);
    let (names, units, files, values, functions) = (72, 88, 96, 104, 120);
    let table = header.words(&[1, 1, CODE, names, units, files, values, functions]);
    let table = table.all(&[0]).text("main.f").filled_to(units as usize).u32(0).filled_to(files as usize);
    let table = table.text("a.go").filled_to(values as usize).all(&[0, 2, 32, 0, 2, 4, 4, 0]);
    let table = table.filled_to(functions as usize).u32(0).u32(16).u32(32).u32(0);
    // runtime._func.
    let function = [0, 1, 0, 0, 1, 4, 4, 0, 0, 1];
    let table = function.iter().fold(table, |table, word: &u32| table.u32(*word)).u32(0);
    Bytes::default().u8(1).part(&table).part(&Bytes::default())
}

/// A core of one thread and a page of memory.
fn core() -> Bytes {
    let note = |bytes: Bytes, kind: u32, desc: &Bytes| {
        let bytes = bytes.u32(5).u32(desc.len()).u32(kind).text("CORE").all(&[0; 3]).all(&desc.0);
        let len = bytes.0.len().next_multiple_of(4);
        bytes.filled_to(len)
    };
    let status = Bytes::default().filled_to(32).u32(4711).filled_to(336);
    let auxiliary = Bytes::default().words(&[9, 0x40_1000, 0, 0]);
    let mapped = Bytes::default().words(&[1, 4096, 0x40_0000, 0x40_2000, 0]).text("/bin/program");
    // NT_PRSTATUS, NT_AUXV, NT_FILE.
    let notes = note(note(note(Bytes::default(), 1, &status), 6, &auxiliary), 0x4649_4c45, &mapped);
    let notes_at = 64 + 2 * 56;
    let memory_at = notes_at + u64::from(notes.len());
    let file = Bytes::default().all(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x3e\0\x01\0\0\0");
    let file = file.words(&[0, 64, 0]).u32(0).u16(64).u16(56).u16(2).u16(64).u16(0).u16(0);
    let file = file.u32(4).u32(0).words(&[notes_at, 0, 0, notes.len().into(), 0, 4]);
    let file = file.u32(1).u32(6).words(&[memory_at, 0xc0_0000_0000, 0, 64, 4096, 4096]);
    file.all(&notes.0).all(&[0x55; 64])
}

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let write = |target: &str, name: &str, bytes: Bytes| {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes.0)
    };
    for (name, choice, map) in [("small", 1, small()), ("directory", 1, directory()), ("growing", 0, growing())] {
        // Numbers to numbers: see `slots` in map.rs.
        write("walk", name, Bytes::default().u8(choice | 4 | 16).all(&map.0))?;
        write("header", name, Bytes::default().u8(choice).all(&map.0))?;
    }
    write("dwarf", "classic", dwarf())?;
    write("pclntab", "one-function", pclntab())?;
    write("core", "one-thread", core())
}
