//! Certificates for tls-alpn-01, and for http-01 over TLS.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::{Shared, answers::host, history::Kind, serve_error};
use crate::{error::Error, pki};

/// Accepts connections for both.
pub(super) fn acceptor(shared: &Arc<Shared>) -> Result<TlsAcceptor, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificates = Certificates { shared: Arc::clone(shared) };
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| serve_error("set up TLS", error))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![PROTOCOL.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Makes a certificate for each handshake.
struct Certificates {
    shared: Arc<Shared>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = host(hello.server_name().unwrap_or_default());
        let protocols: Vec<&[u8]> = hello.alpn().into_iter().flatten().collect();
        if !protocols.contains(&PROTOCOL) {
            return certify(&name, None);
        }
        let shown: Vec<_> = protocols.iter().map(|one| String::from_utf8_lossy(one)).collect();
        let event = json!({ "ServerName": name, "SupportedProtos": shown });
        self.shared.history().push(Kind::TlsAlpn, name.clone(), event);
        let subject = address(&name).map_or_else(|| name.clone(), |address| address.to_string());
        let answers = self.shared.answers();
        let authorization = answers.tls.get(&name).or_else(|| answers.tls.get(&subject))?;
        certify(&subject, Some(digest(&SHA256, authorization.as_bytes()).as_ref()))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

fn certify(name: &str, identifier: Option<&[u8]>) -> Option<Arc<CertifiedKey>> {
    let (certificate, key) = pki::self_signed(name, identifier, Timestamp::now()).ok()?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec()));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).ok()?;
    Some(Arc::new(CertifiedKey::new(vec![CertificateDer::from(certificate)], key)))
}

/// The address of which this is the name in the DNS (RFC 8738 section 6).
fn address(name: &str) -> Option<IpAddr> {
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        let octets: Vec<u8> = labels.rsplit('.').map(|label| label.parse().ok()).collect::<Option<_>>()?;
        return <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into());
    }
    let labels = name.strip_suffix(".ip6.arpa")?;
    let digits: String = labels.rsplit('.').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(Ipv6Addr::from(number).into())
}

/// The protocol of tls-alpn-01 (RFC 8737 section 3).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";
