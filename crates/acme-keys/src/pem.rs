//! PEM (RFC 7468): strict about what was asked for, and plain about what was found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject, SectionKind};
use zeroize::Zeroizing;

use crate::error::{Error, Item, PemFault};

/// Reads all certificates of a PEM text, in their order; other sections are passed over.
///
/// # Errors
/// [`Error::Pem`] when there is no certificate, or a section is damaged. The certificates
/// themselves are not looked at.
///
/// ```
/// let error = acme_keys::certificates_from_pem("no PEM").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "certificate in PEM was expected, but there is no '-----BEGIN' line"
/// );
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc7468#section-5>
pub fn certificates_from_pem(pem: impl AsRef<[u8]>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let sections = sections(pem.as_ref(), Item::Certificate, |kind| kind == SectionKind::Certificate)?;
    Ok(sections.into_iter().map(|mut der| CertificateDer::from(std::mem::take(&mut *der))).collect())
}

/// Writes certificates as PEM, one after the other.
///
/// <https://www.rfc-editor.org/rfc/rfc7468#section-5>
#[must_use]
pub fn certificates_to_pem(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|certificate| encode("CERTIFICATE", certificate)).collect()
}

/// Reads the first private key, of whatever encoding.
pub(crate) fn private_key(pem: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    first(pem, Item::PrivateKey, |kind| {
        matches!(kind, SectionKind::PrivateKey | SectionKind::EcPrivateKey | SectionKind::RsaPrivateKey)
    })
}

/// Reads the first section of an item that has one label only.
pub(crate) fn first(
    pem: &[u8],
    item: Item,
    wanted: impl Fn(SectionKind) -> bool,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    sections(pem, item, wanted)?.into_iter().next().ok_or(Error::Pem { item, fault: PemFault::Empty })
}

/// Writes one section, in lines of 64 characters.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    const LINE: usize = 64;

    let base64 = Zeroizing::new(STANDARD.encode(der));
    // The text may be secret: at its full size from the start, no copy of it is left behind.
    let mut text = String::with_capacity(base64.len() + base64.len() / LINE + 2 * label.len() + 40);
    text.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = base64.as_str();
    while let Some((line, tail)) = rest.split_at_checked(LINE) {
        text.extend([line, "\n"]);
        rest = tail;
    }
    if !rest.is_empty() {
        text.extend([rest, "\n"]);
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}

fn sections(
    pem: &[u8],
    item: Item,
    wanted: impl Fn(SectionKind) -> bool,
) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
    let fault = |fault| Error::Pem { item, fault };
    let pem = pem.strip_prefix(BYTE_ORDER_MARK).unwrap_or(pem);
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        let (kind, der) = section.map_err(|error| fault(damage(&error, pem)))?;
        let der = Zeroizing::new(der);
        if wanted(kind) {
            found.push(der);
        }
    }
    if found.is_empty() { Err(fault(absence(pem))) } else { Ok(found) }
}

fn damage(error: &pem::Error, pem: &[u8]) -> PemFault {
    if let pem::Error::MissingSectionEnd { end_marker } = error {
        return PemFault::Truncated { label: printable(end_marker) };
    }
    if matches!(error, pem::Error::IllegalSectionStart { .. }) {
        return PemFault::Boundary;
    }
    if is_encrypted(pem) { PemFault::Encrypted } else { PemFault::Base64 }
}

fn absence(pem: &[u8]) -> PemFault {
    if is_encrypted(pem) {
        return PemFault::Encrypted;
    }
    if pem.trim_ascii().is_empty() {
        return PemFault::Empty;
    }
    let found: Vec<String> = pem
        .split(|byte| *byte == b'\n' || *byte == b'\r')
        .filter_map(|line| line.trim_ascii().strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----"))
        .take(MAX_LABELS)
        .map(printable)
        .collect();
    if found.is_empty() { PemFault::NoSection } else { PemFault::Absent { found } }
}

/// `ENCRYPTED PRIVATE KEY`, or the header of the older encodings.
fn is_encrypted(pem: &[u8]) -> bool {
    pem.windows(ENCRYPTED_LABEL.len()).any(|window| window == ENCRYPTED_LABEL)
        || pem.windows(ENCRYPTED_HEADER.len()).any(|window| window == ENCRYPTED_HEADER)
}

/// A label that an error message may show.
fn printable(label: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ';
    label.iter().copied().filter(plain).take(MAX_LABEL).map(char::from).collect()
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const ENCRYPTED_LABEL: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_HEADER: &[u8] = b"Proc-Type: 4,ENCRYPTED";
const MAX_LABEL: usize = 40;
const MAX_LABELS: usize = 8;
