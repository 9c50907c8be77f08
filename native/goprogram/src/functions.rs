//! Symbols and functions, from the ELF symbol table; without one, functions from Go's own table.

use object::elf::{STT_FUNC, STT_NOTYPE};
use object::read::elf::{ElfFile64, Sym};
use object::{LittleEndian, Object, ObjectSection, SectionKind};

use crate::{Error, LinkAddr, Program};

/// An ELF symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, as the linker writes it: the last element of a package path has `%2e` for `.`.
    pub name: String,
    /// Where it lies.
    pub addr: LinkAddr,
    /// Its size in bytes; 0 if unknown.
    pub size: u64,
}

/// A function of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name, as the linker writes it: `main.(*Server).Serve`.
    pub name: String,
    /// Its first instruction.
    pub entry: LinkAddr,
    /// The end of its code: the address after its last byte.
    pub end: LinkAddr,
}

/// Entry and end of a function, and the number of its symbol, or of its entry in Go's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extent {
    entry: u64,
    end: u64,
    symbol: usize,
}

impl Program {
    /// The symbol with this name, as the linker writes it.
    pub fn symbol(&self, name: &str) -> Option<Symbol> {
        let object = self.elf().object().ok()?;
        let table = object.elf_symbol_table();
        // The names are compared in place: a scan takes about 1 ms for 100,000 symbols.
        let found = table.iter().find(|symbol| symbol.name(LittleEndian, table.strings()) == Ok(name.as_bytes()))?;
        Some(Symbol {
            name: name.to_owned(),
            addr: LinkAddr(found.st_value(LittleEndian)),
            size: found.st_size(LittleEndian),
        })
    }

    /// The function whose code holds the address.
    pub fn function_at(&self, addr: LinkAddr) -> Option<Function> {
        let extents = self.extents();
        let after = extents.partition_point(|extent| extent.entry <= addr.0);
        let extent = extents.get(after.checked_sub(1)?)?;
        if addr.0 >= extent.end {
            return None;
        }
        self.function_of(self.elf().object().ok().as_ref(), extent)
    }

    /// The function with this name, as the linker writes it.
    pub fn function(&self, name: &str) -> Option<Function> {
        if let Some(symbol) = self.symbol(name) {
            return self
                .function_at(symbol.addr)
                .filter(|function| function.entry == symbol.addr)
                .map(|function| Function { name: name.to_owned(), ..function });
        }
        if self.has_symbols() { None } else { self.functions().find(|function| function.name == name) }
    }

    /// All functions, in the order of their addresses. Without a symbol table only Go's own, and with `[...]`
    /// for type arguments.
    pub fn functions(&self) -> impl Iterator<Item = Function> {
        let object = self.elf().object().ok();
        self.extents().iter().filter_map(move |extent| self.function_of(object.as_ref(), extent))
    }

    /// Whether the program has a symbol table.
    fn has_symbols(&self) -> bool {
        self.elf().object().is_ok_and(|object| !object.elf_symbol_table().is_empty())
    }

    /// Why there is no function at an address.
    pub(crate) fn no_function(&self, addr: LinkAddr) -> Error {
        if self.extents().is_empty() { Error::NoSymbols } else { Error::NoFunction { addr: addr.0 } }
    }

    fn extents(&self) -> &[Extent] {
        self.extents_cell().get_or_init(|| {
            let symbols = self.read_extents().unwrap_or_default();
            if symbols.is_empty() && !self.has_symbols() { self.pclntab_extents() } else { symbols }
        })
    }

    fn pclntab_extents(&self) -> Vec<Extent> {
        let Some(table) = self.pclntab() else { return Vec::new() };
        // Ends at the first that the file has not: their number is only a claim.
        let found = (0..table.count).map_while(|index| Some((index, table.function(self, index)?)));
        let extents =
            found.map(|(index, found)| Extent { entry: found.code.start, end: found.code.end, symbol: index });
        extents.filter(|extent| extent.entry < extent.end).collect()
    }

    fn read_extents(&self) -> Result<Vec<Extent>, Error> {
        let object = self.elf().object()?;
        let text: Vec<(u64, u64)> = object
            .sections()
            .filter(|section| section.kind() == SectionKind::Text)
            .map(|section| {
                let start = section.address();
                (start, start.saturating_add(section.size()))
            })
            .collect();
        let end_of_text =
            |addr: u64| text.iter().find(|(start, end)| (*start..*end).contains(&addr)).map(|&(_, end)| end);
        let mut extents = Vec::new();
        for (index, symbol) in object.elf_symbol_table().enumerate() {
            let code = matches!(symbol.st_type(), STT_FUNC | STT_NOTYPE);
            let (entry, size) = (symbol.st_value(LittleEndian), symbol.st_size(LittleEndian));
            if !code || (symbol.st_type() == STT_NOTYPE && size == 0) {
                continue;
            }
            if let Some(limit) = end_of_text(entry) {
                let end = entry.saturating_add(size).min(limit);
                extents.push(Extent { entry, end, symbol: index.0 });
            }
        }
        // Of several symbols at one address the first with a size names it: not `runtime.text`, which has none.
        extents.sort_unstable_by_key(|extent| (extent.entry, extent.end == extent.entry, extent.symbol));
        extents.dedup_by_key(|extent| extent.entry);
        // A function without a size, as in assembly, ends where the next begins.
        let next: Vec<u64> = extents.iter().skip(1).map(|extent| extent.entry).collect();
        for (extent, next) in extents.iter_mut().zip(next) {
            if extent.end == extent.entry {
                extent.end = next;
            }
        }
        extents.retain(|extent| extent.entry < extent.end);
        Ok(extents)
    }

    fn function_of(&self, object: Option<&ElfFile64<'_, LittleEndian>>, extent: &Extent) -> Option<Function> {
        let (entry, end) = (LinkAddr(extent.entry), LinkAddr(extent.end));
        let table = object?.elf_symbol_table();
        if table.is_empty() {
            let table = self.pclntab()?;
            let name = table.name(self, &table.function(self, extent.symbol)?)?;
            return Some(Function { name, entry, end });
        }
        let symbol = table.symbol(object::SymbolIndex(extent.symbol)).ok()?;
        let name = symbol.name(LittleEndian, table.strings()).ok()?;
        Some(Function { name: String::from_utf8_lossy(name).into_owned(), entry, end })
    }
}
