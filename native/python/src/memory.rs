//! A process's memory and registers, as a debugger gives them by Python callables.

use std::cell::RefCell;

use gomap::Part;
use goprogram::Register;
use gotarget::{LiveMemory, Memory, RuntimeAddr, Unreadable};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The memory of a process that a debugger holds: read past the debugger where that is possible, else by a
/// callable `read(address, length) -> bytes | None`, which gives `None` where nothing is mapped.
pub(crate) struct DebuggerMemory<'py> {
    live: Option<&'py LiveMemory>,
    read: Bound<'py, PyAny>,
    raised: RefCell<Option<PyErr>>,
}

impl<'py> DebuggerMemory<'py> {
    pub(crate) fn new(live: Option<&'py LiveMemory>, read: Bound<'py, PyAny>) -> Self {
        DebuggerMemory { live, read, raised: RefCell::new(None) }
    }

    /// What the callable raised, such as the KeyboardInterrupt of a person who has waited long enough.
    pub(crate) fn raised(self) -> Option<PyErr> {
        self.raised.into_inner()
    }

    fn bytes(&self, addr: RuntimeAddr, buf: &mut [u8]) -> PyResult<bool> {
        // gdb 18 refuses to read nothing, as of a struct{}.
        if buf.is_empty() {
            return Ok(true);
        }
        let answer = self.read.call1((addr.0, buf.len()))?;
        if answer.is_none() {
            return Ok(false);
        }
        let bytes = answer.cast::<PyBytes>()?.as_bytes();
        if bytes.len() != buf.len() {
            return Ok(false);
        }
        buf.copy_from_slice(bytes);
        Ok(true)
    }
}

impl Memory for DebuggerMemory<'_> {
    fn read(&self, addr: RuntimeAddr, buf: &mut [u8]) -> Result<(), Unreadable> {
        if let Some(live) = self.live {
            return live.read(addr, buf);
        }
        let unreadable = Unreadable::unmapped(addr, buf.len());
        if self.raised.borrow().is_some() {
            return Err(unreadable);
        }
        match self.bytes(addr, buf) {
            Ok(true) => Ok(()),
            Ok(false) => Err(unreadable),
            Err(error) => {
                *self.raised.borrow_mut() = Some(error);
                Err(unreadable)
            }
        }
    }

    fn read_parts(&self, parts: &mut [Part<'_>]) {
        match self.live {
            Some(live) => live.read_parts(parts),
            None => batch(self, parts),
        }
    }
}

/// Ranges with no more than so many bytes between them are read as one: a call to the debugger costs more,
/// and to a remote target far more.
const GAP: u64 = 512;

/// The most bytes read as one.
const MOST: u64 = 256 * 1024;

/// Fills many parts with few calls.
fn batch(memory: &DebuggerMemory<'_>, parts: &mut [Part<'_>]) {
    let mut sorted: Vec<&mut Part<'_>> = parts.iter_mut().collect();
    sorted.sort_by_key(|part| part.addr);
    let mut rest = sorted.as_mut_slice();
    while let Some(first) = rest.first() {
        let start = first.addr;
        let mut end = start;
        let mut count = 0;
        for part in rest.iter() {
            let Some(next) = part.addr.checked_add(part.buf.len() as u64) else { break };
            if count > 0 && (part.addr > end.saturating_add(GAP) || next.saturating_sub(start) > MOST) {
                break;
            }
            (end, count) = (end.max(next), count + 1);
        }
        let (group, others) = rest.split_at_mut(count.max(1).min(rest.len()));
        rest = others;
        let mut bytes = Vec::new();
        if group.len() > 1 {
            bytes.resize(usize::try_from(end.saturating_sub(start)).unwrap_or(0), 0);
            if memory.read(RuntimeAddr(start), &mut bytes).is_err() {
                bytes.clear();
            }
        }
        for part in group {
            let from = usize::try_from(part.addr - start).unwrap_or(usize::MAX);
            part.read = match bytes.get(from..).and_then(|bytes| bytes.get(..part.buf.len())) {
                Some(found) => {
                    part.buf.copy_from_slice(found);
                    true
                }
                None => memory.read(RuntimeAddr(part.addr), part.buf).is_ok(),
            };
        }
    }
}

/// Registers by a callable `register(name) -> int`; one that raises has no such register.
pub(crate) fn registers<'a>(callable: &'a Bound<'_, PyAny>) -> impl Fn(Register) -> Option<u64> + 'a {
    |register| callable.call1((register.name(),)).and_then(|value| value.extract()).ok()
}
