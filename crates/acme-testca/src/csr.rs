//! Certificate signing requests: signature, names, key policy.

use std::{collections::BTreeSet, net::IpAddr};

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader};
use x509_cert::{
    ext::pkix::{SubjectAltName, name::GeneralName},
    request::{CertReq, ExtensionReq},
};

use crate::{
    delegation::Delegation,
    identifier::Identifier,
    key::{PublicKey, RSA_BITS},
    problem::Problem,
};

/// What of a CSR the certificate is made of.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) key: PublicKey,
    pub(crate) key_spki: Vec<u8>,
}

/// Checks a CSR against the identifiers of its order (RFC 8555 section 7.4).
pub(crate) fn check(der: &[u8], identifiers: &[Identifier]) -> Result<Request, Problem> {
    let csr = CertReq::from_der(der).map_err(|_| {
        Problem::bad_csr("RFC 8555 section 7.4: \"csr\" is not a DER encoded PKCS#10 request")
    })?;
    let key_spki = csr
        .info
        .public_key
        .to_der()
        .map_err(|_| Problem::bad_csr("RFC 2986 section 4.1: the public key cannot be read"))?;
    let key = acceptable_key(&key_spki)?;
    let signed = signed_part(der)
        .ok_or_else(|| Problem::bad_csr("RFC 2986 section 4.2: the request cannot be taken apart"))?;
    let signature = csr.signature.as_bytes().unwrap_or_default();
    if !verifies(&key, csr.algorithm.oid, signed, signature) {
        return Err(Problem::bad_csr("RFC 2986 section 4.2: the signature of the request does not verify"));
    }
    check_names(&csr, identifiers)?;
    Ok(Request { key, key_spki })
}

/// Checks a CSR that has been checked otherwise against the template of a delegation (RFC 9115).
pub(crate) fn check_template(der: &[u8], delegation: &Delegation, names: &[String]) -> Result<(), Problem> {
    let unreadable = |_| Problem::bad_csr("RFC 9115 section 4: the CSR cannot be read");
    let csr = CertReq::from_der(der).map_err(unreadable)?;
    let key = acceptable_key(&csr.info.public_key.to_der().map_err(unreadable)?)?;
    delegation.check(&csr, &key, names)
}

fn acceptable_key(spki: &[u8]) -> Result<PublicKey, Problem> {
    let policy =
        || Problem::bad_csr("keys of certificates are EC P-256, EC P-384 or RSA of 2048 to 4096 bits");
    let key = PublicKey::from_spki(spki).ok_or_else(policy)?;
    match &key {
        PublicKey::P256(_) | PublicKey::P384(_) => Ok(key),
        PublicKey::Rsa { .. } => match key.modulus_bits() {
            Some(bits) if RSA_BITS.contains(&bits) => Ok(key),
            Some(_) | None => Err(policy()),
        },
        PublicKey::P521(_) | PublicKey::Ed25519(_) | PublicKey::MlDsa { .. } => Err(policy()),
    }
}

/// The octets that the signature is over, as they came.
pub(crate) fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let mut outer = SliceReader::new(der).ok()?;
    outer
        .sequence(|inner: &mut SliceReader<'_>| -> der::Result<&[u8]> {
            let info = inner.tlv_bytes()?;
            inner.tlv_bytes()?;
            inner.tlv_bytes()?;
            Ok(info)
        })
        .ok()
}

fn verifies(key: &PublicKey, algorithm: ObjectIdentifier, message: &[u8], signature: &[u8]) -> bool {
    let ec = |verifier: &'static dyn VerificationAlgorithm, point: &[u8]| {
        UnparsedPublicKey::new(verifier, point).verify(message, signature).is_ok()
    };
    let rsa = |parameters, n: &[u8], e: &[u8]| {
        RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
    };
    match (algorithm, key) {
        (ECDSA_SHA256, PublicKey::P256(point)) => ec(&signature::ECDSA_P256_SHA256_ASN1, point),
        (ECDSA_SHA384, PublicKey::P256(point)) => ec(&signature::ECDSA_P256_SHA384_ASN1, point),
        (ECDSA_SHA256, PublicKey::P384(point)) => ec(&signature::ECDSA_P384_SHA256_ASN1, point),
        (ECDSA_SHA384, PublicKey::P384(point)) => ec(&signature::ECDSA_P384_SHA384_ASN1, point),
        (RSA_SHA256, PublicKey::Rsa { n, e }) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256, n, e),
        (RSA_SHA384, PublicKey::Rsa { n, e }) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384, n, e),
        (RSA_SHA512, PublicKey::Rsa { n, e }) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512, n, e),
        _ => false,
    }
}

fn check_names(csr: &CertReq, identifiers: &[Identifier]) -> Result<(), Problem> {
    let names = alternative_names(csr)?;
    let common_name = csr
        .info
        .subject
        .common_name()
        .map_err(|_| Problem::bad_csr("RFC 5280 section 4.1.2.4: the common name cannot be read"))?;
    if let Some(common_name) = common_name
        && !names.contains(&Identifier::dns(common_name.value().to_ascii_lowercase()))
    {
        return Err(Problem::bad_csr(
            "RFC 8555 section 7.4: the common name is not among the DNS names of the CSR",
        ));
    }
    let wanted: BTreeSet<Identifier> = identifiers.iter().cloned().collect();
    if names == wanted {
        return Ok(());
    }
    let subproblems = names
        .symmetric_difference(&wanted)
        .map(|name| {
            let side = if wanted.contains(name) { "the CSR" } else { "the order" };
            Problem::new("badCSR", 400, format!("not in {side}")).about(name.clone())
        })
        .collect();
    Err(Problem::bad_csr("RFC 8555 section 7.4: the names of the CSR are not the identifiers of the order")
        .with_subproblems(subproblems))
}

fn alternative_names(csr: &CertReq) -> Result<BTreeSet<Identifier>, Problem> {
    let unreadable = |_| Problem::bad_csr("RFC 2985 section 5.4.2: the extension request cannot be read");
    let mut names = BTreeSet::new();
    for attribute in csr.info.attributes.iter().filter(|one| one.oid == ExtensionReq::OID) {
        for value in attribute.values.iter() {
            let extensions: ExtensionReq = value.decode_as().map_err(unreadable)?;
            for extension in extensions.0.iter().filter(|one| one.extn_id == SubjectAltName::OID) {
                let alternative =
                    SubjectAltName::from_der(extension.extn_value.as_bytes()).map_err(unreadable)?;
                for name in &alternative.0 {
                    names.insert(identifier(name)?);
                }
            }
        }
    }
    Ok(names)
}

fn identifier(name: &GeneralName) -> Result<Identifier, Problem> {
    let address = match name {
        GeneralName::DnsName(name) => return Ok(Identifier::dns(name.as_str().to_ascii_lowercase())),
        GeneralName::IpAddress(octets) => octets.as_bytes(),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => {
            return Err(Problem::bad_csr(
                "RFC 8555 section 7.4: the CSR holds a name that is neither DNS name nor address",
            ));
        }
    };
    let v4 = <[u8; 4]>::try_from(address).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(address).map(IpAddr::from));
    address.map(Identifier::ip).map_err(|_| {
        Problem::bad_csr("RFC 5280 section 4.2.1.6: an iPAddress of the CSR has neither 4 nor 16 octets")
    })
}

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
