//! Memory that may be a map.

use std::cell::Cell;
use std::ops::ControlFlow;

use gomap::{
    ClassicBits, ClassicLayout, Entry, HashStyle, Hasher, Header, KeyMaterial, KeyShape, Layout, MapView, NoTypes,
    ScanOptions, Slots, Source, Stored, SwissLayout, TableLayout, Tables,
};

/// `runtime.hmap` of Go 1.21 to 1.23.
const CLASSIC: ClassicLayout = ClassicLayout {
    size: 48,
    count: 0,
    flags: 8,
    b: 9,
    noverflow: 10,
    hash0: 12,
    buckets: 16,
    oldbuckets: 24,
    nevacuate: 32,
    clear_seq: None,
    extra: 40,
    bits: ClassicBits::GO,
};

/// `internal/runtime/maps.Map` of Go 1.25 to 1.27.
const SWISS: SwissLayout = SwissLayout {
    size: 48,
    used: 0,
    seed: 8,
    dir_ptr: 16,
    dir_len: 24,
    global_depth: 32,
    global_shift: 33,
    writing: 34,
    clear_seq: 40,
    tombstone_possible: Some(35),
    table: TableLayout {
        size: 32,
        used: 0,
        capacity: 2,
        growth_left: 4,
        local_depth: 6,
        index: 8,
        groups_data: 16,
        groups_length_mask: 24,
    },
};

/// Where the input lies: an address of three bytes, so that few bytes of an input make a pointer into it.
const BASE: u64 = 0x1_0000;

/// The input, as memory.
struct Memory<'a> {
    bytes: &'a [u8],
    read: Cell<u64>,
    calls: Cell<u64>,
}

impl Source for Memory<'_> {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        self.calls.set(self.calls.get() + 1);
        let at = addr.checked_sub(BASE).and_then(|at| usize::try_from(at).ok());
        let Some(bytes) = at.and_then(|at| self.bytes.get(at..)?.get(..buf.len())) else { return false };
        self.read.set(self.read.get() + buf.len() as u64);
        buf.copy_from_slice(bytes);
        true
    }
}

/// Headers and tables of both kinds, decoded and judged.
pub fn header(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let layout = layout(*choice);
    let Ok(header) = Header::decode(&layout, bytes) else { return };
    let mut mapped = |addr: u64, len: u64| addr >= BASE && addr.saturating_add(len) <= BASE + bytes.len() as u64;
    let findings = header.findings(BASE, &mut mapped);
    assert!(findings.iter().all(|finding| finding.to_string().lines().count() == 1));
    let _ = (header.len(), header.growth().to_string(), header.shape().to_string());
    if let (Header::Swiss(header), Layout::Swiss(layout)) = (&header, &layout) {
        let memory = Memory { bytes, read: Cell::default(), calls: Cell::default() };
        let tables = Tables::read(header, layout, &mut |addr, len| {
            let mut bytes = vec![0; usize::try_from(len).ok().filter(|len| *len <= 1 << 20)?];
            memory.read(addr, &mut bytes).then_some(bytes)
        });
        let _ = tables.findings(header, BASE, &mut mapped);
    }
}

fn layout(choice: u8) -> Layout {
    if choice & 1 == 0 { Layout::Classic(CLASSIC) } else { Layout::Swiss(SWISS) }
}

/// Keys and elems of 1 to 16 bytes, or pointers to so many.
fn slots(choice: u8, classic: bool) -> Slots {
    let stored = |size: u8, indirect: bool| {
        let size = u64::from(size % 3) * 8;
        Stored { size, indirect, offset: 8, stride: if indirect { 8 } else { size } }
    };
    let (mut key, mut elem) = (stored(1 + (choice >> 1) % 2, choice & 8 != 0), stored(choice >> 4, choice & 64 != 0));
    if classic {
        elem.offset = 8 + 8 * key.stride;
        let overflow = elem.offset + 8 * elem.stride;
        return Slots { unit: overflow + 8, key, elem, overflow: Some(overflow) };
    }
    elem.offset = 8 + key.stride;
    let slot = key.stride + elem.stride;
    (key.stride, elem.stride) = (slot, slot);
    Slots { unit: 8 + 8 * slot, key, elem, overflow: None }
}

/// A whole map: scanned, checked, and looked up in.
pub fn walk(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let layout = layout(*choice);
    let slots = slots(*choice, matches!(layout, Layout::Classic(_)));
    let map = MapView { layout: &layout, slots: &slots, header: BASE };
    let memory = Memory { bytes, read: Cell::default(), calls: Cell::default() };
    let shape = if slots.key.size == 16 { KeyShape::String } else { KeyShape::Memory { size: slots.key.size } };
    let Some(hasher) = Hasher::new(KeyMaterial::wyhash([1, 3, 5, 7], false), shape, HashStyle::Runs) else { return };
    let options = ScanOptions {
        hasher: (*choice & 128 == 0).then_some(&hasher),
        digest: true,
        nobody_inside: Some(true),
        ..ScanOptions::default()
    };
    let mut key = vec![0; slots.key.size as usize];
    let mut entries = 0u64;
    let mut visit = |entry: Entry<'_>| {
        entries += 1;
        key.copy_from_slice(entry.key);
        ControlFlow::Continue(())
    };
    let Ok(scan) = gomap::scan(&map, &memory, &options, &mut visit) else { return };
    assert_eq!(scan.entries, entries);
    assert!(scan.findings.len() <= 100 && scan.findings.iter().all(|found| found.to_string().lines().count() == 1));
    let _ = gomap::check(&map, &memory, &options);
    let mut hash = |seed| hasher.hash(&key, seed, &memory, &NoTypes);
    let _ = gomap::find(&map, &memory, &mut hash, &mut |other| Some(other == key));
    // Each entry of a directory may name another table in the same bytes, and each table all groups.
    let most = (64 + bytes.len() as u64 / 8) * (8192 + 128 * slots.unit + 16 * bytes.len() as u64);
    let (read, calls) = (memory.read.get(), memory.calls.get());
    assert!(read <= most && calls <= 200_000 + most / 8, "{read} bytes in {calls} calls");
}
