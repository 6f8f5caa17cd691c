//! Certificate chains, and what has to hold before one is called issued.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectAltName};
use x509_cert::request::CertReq;

use crate::call::Call;
use crate::error::{Error, Misuse, Violation};
use crate::flow::Operation;
use crate::identifier::Identifier;
use crate::limits;
use crate::reply::Reply;
use crate::request::{Request, Target};

/// A certificate chain, the leaf first.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-9.1>
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Chain {
    /// The certificates as DER, the leaf first.
    pub certificates: Vec<Vec<u8>>,
    /// What the leaf says.
    pub leaf: Leaf,
    /// Where other chains for the same leaf are.
    pub alternates: Vec<String>,
}

/// What a leaf certificate says, as far as the protocol needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leaf {
    /// The names in its subjectAltName.
    pub identifiers: Vec<Identifier>,
    /// Its public key, as a DER `SubjectPublicKeyInfo`.
    pub public_key_der: Vec<u8>,
    /// The start of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// Its serial number: the content octets of the DER INTEGER.
    pub serial: Vec<u8>,
    /// The key identifier of its issuer, from the authorityKeyIdentifier.
    pub authority_key_id: Option<Vec<u8>>,
}

impl Chain {
    /// The media type of a chain.
    pub const MEDIA_TYPE: &'static str = "application/pem-certificate-chain";

    /// Downloads a certificate.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2>
    pub fn download(url: &str) -> Call<Self> {
        let request = Request::post_as_get(Operation::Certificate, Target::Text(url.to_string()));
        Call::new(request.accepting(Self::MEDIA_TYPE), |reply| {
            let mut chain = Self::from_pem(&reply.body).map_err(|violation| reply.violation(violation))?;
            chain.alternates = reply.links("alternate");
            Ok(chain)
        })
    }

    /// Reads a chain in strict PEM: certificates and nothing else.
    ///
    /// # Errors
    /// [`Violation::Chain`], which says what is wrong.
    pub fn from_pem(text: &[u8]) -> Result<Self, Violation> {
        let text = core::str::from_utf8(text).map_err(|_| Violation::Chain("it is not text"))?;
        let certificates = pem_blocks(text)?;
        let leaf = certificates.first().ok_or(Violation::Chain("it is empty"))?;
        let leaf = Leaf::from_der(leaf).ok_or(Violation::Chain("its first certificate can't be read"))?;
        Ok(Self { certificates, leaf, alternates: Vec::new() })
    }

    /// The chain as PEM, the leaf first.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.certificates.iter().map(|der| to_pem(der)).collect()
    }

    /// Checks that the leaf is for the names and the key of a request; the key is a DER
    /// `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`Error::Protocol`]: what was issued is not what was asked for.
    pub fn check(&self, identifiers: &[Identifier], public_key_der: &[u8]) -> Result<(), Error> {
        let fail = |violation| Err(Error::protocol(Operation::Certificate, violation));
        if self.leaf.public_key_der != public_key_der {
            return fail(Violation::CertificateKey);
        }
        let mut wanted = identifiers.to_vec();
        let mut got = self.leaf.identifiers.clone();
        wanted.sort();
        got.sort();
        got.dedup();
        if wanted != got {
            return fail(Violation::CertificateNames { wanted: listed(&wanted), got: listed(&got) });
        }
        Ok(())
    }
}

impl Leaf {
    /// Reads a DER certificate; `None` if it is none.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let certificate = certificate.tbs_certificate();
        let names = certificate.get_extension::<SubjectAltName>().ok()?;
        let authority = certificate.get_extension::<AuthorityKeyIdentifier>().ok()?;
        let seconds = |time: &x509_cert::time::Time| {
            Timestamp::from_second(i64::try_from(time.to_unix_duration().as_secs()).ok()?).ok()
        };
        Some(Self {
            identifiers: names.map(|(_, names)| identifiers(&names)).unwrap_or_default(),
            public_key_der: certificate.subject_public_key_info().to_der().ok()?,
            not_before: seconds(&certificate.validity().not_before)?,
            not_after: seconds(&certificate.validity().not_after)?,
            serial: certificate.serial_number().as_bytes().to_vec(),
            authority_key_id: authority
                .and_then(|(_, authority)| authority.key_identifier)
                .map(|id| id.as_bytes().to_vec()),
        })
    }
}

/// What the protocol needs to know of a CSR.
pub(crate) struct CsrInfo {
    pub(crate) public_key_der: Vec<u8>,
    pub(crate) identifiers: Vec<Identifier>,
}

impl CsrInfo {
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let request = CertReq::from_der(der).map_err(|_| Misuse::Csr)?;
        let names = requested_names(&request).ok_or(Misuse::Csr)?;
        let public_key_der = request.info.public_key.to_der().map_err(|_| Misuse::Csr)?;
        Ok(Self { public_key_der, identifiers: names })
    }

    /// Checks that the CSR is for exactly these names.
    pub(crate) fn check(&self, identifiers: &[Identifier]) -> Result<(), Error> {
        let mut wanted = identifiers.to_vec();
        let mut got = self.identifiers.clone();
        wanted.sort();
        got.sort();
        got.dedup();
        if wanted == got {
            return Ok(());
        }
        Err(Misuse::CsrNames { wanted: listed(&wanted), got: listed(&got) }.into())
    }
}

fn requested_names(request: &CertReq) -> Option<Vec<Identifier>> {
    use x509_cert::attr::AttributeValue;
    use x509_cert::der::oid::AssociatedOid as _;
    use x509_cert::der::oid::ObjectIdentifier;
    use x509_cert::ext::Extensions;

    const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
    let attribute = request.info.attributes.iter().find(|attribute| attribute.oid == EXTENSION_REQUEST)?;
    let value: &AttributeValue = attribute.values.iter().next()?;
    let extensions: Extensions = value.decode_as().ok()?;
    let names = extensions.iter().find(|extension| extension.extn_id == SubjectAltName::OID)?;
    Some(identifiers(&SubjectAltName::from_der(names.extn_value.as_bytes()).ok()?))
}

fn identifiers(names: &SubjectAltName) -> Vec<Identifier> {
    names.0.iter().filter_map(identifier).collect()
}

fn identifier(name: &GeneralName) -> Option<Identifier> {
    if let GeneralName::DnsName(name) = name {
        return Some(Identifier::Dns(name.as_str().to_ascii_lowercase()));
    }
    if let GeneralName::IpAddress(octets) = name {
        return address(octets.as_bytes()).map(Identifier::Ip);
    }
    Some(Identifier::Other { kind: "other".to_string(), value: format!("{name:?}") })
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

fn listed(identifiers: &[Identifier]) -> String {
    identifiers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

const BEGIN: &str = "-----BEGIN ";
const BEGIN_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const END_CERTIFICATE: &str = "-----END CERTIFICATE-----";

/// The blocks of a PEM text. Anything but certificates is refused: a key in a chain could replace
/// the one that a server reads from the same file (RFC 8555, section 11.4).
fn pem_blocks(text: &str) -> Result<Vec<Vec<u8>>, Violation> {
    let mut blocks = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some(body) = rest.strip_prefix(BEGIN_CERTIFICATE) else {
            let reason = if rest.starts_with(BEGIN) {
                "it has a block that is no certificate"
            } else {
                "it has other text"
            };
            return Err(Violation::Chain(reason));
        };
        let (body, after) =
            body.split_once(END_CERTIFICATE).ok_or(Violation::Chain("a certificate has no end"))?;
        if blocks.len() == limits::MAX_CHAIN {
            return Err(Violation::Chain("it has too many certificates"));
        }
        let mut base64 = Vec::with_capacity(body.len());
        base64.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        blocks.push(STANDARD.decode(base64).map_err(|_| Violation::Chain("a certificate is not base64"))?);
        rest = after.trim_start();
    }
    Ok(blocks)
}

fn to_pem(der: &[u8]) -> String {
    const LINE: usize = 64;
    let base64 = STANDARD.encode(der);
    let mut pem = String::with_capacity(base64.len() + base64.len() / LINE + 60);
    pem.push_str(BEGIN_CERTIFICATE);
    pem.push('\n');
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(END_CERTIFICATE);
    pem.push('\n');
    pem
}

/// Reads the reply to a request whose success says all.
pub(crate) fn no_content(_: &Reply) -> Result<(), Error> {
    Ok(())
}
