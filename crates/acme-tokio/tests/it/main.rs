//! The library against the test CA.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod account;
mod chains;
mod differential;
mod dropped;
mod extended;
mod http2;
mod issue;
mod operations;
mod options;
mod remote_keys;
mod roll_over;
mod server;
mod transport;
mod twin;
mod world;
