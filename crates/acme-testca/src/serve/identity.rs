//! With which certificate the server answers.

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};

use super::serve_error;
use crate::{ca::Ca, error::Error};

/// A chain, and the key of its first certificate.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// One that the CA's own root has signed.
pub(super) fn make(ca: &Ca, now: Timestamp) -> Result<Identity, Error> {
    let (certificate, key) = ca.authority().server_identity(now)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec()));
    Ok((vec![CertificateDer::from(certificate)], key))
}

/// One that somebody else made, both parts PEM.
pub(super) fn read(chain: &str, key: &str) -> Result<Identity, Error> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| serve_error("read its certificate", error))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|error| serve_error("read its private key", error))?;
    Ok((chain, key))
}
