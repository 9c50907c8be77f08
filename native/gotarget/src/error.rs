//! What can go wrong when one looks into a Go process.

use std::path::PathBuf;

use crate::memory::Unreadable;

/// Why a question about a Go process has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The executable doesn't say.
    #[error(transparent)]
    Program(#[from] goprogram::Error),
    /// The map's bytes cannot be decoded.
    #[error(transparent)]
    Map(#[from] gomap::Error),
    /// Memory that should be there is not.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// There is no such process, or it is none that runs a program.
    #[error(
        "there is no process {pid} that runs a program: it has ended, or the number is wrong (`pgrep NAME` finds numbers)"
    )]
    NoProcess {
        /// What was asked for.
        pid: i32,
    },
    /// The system does not let us read the process.
    #[error("the system does not allow to read process {pid}: {remedy}")]
    Denied {
        /// Its number.
        pid: i32,
        /// What to do about it.
        remedy: String,
    },
    /// What runs, or ran, is not written in Go.
    #[error(
        "{what} is no Go program: it has no build information of Go 1.18 or newer; look at one that `go build` made"
    )]
    NotGo {
        /// `process 42 (/usr/bin/cat)`, or the core's executable.
        what: String,
    },
    /// The file is no core.
    #[error("{} is no core file: {why}; take a core with `gcore PID`, or let the program die with GOTRACEBACK=crash and `ulimit -c unlimited`", path.display())]
    NotACore {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// The core was made on a machine that we do not know.
    #[error("{} is a core of {found}: Redhanded reads those of linux/amd64", path.display())]
    OtherMachine {
        /// The file.
        path: PathBuf,
        /// The machine.
        found: String,
    },
    /// The executable of a core is not where it was, or the core does not say where it was.
    #[error("the core's executable {name} is not here: give it with --exe")]
    ExecutableMissing {
        /// Its path when the core was made, as far as it is known.
        name: String,
    },
    /// A position-independent program whose place in memory the core does not tell.
    #[error("the core does not say where its program was loaded (it has no NT_AUXV): take it again with gcore")]
    NoLoadAddress,
    /// The process could not be stopped.
    #[error(transparent)]
    Stop(#[from] trap::Error),
    /// A core cannot be stopped, nor go on.
    #[error("a core is no running process: it stands as it is; leave out --stop")]
    NotAProcess,
    /// No goroutine has this number.
    #[error("there is no goroutine {goid}: see `goroutines` for those there are")]
    NoGoroutine {
        /// What was asked for.
        goid: u64,
    },
    /// The goroutine runs: its stack changes while one looks.
    #[error("goroutine {goid} is running on thread {tid}: stop the process to see its stack (--stop)")]
    Running {
        /// Its number.
        goid: u64,
        /// The thread that runs it.
        tid: u32,
    },
    /// The process runs another program than the file that was opened.
    #[error("{} is not the program that the process runs (rebuilt since it started?): give the executable it was started from", path.display())]
    WrongProgram {
        /// The file.
        path: PathBuf,
    },
    /// The expression is not one we read.
    #[error(
        "cannot read `{expression}`: {why}; give a package variable (main.shared), a path (main.srv.cache) or a typed address ((map[int]string)0xc000012180)"
    )]
    Syntax {
        /// What was given.
        expression: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A condition or a path of a query that is not one we read, or not one for this map.
    #[error("cannot use `{text}`: {why}")]
    Query {
        /// What was given.
        text: String,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A field that the type doesn't have.
    #[error("{type_name} has no field {field}; it has: {fields}")]
    NoField {
        /// The struct's type, or what is not a struct.
        type_name: String,
        /// What was asked for.
        field: String,
        /// What there is.
        fields: String,
    },
    /// The expression's value is not a map.
    #[error("{expression} is not a map: it is {article} {type_name}; name a variable or field whose type is a map")]
    NotAMap {
        /// What was given.
        expression: String,
        /// `a` or `an`.
        article: &'static str,
        /// What it is.
        type_name: String,
    },
    /// A nil map: there is no header to look at.
    #[error("{expression} is a nil map: it has no header yet; let the program run until it has made the map")]
    NilMap {
        /// What was given.
        expression: String,
    },
    /// A nil pointer on the way.
    #[error("{expression} is a nil pointer: let the program run until it is set")]
    NilPointer {
        /// The part of the expression that is nil.
        expression: String,
    },
    /// A key that the map's keys can't be.
    #[error("`{text}` is no {ty}: {why}")]
    Key {
        /// What was given.
        text: String,
        /// The type of the keys, or of the part of a key that is meant.
        ty: String,
        /// What is wrong with it, and what to give instead.
        why: String,
    },
    /// A list of the runtime that contradicts itself.
    #[error(
        "the runtime's {what} looks damaged ({value:#x}): memory is corrupt, or the executable is not the one that runs"
    )]
    Damaged {
        /// Which list.
        what: &'static str,
        /// The value that shows it.
        value: u64,
    },
}
