//! Fuzzes [`redhanded_fuzz::header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| redhanded_fuzz::header(data));
