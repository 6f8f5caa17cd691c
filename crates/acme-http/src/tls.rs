//! Whom to trust.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};
use rustls_platform_verifier::Verifier;

use crate::error::{Error, RootPemFault};

/// Where the certificates come from that a chain has to end in.
#[derive(Clone, Debug, Default)]
pub(crate) enum Roots {
    /// The system's.
    #[default]
    System,
    /// These only, as PEM.
    Pem(Vec<u8>),
}

impl Roots {
    /// Sets TLS up, for the application protocols in their order of preference.
    pub(crate) fn client_config(&self, protocols: &[&[u8]]) -> Result<ClientConfig, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls(error.into()))?;
        let mut config = match self {
            Self::System => builder
                .dangerous() // in name only: the verifier is the platform's own
                .with_custom_certificate_verifier(Arc::new(system_verifier(provider)?))
                .with_no_client_auth(),
            Self::Pem(pem) => builder.with_root_certificates(root_store(pem)?).with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }
}

fn system_verifier(provider: Arc<CryptoProvider>) -> Result<Verifier, Error> {
    Verifier::new(provider).map_err(|error| Error::SystemRoots(error.into()))
}

fn root_store(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let certificate = certificate.map_err(|error| Error::RootPem(fault(&error)))?;
        store
            .add(certificate)
            .map_err(|error| Error::RootCertificate { position: index + 1, source: error.into() })?;
    }
    if store.is_empty() { Err(Error::RootPem(RootPemFault::Absent)) } else { Ok(store) }
}

fn fault(error: &pem::Error) -> RootPemFault {
    if matches!(error, pem::Error::MissingSectionEnd { .. }) {
        return RootPemFault::Truncated;
    }
    if matches!(error, pem::Error::IllegalSectionStart { .. }) {
        return RootPemFault::Boundary;
    }
    RootPemFault::Base64
}
