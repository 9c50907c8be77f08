//! Headers and tables from bytes: what is read, what is called damaged, and what never is.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod classic;
mod common;
mod decode;
mod hash;
mod heap;
mod scan_classic;
mod scan_swiss;
mod swiss;
