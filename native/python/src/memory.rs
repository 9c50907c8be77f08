//! A debugger's memory and registers, by Python callables.

use std::cell::RefCell;

use goprogram::Register;
use gotarget::{Memory, RuntimeAddr, Unreadable};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Memory by a callable `read(address, length) -> bytes | None`: `None` where it isn't mapped.
pub(crate) struct DebuggerMemory<'py> {
    read: Bound<'py, PyAny>,
    raised: RefCell<Option<PyErr>>,
}

impl<'py> DebuggerMemory<'py> {
    pub(crate) fn new(read: Bound<'py, PyAny>) -> Self {
        DebuggerMemory { read, raised: RefCell::new(None) }
    }

    /// What the callable raised, such as the KeyboardInterrupt of a person who has waited long enough.
    pub(crate) fn raised(self) -> Option<PyErr> {
        self.raised.into_inner()
    }

    fn bytes(&self, addr: RuntimeAddr, buf: &mut [u8]) -> PyResult<bool> {
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
}

/// Registers by a callable `register(name) -> int`; one that raises has no such register.
pub(crate) fn registers<'a>(callable: &'a Bound<'_, PyAny>) -> impl Fn(Register) -> Option<u64> + 'a {
    |register| callable.call1((register.name(),)).and_then(|value| value.extract()).ok()
}
