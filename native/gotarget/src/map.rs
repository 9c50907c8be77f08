//! A map's header in a process, and what hangs below it.

use std::ops::ControlFlow;

use gomap::{Check, Entry, Finding, Header, Layout, MapView, Scan, ScanOptions, Slots, Tables};
use goprogram::{TypeKind, TypeRef};

use crate::error::Error;
use crate::expression::MapValue;
use crate::frames::{self, UnwoundFrame};
use crate::goroutine;
use crate::memory::{MapSource, RuntimeAddr, read_bytes};
use crate::target::Target;
use crate::threads::Thread;

/// A map, and where it keeps its entries.
#[derive(Clone, Debug)]
pub struct Map {
    /// Which map.
    pub value: MapValue,
    /// Where this program's headers keep their fields.
    pub layout: Layout,
    /// Where this type of map keeps its keys and elems.
    pub slots: Slots,
    /// The type of its keys.
    pub key: TypeRef,
    /// The type of its elems.
    pub elem: TypeRef,
}

impl Map {
    /// The map as crate `gomap` wants it.
    #[must_use]
    pub fn view(&self) -> MapView<'_> {
        MapView { layout: &self.layout, slots: &self.slots, header: self.value.header.0 }
    }
}

/// Finds out where a map, which may be nil, keeps its entries.
///
/// # Errors
/// The program doesn't tell.
pub fn open(target: &Target<'_>, value: &MapValue) -> Result<Map, Error> {
    let layout = *target.program.map_layout()?;
    let slots = target.program.slots(value.ty)?;
    let ty = target.program.ty(value.ty)?;
    let TypeKind::Map { key, elem, .. } = ty.kind else { return Err(goprogram::Error::NotAMap { ty: ty.name }.into()) };
    Ok(Map { value: value.clone(), layout, slots, key, elem })
}

/// Shows each entry of a map once; a nil map has none.
///
/// Of a process that is not stopped (`unstopped`), the map is then read a second time: if that gives anything else,
/// [`Scan::written_meanwhile`] says so.
///
/// # Errors
/// The header cannot be read.
pub fn scan(
    target: &Target<'_>,
    map: &Map,
    options: &ScanOptions<'_>,
    unstopped: bool,
    visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
) -> Result<Scan, Error> {
    let source = MapSource(target.memory);
    if map.value.header.0 == 0 {
        return Ok(Scan::of_nothing(nil_header(map)?));
    }
    let options = ScanOptions { digest: options.digest || unstopped, ..*options };
    let mut first = gomap::scan(&map.view(), &source, &options, visit)?;
    if unstopped && !first.written_meanwhile {
        let mut left = first.entries;
        let mut again = |_: Entry<'_>| {
            // Whoever ended the first scan early wants only so many entries compared.
            left = left.saturating_sub(1);
            if first.stopped_early && left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let second = gomap::scan(&map.view(), &source, &ScanOptions { progress: None, ..options }, &mut again)?;
        if second.written_meanwhile || second.header != first.header || second.digest != first.digest {
            first.written_meanwhile = true;
        }
        first.bytes_read += second.bytes_read;
    }
    Ok(first)
}

/// Walks a map's whole structure; that of a nil map is sound.
///
/// `threads` are those of a process that stands still: they tell whether anyone is inside this map.
///
/// # Errors
/// The header cannot be read.
pub fn check(
    target: &Target<'_>,
    map: &Map,
    options: &ScanOptions<'_>,
    threads: Option<&[Thread]>,
) -> Result<Check, Error> {
    if map.value.header.0 == 0 {
        return Ok(Check::of_nothing(nil_header(map)?));
    }
    let source = MapSource(target.memory);
    let mut nobody_inside = options.nobody_inside;
    if let Some(threads) = threads
        && Header::read(&map.view(), &source)?.is_writing()
    {
        nobody_inside = self::nobody_inside(threads, map.value.header)
            .filter(|nobody| !nobody || !(is_any_cut_off(target, threads) || rests_any_inside(target)));
    }
    let options = ScanOptions { nobody_inside, ..*options };
    Ok(gomap::check(&map.view(), &source, &options)?)
}

/// Whether the stack of a thread that runs a goroutine could not be walked to its end: a map function may be there.
fn is_any_cut_off(target: &Target<'_>, threads: &[Thread]) -> bool {
    let ends = |thread: &Thread| {
        let first =
            thread.stack.last().and_then(|pc| target.program.function_at(target.bias.to_link(pc.instruction())));
        first.is_some_and(|function| function.name.starts_with("runtime.goexit"))
    };
    threads.iter().any(|thread| thread.goroutine.is_some() && !ends(thread))
}

/// Whether a goroutine that no thread runs rests inside a map function: a write waits there for the garbage collector,
/// for one, to get memory.
fn rests_any_inside(target: &Target<'_>) -> bool {
    let Ok(goroutines) = goroutine::all(target) else { return true };
    let is_inside = |frame: &UnwoundFrame| {
        let function = target.program.function_at(target.bias.to_link(frame.pc.instruction()));
        function.is_some_and(|function| target.program.map_function(&function.name).is_some())
    };
    let resting = goroutines.iter().filter(|goroutine| goroutine.state != "running");
    resting.filter_map(|goroutine| frames::walk_resting(target, goroutine.g)).any(|stack| stack.iter().any(is_inside))
}

/// Whether no thread is inside a map function that works on this map; `None` where one may be.
#[must_use]
pub fn nobody_inside(threads: &[Thread], header: RuntimeAddr) -> Option<bool> {
    let inside = || threads.iter().filter_map(|thread| thread.inside.as_ref());
    if inside().any(|inside| inside.map == Some(header)) {
        Some(false)
    } else if inside().any(|inside| inside.map.is_none()) {
        None
    } else {
        Some(true)
    }
}

/// What the header of a map with nothing in it would say.
fn nil_header(map: &Map) -> Result<Header, Error> {
    Ok(Header::decode(&map.layout, &vec![0; map.layout.size().min(LARGEST_HEADER) as usize])?)
}

/// A map that an expression names, and what its header says.
#[derive(Clone, Debug)]
pub struct MapFacts {
    /// Which map.
    pub map: MapValue,
    /// What its header says.
    pub facts: HeaderFacts,
}

/// The largest header of any Go version is 48 bytes; a layout that says much more is wrong.
const LARGEST_HEADER: u64 = 4096;

/// What a header alone says, of a map that is known by its address.
#[derive(Clone, Debug)]
pub struct HeaderFacts {
    /// Where this program's headers keep their fields.
    pub layout: Layout,
    /// The header.
    pub header: Header,
    /// Every table once; `None` for a map that has no directory.
    pub tables: Option<Tables>,
    /// What contradicts itself.
    pub findings: Vec<Finding>,
}

/// Reads and decodes a map's header.
///
/// # Errors
/// The program doesn't tell its layout, or the header is not mapped.
pub fn facts(target: &Target<'_>, map: MapValue) -> Result<MapFacts, Error> {
    let facts = header_at(target, map.not_nil()?)?;
    Ok(MapFacts { map, facts })
}

/// Reads and decodes the header at an address.
///
/// # Errors
/// As [`facts`].
pub fn header_at(target: &Target<'_>, addr: RuntimeAddr) -> Result<HeaderFacts, Error> {
    let layout = *target.program.map_layout()?;
    let size = layout.size().min(LARGEST_HEADER) as usize;
    let header = Header::decode(&layout, &read_bytes(target.memory, addr, size)?)?;
    let mut mapped = |addr, len| is_mapped(target, addr, len);
    let mut findings = header.findings(addr.0, &mut mapped);
    let mut tables = None;
    if let (Header::Swiss(swiss), Layout::Swiss(layout)) = (&header, &layout)
        && swiss.dir_len > 0
    {
        let mut read = |addr, len: u64| read_bytes(target.memory, RuntimeAddr(addr), len as usize).ok();
        let read = Tables::read(swiss, layout, &mut read);
        findings.extend(read.findings(swiss, addr.0, &mut mapped));
        tables = Some(read);
    }
    Ok(HeaderFacts { layout, header, tables, findings })
}

/// Whether the first and the last byte of a range can be read.
fn is_mapped(target: &Target<'_>, addr: u64, len: u64) -> bool {
    let last = addr.checked_add(len.saturating_sub(1));
    let readable = |addr| read_bytes(target.memory, RuntimeAddr(addr), 1).is_ok();
    last.is_some_and(|last| readable(addr) && readable(last))
}
