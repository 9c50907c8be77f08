//! In which order entries are shown.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::value::{Pointee, Value};

/// What of a value decides its place.
#[derive(Clone, Debug)]
pub(super) enum SortKey {
    /// Nothing there, or nothing that has an order: comes first.
    Nothing,
    Whole(i128),
    Float(f64),
    Text(Vec<u8>),
    /// Structs and arrays, part by part.
    Parts(Vec<SortKey>),
}

impl SortKey {
    pub(super) fn of(value: &Value) -> SortKey {
        match value {
            Value::Bool(value) => SortKey::Whole((*value).into()),
            Value::Int(value) | Value::Duration(value) => SortKey::Whole((*value).into()),
            Value::Uint(value) | Value::Uintptr(value) | Value::UnsafePointer(value) => SortKey::Whole((*value).into()),
            Value::Float32(value) => SortKey::Float((*value).into()),
            Value::Float64(value) => SortKey::Float(*value),
            Value::Complex64(real, imaginary) => {
                SortKey::Parts(vec![SortKey::Float((*real).into()), SortKey::Float((*imaginary).into())])
            }
            Value::Complex128(real, imaginary) => {
                SortKey::Parts(vec![SortKey::Float(*real), SortKey::Float(*imaginary)])
            }
            Value::String(text) => SortKey::Text(text.bytes.clone()),
            Value::Func(name) => SortKey::Text(name.as_bytes().to_vec()),
            Value::Time(time) => SortKey::Whole(i128::from(time.unix) * 1_000_000_000 + i128::from(time.nanosecond)),
            Value::Array(items) | Value::Slice(items) => SortKey::Parts(items.items.iter().map(SortKey::of).collect()),
            Value::Struct(fields) => SortKey::Parts(fields.iter().map(|(_, value)| SortKey::of(value)).collect()),
            Value::Pointer { to: Pointee::Value(value), .. } => SortKey::of(value),
            Value::Pointer { addr, .. } => SortKey::Whole((*addr).into()),
            Value::Interface { error: Some(message), .. } => SortKey::Text(message.bytes.clone()),
            Value::Interface { value, .. } => SortKey::of(value),
            _ => SortKey::Nothing,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            SortKey::Nothing => 0,
            SortKey::Whole(_) | SortKey::Float(_) => 1,
            SortKey::Text(_) => 2,
            SortKey::Parts(_) => 3,
        }
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (SortKey::Whole(a), SortKey::Whole(b)) => a.cmp(b),
            (SortKey::Float(a), SortKey::Float(b)) => a.total_cmp(b),
            // An interface may hold either.
            (SortKey::Whole(a), SortKey::Float(b)) => (*a as f64).total_cmp(b),
            (SortKey::Float(a), SortKey::Whole(b)) => a.total_cmp(&(*b as f64)),
            (SortKey::Text(a), SortKey::Text(b)) => a.cmp(b),
            (SortKey::Parts(a), SortKey::Parts(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SortKey {}

/// An entry that waits for its turn: the lines that show it.
struct Waiting {
    key: SortKey,
    descending: bool,
    /// Among equals, what came first stays first.
    number: u64,
    line: Box<[u8]>,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_key = self.key.cmp(&other.key);
        let by_key = if self.descending { by_key.reverse() } else { by_key };
        by_key.then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

/// Entries that wait until all are known: no more of them than will be shown.
pub(super) struct Sorter {
    waiting: BinaryHeap<Waiting>,
    limit: u64,
    descending: bool,
    seen: u64,
}

impl Sorter {
    pub(super) fn new(limit: Option<u64>, descending: bool) -> Sorter {
        Sorter { waiting: BinaryHeap::new(), limit: limit.unwrap_or(u64::MAX), descending, seen: 0 }
    }

    /// Takes an entry. Its line is only made if it is among those that will be shown, as far as is known.
    pub(super) fn push(&mut self, key: SortKey, line: impl FnOnce() -> Vec<u8>) {
        let mut waiting = Waiting { key, descending: self.descending, number: self.seen, line: Box::default() };
        self.seen += 1;
        let is_full = self.waiting.len() as u64 >= self.limit;
        if is_full && self.waiting.peek().is_none_or(|last| waiting >= *last) {
            return;
        }
        waiting.line = line().into_boxed_slice();
        self.waiting.push(waiting);
        if is_full {
            self.waiting.pop();
        }
    }

    /// How many entries wait.
    pub(super) fn len(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Their lines, in order.
    pub(super) fn into_lines(self) -> impl Iterator<Item = Box<[u8]>> {
        self.waiting.into_sorted_vec().into_iter().map(|waiting| waiting.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(values: &[i128], limit: Option<u64>, descending: bool) -> Vec<i128> {
        let mut sorter = Sorter::new(limit, descending);
        for value in values {
            sorter.push(SortKey::Whole(*value), || value.to_string().into_bytes());
        }
        sorter.into_lines().map(|line| String::from_utf8(line.to_vec()).unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn a_limit_keeps_the_first_in_order() {
        assert_eq!(sorted(&[3, 1, 4, 1, 5, 9, 2], None, false), [1, 1, 2, 3, 4, 5, 9]);
        assert_eq!(sorted(&[3, 1, 4, 1, 5, 9, 2], Some(3), false), [1, 1, 2]);
        assert_eq!(sorted(&[3, 1, 4, 1, 5, 9, 2], Some(2), true), [9, 5]);
        assert_eq!(sorted(&[3, 1], Some(0), true), [0i128; 0]);
    }

    #[test]
    fn equals_stay_in_the_order_they_came_in() {
        for descending in [false, true] {
            let mut sorter = Sorter::new(Some(2), descending);
            for line in [b"a", b"b", b"c"] {
                sorter.push(SortKey::Nothing, || line.to_vec());
            }
            assert_eq!(sorter.into_lines().collect::<Vec<_>>(), [Box::from(*b"a"), Box::from(*b"b")]);
        }
    }

    #[test]
    fn every_pair_of_values_has_an_order() {
        let nothing = SortKey::of(&Value::Nil);
        let nan = SortKey::of(&Value::Float64(f64::NAN));
        assert!(nothing < nan);
        assert_eq!(nan, nan.clone());
        assert!(SortKey::of(&Value::Int(3)) < SortKey::of(&Value::Float64(3.5)));
        assert!(SortKey::of(&Value::Int(3)) < SortKey::Text(Vec::new()));
    }
}
