//! What can go wrong, and what the user can do about it.

use std::path::PathBuf;

/// Why a question about a program has no answer. Each message is one line: the cause, then the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or mapped.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not an ELF executable.
    #[error("{} is not an ELF executable: give the file that `go build` wrote", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
    },
    /// The program is for a machine that Redhanded cannot read.
    #[error("this program is for {found}: Redhanded reads linux/amd64 programs, build it with GOARCH=amd64")]
    UnsupportedArch {
        /// The machine, as the ELF header names it.
        found: String,
    },
    /// The file is an ELF executable, but Go did not build it.
    #[error("{} has no Go build information: it was not built by Go 1.18 or newer", path.display())]
    NotGo {
        /// The file.
        path: PathBuf,
    },
    /// The file contradicts itself: it is truncated or damaged.
    #[error("the program file is damaged ({what}): copy or build it again")]
    Damaged {
        /// What could not be read.
        what: String,
    },
    /// The program has no DWARF.
    #[error("this program has no debug information (DWARF): build it without -ldflags=-w or -s, and do not strip it")]
    NoDwarf,
    /// The program has no symbol table.
    #[error("this program has no symbol table: build it without -ldflags=-s, and do not strip it")]
    NoSymbols,
    /// No package variable has this name.
    #[error(
        "no package variable {name}: {}",
        remedy(
            near,
            "give the package's path and the name, as in main.cache (the linker drops variables that nothing uses)"
        )
    )]
    UnknownVariable {
        /// The name that was looked up.
        name: String,
        /// Variables with a similar name, the nearest first.
        near: Vec<String>,
    },
    /// No type has this name.
    #[error(
        "no type {name}: {}",
        remedy(
            near,
            "write it as Go does, with full package paths, as in map[string]*main.Server (the linker drops types that nothing uses)"
        )
    )]
    UnknownType {
        /// The name that was looked up.
        name: String,
        /// Types with a similar name, the nearest first.
        near: Vec<String>,
    },
    /// No constant has this name.
    #[error("no constant {name} in the debug information: this Go version may not have it")]
    UnknownConstant {
        /// The name that was looked up.
        name: String,
    },
    /// The type is not a map's.
    #[error("{ty} is not a map: name a map variable, or a field or element that is a map")]
    NotAMap {
        /// The type.
        ty: String,
    },
    /// A type lacks a field that should be there.
    #[error("{ty} has no field {field}: this Go version is not supported yet, please report it")]
    UnknownField {
        /// The structure.
        ty: String,
        /// The field.
        field: String,
    },
    /// The address is in no function of the program.
    #[error("{addr:#x} is in no function of this program: it may belong to a library or to the kernel")]
    NoFunction {
        /// The address, as in the file.
        addr: u64,
    },
    /// No rule tells where the caller's frame is.
    #[error(
        "no Go unwinding rule for {addr:#x}: it is in C or in assembly without a frame, unwind by the frame pointer instead"
    )]
    NoUnwindRule {
        /// The address, as in the file.
        addr: u64,
    },
    /// No instruction ends at the address, or the one that does accesses no memory.
    #[error("no memory access ends at {addr:#x}: a data watchpoint reports the address of the next instruction")]
    NoAccess {
        /// The address, as in the file.
        addr: u64,
    },
}

impl Error {
    pub(crate) fn damaged(what: impl std::fmt::Display) -> Error {
        Error::Damaged { what: what.to_string() }
    }
}

impl From<gimli::Error> for Error {
    fn from(error: gimli::Error) -> Error {
        Error::damaged(format_args!("DWARF: {error}"))
    }
}

impl From<object::Error> for Error {
    fn from(error: object::Error) -> Error {
        Error::damaged(format_args!("ELF: {error}"))
    }
}

/// Names that look alike help more than advice.
fn remedy(near: &[String], advice: &str) -> String {
    if near.is_empty() { advice.to_owned() } else { format!("did you mean {}?", near.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn an_unknown_variable_names_its_neighbours() {
        let error = Error::UnknownVariable {
            name: "main.shard".into(),
            near: vec!["main.shared".into(), "main.shards".into()],
        };
        assert_eq!(error.to_string(), "no package variable main.shard: did you mean main.shared or main.shards?");
    }

    #[test]
    fn without_neighbours_it_says_how_to_write_the_name() {
        let text = Error::UnknownVariable { name: "x".into(), near: Vec::new() }.to_string();
        assert!(text.starts_with("no package variable x: give the package's path"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}
