//! A watch on one map's flag byte.

use std::cell::RefCell;
use std::rc::Rc;

use gotarget::catch::{self, Caught, FlagTrap, Rescue, Scene};
use gotarget::{RuntimeAddr, goroutine};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use race::Time;
use report::facts::{self, Standing};
use report::{Outcome, Step, WatchSummary};

use crate::guard::Failure;
use crate::memory::registers;
use crate::session::{GivenThread, Process, describe};
use crate::shown::Shown;

/// A watch on one map's flag byte. It traps nothing itself: the debugger does, and says so here.
#[pyclass(unsendable, frozen)]
pub(crate) struct Watch {
    process: Rc<Process>,
    trap: RefCell<FlagTrap>,
}

/// Both culprits of a race.
#[pyclass(unsendable, frozen)]
pub(crate) struct Overlap(race::Overlap<Scene>);

/// What a stop at the flag byte was.
#[pyclass(unsendable, frozen)]
pub(crate) struct Stop(catch::Stop);

/// A goroutine at the runtime's fatal function.
#[pyclass(unsendable, frozen)]
pub(crate) struct Dying {
    dying: catch::Dying,
    at: Time,
}

impl Watch {
    pub(crate) fn new(process: Rc<Process>, trap: FlagTrap) -> Self {
        Watch { process, trap: RefCell::new(trap) }
    }
}

impl Stop {
    fn access(&self) -> Option<&Caught> {
        match &self.0 {
            catch::Stop::Access(caught) => Some(caught),
            catch::Stop::Foreign { .. } => None,
        }
    }
}

#[pymethods]
impl Watch {
    /// The address of the flag byte.
    #[getter]
    fn flag(&self) -> u64 {
        self.trap.borrow().flag().0
    }

    /// Which map: `main.shared: map[int]int at 0xc000012180`.
    #[getter]
    fn map(&self) -> String {
        let trap = self.trap.borrow();
        let map = trap.map();
        format!("{}: {} at {}", map.expression, map.type_name, map.header)
    }

    /// The first instructions of the runtime's fatal functions.
    #[getter]
    fn fatal(&self) -> Vec<u64> {
        self.process.fatal_functions()
    }

    /// Whether a thread stopped at `pc` may have touched the flag byte, as far as its last instruction tells.
    fn may_touch(&self, pc: u64) -> bool {
        self.trap.borrow_mut().may_touch(self.process.program(), self.process.bias(), RuntimeAddr(pc))
    }

    /// Whether a stopped thread's last instruction touched this very flag byte.
    fn touches(&self, py: Python<'_>, register: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.process.look(py, |target| Ok(self.trap.borrow_mut().touches(target, &registers(register))))
    }

    /// Takes a stop at the flag byte, `at` nanoseconds since the watch began.
    fn stop(&self, py: Python<'_>, at: u64, tid: u32, register: &Bound<'_, PyAny>) -> PyResult<Stop> {
        self.process
            .look(py, |target| Ok(Stop(self.trap.borrow_mut().stop(target, Time(at), tid, &registers(register)))))
    }

    /// The thread of a stop runs on.
    fn resumed(&self, stop: &Stop, at: u64) {
        if let Some(caught) = stop.access() {
            self.trap.borrow_mut().resumed(caught.goroutine, Time(at));
        }
    }

    /// The line that shows a stop as it comes.
    fn line(&self, py: Python<'_>, stop: &Stop) -> PyResult<Shown> {
        self.process.look(py, |target| {
            Ok(match &stop.0 {
                catch::Stop::Access(caught) => Shown::new(facts::access(target, &self.trap.borrow(), caught)),
                catch::Stop::Foreign { thread, at } => Shown::new(facts::foreign(*thread, at.clone())),
            })
        })
    }

    /// Where a writer at its check goes on so that it stays there while another is inside: (pc, sp), or
    /// None where it may go on.
    fn keep_at_check(&self, stop: &Stop, register: &Bound<'_, PyAny>) -> Option<(u64, u64)> {
        match self.trap.borrow_mut().keep_at_check(stop.access()?, &registers(register))? {
            Rescue::Again { pc, sp } => Some((pc, sp)),
            Rescue::Return { .. } | Rescue::Impossible { .. } => None,
        }
    }

    /// The line that shows that a writer is kept.
    fn kept(&self, py: Python<'_>, stop: &Stop) -> PyResult<Option<Shown>> {
        self.process.look(py, |target| {
            Ok(stop.access().map(|caught| Shown::new(facts::kept(target, &self.trap.borrow(), caught))))
        })
    }

    /// Takes a stop at the fatal function; None where the goroutine dies of something else.
    fn dying(&self, py: Python<'_>, at: u64, tid: u32, register: &Bound<'_, PyAny>) -> PyResult<Option<Dying>> {
        self.process.look(py, |target| {
            let at = Time(at);
            let dying = self.trap.borrow_mut().dying(target, at, tid, &registers(register));
            Ok(dying.map(|dying| Dying { dying, at }))
        })
    }

    /// The line that shows that a goroutine is about to die, or that it is kept from it.
    fn dying_line(&self, py: Python<'_>, dying: &Dying, kept: bool) -> PyResult<Shown> {
        let step = if kept { Step::Kept } else { Step::Dies };
        self.process.look(py, |target| {
            Ok(Shown::new(facts::dying(target, &self.trap.borrow(), &dying.dying, dying.at.0, step)))
        })
    }

    /// How a dying goroutine goes on: (kind, pc, sp, flag byte or None), where kind is `again` or
    /// `return`. Raises where it can't be rescued.
    fn rescue(
        &self,
        py: Python<'_>,
        dying: &Dying,
        register: &Bound<'_, PyAny>,
    ) -> PyResult<(&'static str, u64, u64, Option<u8>)> {
        self.process.look(py, |target| {
            match self.trap.borrow_mut().rescue(target, &dying.dying, &registers(register)) {
                Rescue::Again { pc, sp } => Ok(("again", pc, sp, None)),
                Rescue::Return { pc, sp, flag } => Ok(("return", pc, sp, flag)),
                Rescue::Impossible { why } => Err(Failure::Core(format!("it can't be rescued: {why}"))),
            }
        })
    }

    /// Two goroutines that are inside right now, as a look at all stopped threads shows.
    fn confirm(&self, py: Python<'_>, threads: Vec<GivenThread<'_>>) -> PyResult<Option<Overlap>> {
        self.process.look(py, |target| {
            let threads = describe(target, &threads)?;
            Ok(self.trap.borrow().confirm(&threads).map(Overlap))
        })
    }

    /// Whether the process can be let go without dying of what was going on.
    fn is_quiet(&self, py: Python<'_>) -> PyResult<bool> {
        self.process.look(py, |target| Ok(self.trap.borrow().is_quiet(target)))
    }

    /// The report of an overlap that was confirmed in a full stop: `threads` are all threads.
    fn report(&self, py: Python<'_>, overlap: &Overlap, threads: Vec<GivenThread<'_>>) -> PyResult<Shown> {
        self.process.look(py, |target| {
            let threads = describe(target, &threads)?;
            let trap = self.trap.borrow();
            let standing = |culprit: race::Goroutine| {
                let g = RuntimeAddr(culprit.0);
                Standing {
                    goroutine: goroutine::goroutine(target, g).ok(),
                    inside: trap.is_inside(culprit, &threads),
                    held: threads.iter().any(|thread| thread.goroutine == Some(g)),
                }
            };
            Ok(Shown::new(facts::race(target, &trap, &overlap.0, &standing)))
        })
    }

    /// The report of an overlap that a stop has just proven, while the other threads run: at that
    /// instant both were inside. `held` is the goroutine that stands still.
    fn report_now(&self, py: Python<'_>, overlap: &Overlap, held: u64) -> PyResult<Shown> {
        self.process.look(py, |target| {
            let standing = |culprit: race::Goroutine| Standing {
                goroutine: goroutine::goroutine(target, RuntimeAddr(culprit.0)).ok(),
                inside: true,
                held: culprit.0 == held,
            };
            Ok(Shown::new(facts::race(target, &self.trap.borrow(), &overlap.0, &standing)))
        })
    }

    /// How the watch ended (`overlap`, `time`, `count`, `interrupted`, `stopped` or `exited`); its accesses, traps,
    /// overlaps and rescues; how long it took, and for how much of that a thread was held.
    #[staticmethod]
    fn summary(
        outcome: &str,
        counts: (u64, u64, u64, u64),
        seconds: (f64, f64),
        notes: Vec<String>,
    ) -> PyResult<Shown> {
        let outcome = match outcome {
            "overlap" => Outcome::Overlap,
            "time" => Outcome::Time,
            "count" => Outcome::Count,
            "interrupted" => Outcome::Interrupted,
            "stopped" => Outcome::Stopped,
            "exited" => Outcome::Exited,
            other => return Err(PyValueError::new_err(format!("no such outcome: {other}"))),
        };
        let ((accesses, traps, overlaps, rescued), (seconds, held_seconds)) = (counts, seconds);
        // A debugger stops at each trap, and waits for whoever reads.
        let (lost, unshown) = (0, 0);
        let summary =
            WatchSummary { outcome, accesses, traps, overlaps, rescued, seconds, held_seconds, lost, unshown, notes };
        Ok(Shown::new(summary))
    }
}

#[pymethods]
impl Stop {
    /// Whether a map function did it.
    #[getter]
    fn is_access(&self) -> bool {
        self.access().is_some()
    }

    /// Whether it is only the first half of a change, which its second half shows.
    #[getter]
    fn is_load(&self) -> bool {
        self.access().is_some_and(|caught| caught.deed.step == race::Step::Loads)
    }

    /// Whether a writer has just taken its mark back.
    #[getter]
    fn is_clear(&self) -> bool {
        self.access().is_some_and(|caught| caught.deed.step == race::Step::Clears)
    }

    /// Whether its thread now stands inside its window, so that holding it leaves the door open.
    #[getter]
    fn is_inside(&self) -> bool {
        self.access().is_some_and(|caught| caught.inside)
    }

    /// The goroutine, by the address of its g.
    #[getter]
    fn goroutine(&self) -> u64 {
        self.access().map_or(0, |caught| caught.goroutine.0)
    }

    /// Both culprits, where the byte proves an overlap.
    #[getter]
    fn proven(&self) -> Option<Overlap> {
        self.access()?.proven.clone().map(Overlap)
    }

    /// Whether an overlap is to be confirmed by a look at all threads.
    #[getter]
    fn is_suspect(&self) -> bool {
        self.access().is_some_and(|caught| caught.suspected.is_some())
    }
}

#[pymethods]
impl Dying {
    /// The goroutine, by the address of its g.
    #[getter]
    fn goroutine(&self) -> u64 {
        self.dying.goroutine.0
    }

    /// Both culprits, where the other one was seen.
    #[getter]
    fn overlap(&self) -> Option<Overlap> {
        self.dying.overlap.clone().map(Overlap)
    }
}

#[pymethods]
impl Overlap {
    /// The two goroutines, by the addresses of their g.
    #[getter]
    fn goroutines(&self) -> (u64, u64) {
        (self.0.first.goroutine.0, self.0.second.goroutine.0)
    }
}
