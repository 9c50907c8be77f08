//! Channels.

use std::rc::Rc;

use goprogram::{Error, Program};

use super::tree::{Chan, Items, Value};
use super::types::TypeId;
use super::walk::{Source, Walk, unreadable};
use super::{Values, uint, word};
use crate::memory::RuntimeAddr;

/// Goroutines that are looked for in one queue: a longer one is a cycle, or not worth reading.
const MOST_WAITING: usize = 1 << 16;

/// Where the runtime keeps what is shown of a channel (`runtime.hchan`, `waitq` and `sudog`), in bytes.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    size: u64,
    count: u64,
    capacity: u64,
    buffer: u64,
    closed: u64,
    /// Since Go 1.23: the timer that sends on the channel.
    timer: Option<u64>,
    next_received: u64,
    receivers: u64,
    senders: u64,
    waiting_g: u64,
    waiting_next: u64,
    goid: u64,
}

impl Layout {
    fn of(program: &Program) -> Result<Self, Error> {
        let chan = |field| program.field_offset("runtime.hchan", field);
        // Both queues begin with their first member (`waitq`, unchanged from Go 1.1 to 1.27).
        Ok(Layout {
            size: program.ty(program.type_named("runtime.hchan")?)?.size,
            count: chan("qcount")?,
            capacity: chan("dataqsiz")?,
            buffer: chan("buf")?,
            closed: chan("closed")?,
            timer: chan("timer").ok(),
            next_received: chan("recvx")?,
            receivers: chan("recvq")?,
            senders: chan("sendq")?,
            waiting_g: program.field_offset("runtime.sudog", "g")?,
            waiting_next: program.field_offset("runtime.sudog", "next")?,
            goid: program.field_offset("runtime.g", "goid")?,
        })
    }
}

/// Where a channel keeps what is buffered in it: a ring.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// The ring's first slot.
    pub addr: RuntimeAddr,
    /// A slot's size, in bytes.
    pub size: u64,
    /// The number of the slot that is received next.
    pub next: u64,
    /// How many slots are filled, from that one on.
    pub len: u64,
    /// How many there are.
    pub cap: u64,
}

impl Buffer {
    /// Of the channel at this address; `None` where there is none.
    pub(super) fn read(values: &Values<'_>, elem: TypeId, addr: RuntimeAddr) -> Option<Self> {
        let layout = layout(values)?;
        Self::of(values, elem, &layout, &values.bytes(addr, layout.size).ok()?)
    }

    fn of(values: &Values<'_>, elem: TypeId, layout: &Layout, bytes: &[u8]) -> Option<Self> {
        let (mut len, mut cap) = (word(bytes, layout.count)?, word(bytes, layout.capacity)?);
        let next = word(bytes, layout.next_received)?;
        if len > cap || (cap > 0 && next >= cap) {
            return None;
        }
        // A timer's channel has a buffer that its program doesn't see (chanlen and chancap, src/runtime/chan.go).
        let is_timer = layout.timer.is_some_and(|timer| word(bytes, timer) != Some(0));
        if is_timer && !timers_are_asynchronous(values) {
            (len, cap) = (0, 0);
        }
        let addr = RuntimeAddr(word(bytes, layout.buffer)?);
        Some(Buffer { addr, size: values.plan(elem).size, next, len, cap })
    }

    /// The address of what is received after so many others.
    fn slot(&self, at: u64) -> Option<RuntimeAddr> {
        let slot = (u128::from(self.next) + u128::from(at)) % u128::from(self.cap.max(1));
        Some(self.addr.plus(u64::try_from(slot).ok()?.wrapping_mul(self.size)))
    }
}

fn layout(values: &Values<'_>) -> Option<Layout> {
    *values.chan_layout.get_or_init(|| Layout::of(values.target.program).ok())
}

/// The channel at this address.
pub(super) fn read(walk: &mut Walk<'_, '_>, name: &Rc<str>, elem: TypeId, addr: RuntimeAddr) -> Value {
    if addr.0 == 0 {
        return Value::Nil;
    }
    let values = walk.values;
    let Some(layout) = layout(values) else {
        return unreadable(addr, "the debug information does not describe channels");
    };
    let bytes = match values.bytes(addr, layout.size) {
        Ok(bytes) => bytes,
        Err(why) => return Value::Unreadable { addr: addr.0, why },
    };
    walk.nested(|walk| match chan(walk, name, elem, &layout, &bytes) {
        Some(chan) => Value::Chan(Box::new(chan)),
        None => unreadable(addr, "it contradicts itself: no channel is there"),
    })
}

fn chan(walk: &mut Walk<'_, '_>, name: &Rc<str>, elem: TypeId, layout: &Layout, bytes: &[u8]) -> Option<Chan> {
    let values = walk.values;
    let buffer = Buffer::of(values, elem, layout, bytes)?;
    let Buffer { len, cap, .. } = buffer;
    let mut items = Vec::new();
    for at in 0..len.min(values.limits().items as u64) {
        let item = walk.value(elem, Source::Memory(buffer.slot(at)?));
        let ends = matches!(item, Value::Unreadable { .. } | Value::Cut);
        items.push(item);
        if ends {
            break;
        }
    }
    Some(Chan {
        ty: name.clone(),
        len,
        cap,
        closed: uint(bytes, layout.closed, 4)? != 0,
        receivers: waiting(values, layout, word(bytes, layout.receivers)?),
        senders: waiting(values, layout, word(bytes, layout.senders)?),
        items: Items { items, len },
    })
}

/// The goroutines of a queue, by number.
fn waiting(values: &Values<'_>, layout: &Layout, first: u64) -> Vec<u64> {
    let mut goids = Vec::new();
    let mut sudog = first;
    while sudog != 0 && goids.len() < values.limits().items.min(MOST_WAITING) {
        let field = |offset| values.word(RuntimeAddr(sudog).plus(offset));
        let goid = field(layout.waiting_g).and_then(|g| values.word(RuntimeAddr(g).plus(layout.goid)));
        let (Ok(goid), Ok(next)) = (goid, field(layout.waiting_next)) else { break };
        goids.push(goid);
        sudog = next;
    }
    goids
}

/// Whether the program runs with GODEBUG=asynctimerchan=1, as one whose module says Go 1.22 or older does up to
/// Go 1.26: then a timer's channel shows its buffer.
fn timers_are_asynchronous(values: &Values<'_>) -> bool {
    let program = values.target.program;
    let setting = || {
        let debug = program.variable("runtime.debug").ok()?;
        let goprogram::TypeKind::Struct { fields } = program.ty(debug.ty).ok()?.kind else { return None };
        let field = fields.iter().find(|field| field.name == "asynctimerchan")?;
        let addr = values.target.bias.to_runtime(debug.addr).plus(field.offset);
        values.target.uint(addr, 4).ok()
    };
    setting().unwrap_or(0) != 0
}
