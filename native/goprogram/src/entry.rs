//! An entry of the DWARF, read out of its section.

use gimli::{AttributeValue, DwAt, DwTag};

use crate::units::{Offset, Slice};

/// An entry with all that questions need of it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Where it lies.
    pub(crate) offset: Offset,
    pub(crate) tag: DwTag,
    attributes: Vec<(DwAt, Value)>,
}

#[derive(Debug, Clone)]
enum Value {
    Number(u64),
    /// A number below zero.
    Negative(i64),
    Flag(bool),
    Text(Box<[u8]>),
    /// The bytes of an expression.
    Block(Box<[u8]>),
    /// Another entry.
    Entry(Offset),
    /// A list in another section, by its offset there.
    List(usize),
    /// An address, by its number in `.debug_addr`.
    AddressIndex(usize),
}

impl Entry {
    /// An entry of the unit that starts at `unit`.
    pub(crate) fn new(die: &gimli::DebuggingInformationEntry<Slice<'_>>, unit: Offset) -> Entry {
        let attributes = die.attrs().iter();
        Entry {
            offset: unit.saturating_add(die.offset().0),
            tag: die.tag(),
            attributes: attributes.filter_map(|it| Some((it.name(), Value::new(it.value(), unit)?))).collect(),
        }
    }

    fn value(&self, attribute: DwAt) -> Option<&Value> {
        self.attributes.iter().find(|(name, _)| *name == attribute).map(|(_, value)| value)
    }

    /// Its name, which Go always writes inline.
    pub(crate) fn name(&self) -> Option<&[u8]> {
        match self.value(gimli::DW_AT_name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number that is not negative, or an address.
    pub(crate) fn number(&self, attribute: DwAt) -> Option<u64> {
        match self.value(attribute)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A number that may be negative.
    pub(crate) fn signed(&self, attribute: DwAt) -> Option<i64> {
        match self.value(attribute)? {
            Value::Number(number) => Some(number.cast_signed()),
            Value::Negative(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, attribute: DwAt) -> bool {
        matches!(self.value(attribute), Some(Value::Flag(true)))
    }

    /// The bytes of an expression.
    pub(crate) fn block(&self, attribute: DwAt) -> Option<&[u8]> {
        match self.value(attribute)? {
            Value::Block(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The list in another section that the attribute refers to, by its offset there.
    pub(crate) fn list(&self, attribute: DwAt) -> Option<usize> {
        match self.value(attribute)? {
            Value::List(offset) => Some(*offset),
            _ => None,
        }
    }

    /// The number of an address in `.debug_addr`.
    pub(crate) fn address_index(&self, attribute: DwAt) -> Option<usize> {
        match self.value(attribute)? {
            Value::AddressIndex(index) => Some(*index),
            _ => None,
        }
    }

    /// The entry that the attribute refers to.
    pub(crate) fn target(&self, attribute: DwAt) -> Option<Offset> {
        match self.value(attribute)? {
            Value::Entry(offset) => Some(*offset),
            _ => None,
        }
    }
}

impl Value {
    fn new(value: AttributeValue<Slice<'_>>, unit: Offset) -> Option<Value> {
        Some(match value {
            AttributeValue::String(text) => Value::Text(text.slice().into()),
            AttributeValue::Exprloc(expression) => Value::Block(expression.0.slice().into()),
            AttributeValue::Block(bytes) => Value::Block(bytes.slice().into()),
            AttributeValue::Flag(flag) => Value::Flag(flag),
            AttributeValue::DebugInfoRef(offset) => Value::Entry(offset.0),
            AttributeValue::UnitRef(offset) => Value::Entry(unit.checked_add(offset.0)?),
            AttributeValue::RangeListsRef(list) => Value::List(list.0),
            AttributeValue::LocationListsRef(list) => Value::List(list.0),
            AttributeValue::DebugAddrIndex(index) => Value::AddressIndex(index.0),
            AttributeValue::Addr(address) => Value::Number(address),
            AttributeValue::Encoding(encoding) => Value::Number(encoding.0.into()),
            AttributeValue::Language(language) => Value::Number(language.0.into()),
            AttributeValue::DebugAddrBase(base) => Value::Number(u64::try_from(base.0).ok()?),
            other => match other.udata_value() {
                Some(number) => Value::Number(number),
                None => Value::Negative(other.sdata_value()?),
            },
        })
    }
}
