//! The compilation units of the DWARF: Go writes one for each package, and puts all types into that of
//! package runtime. A unit is read when a question names its package, and then its names are indexed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use gimli::{
    Abbreviations, AttributeValue, DebugAbbrev, DebugInfo, DebugInfoOffset, DwTag, EndianSlice, LittleEndian,
    UnitHeader, UnitOffset,
};

use crate::code_units::{CodeUnit, Dwarf};
use crate::elf::Elf;
use crate::types::GO_RUNTIME_TYPE;
use crate::{Error, names};

pub(crate) type Slice<'a> = EndianSlice<'a, LittleEndian>;
pub(crate) type Die<'a> = gimli::DebuggingInformationEntry<Slice<'a>>;

/// What a top-level entry with a name declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Constant,
    Type,
    Variable,
}

impl Kind {
    fn of(tag: DwTag) -> Option<Kind> {
        match tag {
            gimli::DW_TAG_constant => Some(Kind::Constant),
            gimli::DW_TAG_variable => Some(Kind::Variable),
            gimli::DW_TAG_base_type
            | gimli::DW_TAG_structure_type
            | gimli::DW_TAG_typedef
            | gimli::DW_TAG_pointer_type
            | gimli::DW_TAG_array_type
            | gimli::DW_TAG_subroutine_type => Some(Kind::Type),
            _ => None,
        }
    }
}

/// Where an entry lies: bytes from the start of `.debug_info`.
pub(crate) type Offset = usize;

/// The compilation unit of a Go package.
pub(crate) struct Unit {
    /// The package's path, as in `example.com/a.b/c`.
    pub(crate) package: String,
    start: Offset,
    end: Offset,
    abbreviations: Arc<Abbreviations>,
    index: OnceLock<Vec<(Kind, u64, Offset)>>,
}

impl Unit {
    /// Where its header lies.
    pub(crate) fn start(&self) -> Offset {
        self.start
    }
}

/// All Go units, in the order of `.debug_info`.
pub(crate) struct Units {
    units: Vec<Unit>,
}

/// The unit that holds the types of all packages.
pub(crate) const TYPES: &str = "runtime";

impl Units {
    pub(crate) fn read(elf: &Elf) -> Result<Units, Error> {
        let info = DebugInfo::from(slice(elf.section(".debug_info")?));
        let debug_abbrev = DebugAbbrev::from(slice(elf.section(".debug_abbrev")?));
        let mut tables: BTreeMap<usize, Arc<Abbreviations>> = BTreeMap::new();
        let mut units = Vec::new();
        let mut headers = info.units();
        while let Some(header) = headers.next()? {
            let table = header.debug_abbrev_offset().0;
            let abbreviations = match tables.get(&table) {
                Some(known) => known.clone(),
                None => {
                    let read = Arc::new(header.abbreviations(&debug_abbrev)?);
                    tables.insert(table, read.clone());
                    read
                }
            };
            let Some(start) = header.debug_info_offset() else {
                continue;
            };
            // A unit of C code, or one that this reader can't understand, holds nothing of Go's.
            let Some(package) = go_package(&header, &abbreviations)? else {
                continue;
            };
            units.push(Unit {
                package,
                start: start.0,
                end: start.0.saturating_add(header.length_including_self()),
                abbreviations,
                index: OnceLock::new(),
            });
        }
        if units.is_empty() {
            return Err(Error::NoDwarf);
        }
        Ok(Units { units })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter()
    }

    /// The units of a package: one, but for hand-made programs.
    pub(crate) fn of_package(&self, package: &str) -> impl Iterator<Item = &Unit> {
        self.units.iter().filter(move |unit| unit.package == package)
    }

    pub(crate) fn containing(&self, offset: Offset) -> Option<&Unit> {
        let after = self.units.partition_point(|unit| unit.start <= offset);
        let unit = self.units.get(after.checked_sub(1)?)?;
        (offset < unit.end).then_some(unit)
    }
}

pub(crate) fn slice(bytes: &[u8]) -> Slice<'_> {
    EndianSlice::new(bytes, LittleEndian)
}

/// The package of a unit, `None` if the unit is not Go's.
fn go_package(header: &UnitHeader<Slice<'_>>, abbreviations: &Abbreviations) -> Result<Option<String>, Error> {
    let root = header.entry(abbreviations, header.root_offset())?;
    let language = root.attr_value(gimli::DW_AT_language);
    if !matches!(language, Some(AttributeValue::Language(gimli::DW_LANG_Go))) {
        return Ok(None);
    }
    Ok(name(&root).map(|name| String::from_utf8_lossy(name).into_owned()))
}

/// An entry's name, which Go always writes inline.
pub(crate) fn name<'a>(die: &Die<'a>) -> Option<&'a [u8]> {
    match die.attr_value(gimli::DW_AT_name)? {
        AttributeValue::String(name) => Some(name.slice()),
        _ => None,
    }
}

/// A number or an address.
pub(crate) fn number(value: &AttributeValue<Slice<'_>>) -> Option<u64> {
    match value {
        AttributeValue::Addr(address) => Some(*address),
        other => other.udata_value(),
    }
}

/// Where the DWARF is: in the program itself.
const FILE: gimli::DwarfFileType = gimli::DwarfFileType::Main;

/// Reads entries. Holds nothing, and is made for each question.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    info: DebugInfo<Slice<'a>>,
    units: &'a Units,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(elf: &'a Elf, units: &'a Units) -> Result<Reader<'a>, Error> {
        Ok(Reader { info: DebugInfo::from(slice(elf.section(".debug_info")?)), units })
    }

    pub(crate) fn units(&self) -> &'a Units {
        self.units
    }

    /// The entry at `offset`.
    pub(crate) fn die(&self, offset: Offset) -> Result<Die<'a>, Error> {
        let (unit, header) = self.unit_at(offset)?;
        let within = UnitOffset(offset - unit.start);
        Ok(header.entry(&unit.abbreviations, within)?)
    }

    /// Where a reference from the entry at `from` leads.
    pub(crate) fn target(&self, from: Offset, value: AttributeValue<Slice<'a>>) -> Option<Offset> {
        match value {
            AttributeValue::DebugInfoRef(target) => Some(target.0),
            AttributeValue::UnitRef(target) => self.units.containing(from)?.start.checked_add(target.0),
            _ => None,
        }
    }

    /// The entries directly below the entry at `offset`, each with its own offset.
    pub(crate) fn children(&self, offset: Offset) -> Result<Vec<(Offset, Die<'a>)>, Error> {
        let (unit, header) = self.unit_at(offset)?;
        let within = UnitOffset(offset - unit.start);
        let mut entries = header.entries_raw(&unit.abbreviations, Some(within))?;
        let mut children = Vec::new();
        let mut die = Die::null();
        entries.read_entry(&mut die)?;
        while entries.next_depth() > 0 && !entries.is_empty() {
            if entries.read_entry(&mut die)? && die.depth() == 1 {
                children.push((unit.start + die.offset().0, die.clone()));
            }
        }
        Ok(children)
    }

    /// Entries of `kind` in `unit` whose name is `name`.
    pub(crate) fn find(&self, unit: &'a Unit, kind: Kind, name: &str) -> Result<Vec<Offset>, Error> {
        let index = self.index(unit)?;
        let wanted = (kind, names::hash(name.as_bytes()));
        let first = index.partition_point(|&(kind, hash, _)| (kind, hash) < wanted);
        let mut found = Vec::new();
        for &(kind, hash, offset) in index.iter().skip(first) {
            if (kind, hash) != wanted {
                break;
            }
            let die = self.die(offset)?;
            if self::name(&die).is_some_and(|found| names::unescape(found) == names::unescape(name.as_bytes())) {
                found.push(offset);
            }
        }
        Ok(found)
    }

    /// All entries of `kind` in `unit`, in no order.
    pub(crate) fn of_kind(&self, unit: &'a Unit, kind: Kind) -> Result<impl Iterator<Item = Offset>, Error> {
        let index = self.index(unit)?;
        let first = index.partition_point(|&(other, ..)| other < kind);
        let same = index.iter().skip(first).take_while(move |&&(other, ..)| other == kind);
        Ok(same.map(|&(.., offset)| offset))
    }

    /// What `unit` declares, sorted.
    fn index(&self, unit: &'a Unit) -> Result<&'a [(Kind, u64, Offset)], Error> {
        if let Some(index) = unit.index.get() {
            return Ok(index);
        }
        let mut index = Vec::new();
        self.each_name(unit, |kind, name, offset| {
            index.push((kind, names::hash(name), offset));
        })?;
        index.sort_unstable();
        Ok(unit.index.get_or_init(|| index))
    }

    /// Calls `visit` for each constant, type and variable that `unit` declares, with its name and offset.
    pub(crate) fn each_name(&self, unit: &'a Unit, mut visit: impl FnMut(Kind, &'a [u8], Offset)) -> Result<(), Error> {
        let (_, header) = self.unit_at(unit.start)?;
        let mut entries = header.entries_raw(&unit.abbreviations, None)?;
        while !entries.is_empty() {
            let offset = unit.start + entries.next_offset().0;
            let top = entries.next_depth() == 1;
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            let kind = Kind::of(abbreviation.tag()).filter(|_| top);
            match (kind, abbreviation.attributes()) {
                // Go writes the name first; nothing else of the entry is read here.
                (Some(kind), [first, rest @ ..]) if first.name() == gimli::DW_AT_name => {
                    if let AttributeValue::String(name) = entries.read_attribute(*first)?.value() {
                        visit(kind, name.slice(), offset);
                    }
                    entries.skip_attributes(rest)?;
                }
                (_, all) => entries.skip_attributes(all)?,
            }
        }
        Ok(())
    }

    /// Calls `visit` for each type that `unit` declares: with its offset, what it says of the runtime's
    /// descriptor, and the entry that it is another name for.
    pub(crate) fn each_descriptor(
        &self,
        unit: &'a Unit,
        mut visit: impl FnMut(Offset, Option<u64>, Option<Offset>),
    ) -> Result<(), Error> {
        let (_, header) = self.unit_at(unit.start)?;
        let mut entries = header.entries_raw(&unit.abbreviations, None)?;
        while !entries.is_empty() {
            let offset = unit.start + entries.next_offset().0;
            let top = entries.next_depth() == 1;
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            if !top || Kind::of(abbreviation.tag()) != Some(Kind::Type) {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let (mut descriptor, mut named) = (None, None);
            for specification in abbreviation.attributes() {
                let value = entries.read_attribute(*specification)?.value();
                match specification.name() {
                    GO_RUNTIME_TYPE => descriptor = number(&value),
                    gimli::DW_AT_type if abbreviation.tag() == gimli::DW_TAG_typedef => {
                        named = self.target(offset, value);
                    }
                    _ => {}
                }
            }
            visit(offset, descriptor, named);
        }
        Ok(())
    }

    /// The unit at `start`, as it takes to read what it says of code.
    pub(crate) fn code_unit(&self, dwarf: &Dwarf<'a>, start: Offset) -> Result<CodeUnit<'a>, Error> {
        let (unit, header) = self.unit_at(start)?;
        let root = header.entry(&unit.abbreviations, header.root_offset())?;
        let encoding = header.encoding();
        let addr_base = match root.attr_value(gimli::DW_AT_addr_base) {
            Some(AttributeValue::DebugAddrBase(base)) => base,
            _ => gimli::DebugAddrBase(0),
        };
        let mut unit = CodeUnit {
            abbreviations: unit.abbreviations.clone(),
            name: None,
            comp_dir: None,
            low_pc: 0,
            str_offsets_base: gimli::DebugStrOffsetsBase::default_for_encoding_and_file(encoding, FILE),
            addr_base,
            loclists_base: gimli::DebugLocListsBase::default_for_encoding_and_file(encoding, FILE),
            rnglists_base: gimli::DebugRngListsBase::default_for_encoding_and_file(encoding, FILE),
            // Built by hand, because this is what takes long, and isn't needed.
            line_program: None,
            dwo_id: None,
            header,
        };
        if let Some(low) = root.attr_value(gimli::DW_AT_low_pc) {
            unit.low_pc = dwarf.attr_address(&unit, low)?.unwrap_or(0);
        }
        Ok(unit)
    }

    fn unit_at(&self, offset: Offset) -> Result<(&'a Unit, UnitHeader<Slice<'a>>), Error> {
        let unit = self
            .units
            .containing(offset)
            .ok_or_else(|| Error::damaged(format_args!("no DWARF unit at {offset:#x}")))?;
        let header = self.info.header_from_offset(DebugInfoOffset(unit.start))?;
        Ok((unit, header))
    }
}
