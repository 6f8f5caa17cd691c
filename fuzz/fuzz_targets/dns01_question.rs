#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| acme_fuzz::run("dns01_question", data));
