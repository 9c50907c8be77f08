//! Hand-made memory, and maps of numbers in it, laid out as the runtime lays them out.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::common::{CLASSIC, HEAP, SWISS};
use gomap::{
    Check, Entry, HashStyle, Hasher, KeyMaterial, KeyShape, Layout, MapView, NoTypes, Scan, ScanOptions, Slots, Source,
    Stored, check, find, scan,
};

/// Memory that has what was allocated and nothing else.
#[derive(Clone, Default)]
pub(crate) struct Heap {
    objects: BTreeMap<u64, Vec<u8>>,
    next: u64,
}

impl Heap {
    /// A zeroed object.
    pub(crate) fn alloc(&mut self, size: u64) -> u64 {
        let addr = HEAP + self.next;
        self.next += size.next_multiple_of(8) + 64;
        self.objects.insert(addr, vec![0; size as usize]);
        addr
    }

    pub(crate) fn free(&mut self, addr: u64) {
        self.objects.remove(&addr);
    }

    pub(crate) fn write(&mut self, addr: u64, bytes: &[u8]) {
        let (start, object) = self.objects.range_mut(..=addr).next_back().unwrap();
        let at = (addr - start) as usize;
        object[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn set(&mut self, addr: u64, word: u64) {
        self.write(addr, &word.to_le_bytes());
    }

    pub(crate) fn word(&self, addr: u64) -> u64 {
        let mut word = [0; 8];
        assert!(self.read(addr, &mut word));
        u64::from_le_bytes(word)
    }
}

impl Source for Heap {
    fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
        let Some((start, object)) = self.objects.range(..=addr).next_back() else { return false };
        let at = (addr - start) as usize;
        let Some(bytes) = object.get(at..).and_then(|bytes| bytes.get(..buf.len())) else { return false };
        buf.copy_from_slice(bytes);
        true
    }
}

/// Slots of `map[uint64]uint64`.
pub(crate) const CLASSIC_SLOTS: Slots = Slots {
    unit: 144,
    key: Stored { size: 8, indirect: false, offset: 8, stride: 8 },
    elem: Stored { size: 8, indirect: false, offset: 72, stride: 8 },
    overflow: Some(136),
};
pub(crate) const SWISS_SLOTS: Slots = Slots {
    unit: 136,
    key: Stored { size: 8, indirect: false, offset: 8, stride: 16 },
    elem: Stored { size: 8, indirect: false, offset: 16, stride: 16 },
    overflow: None,
};

/// The seed of all the tests' maps.
pub(crate) const SEED: u64 = 0x5eed;

pub(crate) fn hasher() -> Hasher {
    let material = KeyMaterial::wyhash([1, 3, 5, 7], false);
    Hasher::new(material, KeyShape::Memory { size: 8 }, HashStyle::Runs).unwrap()
}

pub(crate) fn hash(key: u64) -> u64 {
    hasher().hash(&key.to_le_bytes(), SEED, &Heap::default(), &NoTypes).unwrap()
}

/// What a scan shows of a map of numbers: each key with its elem, sorted.
pub(crate) fn shown(heap: &Heap, layout: &Layout, slots: &Slots, header: u64) -> (Vec<(u64, u64)>, Scan) {
    let mut entries = Vec::new();
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let view = MapView { layout, slots, header };
    let hasher = hasher();
    let options = ScanOptions { hasher: Some(&hasher), ..ScanOptions::default() };
    let mut visit = |entry: Entry<'_>| {
        assert_eq!(heap.word(entry.key_addr), number(entry.key));
        assert_eq!(heap.word(entry.elem_addr), number(entry.elem));
        entries.push((number(entry.key), number(entry.elem)));
        ControlFlow::Continue(())
    };
    let scan = scan(&view, heap, &options, &mut visit).unwrap();
    assert_eq!(scan.entries, entries.len() as u64);
    entries.sort_unstable();
    for &(key, elem) in &entries {
        assert_eq!(looked_up(heap, &view, key), Some(elem), "lookup of {key}");
    }
    assert_eq!(looked_up(heap, &view, u64::MAX), None);
    (entries, scan)
}

/// The elem that a lookup by hash finds.
fn looked_up(heap: &Heap, view: &MapView<'_>, key: u64) -> Option<u64> {
    let (hasher, key) = (hasher(), key.to_le_bytes());
    let hash = &mut |seed| hasher.hash(&key, seed, heap, &NoTypes);
    let found = find(view, heap, hash, &mut |other| hasher.equal(&key, other, heap, &NoTypes)).unwrap();
    found.entry.map(|entry| u64::from_le_bytes(entry.elem.try_into().unwrap()))
}

pub(crate) fn checked(heap: &Heap, layout: &Layout, slots: &Slots, header: u64) -> Check {
    let hasher = hasher();
    let options = ScanOptions { hasher: Some(&hasher), ..ScanOptions::default() };
    check(&MapView { layout, slots, header }, heap, &options).unwrap()
}

/// What findings say, but for the one that a write is under way.
pub(crate) fn said(findings: &[gomap::Finding]) -> Vec<String> {
    let all = findings.iter().map(ToString::to_string);
    all.filter(|text| !text.contains("a write is under way")).collect()
}

/// The entries that the tests' maps hold.
pub(crate) fn entries(keys: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
    keys.into_iter().map(|key| (key, key * 10)).collect()
}

/// A classic map of numbers.
#[derive(Clone)]
pub(crate) struct Classic {
    pub(crate) heap: Heap,
    pub(crate) header: u64,
    pub(crate) b: u8,
}

impl Classic {
    pub(crate) const LAYOUT: Layout = Layout::Classic(CLASSIC);

    /// A map of 2^`b` buckets with these keys.
    pub(crate) fn new(b: u8, keys: impl IntoIterator<Item = u64>) -> Classic {
        let mut heap = Heap::default();
        let header = heap.alloc(48);
        let buckets = heap.alloc(144 << b);
        heap.write(header + 9, &[b]);
        heap.write(header + 12, &(SEED as u32).to_le_bytes());
        heap.set(header + 16, buckets);
        let mut map = Classic { heap, header, b };
        for key in keys {
            map.insert(buckets, b, key);
            map.set_count(map.count() + 1);
        }
        map
    }

    pub(crate) fn count(&self) -> u64 {
        self.heap.word(self.header)
    }

    pub(crate) fn set_count(&mut self, count: u64) {
        self.heap.set(self.header, count);
    }

    pub(crate) fn set_flags(&mut self, flags: u8) {
        self.heap.write(self.header + 8, &[flags]);
    }

    pub(crate) fn set_b(&mut self, b: u8) {
        self.heap.write(self.header + 9, &[b]);
    }

    pub(crate) fn buckets(&self) -> u64 {
        self.heap.word(self.header + 16)
    }

    pub(crate) fn bucket(&self, number: u64) -> u64 {
        self.buckets() + 144 * number
    }

    /// Puts a key into the first free slot of its chain in an array of 2^`b` buckets.
    pub(crate) fn insert(&mut self, buckets: u64, b: u8, key: u64) -> u64 {
        let hash = hash(key);
        let mut bucket = buckets + 144 * (hash & ((1 << b) - 1));
        let top = if hash >> 56 < 5 { (hash >> 56) + 5 } else { hash >> 56 };
        loop {
            let marks = self.heap.word(bucket).to_le_bytes();
            if let Some(slot) = marks.iter().position(|mark| *mark < 2) {
                let slot = slot as u64;
                self.heap.write(bucket + slot, &[top as u8]);
                self.heap.set(bucket + 8 + 8 * slot, key);
                self.heap.set(bucket + 72 + 8 * slot, key * 10);
                return bucket + slot;
            }
            if self.heap.word(bucket + 136) == 0 {
                let overflow = self.heap.alloc(144);
                self.heap.set(bucket + 136, overflow);
            }
            bucket = self.heap.word(bucket + 136);
        }
    }

    /// hashGrow: to twice as many buckets, or to as many.
    pub(crate) fn start_growth(&mut self, same_size: bool) {
        let old = self.buckets();
        if same_size {
            self.set_flags(4 | 8);
        } else {
            self.b += 1;
            self.set_flags(4);
            self.set_b(self.b);
        }
        let new = self.heap.alloc(144 << self.b);
        self.heap.set(self.header + 24, old);
        self.heap.set(self.header + 16, new);
    }

    /// evacuate, step by step: `each` sees the map after every store.
    pub(crate) fn evacuate(&mut self, number: u64, doubles: bool, each: &mut dyn FnMut(&Classic)) {
        let old_b = if doubles { self.b - 1 } else { self.b };
        let buckets = self.buckets();
        let mut bucket = self.heap.word(self.header + 24) + 144 * number;
        while bucket != 0 {
            for slot in 0..8u64 {
                let mark = self.heap.word(bucket).to_le_bytes()[slot as usize];
                if mark < 2 {
                    self.heap.write(bucket + slot, &[4]);
                    each(self);
                    continue;
                }
                let key = self.heap.word(bucket + 8 + 8 * slot);
                let upper = doubles && hash(key) & (1 << old_b) != 0;
                self.heap.write(bucket + slot, &[2 + u8::from(upper)]);
                each(self);
                let to = self.insert(buckets, self.b, key);
                let to = (to - to % 8, to % 8);
                let elem = self.heap.word(to.0 + 72 + 8 * to.1);
                // insert stores all at once: go back, and once more.
                self.heap.set(to.0 + 8 + 8 * to.1, 0);
                self.heap.set(to.0 + 72 + 8 * to.1, 0);
                each(self);
                self.heap.set(to.0 + 8 + 8 * to.1, key);
                self.heap.set(to.0 + 72 + 8 * to.1, elem);
                each(self);
            }
            bucket = self.heap.word(bucket + 136);
        }
    }

    pub(crate) fn shown(&self) -> (Vec<(u64, u64)>, Scan) {
        shown(&self.heap, &Self::LAYOUT, &CLASSIC_SLOTS, self.header)
    }

    pub(crate) fn checked(&self) -> Vec<String> {
        said(&checked(&self.heap, &Self::LAYOUT, &CLASSIC_SLOTS, self.header).findings)
    }
}

/// A Swiss map of numbers.
#[derive(Clone)]
pub(crate) struct Swiss {
    pub(crate) heap: Heap,
    pub(crate) header: u64,
}

impl Swiss {
    pub(crate) const LAYOUT: Layout = Layout::Swiss(SWISS);

    fn empty(dir_len: u64, depth: u8) -> Swiss {
        let mut heap = Heap::default();
        let header = heap.alloc(48);
        heap.set(header + 8, SEED);
        heap.set(header + 24, dir_len);
        heap.write(header + 32, &[depth, if dir_len == 0 { 0 } else { 64 - depth }]);
        Swiss { heap, header }
    }

    /// A map of one group.
    pub(crate) fn small(keys: impl IntoIterator<Item = u64>) -> Swiss {
        let mut map = Swiss::empty(0, 0);
        let group = map.heap.alloc(136);
        map.heap.set(group, 0x8080_8080_8080_8080);
        map.set_dir(group);
        for (slot, key) in (0..).zip(keys) {
            map.fill(group, slot, key);
            map.set_used(map.used() + 1);
        }
        map
    }

    /// A map of 2^`depth` tables.
    pub(crate) fn tables(depth: u8, capacity: u16, keys: impl IntoIterator<Item = u64>) -> Swiss {
        let entries = 1 << depth;
        let mut map = Swiss::empty(entries, depth);
        let directory = map.heap.alloc(8 * entries);
        map.set_dir(directory);
        for entry in 0..entries {
            let table = map.table(capacity, entry as i64, depth);
            map.heap.set(directory + 8 * entry, table);
        }
        for key in keys {
            let entry = hash(key).checked_shr(64 - u32::from(depth)).unwrap_or(0);
            map.insert(map.heap.word(directory + 8 * entry), key);
            map.set_used(map.used() + 1);
        }
        map
    }

    /// A new, empty table, which nothing names.
    pub(crate) fn table(&mut self, capacity: u16, index: i64, depth: u8) -> u64 {
        let table = self.heap.alloc(32);
        let groups = u64::from(capacity) / 8;
        let data = self.heap.alloc(136 * groups);
        for group in 0..groups {
            self.heap.set(data + 136 * group, 0x8080_8080_8080_8080);
        }
        let most = if capacity <= 8 { capacity - 1 } else { capacity / 8 * 7 };
        self.heap.write(table + 2, &capacity.to_le_bytes());
        self.heap.write(table + 4, &most.to_le_bytes());
        self.heap.write(table + 6, &[depth]);
        self.heap.set(table + 8, index.cast_unsigned());
        self.heap.set(table + 16, data);
        self.heap.set(table + 24, groups - 1);
        table
    }

    /// Puts a key into a table, but doesn't count it in the map.
    pub(crate) fn insert(&mut self, table: u64, key: u64) -> u64 {
        let (data, mask) = (self.heap.word(table + 16), self.heap.word(table + 24));
        let mut group = (hash(key) >> 7) & mask;
        for step in 1.. {
            let control = self.heap.word(data + 136 * group).to_le_bytes();
            if let Some(slot) = control.iter().position(|control| *control == 0x80) {
                let fields = self.heap.word(table);
                // used up, growthLeft down.
                self.heap.set(table, fields + 1 - (1 << 32));
                self.fill(data + 136 * group, slot as u64, key);
                return data + 136 * group + slot as u64;
            }
            group = (group + step) & mask;
        }
        unreachable!()
    }

    fn fill(&mut self, group: u64, slot: u64, key: u64) {
        self.heap.write(group + slot, &[(hash(key) & 0x7f) as u8]);
        self.heap.set(group + 8 + 16 * slot, key);
        self.heap.set(group + 16 + 16 * slot, key * 10);
    }

    pub(crate) fn used(&self) -> u64 {
        self.heap.word(self.header)
    }

    pub(crate) fn set_used(&mut self, used: u64) {
        self.heap.set(self.header, used);
    }

    pub(crate) fn set_writing(&mut self) {
        self.heap.write(self.header + 34, &[1]);
    }

    pub(crate) fn dir(&self) -> u64 {
        self.heap.word(self.header + 16)
    }

    pub(crate) fn set_dir(&mut self, dir: u64) {
        self.heap.set(self.header + 16, dir);
    }

    pub(crate) fn set_dir_len(&mut self, len: u64) {
        self.heap.set(self.header + 24, len);
    }

    pub(crate) fn set_depth(&mut self, depth: u8) {
        self.heap.write(self.header + 32, &[depth, 64 - depth]);
    }

    /// The table that an entry names.
    pub(crate) fn named(&self, entry: u64) -> u64 {
        self.heap.word(self.dir() + 8 * entry)
    }

    pub(crate) fn name(&mut self, entry: u64, table: u64) {
        let dir = self.dir();
        self.heap.set(dir + 8 * entry, table);
    }

    pub(crate) fn shown(&self) -> (Vec<(u64, u64)>, Scan) {
        shown(&self.heap, &Self::LAYOUT, &SWISS_SLOTS, self.header)
    }

    pub(crate) fn checked(&self) -> Vec<String> {
        said(&checked(&self.heap, &Self::LAYOUT, &SWISS_SLOTS, self.header).findings)
    }
}
