//! The entries of a sync.Map: of the hash trie that it is since Go 1.24, or of the two maps that it was before
//! (and is in 1.24 with GOEXPERIMENT=nosynchashtriemap). Its fields tell which.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use gomap::{MapView, NoTypes, Part, ScanOptions, Slots};
use goprogram::{Field, Program, TypeKind};

use super::{Values, part, uint, word};
use crate::memory::{MapSource, RuntimeAddr};

/// An `any`: where it lies, and its two words.
pub(super) struct Any {
    pub(super) addr: u64,
    pub(super) bytes: [u8; 16],
}

/// Is shown each entry: key and elem.
pub(super) type Visit<'v> = dyn FnMut(Any, Any) -> ControlFlow<()> + 'v;

/// Levels of the trie: a hash has 64 bits, and each level uses 4 (nChildrenLog2, Go's
/// src/internal/sync/hashtriemap.go, 1.24 to 1.27).
const LEVELS: u32 = 16;
const CHILDREN: usize = 16;

/// Entries whose whole hash is the same, at most: more are a cycle.
const LONGEST_CHAIN: usize = 1 << 16;

/// Nodes of one trie, at most.
const MOST_NODES: usize = 1 << 26;

/// Findings of one map that are kept.
const MOST_FINDINGS: usize = 32;

/// Entries of the older kind that are looked at together.
const BATCH: usize = 256;

/// What is kept of the type sync.Map.
pub(super) type Cache = OnceCell<Result<Layout, Rc<str>>>;

/// Where a sync.Map keeps its entries, in bytes.
pub(super) enum Layout {
    Trie(Trie),
    Maps(Box<Maps>),
}

pub(super) struct Trie {
    root: u64,
    children: u64,
    is_entry: u64,
    entry_size: u64,
    overflow: u64,
    key: u64,
    value: u64,
}

pub(super) struct Maps {
    /// The pointer to the `readOnly`.
    read: u64,
    read_map: u64,
    amended: u64,
    dirty: u64,
    slots: Slots,
    /// The pointer in an entry to its value.
    pointer: u64,
    /// What that pointer is where the key was deleted from the dirty map.
    expunged: u64,
}

/// Shows each entry once. Returns what contradicts itself.
pub(super) fn each(values: &Values<'_>, bytes: &[u8], visit: &mut Visit<'_>) -> Vec<Rc<str>> {
    let layout = values.sync_map_layout.get_or_init(|| layout(values));
    let mut findings = Vec::new();
    let done = match layout {
        Ok(Layout::Trie(trie)) => trie.each(values, bytes, visit, &mut findings),
        Ok(Layout::Maps(maps)) => maps.each(values, bytes, visit, &mut findings),
        Err(why) => Err(why.clone()),
    };
    findings.extend(done.err());
    findings
}

fn layout(values: &Values<'_>) -> Result<Layout, Rc<str>> {
    let program = values.target.program;
    let trie = trie(program).map(Layout::Trie);
    trie.or_else(|| maps(values).map(|maps| Layout::Maps(Box::new(maps))))
        .ok_or_else(|| "the debug information does not describe sync.Map as any known version does".into())
}

/// A field of a structure type, by name.
fn field(program: &Program, structure: &str, name: &str) -> Option<Field> {
    field_of(program, program.type_named(structure).ok()?, name)
}

fn field_of(program: &Program, structure: goprogram::TypeRef, name: &str) -> Option<Field> {
    let TypeKind::Struct { fields } = program.ty(structure).ok()?.kind else { return None };
    fields.into_iter().find(|field| field.name == name)
}

/// The offset of the pointer in a field that may be an atomic.Pointer.
fn pointer(program: &Program, field: &Field) -> u64 {
    field.offset + field_of(program, field.ty, "v").map_or(0, |inner| inner.offset)
}

fn trie(program: &Program) -> Option<Trie> {
    let trie = field(program, "sync.Map", "m")?;
    let root = field_of(program, trie.ty, "root")?;
    let indirect = "internal/sync.indirect[interface {},interface {}]";
    let entry = ["interface {}", "go.shape.interface {}"].map(|any| format!("internal/sync.entry[{any},{any}]"));
    let entry = entry.iter().find_map(|name| program.type_named(name).ok());
    // Where the debug information has only the node that an entry begins with: a bool, a pointer, two words each.
    let at = |name, otherwise| entry.and_then(|ty| field_of(program, ty, name)).map_or(otherwise, |field| field.offset);
    Some(Trie {
        root: trie.offset + pointer(program, &root),
        children: field(program, indirect, "children")?.offset,
        is_entry: field(program, "internal/sync.node[interface {},interface {}]", "isEntry")?.offset,
        entry_size: entry.and_then(|ty| program.ty(ty).ok()).map_or(48, |ty| ty.size),
        overflow: at("overflow", 8),
        key: at("key", 16),
        value: at("value", 32),
    })
}

fn maps(values: &Values<'_>) -> Option<Maps> {
    let program = values.target.program;
    let read = field(program, "sync.Map", "read")?;
    let read = match field_of(program, read.ty, "v") {
        // Up to 1.19 an atomic.Value: the second word of its interface points to the structure.
        Some(inner) if matches!(program.ty(inner.ty).ok()?.kind, TypeKind::Interface { .. }) => {
            read.offset + inner.offset + 8
        }
        Some(inner) => read.offset + inner.offset,
        None => return None,
    };
    let dirty = field(program, "sync.Map", "dirty")?;
    let expunged = values.target.bias.to_runtime(program.variable("sync.expunged").ok()?.addr);
    Some(Maps {
        read,
        read_map: field(program, "sync.readOnly", "m")?.offset,
        amended: field(program, "sync.readOnly", "amended")?.offset,
        dirty: dirty.offset,
        slots: program.slots(dirty.ty).ok()?,
        pointer: pointer(program, &field(program, "sync.entry", "p")?),
        expunged: values.word(expunged).ok()?,
    })
}

/// A node that is still to be looked at.
enum Todo {
    Indirect(u64, u32),
    Entry(Vec<u8>, u64),
}

impl Trie {
    fn each(
        &self,
        values: &Values<'_>,
        bytes: &[u8],
        visit: &mut Visit<'_>,
        findings: &mut Vec<Rc<str>>,
    ) -> Result<(), Rc<str>> {
        let root = word(bytes, self.root).ok_or("the sync.Map is smaller than its type")?;
        // Nothing was stored in it yet.
        if root == 0 {
            return Ok(());
        }
        let mut seen = HashSet::from([root]);
        let mut count = 0;
        let mut todo = vec![Todo::Indirect(root, 0)];
        while let Some(next) = todo.pop() {
            match next {
                Todo::Indirect(addr, level) => {
                    let children = match values.bytes(RuntimeAddr(addr).plus(self.children), 8 * CHILDREN as u64) {
                        Ok(children) => children,
                        Err(why) => {
                            note(findings, format!("sync.Map node at {addr:#x} cannot be read: {why}"));
                            continue;
                        }
                    };
                    let nodes = self.nodes(values, &children, findings);
                    count += nodes.len();
                    // The first child is looked at first.
                    for (addr, bytes) in nodes.into_iter().rev() {
                        match uint(&bytes, self.is_entry, 1) {
                            Some(1) => todo.push(Todo::Entry(bytes, addr)),
                            Some(0) if !seen.insert(addr) => {
                                note(findings, format!("sync.Map node at {addr:#x} hangs in two places"));
                            }
                            Some(0) if level + 1 < LEVELS => todo.push(Todo::Indirect(addr, level + 1)),
                            _ => note(findings, format!("sync.Map node at {addr:#x} is no node")),
                        }
                    }
                }
                Todo::Entry(bytes, addr) => {
                    if self.chain(values, bytes, addr, visit, findings).is_break() {
                        break;
                    }
                }
            }
            if count > MOST_NODES {
                return Err("the sync.Map has more nodes than any real one".into());
            }
        }
        Ok(())
    }

    /// The nodes that an array of pointers names, read together: of each as many bytes as an entry has, which is
    /// less than an indirect node.
    fn nodes(&self, values: &Values<'_>, children: &[u8], findings: &mut Vec<Rc<str>>) -> Vec<(u64, Vec<u8>)> {
        let size = usize::try_from(self.entry_size).unwrap_or(0).min(1024);
        let mut nodes = Vec::new();
        for slot in 0..CHILDREN {
            match word(children, 8 * slot as u64) {
                Some(0) | None => {}
                Some(addr) => nodes.push((addr, vec![0; size])),
            }
        }
        let mut parts: Vec<Part<'_>> =
            nodes.iter_mut().map(|(addr, buf)| Part { addr: *addr, buf, read: false }).collect();
        values.target.memory.read_parts(&mut parts);
        let read: Vec<bool> = parts.iter().map(|part| part.read).collect();
        let mut read = read.into_iter();
        nodes.retain(|(addr, _)| {
            let read = read.next().unwrap_or(false);
            if !read {
                note(findings, format!("sync.Map node at {addr:#x} cannot be read"));
            }
            read
        });
        nodes
    }

    /// An entry, and those with the same hash behind it.
    fn chain(
        &self,
        values: &Values<'_>,
        mut bytes: Vec<u8>,
        head: u64,
        visit: &mut Visit<'_>,
        findings: &mut Vec<Rc<str>>,
    ) -> ControlFlow<()> {
        let mut addr = head;
        for _ in 0..LONGEST_CHAIN {
            let at = |offset| any(addr, &bytes, offset);
            let (Some(key), Some(elem)) = (at(self.key), at(self.value)) else { break };
            visit(key, elem)?;
            addr = match word(&bytes, self.overflow) {
                Some(0) | None => return ControlFlow::Continue(()),
                Some(next) => next,
            };
            match values.bytes(RuntimeAddr(addr), self.entry_size) {
                Ok(next) => bytes = next,
                Err(why) => {
                    note(findings, format!("sync.Map entry at {addr:#x} cannot be read: {why}"));
                    return ControlFlow::Continue(());
                }
            }
        }
        note(findings, format!("the chain of sync.Map entries at {head:#x} does not end, or not at {addr:#x}"));
        ControlFlow::Continue(())
    }
}

impl Maps {
    fn each(
        &self,
        values: &Values<'_>,
        bytes: &[u8],
        visit: &mut Visit<'_>,
        findings: &mut Vec<Rc<str>>,
    ) -> Result<(), Rc<str>> {
        let too_small = "the sync.Map is smaller than its type";
        let read = word(bytes, self.read).ok_or(too_small)?;
        let (mut header, mut amended) = (0, 0);
        if read != 0 {
            header = values.word(RuntimeAddr(read).plus(self.read_map))?;
            let amended_at = values.bytes(RuntimeAddr(read).plus(self.amended), 1)?;
            amended = uint(&amended_at, 0, 1).unwrap_or(0);
        }
        // An amended sync.Map has in the dirty map all that is not expunged.
        if amended != 0 {
            header = word(bytes, self.dirty).ok_or(too_small)?;
        }
        if header == 0 {
            return Ok(());
        }
        let layout = values.target.program.map_layout().map_err(|error| error.to_string())?;
        let view = MapView { layout, slots: &self.slots, header };
        let options = ScanOptions { hasher: None, types: &NoTypes, digest: false, progress: None, nobody_inside: None };
        let mut batch = Vec::with_capacity(BATCH);
        let mut unread = 0u64;
        let mut collect = |entry: gomap::Entry<'_>| {
            if let (Some(key), Some(pointer)) = (any(entry.key_addr, entry.key, 0), word(entry.elem, 0)) {
                batch.push((key, pointer));
            }
            if batch.len() < BATCH {
                return ControlFlow::Continue(());
            }
            self.values(values, std::mem::take(&mut batch), &mut unread, visit)
        };
        let scan = gomap::scan(&view, &MapSource(values.target.memory), &options, &mut collect)
            .map_err(|error| error.to_string())?;
        findings.extend(scan.findings.iter().map(|finding| Rc::from(finding.to_string())));
        if !scan.stopped_early {
            // Nothing is left to be stopped.
            let _ = self.values(values, batch, &mut unread, visit);
        }
        if unread > 0 {
            note(findings, format!("{unread} entries of the sync.Map cannot be read"));
        }
        Ok(())
    }

    /// Shows those of the keys that still have a value.
    fn values(
        &self,
        values: &Values<'_>,
        batch: Vec<(Any, u64)>,
        unread: &mut u64,
        visit: &mut Visit<'_>,
    ) -> ControlFlow<()> {
        let addrs = batch.iter().map(|(_, entry)| RuntimeAddr(*entry).plus(self.pointer).0).collect();
        let pointers = read_all::<8>(values, addrs);
        let mut living = Vec::new();
        for ((key, _), pointer) in batch.into_iter().zip(pointers) {
            match pointer.map(u64::from_le_bytes) {
                None => *unread += 1,
                Some(0) => {}
                Some(expunged) if expunged == self.expunged => {}
                Some(value) => living.push((key, value)),
            }
        }
        let elems = read_all::<16>(values, living.iter().map(|(_, value)| *value).collect());
        for ((key, addr), elem) in living.into_iter().zip(elems) {
            match elem {
                Some(bytes) => visit(key, Any { addr, bytes })?,
                None => *unread += 1,
            }
        }
        ControlFlow::Continue(())
    }
}

/// Reads `N` bytes at each address, together.
fn read_all<const N: usize>(values: &Values<'_>, addrs: Vec<u64>) -> Vec<Option<[u8; N]>> {
    let mut buffers = vec![[0; N]; addrs.len()];
    let mut parts: Vec<Part<'_>> =
        addrs.iter().zip(&mut buffers).map(|(&addr, buf)| Part { addr, buf, read: false }).collect();
    values.target.memory.read_parts(&mut parts);
    let read: Vec<bool> = parts.iter().map(|part| part.read).collect();
    buffers.into_iter().zip(read).map(|(buffer, read)| read.then_some(buffer)).collect()
}

/// Adds a finding; the first ones tell enough.
fn note(findings: &mut Vec<Rc<str>>, finding: String) {
    if findings.len() < MOST_FINDINGS {
        findings.push(finding.into());
    }
}

/// The `any` at an offset of what lies at an address.
fn any(addr: u64, bytes: &[u8], offset: u64) -> Option<Any> {
    Some(Any { addr: addr.wrapping_add(offset), bytes: part(bytes, offset, 16)?.try_into().ok()? })
}
