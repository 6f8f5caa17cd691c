//! Requests and certificates that no key has signed: the protocol reads them, it verifies nothing.

use std::net::IpAddr;

use acme_proto::Identifier;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::request::CertReq;

/// A P-256 key as a DER `SubjectPublicKeyInfo`; `seed` tells keys apart.
pub(crate) fn public_key(seed: u8) -> Vec<u8> {
    let ec_public_key = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let p256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let mut bits = vec![0, 4];
    bits.extend([seed; 64]);
    sequence(&[&sequence(&[&tlv(OID, &ec_public_key), &tlv(OID, &p256)]), &tlv(BIT_STRING, &bits)])
}

/// A certificate signing request for these names and this key.
pub(crate) fn csr(names: &[Identifier], public_key: &[u8]) -> Vec<u8> {
    let extension_request = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
    let extensions = sequence(&[&subject_alt_name(names)]);
    let attribute = sequence(&[&tlv(OID, &extension_request), &tlv(SET, &extensions)]);
    let info = sequence(&[&tlv(INTEGER, &[0]), &sequence(&[]), public_key, &tlv(CONTEXT_0, &attribute)]);
    signed(&info)
}

/// A certificate for these names and this key.
pub(crate) fn certificate(names: &[Identifier], public_key: &[u8]) -> Vec<u8> {
    issued_by(&sequence(&[]), names, public_key)
}

/// A CA's certificate, issued by who has this common name.
pub(crate) fn authority(issuer: &str, public_key: &[u8]) -> Vec<u8> {
    let common_name = sequence(&[&tlv(OID, &[0x55, 0x04, 0x03]), &tlv(UTF8_STRING, issuer.as_bytes())]);
    issued_by(&sequence(&[&tlv(SET, &common_name)]), &[], public_key)
}

fn issued_by(issuer: &[u8], names: &[Identifier], public_key: &[u8]) -> Vec<u8> {
    let validity = sequence(&[&tlv(UTC_TIME, b"260101000000Z"), &tlv(UTC_TIME, b"260401000000Z")]);
    let to_be_signed = sequence(&[
        &tlv(CONTEXT_0, &tlv(INTEGER, &[2])),
        &tlv(INTEGER, &[0x2a]),
        &algorithm(),
        issuer,
        &validity,
        &sequence(&[]),
        public_key,
        &tlv(CONTEXT_3, &sequence(&[&subject_alt_name(names)])),
    ]);
    signed(&to_be_signed)
}

/// The key of a certificate signing request.
pub(crate) fn key_of(csr: &[u8]) -> Vec<u8> {
    CertReq::from_der(csr).expect("a CSR").info.public_key.to_der().expect("a key")
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn signed(content: &[u8]) -> Vec<u8> {
    sequence(&[content, &algorithm(), &tlv(BIT_STRING, &[0, 1, 2, 3])])
}

fn algorithm() -> Vec<u8> {
    sequence(&[&tlv(OID, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])])
}

fn subject_alt_name(names: &[Identifier]) -> Vec<u8> {
    let names: Vec<Vec<u8>> = names.iter().map(general_name).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    sequence(&[&tlv(OID, &[0x55, 0x1d, 0x11]), &tlv(OCTET_STRING, &sequence(&names))])
}

fn general_name(name: &Identifier) -> Vec<u8> {
    if let Identifier::Dns(name) = name {
        return tlv(0x82, name.as_bytes());
    }
    let Identifier::Ip(address) = name else { panic!("neither a DNS name nor an address: {name}") };
    match address {
        IpAddr::V4(address) => tlv(0x87, &address.octets()),
        IpAddr::V6(address) => tlv(0x87, &address.octets()),
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short content");
    let mut der = vec![tag];
    match length {
        0..=127 => der.push(length as u8),
        128..=255 => der.extend([0x81, length as u8]),
        256.. => der.extend([&[0x82], &length.to_be_bytes()[..]].concat()),
    }
    der.extend(content);
    der
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_3: u8 = 0xa3;
