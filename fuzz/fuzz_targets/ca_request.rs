#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| acme_fuzz::run("ca_request", data));
