//! Certificate signing requests.

use acme_proto::{Algorithm, Identifier};
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use const_oid::AssociatedOid;
use const_oid::db::rfc5280::ID_CE_SUBJECT_ALT_NAME;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_EXTENSION_REQ, SECP_256_R_1, SECP_384_R_1,
    SECP_521_R_1, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode, Encode, Reader, Sequence, SliceReader, Tag};
use rustls_pki_types::pem::SectionKind;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use x509_cert::attr::Attribute;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::name::Name;
use x509_cert::request::{CertReqInfo, ExtensionReq, Version};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::certificate::for_each_extension;
use crate::certificate_key::{CertificateKey, KeyType};
use crate::error::{Error, Item};
use crate::external_key::signature_to_der;
use crate::key_pair::oid_name;
use crate::pem;
use crate::subject_alt_name;
use crate::tlv::{self, Tlv};

/// A certificate signing request: one of ours, or one that somebody brought along.
///
/// Ours have an empty subject. The names stand in the subject alternative name extension, where
/// everybody reads them. A common name would have to repeat one of them (Let's Encrypt refuses any
/// other), has room for 64 characters only, can't be an IP address, and is left out of the
/// certificate by the CAs' newer profiles whatever the request says.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-7.4> and
/// <https://www.rfc-editor.org/rfc/rfc2986#section-4>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSigningRequest {
    der: Vec<u8>,
    names: Vec<Identifier>,
    public_key_der: Vec<u8>,
}

impl CertificateSigningRequest {
    /// Asks for a certificate for some names, in their order, with a key.
    ///
    /// It is signed with SHA-256, or SHA-384 for a key on P-384.
    ///
    /// # Errors
    /// [`Error::NoNames`], [`Error::Identifier`] for a name that is neither DNS name nor address,
    /// [`Error::Crypto`] when the library can't sign.
    pub fn new(names: &[Identifier], key: &CertificateKey) -> Result<Self, Error> {
        if names.is_empty() {
            return Err(Error::NoNames);
        }
        let names_extension = subject_alt_name::from_identifiers(names)?;
        let info = encode_info(&names_extension, key.public_key_der()).map_err(unreadable)?;
        let signature = key.sign(&info)?;
        let der = encode_request(&info, key.key_type(), &signature).map_err(unreadable)?;
        Ok(Self { der, names: names.to_vec(), public_key_der: key.public_key_der().to_vec() })
    }

    /// Asks for a certificate for some names, with a key that signs through a
    /// [`Signer`](acme_proto::Signer): one in a token, above all. The private part stays where it is;
    /// [`IssueRequest::csr`](crate::IssueRequest::csr) takes the request.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Sign`] when the key can't sign, [`Error::CsrSignature`] when
    /// what it signs does not fit its public key.
    pub fn signed_by(names: &[Identifier], key: &dyn acme_proto::Signer) -> Result<Self, Error> {
        if names.is_empty() {
            return Err(Error::NoNames);
        }
        let names_extension = subject_alt_name::from_identifiers(names)?;
        let info = encode_info(&names_extension, key.public_key_der()).map_err(unreadable)?;
        let signature = key.sign(&info).map_err(Error::Sign)?;
        let (oid, parameters, signature) = match key.algorithm() {
            Algorithm::Es256 => (ECDSA_WITH_SHA_256, None, signature_to_der(&signature)?),
            Algorithm::Es384 => (ECDSA_WITH_SHA_384, None, signature_to_der(&signature)?),
            Algorithm::Rs256 => (SHA_256_WITH_RSA_ENCRYPTION, Some(AnyRef::NULL), signature),
            other @ (Algorithm::EdDsa | _) => {
                return Err(Error::UnsupportedKey { found: other.as_str().to_owned() });
            }
        };
        let algorithm = AlgorithmIdentifierRef { oid, parameters };
        Self::from_der(&encode_signed(&info, algorithm, &signature).map_err(unreadable)?)
    }

    /// Reads a request as DER and checks its signature.
    ///
    /// # Errors
    /// [`Error::Der`] when it can't be read, [`Error::CsrSignature`] when its signature is wrong,
    /// [`Error::CsrSignatureAlgorithm`] when that can't be told.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let parts = Parts::read(der).map_err(unreadable)?;
        parts.verify()?;
        Ok(Self {
            der: der.to_vec(),
            names: parts.names().map_err(unreadable)?,
            public_key_der: parts.public_key_der.to_vec(),
        })
    }

    /// Reads the first request of a PEM text and checks its signature.
    ///
    /// # Errors
    /// [`Error::Pem`] when there is none or it is damaged, and those of
    /// [`from_der`](Self::from_der).
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        let der = pem::first(pem.as_ref(), Item::CertificateSigningRequest, |kind| kind == SectionKind::Csr)?;
        Self::from_der(&der)
    }

    /// The request as DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The request as DER, by value.
    #[must_use]
    pub fn into_der(self) -> Vec<u8> {
        self.der
    }

    /// The names that it asks for: DNS names and IP addresses, then the common name where that is
    /// another name.
    #[must_use]
    pub fn names(&self) -> &[Identifier] {
        &self.names
    }

    /// The public key as a DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    /// Writes the request as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE REQUEST", &self.der)
    }
}

/// A request around an info that is already encoded, since that is what was signed.
#[derive(Sequence)]
struct Request<'a> {
    info: AnyRef<'a>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

fn encode_info(names: &SubjectAltName, public_key_der: &[u8]) -> der::Result<Vec<u8>> {
    let extension = Extension {
        extn_id: SubjectAltName::OID,
        critical: false,
        extn_value: OctetString::new(names.to_der()?)?,
    };
    let mut attributes = SetOfVec::new();
    attributes.insert(Attribute::try_from(ExtensionReq(vec![extension]))?)?;
    CertReqInfo {
        version: Version::V1,
        subject: Name::default(),
        public_key: SubjectPublicKeyInfoOwned::from_der(public_key_der)?,
        attributes,
    }
    .to_der()
}

fn encode_request(info: &[u8], key_type: KeyType, signature: &[u8]) -> der::Result<Vec<u8>> {
    let (oid, parameters) = match key_type {
        KeyType::EcdsaP256 => (ECDSA_WITH_SHA_256, None),
        KeyType::EcdsaP384 => (ECDSA_WITH_SHA_384, None),
        KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => {
            (SHA_256_WITH_RSA_ENCRYPTION, Some(AnyRef::NULL))
        }
    };
    encode_signed(info, AlgorithmIdentifierRef { oid, parameters }, signature)
}

fn encode_signed(
    info: &[u8],
    algorithm: AlgorithmIdentifierRef<'_>,
    signature: &[u8],
) -> der::Result<Vec<u8>> {
    Request { info: AnyRef::from_der(info)?, algorithm, signature: BitStringRef::from_bytes(signature)? }
        .to_der()
}

/// A request as it stands.
struct Parts<'a> {
    info: &'a [u8],
    subject: Tlv<'a>,
    public_key_der: &'a [u8],
    attributes: Option<Tlv<'a>>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: BitStringRef<'a>,
}

impl<'a> Parts<'a> {
    fn read(der: &'a [u8]) -> der::Result<Self> {
        let mut request = tlv::enter_sequence(&mut SliceReader::new(der)?)?;
        let info = Tlv::expect(&mut request, Tag::Sequence)?;
        let mut fields = info.reader()?;
        Tlv::expect(&mut fields, Tag::Integer)?; // the version
        Ok(Self {
            info: info.whole,
            subject: Tlv::expect(&mut fields, Tag::Sequence)?,
            public_key_der: Tlv::expect(&mut fields, Tag::Sequence)?.whole,
            attributes: Tlv::optional(&mut fields, tlv::constructed(0))?,
            algorithm: request.decode()?,
            signature: request.decode()?,
        })
    }

    fn names(&self) -> der::Result<Vec<Identifier>> {
        let mut names = Vec::new();
        let mut attributes = self.attributes.as_ref().map(Tlv::reader).transpose()?;
        while let Some(attributes) = attributes.as_mut().filter(|attributes| !attributes.is_finished()) {
            let mut attribute = tlv::enter_sequence(attributes)?;
            if attribute.decode::<ObjectIdentifier>()? != ID_EXTENSION_REQ {
                continue;
            }
            let mut extensions = Tlv::expect(&mut attribute, Tag::Set)?.reader()?;
            for_each_extension(&mut extensions, |oid, value| {
                if oid == ID_CE_SUBJECT_ALT_NAME {
                    names.extend(subject_alt_name::to_identifiers(value)?);
                }
                Ok(())
            })?;
        }
        names.extend(self.common_name().filter(|name| !names.contains(name)));
        Ok(names)
    }

    /// The common name, where it is one that can be certified.
    fn common_name(&self) -> Option<Identifier> {
        let name = self.subject.decode::<Name>().ok()?;
        name.common_name().ok()??.value().parse().ok()
    }

    fn verify(&self) -> Result<(), Error> {
        let key = SubjectPublicKeyInfoRef::from_der(self.public_key_der).map_err(unreadable)?;
        let algorithm = self
            .verification_algorithm(&key)
            .ok_or_else(|| Error::CsrSignatureAlgorithm { algorithm: oid_name(self.algorithm.oid) })?;
        let signature = self.signature.as_bytes().ok_or(Error::CsrSignature)?;
        UnparsedPublicKey::new(algorithm, key.subject_public_key.raw_bytes())
            .verify(self.info, signature)
            .map_err(|_| Error::CsrSignature)
    }

    fn verification_algorithm(
        &self,
        key: &SubjectPublicKeyInfoRef<'_>,
    ) -> Option<&'static dyn VerificationAlgorithm> {
        let curve = || key.algorithm.parameters_oid().ok();
        Some(match self.algorithm.oid {
            ECDSA_WITH_SHA_256 => match curve()? {
                SECP_256_R_1 => &signature::ECDSA_P256_SHA256_ASN1,
                SECP_384_R_1 => &signature::ECDSA_P384_SHA256_ASN1,
                SECP_521_R_1 => &signature::ECDSA_P521_SHA256_ASN1,
                _ => return None,
            },
            ECDSA_WITH_SHA_384 => match curve()? {
                SECP_256_R_1 => &signature::ECDSA_P256_SHA384_ASN1,
                SECP_384_R_1 => &signature::ECDSA_P384_SHA384_ASN1,
                SECP_521_R_1 => &signature::ECDSA_P521_SHA384_ASN1,
                _ => return None,
            },
            ECDSA_WITH_SHA_512 => match curve()? {
                SECP_256_R_1 => &signature::ECDSA_P256_SHA512_ASN1,
                SECP_384_R_1 => &signature::ECDSA_P384_SHA512_ASN1,
                SECP_521_R_1 => &signature::ECDSA_P521_SHA512_ASN1,
                _ => return None,
            },
            SHA_256_WITH_RSA_ENCRYPTION => &signature::RSA_PKCS1_2048_8192_SHA256,
            SHA_384_WITH_RSA_ENCRYPTION => &signature::RSA_PKCS1_2048_8192_SHA384,
            SHA_512_WITH_RSA_ENCRYPTION => &signature::RSA_PKCS1_2048_8192_SHA512,
            ID_ED_25519 => &signature::ED25519,
            _ => return None,
        })
    }
}

fn unreadable(error: der::Error) -> Error {
    Error::der(Item::CertificateSigningRequest, error)
}
