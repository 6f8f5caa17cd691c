//! The private keys of both kinds: made, read in every usual encoding, written, used.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
    PqdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use const_oid::db::DB;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use der::{Encode, Reader, SliceReader, Tag};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use crate::error::{CryptoOperation, Error, Item};
use crate::ml_dsa::{self, ParameterSet};
use crate::tlv::{self, Tlv};

/// How an ECDSA signature is written.
#[derive(Clone, Copy)]
pub(crate) enum EcdsaFormat {
    /// As DER, for X.509.
    Asn1,
    /// R and S at full length, for JWS.
    Fixed,
}

/// What kind of key to make.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    P256,
    P384,
    Ed25519,
    MlDsa(ParameterSet),
    Rsa(KeySize),
}

/// A private key.
#[derive(Clone)]
pub(crate) enum KeyPair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(ParameterSet, PqdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl KeyPair {
    pub(crate) fn generate(kind: Kind, format: EcdsaFormat) -> Result<Self, Error> {
        match kind {
            Kind::P256 => EcdsaKeyPair::generate(p256(format)).map(Self::P256),
            Kind::P384 => EcdsaKeyPair::generate(p384(format)).map(Self::P384),
            Kind::Ed25519 => Ed25519KeyPair::generate().map(Self::Ed25519),
            Kind::MlDsa(set) => PqdsaKeyPair::generate(set.signing()).map(|pair| Self::MlDsa(set, pair)),
            Kind::Rsa(size) => RsaKeyPair::generate(size).map(Self::Rsa),
        }
        .map_err(|Unspecified| Error::Crypto(CryptoOperation::Generate))
    }

    /// Reads PKCS#8, SEC1 or PKCS#1. An EC key without its public half gets it computed.
    pub(crate) fn decode(der: &[u8], format: EcdsaFormat) -> Result<Self, Error> {
        let encoding = Encoding::detect(der).map_err(|error| Error::der(Item::PrivateKey, error))?;
        match encoding {
            Encoding::Pkcs1 => RsaKeyPair::from_der(der).map(Self::Rsa),
            Encoding::Sec1 { curve } => return Self::decode_ec(der, curve, format),
            Encoding::Pkcs8 { algorithm: ID_EC_PUBLIC_KEY, curve } => {
                return Self::decode_ec(der, curve, format);
            }
            Encoding::Pkcs8 { algorithm: ID_ED_25519, .. } => {
                Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519)
            }
            Encoding::Pkcs8 { algorithm: RSA_ENCRYPTION, .. } => RsaKeyPair::from_pkcs8(der).map(Self::Rsa),
            Encoding::Pkcs8 { algorithm, .. } => {
                return match ParameterSet::of_oid(algorithm) {
                    Some(set) => ml_dsa::decode(set, der).map(|pair| Self::MlDsa(set, pair)),
                    None => Err(Error::UnsupportedKey { found: oid_name(algorithm) }),
                };
            }
        }
        .map_err(rejected)
    }

    /// Writes the key as PKCS#8.
    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self {
            Self::P256(pair) | Self::P384(pair) => pair.to_pkcs8v1().map(|document| copy(document.as_ref())),
            // Version 1, without the public half: openssl reads no other.
            Self::Ed25519(pair) => pair.to_pkcs8v1().map(|document| copy(document.as_ref())),
            Self::MlDsa(_, pair) => pair.to_pkcs8v1().map(|document| copy(document.as_ref())),
            Self::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|document| copy(document.as_ref())),
        }
        .map_err(|Unspecified| Error::Crypto(CryptoOperation::Encode))
    }

    /// The public key as `SubjectPublicKeyInfo`.
    pub(crate) fn to_public_key_der(&self) -> Result<Vec<u8>, Error> {
        let (oid, parameters) = match self {
            Self::P256(_) => (ID_EC_PUBLIC_KEY, Some(AnyRef::from(&SECP_256_R_1))),
            Self::P384(_) => (ID_EC_PUBLIC_KEY, Some(AnyRef::from(&SECP_384_R_1))),
            Self::Ed25519(_) => (ID_ED_25519, None),
            Self::MlDsa(set, _) => (set.oid(), None),
            Self::Rsa(_) => (RSA_ENCRYPTION, Some(AnyRef::NULL)),
        };
        BitStringRef::from_bytes(self.public_key())
            .and_then(|subject_public_key| {
                let algorithm = AlgorithmIdentifier { oid, parameters };
                SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der()
            })
            .map_err(|_| Error::Crypto(CryptoOperation::Encode))
    }

    /// The bare public key: an uncompressed point, an `RSAPublicKey`, or else octets without structure.
    pub(crate) fn public_key(&self) -> &[u8] {
        match self {
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
            Self::MlDsa(_, pair) => pair.public_key().as_ref(),
            Self::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    /// Signs, with SHA-256 for P-256 and RSA (PKCS#1 v1.5), SHA-384 for P-384, and an empty context
    /// for ML-DSA.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match self {
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Self::MlDsa(_, pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).map(|_| signature)
            }
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|Unspecified| Error::Crypto(CryptoOperation::Sign))
    }

    fn decode_ec(der: &[u8], curve: Option<ObjectIdentifier>, format: EcdsaFormat) -> Result<Self, Error> {
        let read = |algorithm| EcdsaKeyPair::from_private_key_der(algorithm, der);
        match curve {
            Some(SECP_256_R_1) => read(p256(format)).map(Self::P256),
            Some(SECP_384_R_1) => read(p384(format)).map(Self::P384),
            Some(other) => return Err(Error::UnsupportedKey { found: oid_name(other) }),
            // The curve is spelt out or left away: its size tells.
            None => read(p256(format)).map(Self::P256).or_else(|_| read(p384(format)).map(Self::P384)),
        }
        .map_err(rejected)
    }
}

/// How a private key is encoded, and what it says about itself.
enum Encoding {
    Pkcs1,
    Pkcs8 { algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier> },
    Sec1 { curve: Option<ObjectIdentifier> },
}

impl Encoding {
    /// All three are a sequence that begins with a version; what follows tells them apart.
    fn detect(der: &[u8]) -> der::Result<Self> {
        let mut key = tlv::enter_sequence(&mut SliceReader::new(der)?)?;
        Tlv::expect(&mut key, Tag::Integer)?;
        let second = Tlv::next(&mut key)?;
        if second.tag == Tag::Integer {
            return Ok(Self::Pkcs1);
        }
        if second.tag == Tag::OctetString {
            let parameters = Tlv::optional(&mut key, tlv::constructed(0))?;
            let curve = match parameters {
                Some(parameters) => object_identifier(&mut parameters.reader()?)?,
                None => None,
            };
            return Ok(Self::Sec1 { curve });
        }
        second.tag.assert_eq(Tag::Sequence)?;
        let mut identifier = second.reader()?;
        let algorithm = identifier.decode()?;
        let curve = object_identifier(&mut identifier)?;
        Ok(Self::Pkcs8 { algorithm, curve })
    }
}

fn object_identifier(reader: &mut SliceReader<'_>) -> der::Result<Option<ObjectIdentifier>> {
    if reader.is_finished() || Tag::peek(reader)? != Tag::ObjectIdentifier {
        return Ok(None);
    }
    reader.decode().map(Some)
}

/// The name of an algorithm or a curve, as far as it has one.
pub(crate) fn oid_name(oid: ObjectIdentifier) -> String {
    DB.by_oid(&oid).map_or_else(|| oid.to_string(), str::to_owned)
}

fn copy(document: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(document.to_vec())
}

pub(crate) fn rejected(error: KeyRejected) -> Error {
    Error::KeyRejected(error.into())
}

fn p256(format: EcdsaFormat) -> &'static EcdsaSigningAlgorithm {
    match format {
        EcdsaFormat::Asn1 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        EcdsaFormat::Fixed => &ECDSA_P256_SHA256_FIXED_SIGNING,
    }
}

fn p384(format: EcdsaFormat) -> &'static EcdsaSigningAlgorithm {
    match format {
        EcdsaFormat::Asn1 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        EcdsaFormat::Fixed => &ECDSA_P384_SHA384_FIXED_SIGNING,
    }
}
