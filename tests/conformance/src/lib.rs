//! What the conformance tests need besides the library: real servers, started for one test and
//! stopped after it.
//!
//! Everything listens on 127.0.0.1, on a port that the system chose. [`pebble`] runs a CA that
//! nobody here wrote, [`dns`] tells it that every name is this machine, and [`web`] serves the
//! files of a directory as a web server would. [`client`] runs other people's clients against our CA, and
//! [`load`] keeps a server busy, and [`registry`] finds those that come from a package registry.

pub mod caddy;
pub mod client;
pub mod command;
pub mod dns;
pub mod late;
pub mod load;
pub mod namespace;
pub mod nginx;
pub mod pdns;
pub mod pebble;
pub mod primary;
pub mod registry;
pub mod stateless;
pub mod web;
