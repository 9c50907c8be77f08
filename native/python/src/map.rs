//! A map for a debugger's printers: the addresses of its entries, page by page.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use gomap::{Finding, Scan, ScanOptions};
use goprogram::TypeRef;
use gotarget::expression::MapValue;
use gotarget::hasher::{self, Types};
use gotarget::literal::Key;
use gotarget::{RuntimeAddr, Target, lookup, map, read_bytes};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use report::facts;

use crate::guard::Failure;
use crate::session::Process;
use crate::value;

/// A map of a process.
#[pyclass(unsendable, frozen)]
pub(crate) struct Map {
    process: Rc<Process>,
    map: map::Map,
    /// What reading the latest page has come to.
    latest: RefCell<Option<Scan>>,
}

/// The type of a map's keys or elems: its name, its size in bytes, and whether slots hold pointers to it.
type Stored = (String, u64, bool);

/// The address of an entry's key, and that of its elem.
type Addresses = (u64, u64);

impl Map {
    /// The map of this type whose header is at an address.
    pub(crate) fn open(
        process: Rc<Process>,
        target: &Target<'_>,
        type_name: &str,
        header: u64,
    ) -> Result<Self, Failure> {
        let ty = process.types().of(target, type_name)?;
        let (expression, type_name) = (format!("({type_name}){header:#x}"), type_name.to_owned());
        let value = MapValue { expression, type_name, ty, header: RuntimeAddr(header) };
        Ok(Map { map: map::open(target, &value)?, process, latest: RefCell::default() })
    }

    /// Reads so many entries, after so many that are left out.
    fn page(&self, target: &Target<'_>, skip: u64, count: usize) -> Result<Vec<u8>, Failure> {
        let types = Types::new(target);
        // Whether an entry is where it belongs is only in doubt while somebody moves them.
        let header = map::header_at(target, self.map.value.header)?.header;
        let hasher = if header.is_writing() { hasher::hasher(target, &self.map, &types).ok() } else { None };
        let options =
            ScanOptions { hasher: hasher.as_ref(), types: &types, digest: false, progress: None, nobody_inside: None };
        let mut page = Vec::new();
        let mut seen = 0;
        let scan = map::scan(target, &self.map, &options, false, &mut |entry| {
            seen += 1;
            if seen > skip {
                page.extend_from_slice(&entry.key_addr.to_ne_bytes());
                page.extend_from_slice(&entry.elem_addr.to_ne_bytes());
            }
            if page.len() / size_of::<Addresses>() < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        *self.latest.borrow_mut() = Some(scan);
        Ok(page)
    }

    fn look_up(&self, target: &Target<'_>, key: &Key) -> Result<Option<Addresses>, Failure> {
        let found = lookup::get(target, &self.map, key)?;
        Ok(found.entry.map(|entry| (entry.key_addr, entry.elem_addr)))
    }
}

#[pymethods]
impl Map {
    /// The types of its keys and of its elems.
    fn types(&self, py: Python<'_>) -> PyResult<(Stored, Stored)> {
        self.process.look(py, |target| {
            let stored = |ty: TypeRef, slots: &gomap::Stored| -> Result<Stored, Failure> {
                Ok((target.program.ty(ty)?.name, slots.size, slots.indirect))
            };
            Ok((stored(self.map.key, &self.map.slots.key)?, stored(self.map.elem, &self.map.slots.elem)?))
        })
    }

    /// Reads so many entries, after `skip` that are left out: the addresses of each one's key and elem, 8
    /// bytes each; and whether these are the last.
    fn entries(&self, py: Python<'_>, skip: u64, count: usize) -> PyResult<(Py<PyBytes>, bool)> {
        self.process.look(py, |target| {
            let page = self.page(target, skip, count)?;
            let ended = !self.latest.borrow().as_ref().is_some_and(|scan| scan.stopped_early);
            Ok((PyBytes::new(py, &page).unbind(), ended))
        })
    }

    /// Type, length, growth and what is wrong, as far as entries were read.
    fn heading(&self) -> String {
        let latest = self.latest.borrow();
        latest.as_ref().map_or_else(String::new, |scan| facts::heading(&self.map.value.type_name, scan))
    }

    /// What is wrong with it, a line each, as far as entries were read.
    fn findings(&self) -> Vec<String> {
        self.latest.borrow().iter().flat_map(|scan| scan.findings.iter().map(Finding::to_string)).collect()
    }

    /// The key at an address in a few words.
    fn key_text(&self, py: Python<'_>, address: u64) -> PyResult<String> {
        self.process.look(py, |target| {
            let size = usize::try_from(self.map.slots.key.size).unwrap_or(0);
            value::text(
                target,
                self.map.key,
                &read_bytes(target.memory, RuntimeAddr(address), size).unwrap_or_default(),
            )
        })
    }

    /// The addresses of key and elem of the entry whose key is written so.
    fn get(&self, py: Python<'_>, key: &str) -> PyResult<Option<Addresses>> {
        self.process.look(py, |target| self.look_up(target, &Key::parse(target, self.map.key, key)?))
    }

    /// The same of the key with these bytes, which may refer to the process's memory.
    fn get_bytes(&self, py: Python<'_>, type_name: &str, key: Vec<u8>) -> PyResult<Option<Addresses>> {
        self.process.look(py, |target| {
            let ours = target.program.ty(self.map.key)?.name;
            if key.len() as u64 != self.map.slots.key.size || type_name.trim_start_matches("struct ") != ours {
                return Err(Failure::Core(format!("the map's keys are of type {ours}, not {type_name}")));
            }
            self.look_up(target, &Key::of_process(key))
        })
    }
}
