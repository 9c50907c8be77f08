//! A Go process that is looked at by its number, or by its core.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use goprogram::{Program, Register};

use crate::error::Error;
use crate::live::LiveMemory;
use crate::memory::{LoadBias, Memory, RuntimeAddr};
use crate::registers::{self, ThreadRegisters};
use crate::stack::{Names, Pc};
use crate::target::Target;

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
pub struct Process {
    kind: Kind,
    program: Rc<Program>,
    bias: LoadBias,
    memory: Box<dyn Memory>,
    names: Names,
    core_threads: Vec<ThreadRegisters>,
    stopped: RefCell<Weak<trap::Stopped>>,
    warnings: Vec<String>,
}

/// A process that stands. It runs on when this is dropped.
#[derive(Debug)]
pub struct Stopped(#[allow(dead_code)] Rc<trap::Stopped>);

/// A frame of a goroutine's stack, with what is known of its registers.
#[derive(Clone, Debug)]
pub struct UnwoundFrame {
    /// Where it is, and its canonical frame address.
    pub pc: Pc,
    /// Its stack pointer.
    pub sp: RuntimeAddr,
    /// All registers: only of the innermost frame of a stopped thread. Go saves none across a call.
    pub registers: Option<ThreadRegisters>,
}

impl UnwoundFrame {
    /// What the frame's register holds; of a caller only `rip` and `rsp` are known.
    #[must_use]
    pub fn register(&self, register: Register) -> Option<u64> {
        match (&self.registers, register) {
            (Some(registers), _) => registers.get(register),
            (None, Register::Rip) => Some(self.pc.addr.0),
            (None, Register::Rsp) => Some(self.sp.0),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("kind", &self.kind).field("program", &self.program).finish_non_exhaustive()
    }
}

impl Process {
    /// A running process. Its executable is what the kernel says it is, or `exe`.
    ///
    /// # Errors
    /// There is no such process, it is no Go program, it is not this program, or the system does not let us read it.
    pub fn live(pid: i32, exe: Option<&Path>) -> Result<Self, Error> {
        let memory = LiveMemory::of(pid);
        let program = Program::open(exe.map_or_else(|| PathBuf::from(format!("/proc/{pid}/exe")), Path::to_owned))?;
        Ok(Process {
            kind: Kind::Live { pid },
            program: Rc::new(program),
            bias: LoadBias(0),
            memory: Box::new(memory),
            names: Names::default(),
            core_threads: Vec::new(),
            stopped: RefCell::default(),
            warnings: Vec::new(),
        })
    }

    /// A core file. Its executable is the one that the core names, or `exe`.
    ///
    /// # Errors
    /// It is no core, not of this machine, or its executable is missing, no Go program, or another one.
    pub fn core(core: &Path, exe: Option<&Path>) -> Result<Self, Error> {
        let _ = exe;
        let memory = crate::core::CoreMemory::open(core)?;
        let program = Program::open(core)?;
        Ok(Process {
            kind: Kind::Core { path: core.to_owned() },
            program: Rc::new(program),
            bias: LoadBias(0),
            memory: Box::new(memory),
            names: Names::default(),
            core_threads: Vec::new(),
            stopped: RefCell::default(),
            warnings: Vec::new(),
        })
    }

    /// What to look at.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        Target { program: &self.program, bias: self.bias, memory: &*self.memory, names: &self.names }
    }

    /// Whether it is a process or a core.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What the user should know of the source, a line each: that the core is cut off, that a file is missing.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// All threads. Their registers are known in a core, and while the process is stopped.
    ///
    /// # Errors
    /// The process has ended.
    pub fn threads(&self) -> Result<Vec<ThreadRegisters>, Error> {
        let stopped = self.stopped.borrow().upgrade();
        match (&self.kind, stopped) {
            (Kind::Core { .. }, _) => Ok(self.core_threads.clone()),
            (Kind::Live { .. }, Some(stopped)) => Ok(stopped
                .threads()
                .iter()
                .map(|thread| ThreadRegisters::stopped(thread.tid.cast_unsigned(), registers::words(&thread.registers)))
                .collect()),
            (Kind::Live { pid: _ }, None) => Ok(vec![ThreadRegisters::running(0)]),
        }
    }

    /// Stops the process until what this gives is dropped. A core stands anyway.
    ///
    /// # Errors
    /// It has ended, another debugger has it, or the system does not allow it.
    pub fn stop(&self) -> Result<Stopped, Error> {
        let Kind::Live { pid } = self.kind else {
            return Err(Error::NotAProcess);
        };
        let stopped = Rc::new(trap::Stopped::new(pid)?);
        *self.stopped.borrow_mut() = Rc::downgrade(&stopped);
        Ok(Stopped(stopped))
    }

    /// The stack of a goroutine, innermost frame first; at most 64 frames.
    ///
    /// # Errors
    /// There is no such goroutine, or it runs on a thread that is not stopped.
    pub fn frames(&self, goid: u64) -> Result<Vec<UnwoundFrame>, Error> {
        Err(Error::NoGoroutine { goid })
    }
}
