//! The HTTP transport of ACME: carries out an [`acme_proto::Exchange`] over TLS.
//!
//! It follows no redirect, retries nothing, takes every status for a response, adds no header but
//! those that HTTP needs, and reads the environment for nothing but the system's roots. What a
//! failure means for the request (was it sent or not?) is part of the error.
//!
#![cfg_attr(feature = "blocking", doc = "```no_run")]
#![cfg_attr(not(feature = "blocking"), doc = "```text")]
//! use std::time::Duration;
//!
//! use acme_http::Client;
//! use acme_proto::{Exchange, Operation};
//!
//! let client = Client::new()?;
//! let request = http::Request::get("https://ca.example/directory")
//!     .header("user-agent", "example/1.0")
//!     .body(Vec::new())?;
//! let exchange = Exchange::new(request, Operation::Directory, 65_536, Duration::from_secs(30));
//! for response in client.perform(vec![exchange]) {
//!     println!("{}", response?.status());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program with an HTTP client of its own puts it behind [`Transport`] or [`AsyncTransport`].
//!
//! # Log
//! One `debug` event per exchange, within a span that has operation, method and host; no bodies,
//! no headers.
//!
//! # Features
//! - `blocking` (default): `Client`, for threads, over HTTP/1.1.
//! - `tokio`: `AsyncClient`, for tokio, over HTTP/2 where the server has it.

#[cfg(feature = "tokio")]
mod async_client;
#[cfg(feature = "blocking")]
mod blocking;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod builder;
mod error;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod failure;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod limits;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod log;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod lookup;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod tls;
mod transport;

#[cfg(feature = "tokio")]
pub use async_client::{AsyncClient, MAX_WIDTH};
#[cfg(feature = "blocking")]
pub use blocking::Client;
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub use builder::ClientBuilder;
pub use error::{Error, RootPemFault};
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub use limits::MAX_CONNECTIONS;
pub use transport::{AsyncTransport, Transport, TransportFuture, TransportResults};
