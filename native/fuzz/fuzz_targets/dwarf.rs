//! Fuzzes [`redhanded_fuzz::dwarf`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| redhanded_fuzz::dwarf(data));
