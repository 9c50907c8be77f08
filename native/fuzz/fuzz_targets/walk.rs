//! Fuzzes [`redhanded_fuzz::walk`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| redhanded_fuzz::walk(data));
