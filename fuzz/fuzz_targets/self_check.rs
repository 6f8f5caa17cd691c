#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| acme_fuzz::run("self_check", data));
