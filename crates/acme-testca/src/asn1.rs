//! The little DER that certificates are written in.

use const_oid::ObjectIdentifier;
use jiff::Timestamp;

/// A SEQUENCE of parts that are encoded already.
pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// A SET of one part.
pub(crate) fn set_of_one(part: &[u8]) -> Vec<u8> {
    tlv(0x31, part)
}

/// An OBJECT IDENTIFIER.
pub(crate) fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    tlv(0x06, oid.as_bytes())
}

/// A positive INTEGER of big-endian octets.
pub(crate) fn integer(octets: &[u8]) -> Vec<u8> {
    let significant = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    let digits = octets.get(significant..).unwrap_or_default();
    match digits.first() {
        Some(first) if *first < 0x80 => tlv(0x02, digits),
        Some(_) | None => tlv(0x02, &[&[0], digits].concat()),
    }
}

/// The BOOLEAN TRUE.
pub(crate) fn yes() -> Vec<u8> {
    tlv(0x01, &[0xff])
}

/// An ENUMERATED of one octet.
pub(crate) fn enumerated(value: u8) -> Vec<u8> {
    tlv(0x0a, &[value])
}

/// An OCTET STRING.
pub(crate) fn octet_string(octets: &[u8]) -> Vec<u8> {
    tlv(0x04, octets)
}

/// A BIT STRING of whole octets.
pub(crate) fn bit_string(octets: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], octets].concat())
}

/// A BIT STRING of named bits that all lie in the first octet.
pub(crate) fn named_bits(bits: u8) -> Vec<u8> {
    let unused = u8::try_from(bits.trailing_zeros().min(7)).unwrap_or_default();
    tlv(0x03, &[unused, bits])
}

/// A UTF8String.
pub(crate) fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// A date as RFC 5280 section 4.1.2.5 wants it: UTCTime up to 2049, GeneralizedTime from 2050 on.
pub(crate) fn time(at: Timestamp) -> Vec<u8> {
    let digits: String = crate::encoding::rfc3339(at).chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("20").or_else(|| digits.strip_prefix("19")) {
        Some(short) if ("1950".."2050").contains(&digits.as_str()) => {
            tlv(0x17, format!("{short}Z").as_bytes())
        }
        Some(_) | None => tlv(0x18, format!("{digits}Z").as_bytes()),
    }
}

/// A context-specific tag around (`constructed`) what is encoded already.
pub(crate) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, content)
}

/// A context-specific tag instead of a primitive one.
pub(crate) fn implicit(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0x80 | number, content)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|octet| *octet != 0).unwrap_or(length.len() - 1);
    let digits = length.get(significant..).unwrap_or_default();
    if content.len() >= 0x80 {
        out.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
    }
    out.extend(digits);
    out.extend(content);
    out
}
