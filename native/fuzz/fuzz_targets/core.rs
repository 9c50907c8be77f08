//! Fuzzes [`redhanded_fuzz::core_file`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| redhanded_fuzz::core_file(data));
