//! The libraries and the command against real CAs.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

#[path = "conformance/clients.rs"]
mod clients;
#[path = "conformance/command.rs"]
mod command;
#[path = "conformance/library.rs"]
mod library;
#[path = "conformance/readme.rs"]
mod readme;
#[path = "conformance/tokio.rs"]
mod tokio_library;
