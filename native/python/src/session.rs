//! A Go process or core, as a debugger holds it.

use std::rc::Rc;

use gotarget::catch::{FlagTrap, Registers};
use gotarget::stack::Names;
use gotarget::threads::Thread;
use gotarget::{LiveMemory, LoadBias, RuntimeAddr, Target, expression, goroutine, map, threads};
use pyo3::prelude::*;
use report::facts;

use crate::guard::{Failure, guard};
use crate::map::Map;
use crate::memory::{DebuggerMemory, registers};
use crate::output::{Output, Pulse};
use crate::program::Program;
use crate::run::{self, Scene};
use crate::shown::Shown;
use crate::stakeout::Fatal;
use crate::sync_map::SyncMap;
use crate::value;
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
    /// Past the debugger, which takes several times as long and joins nothing.
    live: Option<LiveMemory>,
    read: Py<PyAny>,
    names: Names,
    types: value::Types,
}

impl Process {
    /// Lets `run` look at the process. What the debugger's own callables raise goes through.
    pub(crate) fn look<T>(&self, py: Python<'_>, run: impl FnOnce(&Target<'_>) -> Result<T, Failure>) -> PyResult<T> {
        guard(|| {
            let memory = DebuggerMemory::new(self.live.as_ref(), self.read.bind(py).clone());
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

    pub(crate) fn types(&self) -> &value::Types {
        &self.types
    }

    pub(crate) fn bias(&self) -> LoadBias {
        self.bias
    }

    /// The first instructions of the runtime's fatal functions.
    pub(crate) fn fatal_functions(&self) -> Vec<u64> {
        let functions = self.program.fatal_functions();
        functions.into_iter().map(|function| self.bias.to_runtime(function.entry).0).collect()
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
    /// gives its memory as bytes, or None where it isn't mapped. `pid` is that of a process on this machine.
    /// Raises unless the process runs this very program.
    #[new]
    fn new(py: Python<'_>, program: &Program, bias: u64, read: Py<PyAny>, pid: Option<i32>) -> PyResult<Self> {
        let program = program.program.clone();
        let mut process = Process {
            program,
            bias: LoadBias(bias),
            live: pid.and_then(|pid| LiveMemory::of(pid).ok()),
            read,
            names: Names::default(),
            types: value::Types::default(),
        };
        let verify = |process: &Process| process.look(py, |target| Ok(target.verify()?));
        if process.live.is_none() || verify(&process).is_err() {
            // What the kernel shows is not what the debugger knows: a breakpoint of its own, at the least.
            process.live = None;
            verify(&process)?;
        }
        Ok(Session(Rc::new(process)))
    }

    /// Runs a command, `["print", "main.shared", "--limit", "10"]`. `write` takes the answer bit by bit;
    /// `breathe` is called now and then in long work, and may raise to end it.
    fn run(
        &self,
        py: Python<'_>,
        words: Vec<String>,
        scene: Scene<'_>,
        write: Bound<'_, PyAny>,
        breathe: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (mut output, pulse) = (Output::new(write), Pulse::new(breathe));
        let result = self.0.look(py, |target| run::run(target, &words, &scene, &mut output, &pulse));
        // Whatever the command made of it: what Python has raised is what ended it.
        output.raised()?;
        pulse.raised()?;
        result
    }

    /// A map of this type, whose header is at an address.
    fn map(&self, py: Python<'_>, type_name: &str, header: u64) -> PyResult<Map> {
        self.0.look(py, |target| Map::open(self.0.clone(), target, type_name, header))
    }

    /// A sync.Map, from its bytes.
    fn sync_map(&self, py: Python<'_>, bytes: Vec<u8>) -> PyResult<SyncMap> {
        self.0.look(py, |target| SyncMap::open(self.0.clone(), target, bytes))
    }

    /// The channel of this type whose header is at an address: in one line, and what is buffered in it.
    fn channel(&self, py: Python<'_>, type_name: &str, header: u64) -> PyResult<(String, Option<value::Buffered>)> {
        self.0.look(py, |target| value::channel(target, self.0.types().of(target, type_name)?, RuntimeAddr(header)))
    }

    /// How many entries the map with this header says to have.
    fn len(&self, py: Python<'_>, header: u64) -> PyResult<u64> {
        self.0.look(py, |target| Ok(map::header_at(target, RuntimeAddr(header))?.header.len()))
    }

    /// A value of this type in one line, from its bytes.
    fn text(&self, py: Python<'_>, type_name: &str, bytes: &[u8]) -> PyResult<String> {
        self.0.look(py, |target| value::text(target, self.0.types().of(target, type_name)?, bytes))
    }

    /// What is in an interface, from its bytes: name and size of the type, and its address or else the word
    /// that it is. None where it is nil, or of an unknown type.
    fn held(&self, py: Python<'_>, bytes: &[u8], empty: bool) -> PyResult<Option<value::Held>> {
        self.0.look(py, |target| value::held(target, bytes, empty))
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
            Ok(Shown::new(facts::goroutines(target.program, &goroutines, &threads, Some(current))))
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

    /// The first instructions of the functions by which the runtime ends a process that uses a map wrongly. Raises
    /// where the program doesn't tell who comes there.
    fn fatal_functions(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        self.0.look(py, |target| Ok(target.program.runtime_layout().map(|_| ())?))?;
        Ok(self.0.fatal_functions())
    }

    /// Looks into a thread that is stopped at one of them; None where it ends the process because of something
    /// else than a map.
    fn fatal(&self, py: Python<'_>, tid: u32, register: &Bound<'_, PyAny>) -> PyResult<Option<Fatal>> {
        Fatal::look(&self.0, py, tid, register)
    }

    /// Whether the runtime has all goroutines wait, as the garbage collector does now and then.
    fn world_is_stopped(&self, py: Python<'_>) -> PyResult<bool> {
        self.0.look(py, |target| Ok(threads::world_is_stopped(target)))
    }
}
