//! Values for a debugger's printers.

use std::cell::RefCell;
use std::collections::HashMap;

use goprogram::TypeRef;
use gotarget::expression::At;
use gotarget::value::{Items, Value};
use gotarget::{Limits, RuntimeAddr, Target, Values};

use crate::guard::Failure;

/// Types by the names that a debugger has for them.
#[derive(Default)]
pub(crate) struct Types(RefCell<HashMap<String, TypeRef>>);

impl Types {
    /// The type with this name.
    pub(crate) fn of(&self, target: &Target<'_>, name: &str) -> Result<TypeRef, Failure> {
        if let Some(known) = self.0.borrow().get(name) {
            return Ok(*known);
        }
        let found = target.program.type_named(name)?;
        self.0.borrow_mut().insert(name.to_owned(), found);
        Ok(found)
    }
}

/// How much of a value is shown in one line of a debugger's.
pub(crate) const LIMITS: Limits = Limits { string: 200, items: 20, depth: 4 };

/// A value in one line, from its bytes.
pub(crate) fn text(target: &Target<'_>, ty: TypeRef, bytes: &[u8]) -> Result<String, Failure> {
    Ok(line(&Values::new(*target, LIMITS).decode(ty, bytes, None)))
}

fn line(value: &Value) -> String {
    let mut text = Vec::new();
    report::value::text(value, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A channel in one line without what is buffered in it; and that, where it is known.
pub(crate) fn channel(
    target: &Target<'_>,
    ty: TypeRef,
    header: RuntimeAddr,
) -> Result<(String, Option<Buffered>), Failure> {
    let values = Values::new(*target, LIMITS);
    let mut value = values.decode(ty, &header.0.to_le_bytes(), None);
    if let Value::Chan(chan) = &mut value {
        chan.items = Items { items: Vec::new(), len: 0 };
    }
    let buffered = match values.buffer(ty, header) {
        Some((elem, buffer)) => {
            Some((target.program.ty(elem)?.name, buffer.size, buffer.addr.0, buffer.next, buffer.len, buffer.cap))
        }
        None => None,
    };
    Ok((line(&value), buffered))
}

/// Name and size in bytes of the type of a channel's items; address of its ring, the number of the slot that is
/// received next, how many are filled, and how many there are.
pub(crate) type Buffered = (String, u64, u64, u64, u64, u64);

/// What is in an interface, from its bytes: its type's name and size, the value's address, or else the value
/// itself, as it is where it is no larger than a pointer. `None` where it is nil, or of an unknown type.
pub(crate) fn held(target: &Target<'_>, bytes: &[u8], empty: bool) -> Result<Option<Held>, Failure> {
    let Some((ty, at)) = Values::new(*target, LIMITS).held(bytes, empty) else { return Ok(None) };
    let ty = target.program.ty(ty)?;
    Ok(Some(match at {
        At::Memory(addr) => (ty.name, ty.size, Some(addr.0), None),
        At::Bytes(word) => (ty.name, ty.size, None, Some(read_word(&word))),
    }))
}

/// Name, size in bytes, address, and the word itself.
pub(crate) type Held = (String, u64, Option<u64>, Option<u64>);

fn read_word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
