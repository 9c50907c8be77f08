//! From a type and its bytes to the tree of a value, following what it points to as far as the limits go.

use std::ops::ControlFlow;
use std::rc::Rc;

use gomap::{MapView, NoTypes, ScanOptions};

use super::tree::{Entries, Items, Pointee, Text, Value};
use super::types::{MapPlan, Member, Plan, Shape, Special, TypeId};
use super::{Time, Values, chan, part, sync_map, uint, word};
use crate::memory::{MapSource, RuntimeAddr};
use crate::stack;

/// Values up to this size are read with one read, in bytes; parts of larger ones when they are shown.
pub(super) const WHOLE: usize = 1 << 16;

/// Values shown below one, for each item that the limit allows: what hostile memory can cost is bounded.
const VALUES_PER_ITEM: usize = 64;
const LEAST_VALUES: usize = 1 << 16;

/// A string's bytes that cost as much as one value.
const BYTES_PER_VALUE: usize = 64;

/// No Go value is longer, in bytes: user addresses of amd64 have 47 bits.
const LONGEST: u64 = 1 << 47;

/// Items without a size that are shown at most: nothing but the limit would end them.
const MOST_EMPTY: u64 = 1 << 16;

/// One walk through a value.
pub(super) struct Walk<'w, 'a> {
    pub(super) values: &'w Values<'a>,
    /// How many values may still be shown.
    left: usize,
    /// How deep the present value is nested.
    depth: usize,
    /// The pointer that was followed to it. There is one at most.
    followed: Option<u64>,
}

/// Where a value's bytes come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'b> {
    Memory(RuntimeAddr),
    /// The bytes, and where they came from.
    Bytes(&'b [u8], Option<RuntimeAddr>),
}

impl<'w, 'a> Walk<'w, 'a> {
    pub(super) fn new(values: &'w Values<'a>) -> Self {
        let left = values.limits.items.saturating_mul(VALUES_PER_ITEM).max(LEAST_VALUES);
        Walk { values, left, depth: 0, followed: None }
    }

    pub(super) fn plan(&self, ty: TypeId) -> Rc<Plan> {
        self.values.plan(ty)
    }

    /// The value of type `ty`, and all below it.
    pub(super) fn value(&mut self, ty: TypeId, source: Source<'_>) -> Value {
        let plan = self.plan(ty);
        self.planned(&plan, source)
    }

    fn planned(&mut self, plan: &Plan, source: Source<'_>) -> Value {
        let Some(left) = self.left.checked_sub(1) else { return Value::Cut };
        self.left = left;
        match source {
            Source::Bytes(bytes, addr) => match part(bytes, 0, plan.size) {
                Some(bytes) => self.decode(plan, bytes, addr),
                None => unreadable(addr.unwrap_or(RuntimeAddr(0)), "its bytes are cut off"),
            },
            Source::Memory(addr) => self.lying_at(plan, addr),
        }
    }

    fn lying_at(&mut self, plan: &Plan, addr: RuntimeAddr) -> Value {
        match &plan.shape {
            // Only as many items as are shown are read.
            Shape::Array(elem, len) => self.nested(|walk| Value::Array(walk.items(*elem, *len, addr))),
            Shape::Struct(members) if plan.size > WHOLE as u64 => {
                self.nested(|walk| walk.members(members, |offset, _| Some(Source::Memory(addr.plus(offset)))))
            }
            _ => match self.values.bytes(addr, plan.size) {
                Ok(bytes) => self.decode(plan, &bytes, Some(addr)),
                Err(why) => Value::Unreadable { addr: addr.0, why },
            },
        }
    }

    /// Shows parts of a value, unless they are nested too deeply.
    pub(super) fn nested(&mut self, show: impl FnOnce(&mut Self) -> Value) -> Value {
        if self.depth >= self.values.limits.depth {
            return Value::Cut;
        }
        self.depth += 1;
        let value = show(self);
        self.depth -= 1;
        value
    }

    /// The value with exactly these bytes.
    fn decode(&mut self, plan: &Plan, bytes: &[u8], addr: Option<RuntimeAddr>) -> Value {
        let here = addr.unwrap_or(RuntimeAddr(0));
        self.try_decode(plan, bytes, addr).unwrap_or_else(|| unreadable(here, "its type has an impossible size"))
    }

    fn try_decode(&mut self, plan: &Plan, bytes: &[u8], addr: Option<RuntimeAddr>) -> Option<Value> {
        let number = || uint(bytes, 0, plan.size);
        Some(match &plan.shape {
            Shape::Bool => Value::Bool(number()? != 0),
            Shape::Int => Value::Int(signed(number()?, plan.size)),
            Shape::Uint => Value::Uint(number()?),
            Shape::Uintptr => Value::Uintptr(number()?),
            Shape::Duration => Value::Duration(number()?.cast_signed()),
            Shape::UnsafePointer => Value::UnsafePointer(number()?),
            Shape::Float if plan.size == 4 => Value::Float32(float32(bytes, 0)?),
            Shape::Float => Value::Float64(float64(bytes, 0)?),
            Shape::Complex if plan.size == 8 => Value::Complex64(float32(bytes, 0)?, float32(bytes, 4)?),
            Shape::Complex => Value::Complex128(float64(bytes, 0)?, float64(bytes, 8)?),
            Shape::String => self.string(RuntimeAddr(word(bytes, 0)?), word(bytes, 8)?),
            Shape::Slice(elem) => self.slice(*elem, RuntimeAddr(word(bytes, 0)?), word(bytes, 8)?, word(bytes, 16)?),
            Shape::Array(elem, len) => self.nested(|walk| Value::Array(walk.array(*elem, *len, bytes, addr))),
            Shape::Struct(members) => self.nested(|walk| {
                let source = |offset, size| {
                    let addr = addr.map(|addr| addr.plus(offset));
                    Some(Source::Bytes(part(bytes, offset, size)?, addr))
                };
                walk.members(members, source)
            }),
            Shape::Pointer(to) => self.pointer(*to, number()?),
            Shape::Map(map) => self.map(map, RuntimeAddr(number()?)),
            Shape::Chan(elem) => chan::read(self, &plan.name, *elem, RuntimeAddr(number()?)),
            Shape::Func => self.func(RuntimeAddr(number()?)),
            Shape::Interface { empty } => self.interface(bytes, *empty),
            Shape::Special(special) => self.special(*special, bytes, addr)?,
            Shape::Unknown(why) => Value::Unreadable { addr: addr.map_or(0, |addr| addr.0), why: why.clone() },
        })
    }

    fn members<'b>(&mut self, members: &[Member], source: impl Fn(u64, u64) -> Option<Source<'b>>) -> Value {
        let mut shown = Vec::with_capacity(members.len().min(64));
        for Member { name, offset, ty } in members {
            let plan = self.plan(*ty);
            let value = match source(*offset, plan.size) {
                Some(source) => self.planned(&plan, source),
                None => unreadable(RuntimeAddr(0), "its structure is smaller"),
            };
            shown.push((name.clone(), value));
        }
        Value::Struct(shown)
    }

    pub(super) fn string(&mut self, data: RuntimeAddr, len: u64) -> Value {
        if len > LONGEST {
            return unreadable(data, "its length is impossible");
        }
        let shown = len.min(self.values.limits.string as u64);
        match self.text(data, shown) {
            Ok(bytes) => Value::String(whole_characters(bytes, len)),
            Err(why) => Value::Unreadable { addr: data.0, why },
        }
    }

    /// So many bytes of a string, read piece by piece: memory decides how many there are, not its length.
    pub(super) fn text(&mut self, data: RuntimeAddr, len: u64) -> Result<Vec<u8>, Rc<str>> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < len {
            let piece = (len - bytes.len() as u64).min(WHOLE as u64);
            bytes.extend(self.values.bytes(data.plus(bytes.len() as u64), piece)?);
        }
        self.left = self.left.saturating_sub(bytes.len() / BYTES_PER_VALUE);
        Ok(bytes)
    }

    fn slice(&mut self, elem: TypeId, data: RuntimeAddr, len: u64, cap: u64) -> Value {
        match (data.0, len) {
            (0, 0) => Value::Nil,
            (0, _) => unreadable(data, "its length is not 0, but it has no array"),
            _ if len > cap || cap > LONGEST => unreadable(data, "its length or capacity is impossible"),
            _ => self.nested(|walk| Value::Slice(walk.items(elem, len, data))),
        }
    }

    /// Items that follow each other in memory.
    pub(super) fn items(&mut self, elem: TypeId, len: u64, data: RuntimeAddr) -> Items {
        let plan = self.plan(elem);
        if plan.size == 0 {
            return self.array(elem, len, &[], Some(data));
        }
        let shown = len.min(self.values.limits.items as u64);
        let per_piece = (WHOLE as u64 / plan.size).max(1);
        let mut items = Vec::new();
        let mut at = 0;
        while at < shown && self.left > 0 {
            let count = per_piece.min(shown - at);
            let from = data.plus(at.wrapping_mul(plan.size));
            match self.values.bytes(from, count.saturating_mul(plan.size)) {
                Ok(bytes) => items.extend(self.array(elem, count, &bytes, Some(from)).items),
                // The piece reaches where nothing is mapped, or one item is larger than a piece.
                Err(_) => {
                    for item in 0..count {
                        let value = self.planned(&plan, Source::Memory(from.plus(item.wrapping_mul(plan.size))));
                        let ends = matches!(value, Value::Unreadable { .. });
                        items.push(value);
                        if ends {
                            return Items { items, len };
                        }
                    }
                }
            }
            at += count;
        }
        Items { items, len }
    }

    /// Items whose bytes are there.
    fn array(&mut self, elem: TypeId, len: u64, bytes: &[u8], addr: Option<RuntimeAddr>) -> Items {
        let plan = self.plan(elem);
        let mut shown = len.min(self.values.limits.items as u64);
        if plan.size == 0 {
            shown = shown.min(MOST_EMPTY);
        }
        let mut items = Vec::new();
        for at in 0..shown {
            let offset = at.wrapping_mul(plan.size);
            let Some(bytes) = part(bytes, offset, plan.size).filter(|_| self.left > 0) else { break };
            items.push(self.planned(&plan, Source::Bytes(bytes, addr.map(|addr| addr.plus(offset)))));
        }
        Items { items, len }
    }

    /// A pointer: followed, unless it was reached by one.
    pub(super) fn pointer(&mut self, to: Option<TypeId>, addr: u64) -> Value {
        if addr == 0 {
            return Value::Nil;
        }
        let to = match to {
            _ if self.followed == Some(addr) => Pointee::Cycle,
            Some(to) if self.followed.is_none() => {
                self.followed = Some(addr);
                let value = self.nested(|walk| walk.value(to, Source::Memory(RuntimeAddr(addr))));
                self.followed = None;
                match value {
                    Value::Cut => Pointee::NotFollowed,
                    value => Pointee::Value(Box::new(value)),
                }
            }
            _ => Pointee::NotFollowed,
        };
        Value::Pointer { addr, to }
    }

    fn map(&mut self, map: &MapPlan, header: RuntimeAddr) -> Value {
        if header.0 == 0 {
            return Value::Nil;
        }
        let slots = match &map.slots {
            Ok(slots) => slots,
            Err(why) => return Value::Unreadable { addr: header.0, why: why.clone() },
        };
        let layout = match self.values.target.program.map_layout() {
            Ok(layout) => layout,
            Err(error) => return Value::Unreadable { addr: header.0, why: error.to_string().into() },
        };
        self.nested(|walk| {
            let (values, limit) = (walk.values, walk.values.limits.items);
            let mut entries = Vec::new();
            let mut visit = |entry: gomap::Entry<'_>| {
                if entries.len() >= limit || walk.left == 0 {
                    return ControlFlow::Break(());
                }
                let mut value = |ty, bytes, addr| walk.value(ty, Source::Bytes(bytes, Some(RuntimeAddr(addr))));
                let key = value(map.key, entry.key, entry.key_addr);
                entries.push((key, value(map.elem, entry.elem, entry.elem_addr)));
                ControlFlow::Continue(())
            };
            let view = MapView { layout, slots, header: header.0 };
            let source = MapSource(values.target.memory);
            let options =
                ScanOptions { hasher: None, types: &NoTypes, digest: false, progress: None, nobody_inside: None };
            match gomap::scan(&view, &source, &options, &mut visit) {
                Ok(scan) => {
                    let findings = scan.findings.iter().map(|finding| finding.to_string().into()).collect();
                    Value::Map(Entries { entries, len: scan.header.len(), findings })
                }
                Err(error) => Value::Unreadable { addr: header.0, why: error.to_string().into() },
            }
        })
    }

    fn func(&mut self, closure: RuntimeAddr) -> Value {
        if closure.0 == 0 {
            return Value::Nil;
        }
        match self.values.word(closure) {
            Ok(code) => Value::Func(self.function_name(RuntimeAddr(code))),
            Err(why) => Value::Unreadable { addr: closure.0, why },
        }
    }

    fn function_name(&self, code: RuntimeAddr) -> Rc<str> {
        let target = &self.values.target;
        match target.program.function_at(target.bias.to_link(code)) {
            Some(function) => stack::as_printed(function.name).into(),
            None => format!("<function at {code}>").into(),
        }
    }

    /// What an interface holds.
    pub(super) fn interface(&mut self, bytes: &[u8], empty: bool) -> Value {
        let held = match self.values.dynamic(bytes, empty) {
            Ok(Some(held)) => held,
            Ok(None) => return Value::Nil,
            Err((addr, why)) => return Value::Unreadable { addr, why },
        };
        self.nested(|walk| {
            let word = held.word.to_le_bytes();
            let source = if held.direct { Source::Bytes(&word, None) } else { Source::Memory(RuntimeAddr(held.word)) };
            let (value, error) = (walk.value(held.ty, source), walk.error_text(held.ty, source));
            Value::Interface { ty: walk.plan(held.ty).name.clone(), error, value: Box::new(value) }
        })
    }

    fn special(&mut self, special: Special, bytes: &[u8], addr: Option<RuntimeAddr>) -> Option<Value> {
        let number = |offset| uint(bytes, offset, 4);
        Some(match special {
            Special::Time { wall, ext } => Value::Time(Time::of(word(bytes, wall)?, word(bytes, ext)?.cast_signed())),
            Special::Mutex { state } => {
                let state = number(state)?;
                Value::Mutex {
                    locked: state & MUTEX_LOCKED != 0,
                    woken: state & MUTEX_WOKEN != 0,
                    starving: state & MUTEX_STARVING != 0,
                    waiters: state >> MUTEX_WAITER_SHIFT,
                }
            }
            Special::RwMutex { mutex, readers, departing } => {
                let (readers, departing) = (signed(number(readers)?, 4), signed(number(departing)?, 4));
                // A writer that has come makes the count negative, and then waits until those readers that
                // were there have departed.
                let writer = readers < 0;
                let active = if writer { departing } else { readers };
                Value::RwMutex {
                    locked: writer && departing <= 0,
                    writer_waiting: (writer && departing > 0) || number(mutex)? >> MUTEX_WAITER_SHIFT > 0,
                    readers: u64::try_from(active).unwrap_or(0),
                }
            }
            Special::WaitGroup { state } => {
                let state = word(bytes, state)?;
                Value::WaitGroup { counter: signed(state >> 32, 4), waiters: state & WAITERS }
            }
            Special::Once { done, size } => Value::Once { done: uint(bytes, done, size)? != 0 },
            Special::AtomicBool { value } => Value::Bool(number(value)? != 0),
            Special::AtomicPointer { value, to } => self.pointer(to, word(bytes, value)?),
            Special::Wrapper { offset, value } => {
                let plan = self.plan(value);
                let addr = addr.map(|addr| addr.plus(offset));
                self.planned(&plan, Source::Bytes(part(bytes, offset, plan.size)?, addr))
            }
            Special::SyncMap => self.nested(|walk| walk.sync_map(bytes)),
        })
    }

    fn sync_map(&mut self, bytes: &[u8]) -> Value {
        let (values, limit) = (self.values, self.values.limits.items);
        let mut entries = Vec::new();
        let mut len = 0;
        let findings = sync_map::each(values, bytes, &mut |key, elem| {
            len += 1;
            if entries.len() < limit && self.left > 0 {
                let key = self.interface(&key.bytes, true);
                entries.push((key, self.interface(&elem.bytes, true)));
            }
            ControlFlow::Continue(())
        });
        Value::SyncMap(Entries { entries, len, findings })
    }
}

/// The bits of a mutex's state (Go's src/sync/mutex.go, since 1.24 src/internal/sync/mutex.go; unchanged from
/// 1.9 to 1.27).
const MUTEX_LOCKED: u64 = 1;
const MUTEX_WOKEN: u64 = 2;
const MUTEX_STARVING: u64 = 4;
const MUTEX_WAITER_SHIFT: u32 = 3;

/// The waiters in a WaitGroup's state. Since 1.25 the bit above them says that it belongs to a synctest bubble
/// (waitGroupBubbleFlag, Go's src/sync/waitgroup.go); before, that many goroutines could not wait either.
const WAITERS: u64 = 0x7fff_ffff;

pub(super) fn unreadable(addr: RuntimeAddr, why: &str) -> Value {
    Value::Unreadable { addr: addr.0, why: why.into() }
}

/// A string's first bytes without a character that the cut has divided.
pub(super) fn whole_characters(mut bytes: Vec<u8>, len: u64) -> Text {
    if (bytes.len() as u64) < len
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    Text { bytes, len }
}

/// Two's complement of so many bytes.
fn signed(number: u64, size: u64) -> i64 {
    let unused = 64u32.saturating_sub(u32::try_from(size).unwrap_or(8).saturating_mul(8)).min(63);
    (number << unused).cast_signed() >> unused
}

fn float32(bytes: &[u8], offset: u64) -> Option<f32> {
    Some(f32::from_bits(u32::try_from(uint(bytes, offset, 4)?).ok()?))
}

fn float64(bytes: &[u8], offset: u64) -> Option<f64> {
    Some(f64::from_bits(word(bytes, offset)?))
}
