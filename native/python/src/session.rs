//! A Go process or core, as a debugger holds it.

use std::rc::Rc;

use gotarget::catch::{FlagTrap, Registers};
use gotarget::stack::Names;
use gotarget::threads::Thread;
use gotarget::{LoadBias, RuntimeAddr, Target, expression, goroutine, map, threads};
use pyo3::prelude::*;
use report::facts;

use crate::guard::{Failure, guard};
use crate::memory::{DebuggerMemory, registers};
use crate::program::Program;
use crate::shown::Shown;
use crate::watch::Watch;

/// A thread for the core: its number, and a callable that gives its registers.
pub(crate) type GivenThread<'py> = (u32, Bound<'py, PyAny>);

/// A Go process or core.
#[pyclass(unsendable, frozen)]
pub(crate) struct Session(Rc<Process>);

/// What a session and its watches look at.
pub(crate) struct Process {
    program: Rc<goprogram::Program>,
    bias: LoadBias,
    read: Py<PyAny>,
    names: Names,
}

impl Process {
    /// Lets `run` look at the process. What the debugger's own callables raise goes through.
    pub(crate) fn look<T>(&self, py: Python<'_>, run: impl FnOnce(&Target<'_>) -> Result<T, Failure>) -> PyResult<T> {
        guard(|| {
            let memory = DebuggerMemory::new(self.read.bind(py).clone());
            let target = Target { program: &self.program, bias: self.bias, memory: &memory, names: &self.names };
            let result = run(&target);
            match memory.raised() {
                Some(raised) => Err(raised.into()),
                None => result,
            }
        })
    }

    pub(crate) fn program(&self) -> &goprogram::Program {
        &self.program
    }

    pub(crate) fn bias(&self) -> LoadBias {
        self.bias
    }
}

/// What the given threads are doing.
pub(crate) fn describe(target: &Target<'_>, given: &[GivenThread<'_>]) -> Result<Vec<Thread>, Failure> {
    let one = |(tid, callable): &GivenThread<'_>| {
        let registers = registers(callable);
        let registers: &Registers<'_> = &registers;
        Ok(threads::thread(target, *tid, registers)?)
    };
    given.iter().map(one).collect()
}

#[pymethods]
impl Session {
    /// Looks at a process that runs `program`, moved by `bias` when it was loaded. `read(address, length)`
    /// gives its memory as bytes, or None where it isn't mapped.
    #[new]
    fn new(program: &Program, bias: u64, read: Py<PyAny>) -> Self {
        let program = program.program.clone();
        Session(Rc::new(Process { program, bias: LoadBias(bias), read, names: Names::default() }))
    }

    /// Raises unless the process runs this very program.
    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        self.0.look(py, |target| Ok(target.verify()?))
    }

    /// The header of the map that an expression names.
    fn header(&self, py: Python<'_>, expression: &str) -> PyResult<Shown> {
        self.0.look(py, |target| {
            let facts = map::facts(target, expression::map(target, None, expression)?)?;
            Ok(Shown::new(facts::header(target.program, &facts)))
        })
    }

    /// The header at an address, in one line: for a debugger's printer.
    fn summary(&self, py: Python<'_>, header: u64) -> PyResult<String> {
        self.0.look(py, |target| Ok(facts::summary(&map::header_at(target, RuntimeAddr(header))?)))
    }

    /// All goroutines; `threads` are the stopped threads, `current` is the selected one.
    fn goroutines(&self, py: Python<'_>, threads: Vec<GivenThread<'_>>, current: u32) -> PyResult<Shown> {
        self.0.look(py, |target| {
            let threads = describe(target, &threads)?;
            let goroutines = goroutine::all(target)?;
            Ok(Shown::new(facts::goroutines(&goroutines, &threads, Some(current))))
        })
    }

    /// All threads, and which map each is inside of; `current` is the selected one.
    fn threads(&self, py: Python<'_>, threads: Vec<GivenThread<'_>>, current: u32) -> PyResult<Shown> {
        self.0.look(py, |target| {
            let threads = describe(target, &threads)?;
            let name = |header| expression::name_of(target, header);
            Ok(Shown::new(facts::threads(&threads, Some(current), &name)))
        })
    }

    /// Prepares to watch the map that an expression names.
    fn watch(&self, py: Python<'_>, expression: &str) -> PyResult<Watch> {
        let trap = self.0.look(py, |target| Ok(FlagTrap::new(target, expression::map(target, None, expression)?)?))?;
        Ok(Watch::new(self.0.clone(), trap))
    }
}
