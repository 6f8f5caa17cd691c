//! What a certificate says.

use std::fmt::Write as _;

use acme_proto::{CertificateId, Identifier};
use const_oid::db::rfc5280::{ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_SUBJECT_ALT_NAME};
use der::asn1::ObjectIdentifier;
use der::{Reader, SliceReader, Tag};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use x509_cert::name::Name;

use crate::certificate_key::CertificateKey;
use crate::challenge_certificate::ACME_IDENTIFIER;
use crate::error::{Error, Item};
use crate::pem;
use crate::subject_alt_name;
use crate::tlv::{self, Tlv};

/// What a certificate says about itself. No signature is checked.
///
/// Read it once and keep what is needed: to parse a fleet again and again costs more than to store
/// the times and the serial number.
///
/// <https://www.rfc-editor.org/rfc/rfc5280#section-4.1>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// The DNS names and IP addresses that it is for, in its order; names in lower case.
    pub names: Vec<Identifier>,
    /// The public key as a DER `SubjectPublicKeyInfo`, as it stands there.
    pub public_key_der: Vec<u8>,
    /// The first second of its validity.
    pub not_before: Timestamp,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// The serial number: the content octets of its DER, with the leading zero where there is one.
    pub serial: Vec<u8>,
    /// The key identifier of its issuer, where it names one.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.1>
    pub authority_key_id: Option<Vec<u8>>,
    /// The digest in its acmeIdentifier, where it answers a tls-alpn-01 challenge.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8737#section-6.1>
    pub acme_identifier: Option<Vec<u8>>,
    /// Its issuer, as RFC 4514 writes names.
    pub issuer: String,
    /// Its subject, as RFC 4514 writes names; often empty.
    pub subject: String,
}

impl CertificateInfo {
    /// Reads a certificate as DER.
    ///
    /// # Errors
    /// [`Error::Der`] when it can't be read.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        read(der).map_err(|error| Error::der(Item::Certificate, error))
    }

    /// Reads the first certificate of a PEM text: the leaf of a chain.
    ///
    /// # Errors
    /// [`Error::Pem`] when there is none or any is damaged, [`Error::Der`] when it can't be read.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let certificates = pem::certificates_from_pem(pem)?;
        certificates.first().map_or_else(|| Self::from_der(&[]), |leaf| Self::from_der(leaf))
    }

    /// Reads all certificates of a PEM text.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem).
    pub fn chain_from_pem(pem: impl AsRef<[u8]>) -> Result<Vec<Self>, Error> {
        pem::certificates_from_pem(pem)?.iter().map(|der| Self::from_der(der)).collect()
    }

    /// The serial number as openssl prints it: hexadecimal, in upper case, without a leading zero octet.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        let octets = match self.serial.split_first() {
            Some((0, rest)) if !rest.is_empty() => rest,
            Some(_) | None => &self.serial,
        };
        octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
            // Writing to a string does not fail.
            let _ = write!(text, "{octet:02X}");
            text
        })
    }

    /// What names the certificate in renewal information; none where it does not say whose it is.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9773#section-4.1>
    #[must_use]
    pub fn certificate_id(&self) -> Option<CertificateId> {
        let key_id = self.authority_key_id.as_deref()?;
        Some(CertificateId::new(key_id, &self.serial))
    }

    /// Tells whether the certificate is for a key.
    #[must_use]
    pub fn matches(&self, key: &CertificateKey) -> bool {
        self.public_key_der == key.public_key_der()
    }
}

impl AsRef<Self> for CertificateInfo {
    fn as_ref(&self) -> &Self {
        self
    }
}

fn read(der: &[u8]) -> der::Result<CertificateInfo> {
    let mut certificate = tlv::enter_sequence(&mut SliceReader::new(der)?)?;
    let mut fields = tlv::enter_sequence(&mut certificate)?;
    Tlv::optional(&mut fields, tlv::constructed(0))?; // the version
    let serial = Tlv::expect(&mut fields, Tag::Integer)?;
    Tlv::expect(&mut fields, Tag::Sequence)?; // the signature algorithm, once more
    let issuer = Tlv::expect(&mut fields, Tag::Sequence)?;
    let mut validity = tlv::enter_sequence(&mut fields)?;
    let subject = Tlv::expect(&mut fields, Tag::Sequence)?;
    let public_key = Tlv::expect(&mut fields, Tag::Sequence)?;
    let extensions = Extensions::read(&mut fields)?;
    Ok(CertificateInfo {
        names: extensions.names,
        public_key_der: public_key.whole.to_vec(),
        not_before: timestamp(&Tlv::next(&mut validity)?)?,
        not_after: timestamp(&Tlv::next(&mut validity)?)?,
        serial: serial.value.to_vec(),
        authority_key_id: extensions.authority_key_id,
        acme_identifier: extensions.acme_identifier,
        issuer: text(&issuer),
        subject: text(&subject),
    })
}

/// The extensions that are of use here.
#[derive(Default)]
struct Extensions {
    names: Vec<Identifier>,
    authority_key_id: Option<Vec<u8>>,
    acme_identifier: Option<Vec<u8>>,
}

impl Extensions {
    fn read(fields: &mut SliceReader<'_>) -> der::Result<Self> {
        let mut extensions = Self::default();
        while !fields.is_finished() {
            let field = Tlv::next(fields)?;
            if field.tag == tlv::constructed(3) {
                for_each_extension(&mut field.reader()?, |oid, value| extensions.add(oid, value))?;
            }
        }
        Ok(extensions)
    }

    fn add(&mut self, oid: ObjectIdentifier, value: &[u8]) -> der::Result<()> {
        match oid {
            ID_CE_SUBJECT_ALT_NAME => self.names = subject_alt_name::to_identifiers(value)?,
            ID_CE_AUTHORITY_KEY_IDENTIFIER => {
                let mut fields = tlv::enter_sequence(&mut SliceReader::new(value)?)?;
                let key_id = Tlv::optional(&mut fields, tlv::primitive(0))?;
                self.authority_key_id = key_id.map(|key_id| key_id.value.to_vec());
            }
            ACME_IDENTIFIER => {
                let digest = Tlv::expect(&mut SliceReader::new(value)?, Tag::OctetString).ok();
                self.acme_identifier = digest.map(|digest| digest.value.to_vec());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Hands each extension of an `Extensions` sequence on.
pub(crate) fn for_each_extension(
    reader: &mut SliceReader<'_>,
    mut each: impl FnMut(ObjectIdentifier, &[u8]) -> der::Result<()>,
) -> der::Result<()> {
    let mut extensions = tlv::enter_sequence(reader)?;
    while !extensions.is_finished() {
        let mut extension = tlv::enter_sequence(&mut extensions)?;
        let oid = extension.decode()?;
        Tlv::optional(&mut extension, Tag::Boolean)?; // critical or not
        each(oid, Tlv::expect(&mut extension, Tag::OctetString)?.value)?;
    }
    Ok(())
}

/// A name for people; one that breaks the rules still has its bytes.
fn text(name: &Tlv<'_>) -> String {
    name.decode::<Name>().map_or_else(|_| String::from("(unreadable)"), |name| name.to_string())
}

/// Reads `UTCTime` or `GeneralizedTime` (RFC 5280, section 4.1.2.5). By hand, since the types of
/// `der` end at 1970 and the example of RFC 9773 begins in the year 1.
fn timestamp(time: &Tlv<'_>) -> der::Result<Timestamp> {
    let wrong = || time.tag.value_error();
    let digits = time.value.strip_suffix(b"Z").ok_or_else(wrong)?;
    let (year, rest) = if time.tag == Tag::UtcTime {
        let (year, rest) = digits.split_at_checked(2).ok_or_else(wrong)?;
        let year = number(year).ok_or_else(wrong)?;
        (if year < 50 { 2000 + year } else { 1900 + year }, rest)
    } else {
        time.tag.assert_eq(Tag::GeneralizedTime)?;
        let (year, rest) = digits.split_at_checked(4).ok_or_else(wrong)?;
        (number(year).ok_or_else(wrong)?, rest)
    };
    civil(year, rest).and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok()).ok_or_else(|| wrong().into())
}

fn civil(year: i16, rest: &[u8]) -> Option<DateTime> {
    let mut parts = [0; 5];
    if rest.len() != 2 * parts.len() {
        return None;
    }
    for (part, digits) in parts.iter_mut().zip(rest.chunks_exact(2)) {
        *part = i8::try_from(number(digits)?).ok()?;
    }
    let [month, day, hour, minute, second] = parts;
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

fn number(digits: &[u8]) -> Option<i16> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}
