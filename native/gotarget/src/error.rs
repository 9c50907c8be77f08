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
    /// The core of a process cannot be written.
    #[error("cannot write the core: {source}; free disk space, or give another place")]
    CoreNotWritten {
        /// What the system said.
        source: std::io::Error,
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
        "cannot read `{expression}` at column {column}: {why}; give a variable (main.shared), a path (main.srv.users[\"al\"].roles[0]) or a typed address ((map[int]string)0xc000012180)"
    )]
    Syntax {
        /// What was given.
        expression: String,
        /// Where it goes wrong, in characters from 1.
        column: usize,
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
    /// A nil interface on the way.
    #[error("{expression} is a nil interface: it holds nothing; let the program run until it is set")]
    NilInterface {
        /// The part of the expression that is nil.
        expression: String,
    },
    /// An interface whose dynamic type the program made while it ran.
    #[error(
        "{expression} holds a type that the debug information does not describe (made by package reflect?): print the interface itself"
    )]
    UnknownDynamicType {
        /// The part of the expression that is the interface.
        expression: String,
    },
    /// An interface holds another type than was asked for.
    #[error("{expression} holds {article} {found}: write .({found}), or name the field directly")]
    HoldsAnother {
        /// The part of the expression that is the interface.
        expression: String,
        /// `a` or `an`.
        article: &'static str,
        /// What it holds.
        found: String,
    },
    /// A type assertion on what is no interface.
    #[error("{expression} is not an interface: it is {article} {type_name}; leave out the .(type)")]
    NotAnInterface {
        /// The part of the expression before the assertion.
        expression: String,
        /// `a` or `an`.
        article: &'static str,
        /// What it is.
        type_name: String,
    },
    /// A `*` before what is no pointer.
    #[error("{expression} is not a pointer: it is {article} {type_name}; leave out the *")]
    NotAPointer {
        /// The part of the expression after the star.
        expression: String,
        /// `a` or `an`.
        article: &'static str,
        /// What it is.
        type_name: String,
    },
    /// An index after what has no items.
    #[error("{expression} has no items: it is {article} {type_name}; an index goes with a slice, array, string or map")]
    NotIndexable {
        /// The part of the expression before the index.
        expression: String,
        /// `a` or `an`.
        article: &'static str,
        /// What it is.
        type_name: String,
    },
    /// An index that is no number.
    #[error("`{text}` is no number: give the index as 7 or 0x10, or a variable that holds it")]
    NotANumber {
        /// What was given.
        text: String,
    },
    /// An index beyond the end.
    #[error("index {index} is out of range: len({expression}) is {len}")]
    OutOfRange {
        /// The slice, array or string.
        expression: String,
        /// What was asked for.
        index: i128,
        /// How many items there are.
        len: u64,
    },
    /// A map has no such key.
    #[error("{expression} has no key {key}; print the map to see the keys that it has")]
    NoKey {
        /// The map.
        expression: String,
        /// What was asked for.
        key: String,
    },
    /// A name that is neither a local of the frame nor a variable of its package.
    #[error(
        "{name} is no local or argument of this frame, nor a variable of its package: `locals` shows those in scope, and other packages' variables need the package's name"
    )]
    NoSuchName {
        /// What was asked for.
        name: String,
    },
    /// The end of a package's path is that of several.
    #[error("{name} may be any of {several}: give more of the package's path")]
    SeveralPackages {
        /// What was given.
        name: String,
        /// Some of what it may be.
        several: String,
    },
    /// The compiler keeps a local nowhere at this instruction.
    #[error(
        "{name} is optimized out here: its value is no longer kept at this instruction; try an outer frame or another line"
    )]
    OptimizedOut {
        /// The local.
        name: String,
    },
    /// A value that lies nowhere in memory.
    #[error(
        "{expression} has no address that could be watched: name a variable, a field, an item, or what it points to"
    )]
    NoAddress {
        /// What was given.
        expression: String,
    },
    /// More bytes, or another number of them, than the processor can watch.
    #[error("{expression} is a {type_name} of {size} bytes, and the processor watches 1, 2, 4 or 8: watch {parts}")]
    NotWatchable {
        /// What was given.
        expression: String,
        /// What it is.
        type_name: String,
        /// How many bytes it has.
        size: u64,
        /// What could be watched instead.
        parts: String,
    },
    /// An address that the processor can't watch so many bytes at.
    #[error(
        "{expression} is at {address:#x}, and the processor watches {size} bytes only at a multiple of that: watch {parts}"
    )]
    Unaligned {
        /// What was given.
        expression: String,
        /// Where it is.
        address: u64,
        /// How many bytes it has.
        size: u64,
        /// What could be watched instead.
        parts: String,
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
