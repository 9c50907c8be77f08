//! A stakeout: who is about to end the process because of a map, and whom that one has met there.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gotarget::ThreadRegisters;
use gotarget::catch::{self, FlagTrap, Rescue};
use gotarget::fatal;
use gotarget::suspects::{self, Suspects};
use gotarget::users::Users as Known;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use race::Time;
use report::{Certainty, CulpritReport, StakeoutOutcome, StakeoutSummary, facts};

use crate::guard::Failure;
use crate::memory::registers;
use crate::output::Pulse;
use crate::session::{GivenThread, Process};
use crate::shown::Shown;

/// What is said of a goroutine that is about to end the process.
const HELD: &str = "held just before it ends the process";

/// A goroutine that is about to end the process because of a map, and what is known of the one that it has met
/// there.
#[pyclass(unsendable, frozen)]
pub(crate) struct Fatal {
    process: Rc<Process>,
    first: fatal::Fatal,
    suspects: RefCell<Suspects>,
    certainty: Cell<Option<Certainty>>,
}

/// Those who use a map.
#[pyclass(unsendable, frozen)]
pub(crate) struct Users {
    process: Rc<Process>,
    trap: RefCell<FlagTrap<()>>,
    known: RefCell<Known>,
}

fn fatal_of(
    process: &Process,
    py: Python<'_>,
    tid: u32,
    register: &Bound<'_, PyAny>,
) -> PyResult<Option<fatal::Fatal>> {
    let thread = ThreadRegisters::read(tid, &registers(register));
    process.look(py, |target| Ok(fatal::of_thread_among(target, &thread)))
}

impl Fatal {
    /// Looks into a thread that is stopped at a fatal function.
    pub(crate) fn look(
        process: &Rc<Process>,
        py: Python<'_>,
        tid: u32,
        register: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Self>> {
        let first = fatal_of(process, py, tid, register)?;
        Ok(first.map(|first| Fatal {
            process: process.clone(),
            first,
            suspects: RefCell::default(),
            certainty: Cell::new(None),
        }))
    }

    /// Shows the other culprit, if that is surer than what has been said already.
    fn show_surer(&self, other: Option<CulpritReport>) -> Option<Shown> {
        other.filter(|other| Some(other.certainty) > self.certainty.get()).map(|other| self.show(other))
    }

    /// Shows the other culprit, and keeps how sure it is.
    fn show(&self, other: CulpritReport) -> Shown {
        self.certainty.set(self.certainty.get().max(Some(other.certainty)));
        Shown::new(other)
    }
}

#[pymethods]
impl Fatal {
    /// Who it is, and what it is about to do.
    fn report(&self, py: Python<'_>) -> PyResult<Shown> {
        self.process.look(py, |target| Ok(Shown::new(facts::fatal(target, &self.first, HELD))))
    }

    /// Whether somebody was proven to be the other culprit.
    #[getter]
    fn is_other_proven(&self) -> bool {
        self.certainty.get() == Some(Certainty::Proven)
    }

    /// Those who are in the map right now, while all threads stand still; and looks for what speaks for all others.
    /// `breathe` is called now and then, and may raise to end it.
    fn inside(&self, py: Python<'_>, threads: Vec<GivenThread<'_>>, breathe: Bound<'_, PyAny>) -> PyResult<Vec<Shown>> {
        let Some(map) = &self.first.map else { return Ok(Vec::new()) };
        let read = |(tid, callable): &GivenThread<'_>| ThreadRegisters::read(*tid, &registers(callable));
        let threads: Vec<ThreadRegisters> = threads.iter().map(read).collect();
        let pulse = Pulse::new(breathe);
        let found = self.process.look(py, |target| {
            let found = suspects::find(target, &self.first, map, &threads, &|| pulse.is_over())?;
            let inside = facts::inside(target, &self.first, &found);
            self.suspects.replace(found);
            Ok(inside)
        });
        pulse.raised()?;
        Ok(found?.into_iter().map(|other| self.show(other)).collect())
    }

    /// Another thread that is stopped at a fatal function while the first is held there: what it is about to do, and
    /// that it is the other culprit, where it is. Nothing where it ends the process because of something else.
    fn also(&self, py: Python<'_>, tid: u32, register: &Bound<'_, PyAny>) -> PyResult<Vec<Shown>> {
        let Some(second) = fatal_of(&self.process, py, tid, register)? else { return Ok(Vec::new()) };
        self.process.look(py, |target| {
            let other = self.show_surer(facts::both_dying(target, &self.first, &second));
            Ok([Shown::new(facts::fatal(target, &second, HELD))].into_iter().chain(other).collect())
        })
    }

    /// Where its thread goes on so that it comes to the same place again, with nothing done in between: (pc, sp).
    fn call_again(&self, py: Python<'_>, register: &Bound<'_, PyAny>) -> PyResult<(u64, u64)> {
        self.process.look(py, |target| match catch::call_again(target, &registers(register)) {
            Rescue::Again { pc, sp } => Ok((pc, sp)),
            Rescue::Impossible { why } => Err(Failure::Core(why.to_owned())),
            Rescue::Return { .. } => Err(Failure::Core("it would not come back".to_owned())),
        })
    }

    /// Prepares to note who uses the map.
    fn users(&self, py: Python<'_>) -> PyResult<Users> {
        let trap = self.process.look(py, |target| {
            let map = self.first.map.as_ref();
            let map = map.ok_or_else(|| Failure::Core("the program does not tell where it is".to_owned()))?;
            Ok(FlagTrap::at(target, map.header)?)
        })?;
        Ok(Users { process: self.process.clone(), trap: RefCell::new(trap), known: RefCell::default() })
    }

    /// The goroutine for which most speaks, if more than for who was shown already: by what was on the stacks, and by
    /// who has used the map in so many seconds since.
    fn most_likely(&self, py: Python<'_>, users: Option<&Users>, seconds: f64) -> PyResult<Vec<Shown>> {
        let nobody = RefCell::default();
        let users = users.map_or(&nobody, |users| &users.known).borrow();
        let suspects = self.suspects.borrow();
        let other =
            self.process.look(py, |target| Ok(facts::most_likely(target, &self.first, &suspects, &users, seconds)))?;
        Ok(self.show_surer(other).into_iter().collect())
    }

    /// How it ended (`caught`, `time`, `interrupted`, `stopped` or `exited`), and how long it took.
    #[staticmethod]
    fn summary(outcome: &str, caught: Option<&Fatal>, seconds: f64, notes: Vec<String>) -> PyResult<Shown> {
        let outcome = match outcome {
            "caught" => StakeoutOutcome::Caught,
            "time" => StakeoutOutcome::Time,
            "interrupted" => StakeoutOutcome::Interrupted,
            "stopped" => StakeoutOutcome::Stopped,
            "exited" => StakeoutOutcome::Exited,
            other => return Err(PyValueError::new_err(format!("no such outcome: {other}"))),
        };
        let certainty = caught.and_then(|caught| caught.certainty.get());
        Ok(Shown::new(StakeoutSummary { outcome, certainty, seconds, notes }))
    }
}

#[pymethods]
impl Users {
    /// The address of the flag byte.
    #[getter]
    fn flag(&self) -> u64 {
        self.trap.borrow().flag().0
    }

    /// Takes a stop at the flag byte, `at` nanoseconds since the watch began.
    fn stop(&self, py: Python<'_>, at: u64, tid: u32, register: &Bound<'_, PyAny>) -> PyResult<()> {
        self.process.look(py, |target| {
            let stop = self.trap.borrow_mut().stop(target, Time(at), tid, &registers(register));
            if let catch::Stop::Access(caught) = stop {
                self.trap.borrow_mut().resumed(caught.goroutine, Time(at));
                self.known.borrow_mut().saw(*caught);
            }
            Ok(())
        })
    }

    /// Who they are, given for how many seconds they were watched.
    fn report(&self, py: Python<'_>, seconds: f64) -> PyResult<Shown> {
        self.process.look(py, |target| Ok(Shown::new(facts::users(target, &self.known.borrow(), seconds, 0))))
    }
}
