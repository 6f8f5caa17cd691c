//! Connections that end at a deadline, with TLS or without.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError,
    SignatureScheme,
};

use super::CheckError;

/// A connection on which every read and every write ends at the deadline.
pub(super) struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    /// Connects within a time.
    pub(super) fn connect(
        address: SocketAddr,
        time: Duration,
        deadline: Instant,
    ) -> Result<Self, CheckError> {
        let stream = TcpStream::connect_timeout(&address, time).map_err(CheckError::Connect)?;
        Ok(Self { stream, deadline })
    }

    fn time_left(&self) -> io::Result<Duration> {
        time_left(self.deadline).map_err(|_| ErrorKind::TimedOut.into())
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.time_left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.time_left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A TLS connection on top of another one.
pub(super) type Encrypted = rustls::StreamOwned<ClientConnection, Timed>;

/// Makes a handshake, in which any certificate is taken: what a CA does when it looks at a challenge.
pub(super) fn shake_hands(
    mut stream: Timed,
    server_name: &str,
    protocols: &[&[u8]],
) -> Result<Encrypted, CheckError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(handshake)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::disabled();
    let server_name = ServerName::try_from(server_name.to_owned()).map_err(|_| CheckError::Unfit)?;
    let mut connection = ClientConnection::new(Arc::new(config), server_name).map_err(handshake)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(of_handshake)?;
    }
    Ok(rustls::StreamOwned::new(connection, stream))
}

/// What ended a handshake.
fn of_handshake(error: io::Error) -> CheckError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::AlertReceived(AlertDescription::NoApplicationProtocol)) => CheckError::NoProtocol,
        Some(TlsError::InvalidMessage(_)) => CheckError::NotTls,
        Some(error) => handshake(error.clone()),
        None if error.kind() == ErrorKind::UnexpectedEof => CheckError::NotTls,
        None => in_time(error),
    }
}

fn handshake(error: TlsError) -> CheckError {
    CheckError::Handshake(error.into())
}

pub(super) fn time_left(deadline: Instant) -> Result<Duration, CheckError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(CheckError::TimeLimit) } else { Ok(left) }
}

pub(super) fn in_time(error: io::Error) -> CheckError {
    match error.kind() {
        kind if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&kind) => CheckError::TimeLimit,
        _ => CheckError::Io(error),
    }
}

/// Takes any certificate, and any signature: nothing that is sent or learnt is a secret.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
