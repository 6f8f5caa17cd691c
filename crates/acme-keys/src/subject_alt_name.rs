//! The subject alternative names of requests and certificates.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use acme_proto::Identifier;
use der::asn1::Ia5String;
use der::{Reader, SliceReader};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::error::{Error, Item};
use crate::tlv::{self, Tlv};

/// Puts names into an extension, in their order.
pub(crate) fn from_identifiers(identifiers: &[Identifier]) -> Result<SubjectAltName, Error> {
    identifiers.iter().map(general_name).collect::<Result<_, _>>().map(SubjectAltName)
}

/// Reads the DNS names and IP addresses of an extension's value; others are passed over.
pub(crate) fn to_identifiers(value: &[u8]) -> der::Result<Vec<Identifier>> {
    let mut names = tlv::enter_sequence(&mut SliceReader::new(value)?)?;
    let mut identifiers = Vec::new();
    while !names.is_finished() {
        identifiers.extend(identifier(&Tlv::next(&mut names)?));
    }
    Ok(identifiers)
}

fn general_name(identifier: &Identifier) -> Result<GeneralName, Error> {
    match identifier {
        Identifier::Dns(name) => Ia5String::new(name)
            .map(GeneralName::DnsName)
            .map_err(|error| Error::der(Item::CertificateSigningRequest, error)),
        Identifier::Ip(address) => Ok(GeneralName::from(*address)),
        other @ (Identifier::Other { .. } | _) => Err(Error::Identifier(other.clone())),
    }
}

fn identifier(name: &Tlv<'_>) -> Option<Identifier> {
    if name.tag == DNS_NAME {
        let text = str::from_utf8(name.value).ok()?;
        return Some(Identifier::Dns(text.trim_end_matches('.').to_ascii_lowercase()));
    }
    if name.tag == IP_ADDRESS {
        return ip_address(name.value).map(Identifier::Ip);
    }
    None
}

fn ip_address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(octets).ok().map(|octets| Ipv6Addr::from(octets).into())
}

const DNS_NAME: der::Tag = tlv::primitive(2);
const IP_ADDRESS: der::Tag = tlv::primitive(7);
