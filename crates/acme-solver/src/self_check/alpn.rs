//! A look at a tls-alpn-01 response: the handshake that a CA makes.

use std::net::SocketAddr;
use std::time::Instant;

use acme_keys::CertificateInfo;
use acme_proto::{Challenge, Identifier};

use super::stream::{self, Timed, time_left};
use super::{CheckError, Outcome};
use crate::tls_alpn01::TlsAlpn01Responder;

/// One response to look at.
pub(super) struct Job {
    identifier: Identifier,
    server_name: String,
    digest: [u8; 32],
}

impl Job {
    pub(super) fn new(challenge: &Challenge) -> Self {
        Self {
            identifier: challenge.identifier.base(),
            server_name: challenge.tls_server_name(),
            digest: *challenge.digest(),
        }
    }

    /// Looks at the first address that takes the connection.
    pub(super) fn look(&self, addresses: &[SocketAddr], deadline: Instant) -> Outcome {
        let mut last = (None, CheckError::Name(std::io::ErrorKind::NotFound.into()));
        for (tried, address) in addresses.iter().enumerate() {
            let share = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            let connected =
                time_left(deadline).and_then(|left| Timed::connect(*address, left / share, deadline));
            match connected {
                Ok(stream) => return self.shake_hands(stream, *address),
                Err(reason) => last = (Some(*address), reason),
            }
        }
        Outcome::Unreachable { address: last.0, reason: last.1 }
    }

    fn shake_hands(&self, stream: Timed, address: SocketAddr) -> Outcome {
        let shaken = stream::shake_hands(stream, &self.server_name, &[TlsAlpn01Responder::PROTOCOL]);
        let encrypted = match shaken {
            Ok(encrypted) => encrypted,
            Err(reason) => return Outcome::Unreachable { address: Some(address), reason },
        };
        let shown = encrypted.conn.peer_certificates().and_then(|certificates| certificates.first());
        let shown = shown.and_then(|certificate| CertificateInfo::from_der(certificate).ok());
        let has_protocol = encrypted.conn.alpn_protocol() == Some(TlsAlpn01Responder::PROTOCOL);
        let is_right = shown.as_ref().is_some_and(|shown| {
            shown.names.as_slice() == std::slice::from_ref(&self.identifier)
                && shown.acme_identifier.as_deref() == Some(&self.digest)
        });
        if has_protocol && is_right {
            return Outcome::Same;
        }
        let names = shown.map(|shown| shown.names).unwrap_or_default();
        Outcome::Certificate { address, names, has_protocol }
    }
}
