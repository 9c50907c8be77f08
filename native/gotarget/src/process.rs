//! A Go process that is looked at by its number, or by its core.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use goprogram::Program;

use crate::core::CoreMemory;
use crate::error::Error;
use crate::frames::{self, UnwoundFrame};
use crate::goroutine;
use crate::live::{self, LiveMemory};
use crate::memory::{LoadBias, Memory, read_bytes};
use crate::registers::ThreadRegisters;
use crate::stack::Names;
use crate::target::Target;
use crate::threads;

/// What a [`Process`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process.
    Live {
        /// Its number.
        pid: i32,
    },
    /// A core file.
    Core {
        /// The file.
        path: PathBuf,
    },
}

/// A Go process, live or dead, with all that is needed to look at it.
#[derive(Debug)]
pub struct Process {
    kind: Kind,
    program: Program,
    bias: LoadBias,
    source: Source,
    names: Names,
    stopped: RefCell<Weak<trap::Stopped>>,
    warnings: Vec<String>,
}

#[derive(Debug)]
enum Source {
    Live(LiveMemory),
    Core(Box<CoreMemory>),
}

/// A process that stands. It runs on when this is dropped.
#[derive(Debug)]
pub struct Stopped {
    _process: Rc<trap::Stopped>,
}

impl Process {
    /// A running process. Its executable is the one that the kernel runs, even if its file has been
    /// deleted or lies in a container; or `exe`, such as one that is not stripped.
    ///
    /// # Errors
    /// There is no such process, it is no Go program, it is not this program, or the system does not let us read it.
    pub fn live(pid: i32, exe: Option<&Path>) -> Result<Self, Error> {
        let memory = LiveMemory::of(pid)?;
        let entry = live::entry(pid)?;
        let link = PathBuf::from(format!("/proc/{}/exe", trap::living(pid)));
        let name = std::fs::read_link(&link).map_err(|error| live::unavailable(pid, &error))?;
        let what = || format!("process {pid} ({})", name.display());
        let program = Program::open(exe.unwrap_or(&link)).map_err(|error| no_go_program(error, exe, &what))?;
        let bias = bias(&program, entry)?;
        let process = Process {
            kind: Kind::Live { pid },
            program,
            bias,
            source: Source::Live(memory),
            names: Names::default(),
            stopped: RefCell::default(),
            warnings: Vec::new(),
        };
        process.target().verify().map_err(|error| match error {
            // Where another program lies, nothing may be mapped at all.
            Error::Unreadable(_) if exe.is_some() => Error::WrongProgram { path: process.program.path().to_owned() },
            error => error,
        })?;
        Ok(process)
    }

    /// A core file. Its executable is the one that the core names, or `exe`.
    ///
    /// # Errors
    /// It is no core, not of this machine, or its executable is missing, no Go program, or another one.
    pub fn core(core: &Path, exe: Option<&Path>) -> Result<Self, Error> {
        let memory = CoreMemory::open(core)?;
        let file = executable(&memory, exe)?;
        let what = || {
            let command = memory.command().map_or_else(String::new, |command| format!(" (of the process `{command}`)"));
            format!("{}{command}", file.display())
        };
        let program = Program::open(&file).map_err(|error| no_go_program(error, None, &what))?;
        let bias = match memory.entry() {
            Some(entry) => bias(&program, entry.0)?,
            None if program.is_position_independent() => return Err(Error::NoLoadAddress),
            None => LoadBias(0),
        };
        let mut warnings = Vec::new();
        if let Some(missing) = memory.cut_off() {
            warnings.push(missing);
        }
        match is_of(&memory, &program, bias) {
            Some(true) => {}
            Some(false) => return Err(Error::WrongProgram { path: file }),
            None => warnings.push(format!(
                "the core leaves out what would tell whether {} is the program that made it: if what follows looks odd, it is not",
                file.display()
            )),
        }
        memory.set_executable(&file, bias).map_err(|source| goprogram::Error::Io { path: file.clone(), source })?;
        Ok(Process {
            kind: Kind::Core { path: core.to_owned() },
            program,
            bias,
            source: Source::Core(Box::new(memory)),
            names: Names::default(),
            stopped: RefCell::default(),
            warnings,
        })
    }

    /// What to look at.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        let memory: &dyn Memory = match &self.source {
            Source::Live(memory) => memory,
            Source::Core(memory) => &**memory,
        };
        Target { program: &self.program, bias: self.bias, memory, names: &self.names }
    }

    /// Whether it is a process or a core.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What the user should know of the source, a line each: that the core is cut off, that nothing proves
    /// the executable to be the right one.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// All threads. Their registers are known in a core, and while the process is stopped.
    ///
    /// # Errors
    /// The process has ended.
    pub fn threads(&self) -> Result<Vec<ThreadRegisters>, Error> {
        let pid = match (&self.source, &self.kind) {
            (Source::Core(memory), _) => return Ok(memory.threads().to_vec()),
            (Source::Live(_), Kind::Live { pid }) => *pid,
            (Source::Live(_), Kind::Core { .. }) => return Err(Error::NotAProcess),
        };
        if let Some(stopped) = self.stopped.borrow().upgrade() {
            return Ok(stopped.threads().iter().map(ThreadRegisters::from).collect());
        }
        let tids = trap::threads_of(pid).map_err(|error| live::unavailable(pid, &error))?;
        Ok(tids.into_iter().map(|tid| ThreadRegisters::running(tid.cast_unsigned())).collect())
    }

    /// The signal that a core's process was killed by, where it was.
    #[must_use]
    pub fn signal(&self) -> Option<u64> {
        match &self.source {
            Source::Core(memory) => memory.signal(),
            Source::Live(_) => None,
        }
    }

    /// Stops the process until what this gives is dropped.
    ///
    /// # Errors
    /// It has ended, another debugger has it, or the system does not allow it. A core stands anyway:
    /// [`Error::NotAProcess`].
    pub fn stop(&self) -> Result<Stopped, Error> {
        let Kind::Live { pid } = self.kind else { return Err(Error::NotAProcess) };
        let stopped = Rc::new(trap::Stopped::new(pid)?);
        *self.stopped.borrow_mut() = Rc::downgrade(&stopped);
        Ok(Stopped { _process: stopped })
    }

    /// The stack of a goroutine, innermost frame first.
    ///
    /// # Errors
    /// There is no such goroutine, or it runs on a thread that is not stopped.
    pub fn frames(&self, goid: u64) -> Result<Vec<UnwoundFrame>, Error> {
        let target = self.target();
        let g = goroutine::find(&target, goid)?;
        let goroutine = goroutine::goroutine(&target, g)?;
        let Some(tid) = goroutine.thread else {
            return Ok(frames::walk_resting(&target, g).unwrap_or_default());
        };
        let threads = self.threads()?;
        let thread = threads.into_iter().find(|thread| thread.tid == tid && thread.is_stopped());
        let Some(thread) = thread else {
            // In a system call its stack stands still, and the runtime has saved where.
            return match goroutine.state.as_str() {
                "syscall" => Ok(frames::walk_resting(&target, g).unwrap_or_default()),
                _ => Err(Error::Running { goid, tid }),
            };
        };
        Ok(threads::walk(&target, &thread).1)
    }
}

/// How far a program was moved, by where it began to execute.
fn bias(program: &Program, entry: u64) -> Result<LoadBias, Error> {
    let bias = entry.wrapping_sub(program.entry().0);
    if bias != 0 && !program.is_position_independent() {
        return Err(Error::WrongProgram { path: program.path().to_owned() });
    }
    Ok(LoadBias(bias))
}

/// Says in the user's terms that a program is not Go's.
fn no_go_program(error: goprogram::Error, exe: Option<&Path>, what: &dyn Fn() -> String) -> Error {
    match error {
        goprogram::Error::NotGo { .. } if exe.is_none() => Error::NotGo { what: what() },
        error => Error::Program(error),
    }
}

/// The executable of a core: the given one, or the one that the core names.
fn executable(memory: &CoreMemory, exe: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(exe) = exe {
        return Ok(exe.to_owned());
    }
    let name = memory.executable_path().map(|name| name.trim_end_matches(" (deleted)"));
    match name {
        Some(name) if Path::new(name).is_file() => Ok(PathBuf::from(name)),
        Some(name) => Err(Error::ExecutableMissing { name: name.to_owned() }),
        None => {
            let name = memory
                .command()
                .map_or_else(|| "(the core does not name it)".to_owned(), |it| format!("(command line: {it})"));
            Err(Error::ExecutableMissing { name })
        }
    }
}

/// Whether a core was made by a program, by what the core itself holds; `None` if it leaves out all that
/// would tell.
fn is_of(memory: &CoreMemory, program: &Program, bias: LoadBias) -> Option<bool> {
    let names = Names::default();
    let alone = memory.alone();
    match (Target { program, bias, memory: &alone, names: &names }).verify() {
        // Without a function to compare, the file's beginning must tell.
        Ok(()) if program.function("runtime.schedinit").is_some() => return Some(true),
        Err(Error::WrongProgram { .. }) => return Some(false),
        _ => {}
    }
    memory.began_with(program.path()).or_else(|| has_module_data(&alone, program, bias))
}

/// Words of `runtime.firstmoduledata` to compare: its beginning, which has the places and lengths of the
/// tables of functions (src/runtime/symtab.go). The linker writes them, and nothing changes them.
const MODULE_DATA: usize = 24;

/// Whether a core's module data are those of a program; `None` if either has none.
fn has_module_data(memory: &dyn Memory, program: &Program, bias: LoadBias) -> Option<bool> {
    let addr = program.symbol("runtime.firstmoduledata")?.addr;
    let (file, _) = program.code(addr, MODULE_DATA as u64 * 8)?.as_chunks();
    let core = read_bytes(memory, bias.to_runtime(addr), MODULE_DATA * 8).ok()?;
    let (core, _) = core.as_chunks();
    let is_same = |(file, core): (&[u8; 8], &[u8; 8])| {
        let (file, core) = (u64::from_le_bytes(*file), u64::from_le_bytes(*core));
        // The loader adds the bias to addresses; the file of a position-independent program may have 0 there.
        file == core || file.wrapping_add(bias.0) == core || (file == 0 && bias.0 != 0)
    };
    Some(file.iter().zip(core).all(is_same))
}
