//! What a Go executable says about itself.
//!
//! [`Program::open`] maps an ELF file and reads its build information; everything else is read when a
//! question needs it, and kept: package variables, types and constants by name, functions, source lines
//! with inlined functions, where a frame's caller is, where the runtime keeps maps, goroutines and
//! threads, and what the instruction that has just touched a byte of memory did to it.
//!
//! Addresses are [`LinkAddr`]s: as in the file, before the loader moves a position-independent program.
//! Nothing in the file is trusted: a damaged or hostile one gives an [`Error`], never a panic.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod amd64;
mod amd64_body;
mod amd64_flow;
mod amd64_graph;
mod amd64_origin;
mod amd64_role;
mod amd64_value;
mod build_info;
mod code_units;
mod descriptor;
mod elf;
mod entry;
mod error;
mod functions;
mod layout;
mod layout_known;
mod lines;
mod locals;
mod location;
mod map_calls;
mod map_functions;
mod names;
mod paged;
mod pclntab;
mod program;
mod register;
mod runtime_data;
mod slots;
mod types;
mod units;
mod unwind;
mod variables;

pub use amd64::{MemoryAccess, Op, Role};
pub use amd64_flow::{Derivation, How};
pub use amd64_graph::Between;
pub use amd64_origin::{Origin, Root};
pub use amd64_value::ValueSource;
pub use build_info::{BuildInfo, GoVersion};
pub use descriptor::{AbiLayout, MapTypeLayout};
pub use error::Error;
pub use functions::{Function, Symbol};
pub use layout::{GLayout, MLayout, RuntimeLayout};
pub use lines::Line;
pub use locals::Local;
pub use location::{Location, Piece};
pub use map_calls::{MapCall, MapCalls, Passed};
pub use map_functions::{MapFunction, MapFunctionKind, Parameters};
pub use program::{LinkAddr, Program};
pub use register::Register;
pub use types::{Field, Type, TypeKind, TypeRef};
pub use unwind::CfaRule;
pub use variables::Variable;
