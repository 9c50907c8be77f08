//! The bytes of a Go map in, facts out.
