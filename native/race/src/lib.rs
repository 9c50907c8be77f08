//! Accesses in, overlaps out.
