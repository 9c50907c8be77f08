//! The bytes of a Go map in, facts out.
//!
//! Go has two kinds of map. Up to 1.23, and with `GOEXPERIMENT=noswissmap` in 1.24 and 1.25, a map
//! is a `runtime.hmap` ("classic"); since 1.24 it is an `internal/runtime/maps.Map` ("Swiss").
//! A [`Layout`] says where the fields lie, [`Header::decode`] reads them, and the rest is facts
//! about what was read: flags by name, [`Growth`], [`Shape`], the [`Tables`] of a Swiss map, and a
//! [`Finding`] wherever memory contradicts what the Go runtime ever writes.
//!
//! This crate is pure: it does no I/O. Whoever has the bytes hands them in, and whoever knows the
//! address space answers whether an address is mapped. Addresses are the target's, `u64`; the
//! target is little-endian with 8-byte pointers.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod bytes;
mod check;
mod classic;
mod find;
mod finding;
mod hash;
mod header;
mod layout;
mod sample;
mod scan;
mod slots;
mod source;
mod swiss;
mod table;
mod walk;

pub use bytes::Error;
pub use check::{Check, check};
pub use classic::ClassicHeader;
pub use find::{Found, OwnedEntry, find};
pub use finding::{Finding, Verdict};
pub use hash::{DynamicKey, HashStyle, Hasher, KeyField, KeyMaterial, KeyShape, KeyTypes, NoTypes, Overlay, Proof};
pub use header::{Growth, Header, Shape};
pub use layout::{ClassicBits, ClassicLayout, Layout, SwissLayout, TableLayout};
pub use scan::{Entry, Scan, ScanOptions, scan};
pub use slots::{MapView, Slots, Stored};
pub use source::{Part, Source};
pub use swiss::SwissHeader;
pub use table::{PlacedTable, Table, Tables};
