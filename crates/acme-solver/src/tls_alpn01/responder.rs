//! The certificates of tls-alpn-01 challenges, for whoever makes the handshakes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_keys::ChallengeCertificate;
use acme_proto::{AsyncSolver, Challenge, ChallengeType, Identifier, Solver, SolverError, SolverFuture};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::response::{ResponseError, tls_types};

/// The certificates of tls-alpn-01 challenges, for a rustls server that is there to show.
///
/// Clones share the certificates: one is the solver, one is asked by the server.
///
/// ```
/// use std::sync::Arc;
/// use acme_solver::TlsAlpn01Responder;
/// use rustls::ServerConfig;
///
/// # fn example(mut config: ServerConfig) {
/// let responder = TlsAlpn01Responder::new();
/// config.cert_resolver = responder.resolver(config.cert_resolver);
/// // After the protocols of the server itself.
/// config.alpn_protocols.push(TlsAlpn01Responder::PROTOCOL.to_vec());
/// # }
/// ```
///
/// A server that names no protocols at all takes clients that offer any; once it names one, it
/// refuses those that offer others only. So it has to name its own, too: `http/1.1`, say.
///
/// <https://www.rfc-editor.org/rfc/rfc8737#section-3>
#[derive(Clone, Default)]
pub struct TlsAlpn01Responder {
    /// By server name. Of several at one name, of two accounts say, the last one is shown.
    certificates: Arc<Mutex<BTreeMap<String, Vec<Certificate>>>>,
}

struct Certificate {
    digest: [u8; 32],
    key: Arc<CertifiedKey>,
}

impl TlsAlpn01Responder {
    /// The application protocol in which challenges are answered.
    pub const PROTOCOL: &'static [u8] = b"acme-tls/1";

    /// Begins without a certificate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a resolver that answers challenges, and leaves all other handshakes to another.
    ///
    /// A client that offers [`PROTOCOL`](Self::PROTOCOL) alone gets the certificate of its
    /// challenge, or none, which ends the handshake.
    #[must_use]
    pub fn resolver(&self, otherwise: Arc<dyn ResolvesServerCert>) -> Arc<dyn ResolvesServerCert> {
        Arc::new(Resolver { responder: self.clone(), otherwise: Some(otherwise) })
    }

    /// For a server of challenges and nothing else.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        let resolver = Resolver { responder: self.clone(), otherwise: None };
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![Self::PROTOCOL.to_vec()];
        // Nobody comes back to a challenge by a ticket.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    pub(crate) fn find(&self, server_name: &str) -> Option<Arc<CertifiedKey>> {
        let certificates = self.certificates();
        let last = certificates.get(&server_name.to_ascii_lowercase())?.last()?;
        Some(Arc::clone(&last.key))
    }

    fn put(&self, challenge: &Challenge) -> Result<(), SolverError> {
        check(challenge)?;
        let certificate = ChallengeCertificate::new(&challenge.identifier, challenge.digest())
            .map_err(SolverError::permanent)?;
        let key = aws_lc_rs::default_provider()
            .key_provider
            .load_private_key(certificate.private_key_der())
            .map_err(SolverError::permanent)?;
        let key = Arc::new(CertifiedKey::new(vec![certificate.certificate_der()], key));
        let mut certificates = self.certificates();
        let pending = certificates.entry(challenge.tls_server_name()).or_default();
        pending.retain(|other| other.digest != *challenge.digest());
        pending.push(Certificate { digest: *challenge.digest(), key });
        tracing::debug!(identifier = %challenge.identifier, "tls-alpn-01 response presented");
        Ok(())
    }

    fn take(&self, challenge: &Challenge) -> Result<(), SolverError> {
        check(challenge)?;
        let (mut certificates, name) = (self.certificates(), challenge.tls_server_name());
        if let Some(pending) = certificates.get_mut(&name) {
            pending.retain(|other| other.digest != *challenge.digest());
            if pending.is_empty() {
                certificates.remove(&name);
            }
        }
        tracing::debug!(identifier = %challenge.identifier, "tls-alpn-01 response withdrawn");
        Ok(())
    }

    fn certificates(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Certificate>>> {
        // A map between two operations is whole, whoever panicked.
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(challenge: &Challenge) -> Result<(), ResponseError> {
    if challenge.kind == ChallengeType::TlsAlpn01 {
        return Ok(());
    }
    Err(ResponseError::Kind(challenge.kind.clone()))
}

impl Solver for TlsAlpn01Responder {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        tls_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|challenge| self.put(challenge)).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|challenge| self.take(challenge)).collect()
    }
}

impl AsyncSolver for TlsAlpn01Responder {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        tls_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { Solver::present(self, challenges) })
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { Solver::withdraw(self, challenges) })
    }
}

impl fmt::Debug for TlsAlpn01Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsAlpn01Responder")
    }
}

#[derive(Debug)]
struct Resolver {
    responder: TlsAlpn01Responder,
    /// `None` where nothing but challenges is answered.
    otherwise: Option<Arc<dyn ResolvesServerCert>>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offered = hello.alpn().into_iter().flatten();
        if offered.eq([TlsAlpn01Responder::PROTOCOL]) {
            return self.responder.find(hello.server_name()?);
        }
        self.otherwise.as_ref()?.resolve(hello)
    }
}
