//! Keys of the CA and what they sign: certificates of authorities, leaves, lists of revoked ones.

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

/// What of an [`Issuer`] is kept when the CA's state is saved.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SavedIssuer {
    name: String,
    #[serde(with = "encoding::octets")]
    certificate: Vec<u8>,
    #[serde(with = "encoding::octets")]
    key_pkcs8: Vec<u8>,
}

/// What goes into a certificate that the authority signs.
pub(crate) struct Leaf<'a> {
    pub(crate) serial: &'a [u8],
    /// DNS names, and addresses as text: no DNS name looks like an address.
    pub(crate) names: &'a [String],
    pub(crate) key_spki: &'a [u8],
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// Where the list is that it would be on if it were revoked.
    pub(crate) crl_url: Option<&'a str>,
}

/// What goes into a list of revoked certificates.
pub(crate) struct Crl<'a> {
    pub(crate) number: u64,
    pub(crate) this_update: Timestamp,
    pub(crate) next_update: Timestamp,
    pub(crate) revoked: &'a [Revoked],
}

/// A certificate on a list of revoked ones.
pub(crate) struct Revoked {
    pub(crate) serial: Vec<u8>,
    pub(crate) at: Timestamp,
    pub(crate) reason: u8,
}

impl Revoked {
    /// The entry of RFC 5280 section 5.1.2.6. The reason `unspecified` is left out, as section 5.3.1 wants it.
    fn entry(&self) -> Vec<u8> {
        let mut parts = vec![asn1::integer(&self.serial), asn1::time(self.at)];
        if self.reason != 0 {
            let reason = extension(CRL_REASON, false, &asn1::enumerated(self.reason));
            parts.push(asn1::sequence(&[reason]));
        }
        asn1::sequence(&parts)
    }
}

/// Where an authority stands in the chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    /// Only leaves come below it.
    Last,
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

/// A name and a key that sign certificates, and the certificate that says so.
#[derive(Debug)]
pub(crate) struct Issuer {
    name: String,
    certificate: Vec<u8>,
    key: Key,
}

impl Issuer {
    /// Makes one that signs itself.
    pub(crate) fn root(name: String, now: Timestamp) -> Result<Self, Error> {
        let key = Key::generate()?;
        let certificate = authority_certificate(&name, &key, &name, &key, Level::Root, now)?;
        Ok(Self { name, certificate, key })
    }

    /// Makes one that another one signs, with its own certificate first.
    pub(crate) fn below(&self, name: String, now: Timestamp) -> Result<Self, Error> {
        let key = Key::generate()?;
        let certificate = authority_certificate(&name, &key, &self.name, &self.key, Level::Last, now)?;
        Ok(Self { name, certificate, key })
    }

    /// Makes another certificate for the name and key of an intermediate.
    pub(crate) fn cross_sign(&self, intermediate: &Self, now: Timestamp) -> Result<Vec<u8>, Error> {
        let Self { name, key, .. } = intermediate;
        authority_certificate(name, key, &self.name, &self.key, Level::Last, now)
    }

    /// Makes a certificate for the name and key of a root that comes after this one.
    pub(crate) fn introduce(&self, root: &Self, now: Timestamp) -> Result<Vec<u8>, Error> {
        authority_certificate(&root.name, &root.key, &self.name, &self.key, Level::Root, now)
    }

    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    #[cfg(feature = "serve")]
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The key identifier that what it signs names it by.
    pub(crate) fn key_id(&self) -> Vec<u8> {
        key_id(&self.key.spki())
    }

    pub(crate) fn load(saved: &SavedIssuer) -> Result<Self, Error> {
        let key = Key::from_pkcs8(&saved.key_pkcs8)?;
        let spki = key.spki();
        if !saved.certificate.windows(spki.len()).any(|window| window == spki) {
            return Err(Error::damaged("a certificate of the authority"));
        }
        Ok(Self { name: saved.name.clone(), certificate: saved.certificate.clone(), key })
    }

    pub(crate) fn save(&self) -> SavedIssuer {
        SavedIssuer {
            name: self.name.clone(),
            certificate: self.certificate.clone(),
            key_pkcs8: self.key.pkcs8.clone(),
        }
    }

    /// Signs a list of revoked certificates (RFC 5280 section 5).
    pub(crate) fn sign_crl(&self, crl: &Crl<'_>) -> Result<Vec<u8>, Error> {
        let algorithm = asn1::sequence(&[asn1::oid(ECDSA_WITH_SHA256)]);
        let entries: Vec<Vec<u8>> = crl.revoked.iter().map(Revoked::entry).collect();
        let mut parts = vec![
            asn1::integer(&[1]),
            algorithm.clone(),
            name(&self.name),
            asn1::time(crl.this_update),
            asn1::time(crl.next_update),
        ];
        if !entries.is_empty() {
            parts.push(asn1::sequence(&entries));
        }
        let number = extension(CRL_NUMBER, false, &asn1::integer(&crl.number.to_be_bytes()));
        parts.push(asn1::explicit(0, &asn1::sequence(&[authority_key_id(&self.key), number])));
        let body = asn1::sequence(&parts);
        let signature = self.key.sign(&body)?;
        Ok(asn1::sequence(&[body, algorithm, asn1::bit_string(&signature)]))
    }

    /// Signs a leaf.
    pub(crate) fn issue(&self, leaf: &Leaf<'_>) -> Result<Vec<u8>, Error> {
        let mut extensions = vec![
            extension(KEY_USAGE, true, &asn1::named_bits(leaf_key_usage(leaf.key_spki))),
            extension(EXTENDED_KEY_USAGE, false, &asn1::sequence(&[asn1::oid(SERVER_AUTH)])),
            extension(BASIC_CONSTRAINTS, true, &asn1::sequence(&[])),
            extension(SUBJECT_KEY_ID, false, &asn1::octet_string(&key_id(leaf.key_spki))),
            authority_key_id(&self.key),
            extension(SUBJECT_ALT_NAME, true, &alternative_names(leaf.names)),
            extension(
                CERTIFICATE_POLICIES,
                false,
                &asn1::sequence(&[asn1::sequence(&[asn1::oid(DOMAIN_VALIDATED)])]),
            ),
        ];
        extensions.extend(leaf.crl_url.map(distribution_point));
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

/// Makes a certificate for a name or an address that its own key signs, with this digest in its
/// acmeIdentifier (RFC 8737 section 3) if there is one.
#[cfg(feature = "serve")]
pub(crate) fn self_signed(
    subject: &str,
    identifier: Option<&[u8]>,
    now: Timestamp,
) -> Result<(Vec<u8>, Key), Error> {
    let key = Key::generate()?;
    let key_spki = key.spki();
    let mut extensions = vec![extension(SUBJECT_ALT_NAME, false, &alternative_names(&[subject.to_owned()]))];
    extensions.extend(identifier.map(|digest| extension(ACME_IDENTIFIER, true, &asn1::octet_string(digest))));
    let digest = digest(&SHA256, &key_spki);
    let body = Body {
        serial: digest.as_ref().get(..SERIAL_LEN).unwrap_or_default(),
        issuer: name(SELF),
        not_before: now.saturating_sub(BACKDATE).unwrap_or(now),
        not_after: now.saturating_add(SELF_LIFETIME).unwrap_or(now),
        subject: name(SELF),
        key_spki: &key_spki,
        extensions: &extensions,
    };
    Ok((body.sign(&key)?, key))
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
    level: Level,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let key_spki = key.spki();
    let constraints = match level {
        Level::Root => asn1::sequence(&[asn1::yes()]),
        Level::Last => asn1::sequence(&[asn1::yes(), asn1::integer(&[0])]),
    };
    let mut extensions = vec![
        extension(KEY_USAGE, true, &asn1::named_bits(CERT_SIGN | CRL_SIGN)),
        extension(BASIC_CONSTRAINTS, true, &constraints),
        extension(SUBJECT_KEY_ID, false, &asn1::octet_string(&key_id(&key_spki))),
    ];
    if subject != issuer {
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

fn distribution_point(url: &str) -> Vec<u8> {
    let name = asn1::explicit(0, &asn1::implicit(6, url.as_bytes()));
    let point = asn1::sequence(&[asn1::explicit(0, &name)]);
    extension(CRL_DISTRIBUTION_POINTS, false, &asn1::sequence(&[point]))
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

fn alternative_names(names: &[String]) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for name in names {
        parts.push(match name.parse() {
            Ok(IpAddr::V4(v4)) => asn1::implicit(7, &v4.octets()),
            Ok(IpAddr::V6(v6)) => asn1::implicit(7, &v6.octets()),
            Err(_) => asn1::implicit(2, name.as_bytes()),
        });
    }
    asn1::sequence(&parts)
}

fn leaf_key_usage(spki: &[u8]) -> u8 {
    match crate::key::PublicKey::from_spki(spki) {
        Some(key) if key.modulus_bits().is_some() => DIGITAL_SIGNATURE | KEY_ENCIPHERMENT,
        Some(_) | None => DIGITAL_SIGNATURE,
    }
}

/// How far notBefore lies in the past, so that clocks may be a little apart.
pub(crate) const BACKDATE: Duration = Duration::from_secs(3600);

#[cfg(feature = "serve")]
const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");
#[cfg(feature = "serve")]
const SELF: &str = "acme-testca challenge, DO NOT TRUST";
#[cfg(feature = "serve")]
const SELF_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Octets of a serial number.
pub(crate) const SERIAL_LEN: usize = 16;

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const CRL_REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 3600);
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
