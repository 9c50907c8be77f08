//! Something to show: as text for a person, as JSON for a program.

use pyo3::prelude::*;
use report::{Palette, Report};

use crate::guard::{Failure, guard};

trait Showable {
    fn text(&self, colour: bool) -> String;
    fn json(&self) -> Result<String, Failure>;
}

impl<T: Report> Showable for T {
    fn text(&self, colour: bool) -> String {
        Report::text(self, &Palette::new(colour))
    }

    fn json(&self) -> Result<String, Failure> {
        Report::json(self).map_err(|error| Failure::Core(error.to_string()))
    }
}

/// Something to show.
#[pyclass(unsendable, frozen)]
pub(crate) struct Shown(Box<dyn Showable>);

impl Shown {
    pub(crate) fn new(report: impl Report + 'static) -> Self {
        Shown(Box::new(report))
    }
}

#[pymethods]
impl Shown {
    /// Lines for a terminal, each ended by a line feed.
    fn text(&self, colour: bool) -> PyResult<String> {
        guard(|| Ok(self.0.text(colour)))
    }

    /// One JSON object on one line, without a line feed.
    fn json(&self) -> PyResult<String> {
        guard(|| self.0.json())
    }
}
