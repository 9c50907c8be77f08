//! Fuzzes [`redhanded_fuzz::pclntab`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| redhanded_fuzz::pclntab(data));
