//! A Go executable.

use std::path::PathBuf;
use std::rc::Rc;

use pyo3::prelude::*;

use crate::guard::guard;

/// A Go executable, opened.
#[pyclass(unsendable, frozen)]
pub(crate) struct Program {
    pub(crate) program: Rc<goprogram::Program>,
}

#[pymethods]
impl Program {
    /// Opens the executable at `path`.
    #[new]
    fn open(path: PathBuf) -> PyResult<Self> {
        guard(|| Ok(Program { program: Rc::new(goprogram::Program::open(path)?) }))
    }

    /// Whether the loader may put it anywhere.
    #[getter]
    fn is_position_independent(&self) -> bool {
        self.program.is_position_independent()
    }

    /// The address of its first instruction, as in the file.
    #[getter]
    fn entry(&self) -> u64 {
        self.program.entry().0
    }

    /// What an unfinished expression may go on to be; with `maps_only`, maps and what leads to them.
    fn complete(&self, text: &str, maps_only: bool) -> PyResult<Vec<String>> {
        guard(|| Ok(gotarget::expression::complete(&self.program, text, maps_only)))
    }
}
