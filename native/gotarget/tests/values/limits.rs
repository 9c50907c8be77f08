//! What is shown of large values, and of memory that makes no sense.

use std::cell::Cell;

use gotarget::value::{Chan, Entries, Items, Pointee, Text, Value};
use gotarget::{Limits, Memory, RuntimeAddr, Target, Unreadable, Values, expression};

use crate::process::Process;
use crate::toolchain::{newest, toolchains};

fn value(target: &Target<'_>, limits: Limits, text: &str) -> Value {
    let place = expression::place(target, None, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Values::new(*target, limits).place(&place)
}

#[test]
fn what_is_left_out_is_counted() {
    let process = Process::start(&newest(), "corpus", &[]);
    let target = process.target();
    let limits = Limits { string: 10, items: 3, depth: 2 };
    let Value::String(Text { bytes, len }) = value(&target, limits, "main.long") else { panic!() };
    assert!(bytes.len() <= 10 && len > 10, "{} of {len}", bytes.len());
    let Value::Slice(Items { items, len }) = value(&target, limits, "main.manyInts") else { panic!() };
    assert!(items.len() == 3 && len > 3, "{len}");
    let Value::SyncMap(Entries { entries, len, .. }) = value(&target, limits, "main.syncMany") else { panic!() };
    assert_eq!((entries.len(), len), (3, 3000));
    let server = value(&target, Limits { depth: 4, ..limits }, "*main.server");
    let Value::Struct(fields) = &server else { panic!("{server:?}") };
    let Value::Map(Entries { entries, .. }) = &fields[0].1 else { panic!("{server:?}") };
    let Some((_, Value::Pointer { to: Pointee::Value(user), .. })) =
        entries.iter().find(|(_, elem)| *elem != Value::Nil)
    else {
        panic!("{server:?}")
    };
    let Value::Struct(fields) = &**user else { panic!("{server:?}") };
    // Too deep, or behind a second pointer.
    let is_left_out = |value: &Value| {
        matches!(value, Value::Cut | Value::Nil | Value::String(_) | Value::Pointer { to: Pointee::NotFollowed, .. })
    };
    assert!(fields.iter().all(|(_, value)| is_left_out(value)), "{server:?}");
    process.end();
}

/// Memory in which now and then a bit is wrong, or a word is a pointer to somewhere else, or nothing is mapped.
struct Liar<'a> {
    truth: &'a dyn Memory,
    seed: Cell<u64>,
}

impl Liar<'_> {
    fn next(&self) -> u64 {
        // xorshift64
        let mut x = self.seed.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.seed.set(x);
        x
    }
}

impl Memory for Liar<'_> {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        self.truth.read(addr, buf)?;
        match self.next() % 8 {
            0 if !buf.is_empty() => {
                let at = self.next() as usize % buf.len();
                buf[at] ^= 1 << (self.next() % 8);
            }
            1 if buf.len() >= 8 => {
                let at = self.next() as usize % (buf.len() / 8) * 8;
                let word = match self.next() % 4 {
                    0 => addr.0,
                    1 => u64::MAX >> (self.next() % 64),
                    2 => 1 << (self.next() % 64),
                    _ => self.next() % 4096,
                };
                buf[at..at + 8].copy_from_slice(&word.to_le_bytes());
            }
            2 if self.next().is_multiple_of(8) => return Err(Unreadable::unmapped(addr, buf.len())),
            _ => {}
        }
        Ok(())
    }
}

/// How many values a tree has.
fn count(value: &Value) -> usize {
    let items = |items: &Items| items.items.iter().map(count).sum::<usize>();
    let entries = |entries: &Entries| entries.entries.iter().map(|(key, elem)| count(key) + count(elem)).sum::<usize>();
    1 + match value {
        Value::Array(it) | Value::Slice(it) => items(it),
        Value::Struct(fields) => fields.iter().map(|(_, value)| count(value)).sum(),
        Value::Pointer { to: Pointee::Value(value), .. } | Value::Interface { value, .. } => count(value),
        Value::Map(it) | Value::SyncMap(it) => entries(it),
        Value::Chan(chan) => {
            let Chan { items: it, receivers, senders, .. } = &**chan;
            items(it) + receivers.len() + senders.len()
        }
        _ => 0,
    }
}

#[test]
fn memory_that_lies_costs_no_more_than_the_limits_allow() {
    let limits = Limits { string: 64, items: 16, depth: 6 };
    for go in toolchains() {
        let process = Process::start(&go, "corpus", &[]);
        let target = process.target();
        let names: Vec<&str> = process.told.iter().filter_map(|line| line["name"].as_str()).collect();
        for round in 0..20 {
            for name in &names {
                let liar = Liar { truth: target.memory, seed: Cell::new(0x9e37_79b9 + round) };
                let lied_to = Target { memory: &liar, ..target };
                let Ok(place) = expression::place(&lied_to, None, name) else { continue };
                let shown = count(&Values::new(lied_to, limits).place(&place));
                assert!(shown < 1 << 18, "{go} {name}: {shown}");
            }
        }
        process.end();
    }
}
