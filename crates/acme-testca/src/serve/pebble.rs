//! What programs written for Pebble count on.

use std::net::SocketAddr;

use http::Uri;

/// What makes a server look like Pebble: the directory is at `/dir` too, and a second listener has
/// the management interface.
///
/// The management interface speaks HTTPS with the same certificate:
///
/// | path | what it does |
/// |---|---|
/// | `GET /roots/N`, `/root-keys/N` | the root of the default chain (0) and of the alternate one (1), and their keys |
/// | `GET /intermediates/N`, `/intermediate-keys/N` | the intermediate of either chain, and its key |
/// | `GET /cert-status-by-serial/HEX` | a certificate, and whether it is revoked |
/// | `POST /set-renewal-info/` | sets the renewalInfo of `Certificate` (PEM) to `ARIResponse` (JSON, as text) |
#[derive(Clone, Debug)]
pub struct Pebble {
    pub(super) management: SocketAddr,
    pub(super) identity: Option<(String, String)>,
    pub(super) resolves_by_dns: bool,
}

impl Pebble {
    /// Has the management interface at a loopback address.
    #[must_use]
    pub fn new(management: SocketAddr) -> Self {
        Self { management, identity: None, resolves_by_dns: false }
    }

    /// Answers with this chain and key, both PEM, instead of a certificate of its own.
    #[must_use]
    pub fn certificate(mut self, chain_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        self.identity = Some((chain_pem.into(), key_pem.into()));
        self
    }

    /// Asks the resolver where names lead, too; what leads beyond loopback does not exist.
    #[must_use]
    pub fn resolve_by_dns(mut self) -> Self {
        self.resolves_by_dns = true;
        self
    }

    pub(super) fn identity(&self) -> Option<(&str, &str)> {
        self.identity.as_ref().map(|(chain, key)| (chain.as_str(), key.as_str()))
    }
}

/// Takes the path of Pebble's directory for ours.
pub(super) fn rewrite(uri: &mut Uri) {
    if uri.path() == DIRECTORY_PATH {
        *uri = Uri::from_static(super::DIRECTORY_PATH);
    }
}

/// Where Pebble has the directory.
pub(super) const DIRECTORY_PATH: &str = "/dir";
