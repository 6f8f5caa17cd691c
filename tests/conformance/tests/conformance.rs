//! The library and the command against real CAs.

#[path = "conformance/library.rs"]
mod library;
#[path = "conformance/readme.rs"]
mod readme;
