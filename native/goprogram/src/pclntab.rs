//! The table that Go's own tracebacks use: functions, files, lines and inlined calls by address. Every Go
//! program has it, with or without symbols and DWARF (Go's src/runtime/symtab.go, symtabinl.go).

use std::ops::Range;

use object::{Object, ObjectSection, ObjectSegment};

use crate::lines::Line;
use crate::{LinkAddr, Program};

/// The first bytes of the table: of Go 1.18 and 1.19, and since 1.20 (abi.Go118PCLnTabMagic and
/// abi.Go120PCLnTabMagic, Go's src/internal/abi/symtab.go); then zeros, one byte an instruction at least, and
/// eight a pointer.
const MAGIC_118: [u8; 8] = [0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8];
const MAGIC_120: [u8; 8] = [0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];

/// Where the table is if the symbols don't say.
const SECTIONS: [&str; 4] = [".gopclntab", ".data.rel.ro.gopclntab", ".data.rel.ro", ".rodata"];

/// Which of a function's tables give the call that is inlined at an instruction, and where those calls are
/// described (abi.PCDATA_InlTreeIndex and abi.FUNCDATA_InlTree).
const INLINED_INDEX: usize = 2;
const INLINED_CALLS: usize = 3;

/// Offset of `text` in runtime.moduledata, from 1.18 to 1.27.
const MODULE_TEXT: u64 = 176;

/// Offset of `types` in runtime.moduledata: of 1.18 and 1.19, and since 1.20.
const MODULE_TYPES: (u64, u64) = (280, 296);

/// Calls inlined into each other: far more than the compiler inlines.
const DEEPEST: usize = 256;

/// Places that look like what is searched for and are looked at more closely: a damaged file may be full of them.
const CANDIDATES: usize = 16;

/// More functions than any program has.
const MOST: usize = 1 << 26;

/// Where the parts of the table are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pclntab {
    /// Where it lies.
    addr: u64,
    /// What the functions' addresses are relative to.
    text: u64,
    /// What the descriptions of inlined calls are relative to; `None` if unknown.
    gofunc: Option<u64>,
    /// The number of functions.
    pub(crate) count: usize,
    /// The parts, in bytes from the start: names, numbers of files, files, values by address, functions.
    names: usize,
    units: usize,
    files: usize,
    values: usize,
    functions: usize,
    /// Whether it is that of 1.18 and 1.19.
    is_old: bool,
}

/// A function in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) code: Range<u64>,
    /// Where it is described, in bytes from the start of the table.
    at: usize,
}

impl Program {
    /// The table; `None` if it isn't to be found.
    pub(crate) fn pclntab(&self) -> Option<&Pclntab> {
        self.pclntab_cell().get_or_init(|| self.find_pclntab()).as_ref()
    }

    fn find_pclntab(&self) -> Option<Pclntab> {
        if let Some(found) = self.symbol("runtime.pclntab").and_then(|symbol| self.pclntab_at(symbol.addr.0)) {
            return Some(found);
        }
        let object = self.elf().object().ok()?;
        SECTIONS.iter().filter_map(|name| object.section_by_name(name)).find_map(|section| {
            let words = section.data().unwrap_or_default().chunks(8).enumerate();
            let found = words.filter(|(_, word)| [&MAGIC_118[..], &MAGIC_120[..]].contains(word));
            found
                .take(CANDIDATES)
                .find_map(|(index, _)| self.pclntab_at(section.address().saturating_add(8 * index as u64)))
        })
    }

    fn pclntab_at(&self, addr: u64) -> Option<Pclntab> {
        let table = self.elf().loaded_from(addr)?;
        let is_old = match table.first_chunk::<8>()? {
            magic if *magic == MAGIC_118 => true,
            magic if *magic == MAGIC_120 => false,
            _ => return None,
        };
        // runtime.pcHeader: after the magic nfunc, nfiles, textStart, and the offsets of the parts.
        let word = |index: usize| usize::try_from(u64_at(table, 8 * index)?).ok();
        let mut found = Pclntab {
            addr,
            text: 0,
            gofunc: None,
            count: word(1).filter(|count| *count <= MOST)?,
            names: word(4)?,
            units: word(5)?,
            files: word(6)?,
            values: word(7)?,
            functions: word(8)?,
            is_old,
        };
        let module = self.module(addr, addr.checked_add(found.names as u64)?);
        let in_module = |offset: u64| self.elf().pointer(module?.checked_add(offset)?);
        let symbol = |name| self.symbol(name).map(|symbol| symbol.addr.0);
        let header = word(3).map(|text| text as u64).filter(|text| *text != 0);
        found.text = symbol("runtime.text").or_else(|| in_module(MODULE_TEXT)).or(header)?;
        let gofunc = symbol("go:func.*").or_else(|| symbol("go.func.*"));
        found.gofunc = gofunc.or_else(|| in_module(self.gofunc_offset()));
        // The first function is at the start of the code.
        self.code(LinkAddr(found.text), 1)?;
        Some(found)
    }

    /// Offset of `gofunc` in runtime.moduledata.
    fn gofunc_offset(&self) -> u64 {
        match self.version().minor {
            ..20 => 304,
            20..27 => 320,
            _ => 344,
        }
    }

    /// Where the section of types starts that descriptors' names are relative to, as the runtime itself knows it.
    pub(crate) fn types_of_module(&self) -> Option<u64> {
        let table = self.pclntab()?;
        let module = self.module(table.addr, table.addr.checked_add(table.names as u64)?)?;
        let offset = if table.is_old { MODULE_TYPES.0 } else { MODULE_TYPES.1 };
        self.elf().pointer(module.checked_add(offset)?)
    }

    /// The address of runtime.firstmoduledata, which begins with the table's address and that of its names.
    fn module(&self, table: u64, names: u64) -> Option<u64> {
        if let Some(symbol) = self.symbol("runtime.firstmoduledata") {
            return Some(symbol.addr.0);
        }
        let is_module = |addr: &u64| {
            self.elf().pointer(*addr) == Some(table) && self.elf().pointer(addr.wrapping_add(8)) == Some(names)
        };
        if let Some(found) = self.elf().relocated_to(table).take(CANDIDATES).find(is_module) {
            return Some(found);
        }
        let object = self.elf().object().ok()?;
        object.segments().filter(|segment| segment.permissions().writable()).find_map(|segment| {
            let data = segment.data().ok()?;
            let words = data.chunks_exact(8).enumerate().filter(|(_, word)| *word == table.to_le_bytes());
            let addresses = words.map(|(index, _)| segment.address().saturating_add(8 * index as u64));
            addresses.take(CANDIDATES).find(is_module)
        })
    }
}

impl Pclntab {
    fn table<'a>(&self, program: &'a Program) -> &'a [u8] {
        program.elf().loaded_from(self.addr).unwrap_or_default()
    }

    /// The function with this number, in the order of addresses.
    pub(crate) fn function(&self, program: &Program, index: usize) -> Option<Entry> {
        let table = self.table(program);
        let at = self.functions.checked_add(index.checked_mul(8)?)?;
        let offset = |at: usize| Some(self.text.saturating_add(u32_at(table, at)?.into()));
        Some(Entry {
            code: offset(at)?..offset(at.checked_add(8)?)?,
            at: self.functions.checked_add(u32_at(table, at.checked_add(4)?)? as usize)?,
        })
    }

    /// The function whose code holds the address.
    pub(crate) fn function_at(&self, program: &Program, pc: LinkAddr) -> Option<Entry> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.function(program, middle)?;
            if found.code.contains(&pc.0) {
                return Some(found);
            }
            if pc.0 < found.code.start {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        None
    }

    /// A function's name, with `[...]` for type arguments.
    pub(crate) fn name(&self, program: &Program, entry: &Entry) -> Option<String> {
        self.name_at(program, u32_at(self.table(program), entry.at.checked_add(4)?)?)
    }

    fn name_at(&self, program: &Program, offset: u32) -> Option<String> {
        text_at(self.table(program), self.names.checked_add(offset as usize)?)
    }

    /// How far the stack pointer is below the return address at an instruction, in bytes: what is on the stack of
    /// the function's own (runtime.funcspdelta).
    pub(crate) fn frame_size(&self, program: &Program, pc: LinkAddr) -> Option<i32> {
        let table = self.table(program);
        let entry = self.function_at(program, pc)?;
        // runtime._func: entryOff, nameOff, args, deferreturn, pcsp.
        let sizes = u32_at(table, entry.at.checked_add(16)?)?;
        self.value(table, sizes, entry.code.start, pc.0).filter(|size| *size >= 0)
    }

    /// The lines of an instruction, as [`Program::lines_at`] gives them.
    pub(crate) fn lines(&self, program: &Program, pc: LinkAddr) -> Option<Vec<Line>> {
        let table = self.table(program);
        let entry = self.function_at(program, pc)?;
        let field = |offset: usize| u32_at(table, entry.at.checked_add(offset)?);
        // runtime._func: pcfile and pcln, npcdata, cuOffset, then startLine since 1.20, and nfuncdata last.
        let (files, lines, tables, unit) = (field(20)?, field(24)?, field(28)?, field(32)?);
        let end = entry.at.checked_add(if self.is_old { 40 } else { 44 })?;
        let more = *table.get(end.checked_sub(1)?)?;
        let numbers = |index: usize| u32_at(table, end.checked_add(index.checked_mul(4)?)?);
        let inlined = Some(INLINED_INDEX).filter(|index| *index < tables as usize).and_then(numbers);
        let calls = Some(INLINED_CALLS).filter(|index| *index < usize::from(more));
        let calls = calls.and_then(|index| numbers(index.checked_add(tables as usize)?));
        let calls = calls.filter(|offset| *offset != u32::MAX);
        let calls = calls.and_then(|offset| program.elf().loaded_from(self.gofunc?.checked_add(offset.into())?));

        let own_id = table.get(end.checked_sub(4)?).copied();
        let value = |values: u32, pc: u64| self.value(table, values, entry.code.start, pc);
        let mut found: Vec<Line> = Vec::new();
        let mut pc = pc.0;
        loop {
            let file = value(files, pc).and_then(|number| u32::try_from(number).ok());
            let file = file.and_then(|number| self.file(table, unit.checked_add(number)?)).unwrap_or_default();
            // Between functions there is none.
            let line = u32::try_from(value(lines, pc)?).unwrap_or(0);
            let call = inlined.and_then(|values| usize::try_from(value(values, pc)?).ok()).zip(calls);
            let call = call.and_then(|(index, calls)| self.inlined_call(program, calls, index));
            let (function, id, parent) = match call {
                Some((name, id, parent)) => (name, Some(id), Some(parent)),
                None => (self.name(program, &entry)?, own_id, None),
            };
            let wrapper = id.is_some() && id == wrapper_id(program);
            found.push(Line { function, file, line, inlined: parent.is_some(), wrapper });
            match parent {
                Some(parent) if found.len() < DEEPEST => pc = entry.code.start.checked_add(parent.into())?,
                _ => return Some(found),
            }
        }
    }

    /// An inlined call: the function's name and what it is ([`wrapper_id`]), and an instruction of the call, in bytes from the start of
    /// the function it is inlined into (runtime.inlinedCall).
    fn inlined_call(&self, program: &Program, calls: &[u8], index: usize) -> Option<(String, u8, u32)> {
        let (size, name, parent) = if self.is_old { (20, 12, 16) } else { (16, 4, 8) };
        let at = index.checked_mul(size)?;
        let number = |offset: usize| u32_at(calls, at.checked_add(offset)?);
        let id = if self.is_old { 2 } else { 0 };
        Some((self.name_at(program, number(name)?)?, *calls.get(at.checked_add(id)?)?, number(parent)?))
    }

    fn file(&self, table: &[u8], number: u32) -> Option<String> {
        let offset = u32_at(table, self.units.checked_add(4 * number as usize)?)?;
        text_at(table, self.files.checked_add(offset as usize)?)
    }

    /// What a table of values by address says for `pc` (runtime.pcvalue). Each step is two numbers: by how much
    /// the value changes, zigzag-coded, and for how many bytes of code it holds.
    fn value(&self, table: &[u8], values: u32, start: u64, pc: u64) -> Option<i32> {
        if values == 0 {
            return None;
        }
        let mut rest = table.get(self.values.checked_add(values as usize)?..)?;
        let (mut end, mut value) = (start, -1i32);
        let mut is_first = true;
        loop {
            let change = varint(&mut rest)?;
            if change == 0 && !is_first {
                return None;
            }
            is_first = false;
            value = value.wrapping_add((change >> 1).cast_signed() ^ -(change & 1).cast_signed());
            end = end.checked_add(varint(&mut rest)?.into())?;
            if pc < end {
                return Some(value);
            }
        }
    }
}

/// The number that functions have which the compiler made (abi.FuncIDWrapper, Go's src/internal/abi/symtab.go):
/// the last of a list that has grown.
fn wrapper_id(program: &Program) -> Option<u8> {
    match program.version().minor {
        21 => Some(21),
        22..=24 => Some(22),
        25..=27 => Some(23),
        _ => None,
    }
}

fn varint(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in (0..32).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Text that ends with a zero byte. No name or path is longer than this.
fn text_at(bytes: &[u8], at: usize) -> Option<String> {
    const LONGEST: usize = 1 << 14;
    let rest = bytes.get(at..)?;
    let rest = rest.get(..LONGEST).unwrap_or(rest);
    let text = rest.get(..rest.iter().position(|byte| *byte == 0)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}
