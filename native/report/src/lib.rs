//! Facts and overlaps in, text and JSON out.
