//! A look at the ClientHello.

use std::io;

use rustls::server::{Accepted, Acceptor};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::AsyncTlsAlpn01Relay;
use crate::tls_alpn01::TlsAlpn01Responder;

/// How a connection begins.
pub(super) enum Hello {
    /// With a ClientHello that asks for the answer to a challenge.
    Challenge {
        /// All that came.
        bytes: Vec<u8>,
        accepted: Box<Accepted>,
        server_name: Option<String>,
    },
    /// With anything else.
    Other {
        /// All that came.
        bytes: Vec<u8>,
    },
}

/// Reads until it is known how the connection begins; `None` if it ends before.
pub(super) async fn read(client: &mut TcpStream) -> io::Result<Option<Hello>> {
    let mut beginning = Beginning::default();
    loop {
        let mut chunk = AsyncReadExt::take(&mut *client, CHUNK);
        if chunk.read_buf(&mut beginning.seen).await? == 0 {
            return Ok(None);
        }
        if let Some(hello) = beginning.look() {
            return Ok(Some(hello));
        }
    }
}

/// The bytes of a connection, until it is known what they are.
#[derive(Default)]
struct Beginning {
    seen: Vec<u8>,
    /// How many of them were looked at.
    looked_at: usize,
    acceptor: Acceptor,
}

impl Beginning {
    /// Looks at what has come since the last time; `None` if more is needed.
    fn look(&mut self) -> Option<Hello> {
        let mut fresh = self.seen.get(self.looked_at..).unwrap_or_default();
        self.looked_at = self.seen.len();
        if self.seen.first() != Some(&HANDSHAKE) {
            return Some(self.other());
        }
        while !fresh.is_empty() {
            // What rustls can't make out is for the server to judge: it may be older than TLS 1.2,
            // or no TLS at all.
            if self.acceptor.read_tls(&mut fresh).is_err() {
                return Some(self.other());
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) if fresh.is_empty() && asks_for_challenge(&accepted) => {
                    let server_name = accepted.client_hello().server_name().map(str::to_owned);
                    let bytes = std::mem::take(&mut self.seen);
                    return Some(Hello::Challenge { bytes, accepted: Box::new(accepted), server_name });
                }
                Ok(Some(_)) | Err(_) => return Some(self.other()),
            }
        }
        (self.seen.len() >= AsyncTlsAlpn01Relay::MAX_HELLO).then(|| self.other())
    }

    fn other(&mut self) -> Hello {
        Hello::Other { bytes: std::mem::take(&mut self.seen) }
    }
}

/// Tells whether a ClientHello offers the protocol of challenges, and no other.
///
/// <https://www.rfc-editor.org/rfc/rfc8737#section-3>
fn asks_for_challenge(accepted: &Accepted) -> bool {
    let hello = accepted.client_hello();
    hello.alpn().into_iter().flatten().eq([TlsAlpn01Responder::PROTOCOL])
}

/// The type of a record with a handshake message.
const HANDSHAKE: u8 = 0x16;

/// Most bytes that are read at a time: what rustls takes at once, so that none is left over.
const CHUNK: u64 = 4096;
