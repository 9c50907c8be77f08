//! A sync.Map for a debugger's printers: the addresses of its entries, page by page, as a map's.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use goprogram::TypeRef;
use gotarget::{RuntimeAddr, Target, Values, read_bytes};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::guard::Failure;
use crate::session::Process;
use crate::value;

/// What each key and elem is.
const ANY: &str = "interface {}";

/// The two words of one, in bytes.
const ANY_SIZE: usize = 16;

/// So many findings fit into a line.
const FINDINGS: usize = 3;

/// A sync.Map of a process.
#[pyclass(unsendable, frozen)]
pub(crate) struct SyncMap {
    process: Rc<Process>,
    bytes: Vec<u8>,
    any: TypeRef,
    /// It has no count: how many entries were there when all were read.
    len: RefCell<u64>,
    /// What was wrong in the latest reading.
    findings: RefCell<Vec<Rc<str>>>,
}

impl SyncMap {
    /// The sync.Map with these bytes.
    pub(crate) fn open(process: Rc<Process>, target: &Target<'_>, bytes: Vec<u8>) -> Result<Self, Failure> {
        let any = process.types().of(target, ANY)?;
        Ok(SyncMap { process, bytes, any, len: RefCell::default(), findings: RefCell::default() })
    }

    fn page(&self, target: &Target<'_>, skip: u64, count: u64) -> (Vec<u8>, bool) {
        let (mut page, mut seen) = (Vec::new(), 0);
        let end = skip.saturating_add(count);
        let findings = Values::new(*target, value::LIMITS).sync_map_addresses(&self.bytes, &mut |key, elem| {
            if (skip..end).contains(&seen) {
                page.extend_from_slice(&key.0.to_ne_bytes());
                page.extend_from_slice(&elem.0.to_ne_bytes());
            }
            seen += 1;
            // The first reading counts them all.
            if skip == 0 || seen <= end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if skip == 0 {
            *self.len.borrow_mut() = seen;
        }
        *self.findings.borrow_mut() = findings;
        (page, seen <= end)
    }
}

#[pymethods]
impl SyncMap {
    /// Reads so many entries, after `skip` that are left out: the addresses of each one's key and elem, 8
    /// bytes each; and whether these are the last.
    fn entries(&self, py: Python<'_>, skip: u64, count: u64) -> PyResult<(Py<PyBytes>, bool)> {
        self.process.look(py, |target| {
            let (page, ended) = self.page(target, skip, count);
            Ok((PyBytes::new(py, &page).unbind(), ended))
        })
    }

    /// How many entries it had when the first were read.
    fn len(&self) -> u64 {
        *self.len.borrow()
    }

    /// Its type, how many entries it had then, and what is wrong.
    fn heading(&self) -> String {
        let findings = self.findings.borrow();
        let mut words = vec![format!("len {}", self.len())];
        words.extend(findings.iter().take(FINDINGS).map(ToString::to_string));
        if findings.len() > FINDINGS {
            words.push(format!("{} more findings", findings.len() - FINDINGS));
        }
        format!("sync.Map ({})", words.join(", "))
    }

    /// What is wrong with it, a line each, as far as entries were read.
    fn findings(&self) -> Vec<String> {
        self.findings.borrow().iter().map(ToString::to_string).collect()
    }

    /// The key at an address in a few words.
    fn key_text(&self, py: Python<'_>, address: u64) -> PyResult<String> {
        self.process.look(py, |target| {
            let key = read_bytes(target.memory, RuntimeAddr(address), ANY_SIZE).unwrap_or_default();
            value::text(target, self.any, &key)
        })
    }
}
