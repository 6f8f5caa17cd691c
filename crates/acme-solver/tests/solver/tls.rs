//! A TLS client that takes any certificate, as a CA's does.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use acme_keys::CertificateInfo;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion,
};

pub(crate) const ACME: &[u8] = b"acme-tls/1";

/// What a client offers.
#[derive(Clone)]
pub(crate) struct Hello {
    pub(crate) server_name: &'static str,
    pub(crate) protocols: Vec<Vec<u8>>,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
}

impl Hello {
    /// As a CA offers it.
    pub(crate) fn of_ca(server_name: &'static str) -> Self {
        Self { server_name, protocols: vec![ACME.to_vec()], versions: rustls::ALL_VERSIONS }
    }

    pub(crate) fn with_protocols(mut self, protocols: &[&[u8]]) -> Self {
        self.protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        self
    }
}

/// What a client got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) certificate: Vec<u8>,
    pub(crate) protocol: Option<Vec<u8>>,
}

/// Makes a handshake and reads to the end of the connection.
pub(crate) fn shake_hands(address: SocketAddr, hello: &Hello) -> Result<Shown, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(hello.versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(algorithms)))
        .with_no_client_auth();
    config.alpn_protocols.clone_from(&hello.protocols);
    config.resumption = Resumption::disabled();
    config.enable_sni = !hello.server_name.is_empty();
    let name = if config.enable_sni { hello.server_name } else { "none.example" };
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut socket).map_err(|error| error.to_string())?;
    }
    let certificate = client.peer_certificates().unwrap()[0].to_vec();
    let protocol = client.alpn_protocol().map(<[u8]>::to_vec);
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut client.reader(), &mut rest).unwrap_or_default();
    assert!(rest.is_empty(), "a challenge sends no data");
    Ok(Shown { certificate, protocol })
}

/// Checks signatures itself: webpki takes no certificate with an extension that it does not know.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl AnyCertificate {
    fn verify(
        &self,
        message: &[u8],
        certificate: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let public_key = CertificateInfo::from_der(certificate).unwrap().public_key_der;
        let point = &public_key[public_key.len() - POINT..];
        let (_, algorithms) = self.0.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme).unwrap();
        let is_right = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            algorithm.verify_signature(point, message, signed.signature()).is_ok()
        };
        assert!(algorithms.iter().any(is_right));
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Octets of an uncompressed point on P-256.
const POINT: usize = 65;
