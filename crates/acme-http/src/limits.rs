//! The bounds of connections.

use std::time::Duration;

/// Most connections to a host that one call of `Client::perform`, or a whole `AsyncClient`, keeps
/// busy over HTTP/1.1, and most that are kept idle.
pub const MAX_CONNECTIONS: usize = 16;

/// How long a connection may take to be made; an exchange's own limit may be shorter.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection is kept without being used.
pub(crate) const MAX_IDLE: Duration = Duration::from_secs(60);
/// Most bytes of a response before its body.
pub(crate) const MAX_RESPONSE_HEAD: usize = 16 * 1024;
