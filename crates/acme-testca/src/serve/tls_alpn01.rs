//! tls-alpn-01 as RFC 8737 section 3 describes it.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use der::{Decode, Encode, asn1::OctetString};
use rustls::{
    ClientConfig, DigitallySignedStruct, PeerIncompatible, PeerMisbehaved, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::WebPkiSupportedAlgorithms,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio_rustls::TlsConnector;
use x509_cert::{
    Certificate,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::{Shared, connect, resolver};
use crate::{problem::Problem, validation::Validation};

/// Makes a handshake and looks at the certificate.
pub(super) async fn validate(shared: &Shared, validation: &Validation) -> Result<(), Problem> {
    match tokio::time::timeout(TIME_LIMIT, shake_hands(shared, validation)).await {
        Ok(certificate) => check_certificate(&certificate?, validation),
        Err(_) => Err(Problem::new(
            "connection",
            400,
            format!("tls-alpn-01: {} did not answer within ten seconds", validation.name),
        )),
    }
}

async fn shake_hands(shared: &Shared, validation: &Validation) -> Result<Vec<u8>, Problem> {
    let name = &validation.name;
    let addresses = resolver::look_up(shared, name, shared.tls_port.load(Ordering::Relaxed)).await?;
    if addresses.is_empty() {
        return Err(Problem::new(
            "dns",
            400,
            format!("tls-alpn-01: {name} does not exist, or leads beyond loopback"),
        ));
    }
    let stream = connect(&addresses).await.map_err(|error| {
        Problem::new(
            "connection",
            400,
            format!("tls-alpn-01: {name}: cannot connect to {addresses:?}: {error}"),
        )
    })?;
    let tls = |what: &str| Problem::new("tls", 400, format!("tls-alpn-01: {name}: {what}"));
    let server_name =
        ServerName::try_from(validation.server_name()).map_err(|_| tls("it cannot be a server name"))?;
    let config = client_config().map_err(|error| Problem::server_internal(error.to_string()))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(server_name, stream)
        .await
        .map_err(|error| tls(&format!("the handshake failed: {error}")))?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(PROTOCOL) {
        return Err(tls("RFC 8737 section 3: the server did not choose the protocol acme-tls/1"));
    }
    let certificate = session.peer_certificates().and_then(|chain| chain.first());
    certificate.map(|der| der.to_vec()).ok_or_else(|| tls("the server sent no certificate"))
}

fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = AnyCertificate { algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn check_certificate(der: &[u8], validation: &Validation) -> Result<(), Problem> {
    let incorrect = |what: String| {
        Problem::new("incorrectResponse", 403, format!("RFC 8737 section 3: the certificate {what}"))
    };
    let certificate =
        Certificate::from_der(der).map_err(|error| incorrect(format!("cannot be read: {error}")))?;
    let body = certificate.tbs_certificate();
    let (_, names) = body
        .get_extension::<SubjectAltName>()
        .ok()
        .flatten()
        .ok_or_else(|| incorrect("has no subject alternative name".to_owned()))?;
    if !matches!(names.0.as_slice(), [only] if is_for(only, validation)) {
        return Err(incorrect(format!("is not for {} and nothing else", validation.name)));
    }
    let identifiers = body.extensions().map(|all| all.as_slice()).unwrap_or_default();
    let identifier = identifiers
        .iter()
        .find(|one| one.extn_id == ACME_IDENTIFIER)
        .ok_or_else(|| incorrect("has no acmeIdentifier extension".to_owned()))?;
    if !identifier.critical {
        return Err(incorrect("has an acmeIdentifier extension that is not critical".to_owned()));
    }
    let wanted = digest(&SHA256, validation.key_authorization.as_bytes());
    let wanted = OctetString::new(wanted.as_ref()).and_then(|octets| octets.to_der());
    if wanted.is_ok_and(|wanted| wanted == identifier.extn_value.as_bytes()) {
        return Ok(());
    }
    Err(incorrect("has not the digest of the key authorization in its acmeIdentifier".to_owned()))
}

fn is_for(name: &GeneralName, validation: &Validation) -> bool {
    match (name, validation.identifier.address()) {
        (GeneralName::DnsName(found), None) => found.as_str().eq_ignore_ascii_case(&validation.name),
        (GeneralName::IpAddress(found), Some(IpAddr::V4(wanted))) => found.as_bytes() == wanted.octets(),
        (GeneralName::IpAddress(found), Some(IpAddr::V6(wanted))) => found.as_bytes() == wanted.octets(),
        _ => false,
    }
}

/// Takes any certificate, which is looked at later; its key must have signed the handshake.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyCertificate {
    /// webpki's own way refuses certificates with a critical extension that it does not know.
    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let unreadable = || rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
        let certificate = Certificate::from_der(certificate).map_err(|_| unreadable())?;
        let key = certificate.tbs_certificate().subject_public_key_info();
        let identifier = key.algorithm.to_der().map_err(|_| unreadable())?;
        let bits = key.subject_public_key.as_bytes().ok_or_else(unreadable)?;
        let (_, candidates) = self
            .algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signed.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let fitting = candidates.iter().find(|one| identifier.ends_with(one.public_key_alg_id().as_ref()));
        let algorithm = fitting.ok_or(PeerIncompatible::NoSignatureSchemesInCommon)?;
        algorithm
            .verify_signature(bits, message, signed.signature())
            .map(|()| HandshakeSignatureValid::assertion())
            .map_err(|_| rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature))
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

const PROTOCOL: &[u8] = b"acme-tls/1";
const ACME_IDENTIFIER: const_oid::ObjectIdentifier =
    const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");
const TIME_LIMIT: Duration = Duration::from_secs(10);
