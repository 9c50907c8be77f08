//! The compilation units of the DWARF: Go writes one for each package, and puts all types into one of
//! package runtime. Entries are read where they lie, a unit's names in the order of the section until the
//! one that is asked for is found.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use gimli::{Abbreviations, DebugAbbrev, DebugAbbrevOffset, DwTag, EndianSlice, EntriesRaw, LittleEndian};

use crate::elf::{Elf, Info};
use crate::entry::Entry;
use crate::types::GO_RUNTIME_TYPE;
use crate::{Error, names};

pub(crate) type Slice<'a> = EndianSlice<'a, LittleEndian>;
pub(crate) type Die<'a> = gimli::DebuggingInformationEntry<Slice<'a>>;
pub(crate) type Entries<'a> = EntriesRaw<'a, Slice<'a>>;

/// What a top-level entry with a name declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Constant,
    Type,
    Variable,
}

impl Kind {
    pub(crate) fn of(tag: DwTag) -> Option<Kind> {
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
    pub(crate) start: Offset,
    end: Offset,
    /// Where its own entry lies, after the header.
    pub(crate) root: Offset,
    pub(crate) encoding: gimli::Encoding,
    pub(crate) abbreviations: Arc<Abbreviations>,
    index: Mutex<Index>,
}

/// The names that a unit declares, as far as they are read.
struct Index {
    /// The lower half of each name's hash, and where its entry lies, in the order of the section.
    names: Vec<(u32, u32)>,
    /// What comes next.
    next: Place,
    /// Whether a type has come: the linker writes a unit's types after all that the compiler wrote
    /// (movetomodule in Go's src/cmd/link/internal/ld/dwarf.go).
    has_types: bool,
}

/// A place between two entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) offset: Offset,
    /// How many entries the next one lies in.
    pub(crate) depth: isize,
}

/// All Go units, in the order of `.debug_info`.
pub(crate) struct Units {
    units: Vec<Unit>,
}

/// The package that holds the types of all packages.
pub(crate) const TYPES: &str = "runtime";

/// Bytes of a unit that are read at once, when entries are read one after the other.
const PIECE: usize = 1 << 20;

/// Bytes of a unit that are read for one entry with its children: more where they are not enough.
const FEW: usize = 1 << 12;

/// No entry, and no entry's children, are longer than that.
const LONGEST: usize = 1 << 24;

/// More than a single entry has: its name, some numbers.
const ENTRY: usize = 1 << 18;

/// More top-level names than any unit has.
pub(crate) const MOST_NAMES: usize = 1 << 23;

/// More entries than any has directly below it.
const MOST_CHILDREN: usize = 1 << 16;

/// Tables of abbreviations: Go writes one for all its units, a C compiler one for each.
const MOST_TABLES: usize = 1 << 14;

/// Bytes of the longest table of abbreviations: Go's has some hundreds.
const LONGEST_TABLE: usize = 1 << 15;

/// The longest header of a unit, in bytes.
const HEADER: usize = 12;

impl Units {
    pub(crate) fn read(elf: &Elf) -> Result<Units, Error> {
        let info = elf.info()?;
        let debug_abbrev = elf.section(".debug_abbrev")?;
        let mut tables: BTreeMap<usize, Arc<Abbreviations>> = BTreeMap::new();
        let mut units = Vec::new();
        let mut start = 0;
        while start < info.size() {
            let header = Header::read(&info, start)?;
            let next = start.saturating_add(header.length);
            if next > info.size() {
                return Err(Error::damaged("a DWARF unit is longer than its section"));
            }
            // Anything else holds nothing of Go's.
            if header.is_compilation {
                let abbreviations = match tables.get(&header.abbreviations) {
                    Some(known) => known.clone(),
                    None if tables.len() < MOST_TABLES => {
                        let rest = debug_abbrev.get(header.abbreviations..).unwrap_or_default();
                        let table = DebugAbbrev::from(slice(rest.get(..LONGEST_TABLE).unwrap_or(rest)));
                        // One that can't be read is that of a unit which is not Go's.
                        let read = Arc::new(table.abbreviations(DebugAbbrevOffset(0)).unwrap_or_default());
                        tables.insert(header.abbreviations, read.clone());
                        read
                    }
                    None => return Err(Error::damaged("too many tables of abbreviations")),
                };
                let root = start + header.size;
                let names = Vec::new();
                let index = Mutex::new(Index { names, next: Place { offset: root, depth: 0 }, has_types: false });
                let package = String::new();
                let encoding = header.encoding;
                let mut unit = Unit { package, start, end: next, root, encoding, abbreviations, index };
                if let Some(package) = go_package(&info, &unit)? {
                    unit.package = package;
                    units.push(unit);
                }
            }
            start = next;
        }
        if units.is_empty() {
            return Err(Error::NoDwarf);
        }
        Ok(Units { units })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Unit> {
        self.units.iter()
    }

    /// The units of a package: several, if it has assembly.
    pub(crate) fn of_package(&self, package: &str) -> impl Iterator<Item = &Unit> {
        self.units.iter().filter(move |unit| unit.package == package)
    }

    pub(crate) fn containing(&self, offset: Offset) -> Result<&Unit, Error> {
        let after = self.units.partition_point(|unit| unit.start <= offset);
        let unit = after.checked_sub(1).and_then(|last| self.units.get(last));
        unit.filter(|unit| (unit.root..unit.end).contains(&offset))
            .ok_or_else(|| Error::damaged(format_args!("no DWARF unit at {offset:#x}")))
    }
}

/// A unit's header (DWARF 5, section 7.5.1; DWARF 4, section 7.5.1.1).
struct Header {
    /// Bytes of the whole unit.
    length: usize,
    /// Bytes of the header.
    size: usize,
    is_compilation: bool,
    encoding: gimli::Encoding,
    /// Where the table of its abbreviations is.
    abbreviations: usize,
}

impl Header {
    fn read(info: &Info<'_>, start: Offset) -> Result<Header, Error> {
        let bytes = info.read(start, HEADER)?;
        let number = |from: usize, len: usize| {
            let mut word = [0; 8];
            let part = bytes.get(from..from.checked_add(len)?)?;
            word.get_mut(..len)?.copy_from_slice(part);
            Some(u64::from_le_bytes(word))
        };
        let read = || {
            let length = usize::try_from(number(0, 4)?).ok()?.checked_add(4)?;
            let version = u16::try_from(number(4, 2)?).ok()?;
            let (unit_type, address_size, abbreviations, size) = match version {
                5 => (number(6, 1)?, number(7, 1)?, number(8, 4)?, 12),
                _ => (1, number(10, 1)?, number(6, 4)?, 11),
            };
            let address_size = u8::try_from(address_size).ok()?;
            Some(Header {
                length,
                size,
                // 64-bit DWARF, which Go writes for no Linux, shows as an impossible length.
                is_compilation: unit_type == 1 && (2..=5).contains(&version) && address_size == 8 && length > size,
                encoding: gimli::Encoding { address_size, format: gimli::Format::Dwarf32, version },
                abbreviations: usize::try_from(abbreviations).ok()?,
            })
        };
        read().ok_or_else(|| Error::damaged("a DWARF unit without a header"))
    }
}

pub(crate) fn slice(bytes: &[u8]) -> Slice<'_> {
    EndianSlice::new(bytes, LittleEndian)
}

/// The package of a unit, `None` if the unit is not Go's.
fn go_package(info: &Info<'_>, unit: &Unit) -> Result<Option<String>, Error> {
    // A unit that this reader can't understand is not Go's.
    let root = attempt(info, unit, unit.root, |entries| one(entries, unit)).ok();
    let is_go = |root: &Entry| root.number(gimli::DW_AT_language) == Some(gimli::DW_LANG_Go.0.into());
    Ok(root.filter(is_go).and_then(|root| Some(String::from_utf8_lossy(root.name()?).into_owned())))
}

fn one(entries: &mut Entries<'_>, unit: &Unit) -> gimli::Result<Entry> {
    let mut die = Die::null();
    entries.read_entry(&mut die)?;
    Ok(Entry::new(&die, unit.start))
}

/// Reads entries at `offset`, of which `parse` may need any number.
fn attempt<T>(
    info: &Info<'_>,
    unit: &Unit,
    offset: Offset,
    parse: impl Fn(&mut Entries<'_>) -> gimli::Result<T>,
) -> Result<T, Error> {
    let rest = unit.end.saturating_sub(offset);
    let mut size = FEW;
    loop {
        let bytes = info.read(offset, size.min(rest))?;
        let within = gimli::UnitOffset(offset - unit.start);
        let mut entries = Entries::new(slice(&bytes), unit.encoding, &unit.abbreviations, within);
        match parse(&mut entries) {
            Err(gimli::Error::UnexpectedEof(_)) if size < rest && size < LONGEST => size *= 16,
            done => return Ok(done?),
        }
    }
}

/// Reads entries. Holds nothing, and is made for each question.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    info: Info<'a>,
    units: &'a Units,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(elf: &'a Elf, units: &'a Units) -> Result<Reader<'a>, Error> {
        Ok(Reader { info: elf.info()?, units })
    }

    pub(crate) fn units(&self) -> &'a Units {
        self.units
    }

    /// The entry at `offset`.
    pub(crate) fn entry(&self, offset: Offset) -> Result<Entry, Error> {
        let unit = self.units.containing(offset)?;
        attempt(&self.info, unit, offset, |entries| one(entries, unit))
    }

    /// The entries directly below the entry at `offset`.
    pub(crate) fn children(&self, offset: Offset) -> Result<Vec<Entry>, Error> {
        let unit = self.units.containing(offset)?;
        let children = attempt(&self.info, unit, offset, |entries| {
            let mut children = Vec::new();
            let mut die = Die::null();
            entries.read_entry(&mut die)?;
            while entries.next_depth() > 0 && children.len() < MOST_CHILDREN {
                if entries.read_entry(&mut die)? && die.depth() == 1 {
                    children.push(Entry::new(&die, unit.start));
                }
            }
            Ok(children)
        })?;
        if children.len() < MOST_CHILDREN {
            Ok(children)
        } else {
            Err(Error::damaged("an entry with too many others below it"))
        }
    }

    /// Calls `visit` before each entry of `unit` from `place` on, to read that one; with its place. Goes on for
    /// at least `length` bytes, or until `visit` breaks it; `place` is where it has stopped.
    pub(crate) fn scan(
        &self,
        unit: &Unit,
        place: &mut Place,
        length: usize,
        mut visit: impl FnMut(&mut Entries<'_>, Place) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        let enough = place.offset.saturating_add(length).min(unit.end);
        while place.offset < enough {
            let size = PIECE.max(2 * ENTRY).min(unit.end - place.offset);
            let bytes = self.info.read(place.offset, size)?;
            let is_last = place.offset + bytes.len() >= unit.end;
            let within = gimli::UnitOffset(place.offset - unit.start);
            let mut entries = Entries::new(slice(&bytes), unit.encoding, &unit.abbreviations, within);
            let depth = place.depth;
            let end = unit.start.saturating_add(within.0).saturating_add(bytes.len());
            while !entries.is_empty() && (is_last || place.offset + ENTRY < end) {
                let flow = visit(&mut entries, *place)?;
                *place = Place {
                    offset: unit.start.saturating_add(entries.next_offset().0),
                    depth: depth.saturating_add(entries.next_depth()),
                };
                if flow.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The first entry of `kind` in `unit` with one of these names of which `take` makes something.
    pub(crate) fn find<T>(
        &self,
        unit: &Unit,
        kind: Kind,
        names: &[&str],
        take: impl Fn(Entry) -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        let wanted: Vec<_> =
            names.iter().map(|it| (short_hash(it.as_bytes()), names::unescape(it.as_bytes()))).collect();
        let is_wanted = |hash: u32| wanted.iter().any(|(wanted, _)| *wanted == hash);
        let mut checked = 0;
        loop {
            // Copied, because reading entries is not to wait for others who read names.
            let (found, known, is_whole) = {
                let index = unit.index.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let fresh = index.names.get(checked..).unwrap_or_default().iter();
                let found: Vec<u32> = fresh.filter(|(hash, _)| is_wanted(*hash)).map(|&(_, offset)| offset).collect();
                let is_whole = index.next.offset >= unit.end || (kind != Kind::Type && index.has_types);
                (found, index.names.len(), is_whole)
            };
            checked = known;
            for offset in found {
                let entry = self.entry(offset as usize)?;
                let same = entry.name().map(names::unescape);
                let same = same.is_some_and(|found| wanted.iter().any(|(_, wanted)| *wanted == found));
                if same
                    && Kind::of(entry.tag) == Some(kind)
                    && let Some(taken) = take(entry)?
                {
                    return Ok(Some(taken));
                }
            }
            if is_whole {
                return Ok(None);
            }
            self.read_names(unit, checked)?;
        }
    }

    /// The named entry after the one at `offset`.
    pub(crate) fn following(&self, offset: Offset) -> Result<Option<Entry>, Error> {
        let unit = self.units.containing(offset)?;
        loop {
            let (next, known, is_whole) = {
                let index = unit.index.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let next = index.names.partition_point(|&(_, known)| known as usize <= offset);
                (index.names.get(next).copied(), index.names.len(), index.next.offset >= unit.end)
            };
            match next {
                Some((_, next)) => return Ok(Some(self.entry(next as usize)?)),
                None if is_whole => return Ok(None),
                None => self.read_names(unit, known)?,
            }
        }
    }

    /// Reads more of a unit's names, unless more than `known` are there already.
    fn read_names(&self, unit: &Unit, known: usize) -> Result<(), Error> {
        let mut index = unit.index.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if index.names.len() > known {
            return Ok(());
        }
        let Index { names, next, has_types } = &mut *index;
        if names.len() > MOST_NAMES {
            return Err(Error::damaged("a unit with too many names"));
        }
        let mut place = *next;
        let before = names.len();
        let read = self.scan(unit, &mut place, PIECE, |entries, place| {
            read_name(entries, place, |kind, name| {
                *has_types |= kind == Kind::Type;
                names.extend(u32::try_from(place.offset).ok().map(|offset| (short_hash(name), offset)));
            })
        });
        // What could not be read is not read again, each time from another entry.
        if read.is_err() {
            names.truncate(before);
        } else {
            *next = place;
        }
        read
    }

    /// Calls `visit` for each entry of `kind` that `unit` declares, with its name and offset.
    pub(crate) fn each_name(&self, unit: &Unit, kind: Kind, mut visit: impl FnMut(&[u8], Offset)) -> Result<(), Error> {
        let mut place = Place { offset: unit.root, depth: 0 };
        self.scan(unit, &mut place, usize::MAX, |entries, place| {
            let mut is_over = false;
            let flow = read_name(entries, place, |found, name| {
                if found == kind {
                    visit(name, place.offset);
                }
                // After the first type come only types.
                is_over = found == Kind::Type && kind != Kind::Type;
            })?;
            Ok(if is_over { ControlFlow::Break(()) } else { flow })
        })
    }

    /// Calls `visit` for each type that `unit` declares: with its offset, what it says of the runtime's
    /// descriptor, and the entry that it is another name for.
    pub(crate) fn each_descriptor(
        &self,
        unit: &Unit,
        mut visit: impl FnMut(Offset, Option<u64>, Option<Offset>),
    ) -> Result<(), Error> {
        let mut place = Place { offset: unit.root, depth: 0 };
        self.scan(unit, &mut place, usize::MAX, |entries, place| {
            let Some(abbreviation) = entries.read_abbreviation()? else { return Ok(ControlFlow::Continue(())) };
            if place.depth != 1 || Kind::of(abbreviation.tag()) != Some(Kind::Type) {
                entries.skip_attributes(abbreviation.attributes())?;
                return Ok(ControlFlow::Continue(()));
            }
            let (mut descriptor, mut named) = (None, None);
            for specification in abbreviation.attributes() {
                let value = entries.read_attribute(*specification)?.value();
                match (specification.name(), value) {
                    (GO_RUNTIME_TYPE, gimli::AttributeValue::Addr(start)) => descriptor = Some(start),
                    (gimli::DW_AT_type, gimli::AttributeValue::DebugInfoRef(target))
                        if abbreviation.tag() == gimli::DW_TAG_typedef =>
                    {
                        named = Some(target.0);
                    }
                    _ => {}
                }
            }
            visit(place.offset, descriptor, named);
            Ok(ControlFlow::Continue(()))
        })
    }
}

/// Reads an entry, and calls `visit` if it declares something at the top of its unit.
fn read_name(
    entries: &mut Entries<'_>,
    place: Place,
    visit: impl FnOnce(Kind, &[u8]),
) -> Result<ControlFlow<()>, Error> {
    let Some(abbreviation) = entries.read_abbreviation()? else { return Ok(ControlFlow::Continue(())) };
    let kind = Kind::of(abbreviation.tag()).filter(|_| place.depth == 1);
    match (kind, abbreviation.attributes()) {
        // Go writes the name first; nothing else of the entry is read here.
        (Some(kind), [first, rest @ ..]) if first.name() == gimli::DW_AT_name => {
            let name = entries.read_attribute(*first)?;
            entries.skip_attributes(rest)?;
            if let gimli::AttributeValue::String(name) = name.value() {
                visit(kind, name.slice());
            }
        }
        (_, all) => entries.skip_attributes(all)?,
    }
    Ok(ControlFlow::Continue(()))
}

/// The lower half of a name's hash: enough to tell most names apart.
fn short_hash(name: &[u8]) -> u32 {
    (names::hash(name) & u64::from(u32::MAX)) as u32
}
