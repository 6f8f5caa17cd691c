//! The answer to a challenge, from its ClientHello on.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::Accepted;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::StartHandshake;

use crate::listener::TIME_LIMIT;
use crate::tls_alpn01;

/// Makes the handshake, which ends in an alert where no certificate is in place.
pub(super) async fn answer(accepted: Accepted, client: TcpStream, tls: Arc<ServerConfig>) -> io::Result<()> {
    let handshake = StartHandshake::from_parts(accepted, client).into_stream(tls);
    timeout(TIME_LIMIT, tls_alpn01::shake_hands(handshake)).await?
}
