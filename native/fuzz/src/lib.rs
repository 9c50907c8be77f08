//! What each fuzz target does with its input.
//!
//! An input is bytes of a foreign process or file, with no form of its own but for the first few bytes, which
//! choose among the kinds of what follows. Nothing is asserted of the answers, only of the effort: so much memory
//! read and so many entries at most for so many bytes.

mod elf;
mod map;

pub use elf::{core_file, dwarf, pclntab};
pub use map::{header, walk};
