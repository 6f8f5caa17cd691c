//! The library and the command against real CAs.

#[path = "conformance/command.rs"]
mod command;
#[path = "conformance/library.rs"]
mod library;
#[path = "conformance/readme.rs"]
mod readme;
#[path = "conformance/tokio.rs"]
mod tokio_library;
