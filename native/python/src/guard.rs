//! The boundary: every failure, also a panic, becomes one Python exception with one line.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use crate::setup;

create_exception!(redhanded_native, Error, PyException, "What went wrong, and what to do about it, in one line.");

/// What can fail below the boundary.
pub(crate) enum Failure {
    /// The core says so.
    Core(String),
    /// Python code that the core called raised this.
    Python(PyErr),
}

impl From<gotarget::Error> for Failure {
    fn from(error: gotarget::Error) -> Self {
        Failure::Core(error.to_string())
    }
}

impl From<goprogram::Error> for Failure {
    fn from(error: goprogram::Error) -> Self {
        Failure::Core(error.to_string())
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Failure::Python(error)
    }
}

/// Runs the core; nothing but a [`PyErr`] comes out.
pub(crate) fn guard<T>(run: impl FnOnce() -> Result<T, Failure>) -> PyResult<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Failure::Core(message))) => {
            tracing::debug!(message, "failed");
            Err(Error::new_err(message))
        }
        Ok(Err(Failure::Python(error))) => Err(error),
        Err(_) => {
            let panic = setup::latest_panic();
            tracing::error!(panic, "contained");
            Err(Error::new_err(format!("Redhanded has a bug, please report it: {panic}")))
        }
    }
}
