//! A key pair in a token.

use std::fmt;

use acme_proto::{Algorithm, ExternalKey, Jwk, SignError, Signer};
use aws_lc_rs::digest::{SHA256, SHA384, digest};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, SECP_256_R_1, SECP_384_R_1};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::asn1::{AnyRef, BitStringRef, OctetStringRef};
use der::{Decode as _, Encode as _};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfoRef};

use super::{Token, TokenError};
use crate::error::{Error, Item};
use crate::external_key::external_key;
use crate::key_pair::oid_name;

/// A key pair in a [`Token`], known by its label. As a [`Signer`] it signs on the calling thread, and
/// [`CertificateSigningRequest::signed_by`](crate::CertificateSigningRequest::signed_by) takes it; to an
/// account give [`external_key`](Self::external_key) and the token.
#[derive(Clone)]
pub struct TokenKey {
    token: Token,
    key: ExternalKey,
}

impl TokenKey {
    pub(super) fn new(
        token: &Token,
        session: &Session,
        label: &str,
        private: ObjectHandle,
    ) -> Result<Self, TokenError> {
        let public_key_der = public_key_der(session, label, curve(session, private)?)?;
        let key = external_key(label, &public_key_der).map_err(TokenError::Key)?;
        Ok(Self { token: token.clone(), key })
    }

    /// Describes the key; its name is the label.
    #[must_use]
    pub fn external_key(&self) -> ExternalKey {
        self.key.clone()
    }
}

impl Signer for TokenKey {
    fn algorithm(&self) -> Algorithm {
        self.key.algorithm
    }

    fn jwk(&self) -> &Jwk {
        &self.key.jwk
    }

    fn public_key_der(&self) -> &[u8] {
        &self.key.public_key_der
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.token.sign(&self.key.name, message).map_err(TokenError::into_sign_error)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey")
    }
}

/// The private key with a label.
pub(super) fn find(session: &Session, label: &str) -> Result<Option<ObjectHandle>, TokenError> {
    only_one(session, label, ObjectClass::PRIVATE_KEY)
}

/// Makes a key pair that stays in the token, and returns the private key.
pub(super) fn generate(
    session: &Session,
    label: &str,
    algorithm: Algorithm,
) -> Result<ObjectHandle, TokenError> {
    let curve = Curve::of(algorithm)?;
    let parameters = curve.oid().to_der().map_err(unreadable)?;
    // The same for both: that tells which belong together.
    let names = [Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(label.into())];
    let public = [Attribute::Private(false), Attribute::Verify(true), Attribute::EcParams(parameters)];
    let private = [
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    let public = [&names[..], &public].concat();
    let private = [&names[..], &private].concat();
    let (_, private) = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)?;
    Ok(private)
}

/// Has the token sign the digest of a message.
pub(super) fn sign(session: &Session, key: ObjectHandle, message: &[u8]) -> Result<Vec<u8>, TokenError> {
    let curve = curve(session, key)?;
    let digest = match curve {
        Curve::P256 => digest(&SHA256, message),
        Curve::P384 => digest(&SHA384, message),
    };
    full_length(&session.sign(&Mechanism::Ecdsa, key, digest.as_ref())?, curve.octets())
}

fn only_one(session: &Session, label: &str, class: ObjectClass) -> Result<Option<ObjectHandle>, TokenError> {
    let template = [Attribute::Class(class), Attribute::Label(label.into())];
    match session.find_objects(&template)?[..] {
        [] => Ok(None),
        [key] => Ok(Some(key)),
        [_, _, ..] => Err(TokenError::AmbiguousKey { label: label.to_owned() }),
    }
}

fn public_key_der(session: &Session, label: &str, curve: Curve) -> Result<Vec<u8>, TokenError> {
    let public = only_one(session, label, ObjectClass::PUBLIC_KEY)?;
    let public = public.ok_or_else(|| TokenError::NoPublicKey { label: label.to_owned() })?;
    let attributes = session.get_attributes(public, &[AttributeType::EcPoint])?;
    let [Attribute::EcPoint(point)] = &attributes[..] else {
        return Err(TokenError::NoPublicKey { label: label.to_owned() });
    };
    // Some tokens leave the OCTET STRING away that should be around it.
    let point = match <&OctetStringRef>::from_der(point) {
        Ok(inner) if point.len() != curve.point_octets() => inner.as_bytes(),
        Ok(_) | Err(_) => point.as_slice(),
    };
    if point.len() != curve.point_octets() {
        return Err(unreadable(der::Error::from(der::ErrorKind::Length { tag: der::Tag::BitString })));
    }
    let oid = curve.oid();
    let algorithm = AlgorithmIdentifier { oid: ID_EC_PUBLIC_KEY, parameters: Some(AnyRef::from(&oid)) };
    BitStringRef::from_bytes(point)
        .and_then(|subject_public_key| SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der())
        .map_err(unreadable)
}

fn curve(session: &Session, key: ObjectHandle) -> Result<Curve, TokenError> {
    let kind = session.get_attributes(key, &[AttributeType::KeyType])?;
    let [Attribute::KeyType(KeyType::EC)] = kind[..] else {
        return Err(unsupported("other than EC".to_owned()));
    };
    let parameters = session.get_attributes(key, &[AttributeType::EcParams])?;
    let [Attribute::EcParams(parameters)] = &parameters[..] else {
        return Err(unsupported("EC without a curve".to_owned()));
    };
    match ObjectIdentifier::from_der(parameters).map_err(unreadable)? {
        SECP_256_R_1 => Ok(Curve::P256),
        SECP_384_R_1 => Ok(Curve::P384),
        other => Err(unsupported(oid_name(other))),
    }
}

/// R and S of `octets` each; both may come shorter, with the same length.
fn full_length(signature: &[u8], octets: usize) -> Result<Vec<u8>, TokenError> {
    let half = signature.len() / 2;
    if !signature.len().is_multiple_of(2) || !(1..=octets).contains(&half) {
        return Err(TokenError::SignatureLength { octets: signature.len() });
    }
    let mut fixed = Vec::with_capacity(2 * octets);
    for number in signature.chunks(half) {
        fixed.extend(std::iter::repeat_n(0, octets - half));
        fixed.extend_from_slice(number);
    }
    Ok(fixed)
}

fn unsupported(found: String) -> TokenError {
    TokenError::Key(Error::UnsupportedKey { found })
}

fn unreadable(error: der::Error) -> TokenError {
    TokenError::Key(Error::der(Item::PublicKey, error))
}

#[derive(Clone, Copy)]
enum Curve {
    P256,
    P384,
}

impl Curve {
    fn of(algorithm: Algorithm) -> Result<Self, TokenError> {
        match algorithm {
            Algorithm::Es256 => Ok(Self::P256),
            Algorithm::Es384 => Ok(Self::P384),
            other @ (Algorithm::EdDsa | Algorithm::Rs256 | _) => Err(unsupported(other.as_str().to_owned())),
        }
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::P256 => SECP_256_R_1,
            Self::P384 => SECP_384_R_1,
        }
    }

    /// The length of a coordinate, and of R and S.
    fn octets(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// The length of an uncompressed point.
    fn point_octets(self) -> usize {
        1 + 2 * self.octets()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_signatures_are_filled_up() {
        assert_eq!(full_length(&[1, 2, 3, 4], 3).unwrap(), [0, 1, 2, 0, 3, 4]);
        assert_eq!(full_length(&[1, 2, 3, 4], 2).unwrap(), [1, 2, 3, 4]);
        for wrong in [&[][..], &[1, 2, 3], &[1, 2, 3, 4]] {
            assert!(matches!(full_length(wrong, 1), Err(TokenError::SignatureLength { .. })));
        }
    }
}
