//! What an interface holds.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::types::TypeId;
use super::{Values, word};
use crate::memory::RuntimeAddr;

/// Dynamic types by the address of their descriptor, with whether they are direct.
pub(super) type Cache = RefCell<HashMap<u64, (TypeId, bool)>>;

/// The dynamic type and the data word of an interface.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) ty: TypeId,
    pub(super) word: u64,
    /// Whether the word is the value itself, not its address.
    pub(super) direct: bool,
}

/// Where `runtime.itab` (since 1.22 `internal/abi.ITab`) keeps the dynamic type: after the interface's type, in
/// all versions.
const ITAB_TYPE: u64 = 8;

impl Values<'_> {
    /// What the interface with these bytes holds; `None` where it is nil. The error is an address and why nothing
    /// can be read there.
    pub(super) fn dynamic(&self, bytes: &[u8], empty: bool) -> Result<Option<Held>, (u64, Rc<str>)> {
        let (Some(first), Some(data)) = (word(bytes, 0), word(bytes, 8)) else {
            return Err((0, "its type has an impossible size".into()));
        };
        if first == 0 {
            return Ok(None);
        }
        let descriptor = if empty {
            first
        } else {
            let table = RuntimeAddr(first).plus(ITAB_TYPE);
            self.word(table).map_err(|why| (table.0, why))?
        };
        let known = self.dynamic.borrow().get(&descriptor).copied();
        let (ty, direct) = match known {
            Some(known) => known,
            None => {
                let describe = |addr| Ok((self.described(addr)?, self.is_direct(addr)?));
                let read = describe(RuntimeAddr(descriptor)).map_err(|why| (descriptor, why))?;
                self.dynamic.borrow_mut().insert(descriptor, read);
                read
            }
        };
        Ok(Some(Held { ty, word: data, direct }))
    }
}
