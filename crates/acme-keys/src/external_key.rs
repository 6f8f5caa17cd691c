//! Keys that are not in this process: what has to be known of them, and what they sign.

use acme_proto::{Algorithm, ExternalKey, Jwk};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::UintRef;
use der::{Decode as _, Encode as _, Sequence};
use spki::SubjectPublicKeyInfoRef;

use crate::account_key::{ec_jwk, rsa_jwk};
use crate::error::{Error, Item};
use crate::key_pair::oid_name;
use crate::ml_dsa::ParameterSet;

/// Describes a key that is elsewhere by its public key, a DER `SubjectPublicKeyInfo`, as services and
/// `openssl pkey -pubout -outform DER` give it. `name` is what its signer is asked with.
///
/// # Errors
/// [`Error::Der`] when it can't be read, [`Error::UnsupportedKey`] when it signs no request.
pub fn external_key(name: impl Into<String>, public_key_der: &[u8]) -> Result<ExternalKey, Error> {
    let unreadable = |error| Error::der(Item::PublicKey, error);
    let info = SubjectPublicKeyInfoRef::from_der(public_key_der).map_err(unreadable)?;
    let curve = info.algorithm.parameters_oid().ok();
    let key = info.subject_public_key.raw_bytes();
    let (algorithm, jwk) = match (info.algorithm.oid, curve) {
        (ID_EC_PUBLIC_KEY, Some(SECP_256_R_1)) => (Algorithm::Es256, ec_jwk("P-256", key)?),
        (ID_EC_PUBLIC_KEY, Some(SECP_384_R_1)) => (Algorithm::Es384, ec_jwk("P-384", key)?),
        (ID_EC_PUBLIC_KEY, Some(other)) => return Err(Error::UnsupportedKey { found: oid_name(other) }),
        (RSA_ENCRYPTION, _) => (Algorithm::Rs256, rsa_jwk(key).map_err(unreadable)?),
        (ID_ED_25519, _) => (Algorithm::EdDsa, Jwk::Okp { curve: "Ed25519", x: URL_SAFE_NO_PAD.encode(key) }),
        (other, _) => match ParameterSet::of_oid(other) {
            Some(set) => (set.algorithm(), set.jwk(key)),
            None => return Err(Error::UnsupportedKey { found: oid_name(other) }),
        },
    };
    Ok(ExternalKey { name: name.into(), algorithm, jwk, public_key_der: public_key_der.to_vec() })
}

/// Turns an ECDSA signature in DER, as most services and X.509 have it, into R and S of `octets`
/// each, as JWS wants it: 32 for P-256, 48 for P-384.
///
/// # Errors
/// [`Error::Der`] when it is none, or too long.
///
/// <https://www.rfc-editor.org/rfc/rfc7518#section-3.4>
pub fn signature_from_der(der: &[u8], octets: usize) -> Result<Vec<u8>, Error> {
    let unreadable = |error| Error::der(Item::Signature, error);
    let signature = EcdsaSignature::from_der(der).map_err(unreadable)?;
    let mut fixed = Vec::with_capacity(2 * octets);
    for number in [signature.r, signature.s] {
        let number = number.as_bytes();
        let padding = octets.checked_sub(number.len());
        let padding = padding.ok_or_else(|| unreadable(der::ErrorKind::Overlength.into()))?;
        fixed.extend(std::iter::repeat_n(0, padding));
        fixed.extend_from_slice(number);
    }
    Ok(fixed)
}

/// The way back: R and S as X.509 wants them.
pub(crate) fn signature_to_der(fixed: &[u8]) -> Result<Vec<u8>, Error> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    UintRef::new(r)
        .and_then(|r| EcdsaSignature { r, s: UintRef::new(s)? }.to_der())
        .map_err(|error| Error::der(Item::Signature, error))
}

#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}
