//! The bytes of a Go map in, facts out.
//!
//! Go has two kinds of map. Up to 1.23, and with `GOEXPERIMENT=noswissmap` up to 1.25, a map is a
//! `runtime.hmap` ("classic"); since 1.24 it is an `internal/runtime/maps.Map` ("Swiss").
//! A [`Layout`] says where the fields lie, [`Header::decode`] reads them, and the rest is facts
//! about what was read: flags by name, growth, shape, and [`Finding`]s where memory contradicts
//! what the Go runtime ever writes.
//!
//! This crate is pure: it does no I/O. Whoever has the bytes hands them in, and whoever knows the
//! address space answers whether an address is mapped.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

mod layout;

pub use layout::{ClassicBits, ClassicLayout, Layout, SwissLayout, TableLayout};
