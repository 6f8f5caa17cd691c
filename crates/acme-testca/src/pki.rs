//! The CA's own keys and what they sign: root, intermediate, leaves, and the server's certificate.

use std::{fmt, net::IpAddr, time::Duration};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use const_oid::ObjectIdentifier;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{asn1, encoding, error::Error};

/// The root and the intermediate with their keys.
#[derive(Debug)]
pub(crate) struct Authority {
    root: Issuer,
    intermediate: Issuer,
    cross: Option<Cross>,
}

/// Another root, and the intermediate's name and key signed by it.
#[derive(Debug)]
struct Cross {
    root: Issuer,
    intermediate: Vec<u8>,
}

/// What of an [`Authority`] is kept when the CA's state is saved.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SavedAuthority {
    root: SavedIssuer,
    intermediate: SavedIssuer,
    #[serde(default)]
    cross: Option<SavedCross>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SavedCross {
    root: SavedIssuer,
    #[serde(with = "encoding::octets")]
    intermediate: Vec<u8>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SavedIssuer {
    name: String,
    #[serde(with = "encoding::octets")]
    certificate: Vec<u8>,
    #[serde(with = "encoding::octets")]
    key_pkcs8: Vec<u8>,
}

/// Which of its two chains a certificate is served with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    Default,
    Alternate,
}

/// What goes into a certificate that the authority signs.
pub(crate) struct Leaf<'a> {
    pub(crate) serial: &'a [u8],
    /// DNS names, and addresses as text: no DNS name looks like an address.
    pub(crate) names: &'a [String],
    pub(crate) key_spki: &'a [u8],
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Authority {
    /// Makes new keys and certificates; `label` tells this CA's names from another one's.
    pub(crate) fn generate(label: &str, now: Timestamp) -> Result<Self, Error> {
        let root = Issuer::root(format!("acme-testca root {label}, DO NOT TRUST"), now)?;
        let other = Issuer::root(format!("acme-testca other root {label}, DO NOT TRUST"), now)?;
        let name = format!("acme-testca intermediate {label}, DO NOT TRUST");
        let key = Key::generate()?;
        let certificate = authority_certificate(&name, &key, &root.name, &root.key, now)?;
        let crossed = authority_certificate(&name, &key, &other.name, &other.key, now)?;
        let cross = Some(Cross { root: other, intermediate: crossed });
        Ok(Self { root, intermediate: Issuer { name, certificate, key }, cross })
    }

    pub(crate) fn load(saved: &SavedAuthority) -> Result<Self, Error> {
        let cross = match &saved.cross {
            Some(cross) => {
                Some(Cross { root: Issuer::load(&cross.root)?, intermediate: cross.intermediate.clone() })
            }
            None => None,
        };
        let intermediate = Issuer::load(&saved.intermediate)?;
        Ok(Self { root: Issuer::load(&saved.root)?, intermediate, cross })
    }

    pub(crate) fn save(&self) -> SavedAuthority {
        let cross = self
            .cross
            .as_ref()
            .map(|cross| SavedCross { root: cross.root.save(), intermediate: cross.intermediate.clone() });
        SavedAuthority { root: self.root.save(), intermediate: self.intermediate.save(), cross }
    }

    /// The certificate that clients must trust.
    pub(crate) fn root_der(&self) -> &[u8] {
        &self.root.certificate
    }

    /// The root that the alternate chain ends in. Old saved states have none.
    pub(crate) fn other_root_der(&self) -> Option<&[u8]> {
        self.cross.as_ref().map(|cross| cross.root.certificate.as_slice())
    }

    /// The certificate that is served below each leaf, in one chain or the other.
    pub(crate) fn intermediate_der(&self, chain: Chain) -> Option<&[u8]> {
        match chain {
            Chain::Default => Some(&self.intermediate.certificate),
            Chain::Alternate => self.cross.as_ref().map(|cross| cross.intermediate.as_slice()),
        }
    }

    /// The key identifier that the leaves name their issuer by.
    pub(crate) fn key_id(&self) -> Vec<u8> {
        key_id(&self.intermediate.key.spki())
    }

    /// Signs a leaf with the intermediate.
    pub(crate) fn issue(&self, leaf: &Leaf<'_>) -> Result<Vec<u8>, Error> {
        self.intermediate.issue(leaf)
    }

    /// Makes the certificate of the server's own connection, signed by the root, and its key.
    #[cfg(feature = "serve")]
    pub(crate) fn server_identity(&self, now: Timestamp) -> Result<(Vec<u8>, Key), Error> {
        let key = Key::generate()?;
        let spki = key.spki();
        let digest = digest(&SHA256, &spki);
        let certificate = self.root.issue(&Leaf {
            serial: digest.as_ref().get(..SERIAL_LEN).unwrap_or_default(),
            names: &SERVER_NAMES.map(str::to_owned),
            key_spki: &spki,
            not_before: now.saturating_sub(BACKDATE).unwrap_or(now),
            not_after: now.saturating_add(SERVER_LIFETIME).unwrap_or(now),
        })?;
        Ok((certificate, key))
    }
}

/// A P-256 key of the CA.
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    pkcs8: Vec<u8>,
}

impl Key {
    pub(crate) fn generate() -> Result<Self, Error> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| Error::Crypto("generate a key"))?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| Error::Crypto("export a key"))?.as_ref().to_vec();
        Ok(Self { pair, pkcs8 })
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Error> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8)
            .map_err(|_| Error::damaged("a key of the authority"))?;
        Ok(Self { pair, pkcs8: pkcs8.to_vec() })
    }

    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        asn1::sequence(&[
            asn1::sequence(&[asn1::oid(ID_EC), asn1::oid(P256)]),
            asn1::bit_string(self.pair.public_key().as_ref()),
        ])
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature =
            self.pair.sign(&SystemRandom::new(), message).map_err(|_| Error::Crypto("sign a certificate"))?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[derive(Debug)]
struct Issuer {
    name: String,
    certificate: Vec<u8>,
    key: Key,
}

impl Issuer {
    fn root(name: String, now: Timestamp) -> Result<Self, Error> {
        let key = Key::generate()?;
        let certificate = authority_certificate(&name, &key, &name, &key, now)?;
        Ok(Self { name, certificate, key })
    }

    fn load(saved: &SavedIssuer) -> Result<Self, Error> {
        let key = Key::from_pkcs8(&saved.key_pkcs8)?;
        let spki = key.spki();
        if !saved.certificate.windows(spki.len()).any(|window| window == spki) {
            return Err(Error::damaged("a certificate of the authority"));
        }
        Ok(Self { name: saved.name.clone(), certificate: saved.certificate.clone(), key })
    }

    fn save(&self) -> SavedIssuer {
        SavedIssuer {
            name: self.name.clone(),
            certificate: self.certificate.clone(),
            key_pkcs8: self.key.pkcs8.clone(),
        }
    }

    fn issue(&self, leaf: &Leaf<'_>) -> Result<Vec<u8>, Error> {
        let extensions = [
            extension(KEY_USAGE, true, &asn1::named_bits(leaf_key_usage(leaf.key_spki))),
            extension(EXTENDED_KEY_USAGE, false, &asn1::sequence(&[asn1::oid(SERVER_AUTH)])),
            extension(BASIC_CONSTRAINTS, true, &asn1::sequence(&[])),
            extension(SUBJECT_KEY_ID, false, &asn1::octet_string(&key_id(leaf.key_spki))),
            authority_key_id(&self.key),
            extension(SUBJECT_ALT_NAME, true, &alternative_names(leaf)),
            extension(
                CERTIFICATE_POLICIES,
                false,
                &asn1::sequence(&[asn1::sequence(&[asn1::oid(DOMAIN_VALIDATED)])]),
            ),
        ];
        let body = Body {
            serial: leaf.serial,
            issuer: name(&self.name),
            not_before: leaf.not_before,
            not_after: leaf.not_after,
            subject: asn1::sequence(&[]),
            key_spki: leaf.key_spki,
            extensions: &extensions,
        };
        body.sign(&self.key)
    }
}

struct Body<'a> {
    serial: &'a [u8],
    issuer: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    subject: Vec<u8>,
    key_spki: &'a [u8],
    extensions: &'a [Vec<u8>],
}

impl Body<'_> {
    /// Makes the certificate of RFC 5280 section 4.1.
    fn sign(&self, key: &Key) -> Result<Vec<u8>, Error> {
        let algorithm = asn1::sequence(&[asn1::oid(ECDSA_WITH_SHA256)]);
        let body = asn1::sequence(&[
            asn1::explicit(0, &asn1::integer(&[2])),
            asn1::integer(self.serial),
            algorithm.clone(),
            self.issuer.clone(),
            asn1::sequence(&[asn1::time(self.not_before), asn1::time(self.not_after)]),
            self.subject.clone(),
            self.key_spki.to_vec(),
            asn1::explicit(3, &asn1::sequence(self.extensions)),
        ]);
        let signature = key.sign(&body)?;
        Ok(asn1::sequence(&[body, algorithm, asn1::bit_string(&signature)]))
    }
}

fn authority_certificate(
    subject: &str,
    key: &Key,
    issuer: &str,
    issuer_key: &Key,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let key_spki = key.spki();
    let is_root = subject == issuer;
    let constraints = if is_root {
        asn1::sequence(&[asn1::yes()])
    } else {
        asn1::sequence(&[asn1::yes(), asn1::integer(&[0])])
    };
    let mut extensions = vec![
        extension(KEY_USAGE, true, &asn1::named_bits(CERT_SIGN | CRL_SIGN)),
        extension(BASIC_CONSTRAINTS, true, &constraints),
        extension(SUBJECT_KEY_ID, false, &asn1::octet_string(&key_id(&key_spki))),
    ];
    if !is_root {
        extensions.push(authority_key_id(issuer_key));
    }
    let digest = digest(&SHA256, &key_spki);
    let serial = digest.as_ref().get(..SERIAL_LEN).unwrap_or_default();
    let body = Body {
        serial,
        issuer: name(issuer),
        not_before: now.saturating_sub(BACKDATE).unwrap_or(now),
        not_after: now.saturating_add(AUTHORITY_LIFETIME).unwrap_or(now),
        subject: name(subject),
        key_spki: &key_spki,
        extensions: &extensions,
    };
    body.sign(issuer_key)
}

fn name(common_name: &str) -> Vec<u8> {
    let attribute = asn1::sequence(&[asn1::oid(COMMON_NAME), asn1::utf8(common_name)]);
    asn1::sequence(&[asn1::set_of_one(&attribute)])
}

fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![asn1::oid(id)];
    if critical {
        parts.push(asn1::yes());
    }
    parts.push(asn1::octet_string(value));
    asn1::sequence(&parts)
}

fn authority_key_id(key: &Key) -> Vec<u8> {
    let id = asn1::implicit(0, &key_id(&key.spki()));
    extension(AUTHORITY_KEY_ID, false, &asn1::sequence(&[id]))
}

/// A key identifier as RFC 7093 section 2 (1) makes them, from the whole key information.
fn key_id(spki: &[u8]) -> Vec<u8> {
    let digest = digest(&SHA256, spki);
    digest.as_ref().get(..KEY_ID_LEN).unwrap_or_default().to_vec()
}

fn alternative_names(leaf: &Leaf<'_>) -> Vec<u8> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    for name in leaf.names {
        names.push(match name.parse() {
            Ok(IpAddr::V4(v4)) => asn1::implicit(7, &v4.octets()),
            Ok(IpAddr::V6(v6)) => asn1::implicit(7, &v6.octets()),
            Err(_) => asn1::implicit(2, name.as_bytes()),
        });
    }
    asn1::sequence(&names)
}

fn leaf_key_usage(spki: &[u8]) -> u8 {
    match crate::key::PublicKey::from_spki(spki) {
        Some(key) if key.modulus_bits().is_some() => DIGITAL_SIGNATURE | KEY_ENCIPHERMENT,
        Some(_) | None => DIGITAL_SIGNATURE,
    }
}

/// How far notBefore lies in the past, so that clocks may be a little apart.
pub(crate) const BACKDATE: Duration = Duration::from_secs(3600);

/// Octets of a serial number.
pub(crate) const SERIAL_LEN: usize = 16;

const AUTHORITY_LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 3600);
#[cfg(feature = "serve")]
const SERVER_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
#[cfg(feature = "serve")]
const SERVER_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);
const KEY_ID_LEN: usize = 20;
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_ENCIPHERMENT: u8 = 0x20;
const CERT_SIGN: u8 = 0x04;
const CRL_SIGN: u8 = 0x02;
const ID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const SUBJECT_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const DOMAIN_VALIDATED: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.140.1.2.1");
