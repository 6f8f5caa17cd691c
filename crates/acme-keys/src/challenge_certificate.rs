//! The certificate that answers a tls-alpn-01 challenge.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use acme_proto::Identifier;
use const_oid::AssociatedOid;
use const_oid::db::rfc5912::ECDSA_WITH_SHA_256;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetString, OctetStringRef, UtcTime};
use der::{DateTime, Decode, Encode, Sequence};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use spki::AlgorithmIdentifierRef;
use x509_cert::Version;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

use crate::certificate_key::{CertificateKey, KeyType};
use crate::error::{Error, Item};
use crate::subject_alt_name;

/// A self-signed certificate that answers a tls-alpn-01 challenge, with its key on P-256.
///
/// It has one subject alternative name, the name that is to be proved, and the critical extension
/// acmeIdentifier with the digest of the key authorization. It is valid from 1970 to 2049, so that
/// no clock can spoil it: a CA does not look at its validity, and nobody else should trust it.
///
/// <https://www.rfc-editor.org/rfc/rfc8737#section-3> and
/// <https://www.rfc-editor.org/rfc/rfc8738#section-6>
pub struct ChallengeCertificate {
    der: Vec<u8>,
    key: CertificateKey,
}

impl ChallengeCertificate {
    /// Makes the certificate for a name and the SHA-256 digest of the key authorization, with a
    /// key of its own.
    ///
    /// # Errors
    /// [`Error::Identifier`] for what is neither DNS name nor address, [`Error::Crypto`] when the
    /// library can't make the key or sign.
    pub fn new(identifier: &Identifier, digest: &[u8; 32]) -> Result<Self, Error> {
        let names = subject_alt_name::from_identifiers(std::slice::from_ref(identifier))?;
        let key = CertificateKey::generate(KeyType::EcdsaP256)?;
        let body = encode_body(&names, digest, &key).map_err(unwritable)?;
        let signature = key.sign(&body)?;
        let der = encode_certificate(&body, &signature).map_err(unwritable)?;
        Ok(Self { der, key })
    }

    /// The certificate as rustls takes it.
    #[must_use]
    pub fn certificate_der(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.der.clone())
    }

    /// The key as rustls takes it, in PKCS#8.
    #[must_use]
    pub fn private_key_der(&self) -> PrivateKeyDer<'static> {
        self.key.private_key_der()
    }
}

impl fmt::Debug for ChallengeCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeCertificate")
    }
}

/// The body: `x509-cert` has a type for it, which only its builder can fill.
#[derive(Sequence)]
struct Body<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: Version,
    serial_number: SerialNumber,
    signature: AlgorithmIdentifierRef<'a>,
    issuer: Name,
    validity: Validity,
    subject: Name,
    public_key: AnyRef<'a>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

#[derive(Sequence)]
struct Validity {
    not_before: UtcTime,
    not_after: UtcTime,
}

/// A certificate around a body that is already encoded, since that is what was signed.
#[derive(Sequence)]
struct Signed<'a> {
    body: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

fn encode_body(names: &SubjectAltName, digest: &[u8; 32], key: &CertificateKey) -> der::Result<Vec<u8>> {
    let name = Name::from_str(NAME)?;
    let names = Extension {
        extn_id: SubjectAltName::OID,
        critical: false,
        extn_value: OctetString::new(names.to_der()?)?,
    };
    Body {
        version: Version::V3,
        serial_number: SerialNumber::new(&[1])?,
        signature: ALGORITHM,
        issuer: name.clone(),
        validity: Validity {
            not_before: UtcTime::from_unix_duration(Duration::ZERO)?,
            not_after: UtcTime::from_date_time(DateTime::new(2049, 12, 31, 23, 59, 59)?)?,
        },
        subject: name,
        public_key: AnyRef::from_der(key.public_key_der())?,
        extensions: vec![names, acme_identifier(digest)?],
    }
    .to_der()
}

/// The extension, which is critical: nobody else is to take the certificate for an ordinary one.
fn acme_identifier(digest: &[u8; 32]) -> der::Result<Extension> {
    let authorization = OctetStringRef::new(digest)?.to_der()?;
    Ok(Extension { extn_id: ACME_IDENTIFIER, critical: true, extn_value: OctetString::new(authorization)? })
}

fn encode_certificate(body: &[u8], signature: &[u8]) -> der::Result<Vec<u8>> {
    let (body, signature) = (AnyRef::from_der(body)?, BitStringRef::from_bytes(signature)?);
    Signed { body, algorithm: ALGORITHM, signature }.to_der()
}

fn unwritable(error: der::Error) -> Error {
    Error::der(Item::Certificate, error)
}

/// id-pe-acmeIdentifier.
pub(crate) const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");

const ALGORITHM: AlgorithmIdentifierRef<'_> =
    AlgorithmIdentifierRef { oid: ECDSA_WITH_SHA_256, parameters: None };

/// Subject and issuer, for people who meet the certificate.
const NAME: &str = "CN=ACME challenge";

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(hex: &str) -> [u8; 32] {
        let octets = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        octets.collect::<Vec<_>>().try_into().unwrap()
    }

    #[test]
    fn acme_identifier_is_an_octet_string_within_a_critical_extension() {
        for hex in [
            "65a26016d215e16034b7633337b91b4a4d2c7d17761998dac51a9a49300aea52",
            "653471d42925d7eb4cd39a39cda8b34d3034c94cb90067ab78c8123560ba2e5f",
            "940576f75777ef6c725d5119458f63d8543c8354d8a4e689afadb40a26a178f0",
        ] {
            let der = acme_identifier(&digest(hex)).unwrap().to_der().unwrap();
            let found: String = der.iter().map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(found, format!("303106082b0601050507011f0101ff04220420{hex}"));
        }
    }
}
