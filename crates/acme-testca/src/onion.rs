//! Names of onion services, and what is signed by their keys (RFC 9799).

use aws_lc_rs::{
    digest::{SHA3_256, digest},
    signature::{ED25519, UnparsedPublicKey},
};
use const_oid::ObjectIdentifier;
use der::{Decode, Encode, asn1::OctetString};
use jiff::Timestamp;
use serde_json::Value;
use x509_cert::request::CertReq;

use crate::{caa::CaaRecord, csr, encoding, key::PublicKey, problem::Problem};

/// Whether a name is that of an onion service, or would like to be.
pub(crate) fn is_onion(name: &str) -> bool {
    name.ends_with(".onion")
}

/// The part of a name that names the service: all below it have the same CAA records (RFC 9799
/// section 6.1).
pub(crate) fn service(name: &str) -> &str {
    let labels = name.rsplit_once('.').map(|(labels, _)| labels).unwrap_or_default();
    let start = labels.rfind('.').map_or(0, |dot| dot + 1);
    name.get(start..).unwrap_or_default()
}

/// The Ed25519 key that the name of a version 3 service holds.
///
/// See [the specification](https://spec.torproject.org/rend-spec/encoding-onion-addresses.html).
pub(crate) fn public_key(name: &str) -> Option<[u8; 32]> {
    let label = service(name).strip_suffix(".onion")?;
    let octets = from_base32(label)?;
    let (key, rest) = octets.split_at_checked(32)?;
    let [first, second, version] = <[u8; 3]>::try_from(rest).ok()?;
    let checked = [b".onion checksum", key, &[version]].concat();
    let checksum = digest(&SHA3_256, &checked);
    if version != VERSION || checksum.as_ref().get(..2) != Some(&[first, second]) {
        return None;
    }
    key.try_into().ok()
}

/// Checks the answer to an onion-csr-01 challenge (RFC 9799 section 3.2).
pub(crate) fn check_answer(name: &str, nonce: &[u8], der: &[u8]) -> Result<(), Problem> {
    let key = public_key(name).ok_or_else(|| incorrect("the name holds no key"))?;
    let csr = CertReq::from_der(der).map_err(|_| incorrect("\"csr\" is not a PKCS#10 request"))?;
    let spki = csr.info.public_key.to_der().unwrap_or_default();
    if PublicKey::from_spki(&spki) != Some(PublicKey::Ed25519(key.to_vec())) {
        return Err(incorrect("the key of the CSR is not that of the name"));
    }
    let signed = csr::signed_part(der).unwrap_or_default();
    let signature = csr.signature.as_bytes().unwrap_or_default();
    if UnparsedPublicKey::new(&ED25519, key).verify(signed, signature).is_err() {
        return Err(incorrect("the signature of the CSR does not verify"));
    }
    if nonces(&csr, CA_NONCE) != [nonce] {
        return Err(incorrect("its caSigningNonce is not the nonce of the challenge"));
    }
    match nonces(&csr, APPLICANT_NONCE).as_slice() {
        [own] if own.len() >= NONCE_LEN => Ok(()),
        _ => Err(incorrect("its applicantSigningNonce is missing, or has less than 64 bits")),
    }
}

/// The CAA records that came with a finalize request, once their signature has been verified
/// (RFC 9799 section 6.4).
pub(crate) fn caa_records(name: &str, value: &Value, now: Timestamp) -> Result<Vec<CaaRecord>, Problem> {
    let text = match value.get("caa") {
        Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        Some(_) | None => return Err(forbidden(name, "\"caa\" must be a string or null")),
    };
    let expiry = value.get("expiry").and_then(Value::as_i64);
    let expiry = expiry.ok_or_else(|| forbidden(name, "\"expiry\" must be a number"))?;
    let signature = value.get("signature").and_then(Value::as_str).and_then(encoding::from_base64url);
    let signature = signature.ok_or_else(|| forbidden(name, "\"signature\" must be base64url"))?;
    let key = public_key(name).ok_or_else(|| forbidden(name, "the name holds no key"))?;
    let signed = format!("onion-caa|{expiry}|{text}");
    if UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &signature).is_err() {
        return Err(forbidden(name, "the signature does not verify"));
    }
    if expiry <= now.as_second() {
        return Err(forbidden(name, "the records have expired"));
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| record(line).ok_or_else(|| forbidden(name, "a record cannot be read"))).collect()
}

/// Reads a record as a descriptor has it: `caa 0 issue "ca.example"`.
fn record(line: &str) -> Option<CaaRecord> {
    let mut parts = line.trim().splitn(4, ' ');
    if parts.next()? != "caa" {
        return None;
    }
    let flags = parts.next()?.parse().ok()?;
    let tag = parts.next()?.to_owned();
    let value = parts.next()?.strip_prefix('"')?.strip_suffix('"')?.to_owned();
    Some(CaaRecord { flags, tag, value })
}

/// The values of an attribute that are octet strings.
fn nonces(csr: &CertReq, oid: ObjectIdentifier) -> Vec<Vec<u8>> {
    let attributes = csr.info.attributes.iter().filter(|one| one.oid == oid);
    let values = attributes.flat_map(|one| one.values.iter());
    values.filter_map(|value| Some(value.decode_as::<OctetString>().ok()?.as_bytes().to_vec())).collect()
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().map(|byte| match byte {
        b'a'..=b'z' => Some(byte - b'a'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    });
    let mut octets = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        bits = (bits << 5 | u32::from(digit?)) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            octets.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(octets)
}

fn incorrect(what: &str) -> Problem {
    Problem::new("incorrectResponse", 403, format!("RFC 9799 section 3.2: {what}"))
}

fn forbidden(name: &str, what: &str) -> Problem {
    Problem::new("caa", 403, format!("RFC 9799 section 6.4: the CAA records of {name}: {what}"))
}

/// How many octets the nonces have at least.
pub(crate) const NONCE_LEN: usize = 8;
const VERSION: u8 = 3;
const CA_NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.140.41");
const APPLICANT_NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.140.42");

#[cfg(test)]
mod tests {
    use super::{public_key, service};

    /// From the specification of version 3 onion services, where it is an example of a valid address.
    const NAME: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";

    #[test]
    fn names_hold_keys_and_a_checksum() {
        let key = public_key(NAME).unwrap();
        assert_eq!(public_key(&format!("www.{NAME}")), Some(key));
        assert_eq!(public_key(&NAME.replacen('p', "q", 1)), None);
        for name in ["expyuzz4wqqyqhjn.onion", "onion", ".onion", "a.onion", "a.example", ""] {
            assert_eq!(public_key(name), None, "{name}");
        }
        assert_eq!(service("b.c.a.onion"), "a.onion");
        assert_eq!(service("a.onion"), "a.onion");
    }
}
