//! The libraries and the command against real CAs.
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up fails")]

#[path = "conformance/caddy.rs"]
mod caddy;
#[path = "conformance/clients.rs"]
mod clients;
#[path = "conformance/colour.rs"]
mod colour;
#[path = "conformance/command.rs"]
mod command;
#[path = "conformance/hooks.rs"]
mod hooks;
#[path = "conformance/pebble.rs"]
mod pebble;
#[path = "conformance/powerdns.rs"]
mod powerdns;
#[path = "conformance/readme.rs"]
mod readme;
#[path = "conformance/relay.rs"]
mod relay;
#[path = "conformance/responder.rs"]
mod responder;
#[path = "conformance/rfc2136.rs"]
mod rfc2136;
#[path = "conformance/stateless.rs"]
mod stateless;
#[path = "conformance/suites.rs"]
mod suites;
#[path = "conformance/token.rs"]
mod token;
