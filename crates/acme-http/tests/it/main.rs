//! The public contract of `acme-http`, against servers that live in the tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

#[cfg(feature = "tokio")]
mod async_client;
mod body;
mod concurrency;
mod connection;
mod failure;
mod proxy;
mod server;
mod setup;
mod trust;
