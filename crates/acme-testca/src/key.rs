//! Public keys of accounts and of certificate requests.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm},
};
use der::{
    Decode,
    asn1::{ObjectIdentifier, UintRef},
};
use serde_json::{Map, Value, json};
use spki::SubjectPublicKeyInfoRef;

use crate::{encoding, problem::Problem};

/// A public key, comparable whatever form it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// The uncompressed point.
    P256(Vec<u8>),
    /// The uncompressed point.
    P384(Vec<u8>),
    /// Modulus and exponent, without leading zero octets.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The uncompressed point.
    P521(Vec<u8>),
    /// The 32 octets of RFC 8032.
    Ed25519(Vec<u8>),
    /// The octets of FIPS 204, for one of the three parameter sets.
    MlDsa { algorithm: Algorithm, public: Vec<u8> },
}

impl PublicKey {
    /// Reads a JWK, strictly (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
    pub(crate) fn from_jwk(jwk: &Value) -> Result<Self, Problem> {
        let Some(members) = jwk.as_object() else {
            return Err(Problem::malformed("RFC 8555 section 6.2: \"jwk\" must be an object"));
        };
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(bad_key("RFC 7515 section 4.1.3: \"jwk\" holds a private key"));
        }
        match (text(members, "kty")?, members.get("crv").and_then(Value::as_str)) {
            ("EC", Some("P-256")) => Ok(Self::P256(point(members, 32)?)),
            ("EC", Some("P-384")) => Ok(Self::P384(point(members, 48)?)),
            ("EC", Some("P-521")) => Ok(Self::P521(point(members, 66)?)),
            ("AKP", _) => ml_dsa(members),
            ("OKP", Some("Ed25519")) => Ok(Self::Ed25519(octets(members, "x", 32)?)),
            ("RSA", _) => rsa(members),
            _ => Err(bad_key(
                "RFC 8555 section 6.2: keys are EC P-256, EC P-384, EC P-521, RSA or OKP Ed25519",
            )),
        }
    }

    /// Reads the key of a certificate or of a CSR. `None` if it is of a kind this CA does not know.
    pub(crate) fn from_spki(der: &[u8]) -> Option<Self> {
        let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
        let bits = info.subject_public_key.as_bytes()?;
        let curve = || info.algorithm.parameters_oid().ok();
        match info.algorithm.oid {
            ID_EC if curve() == Some(P256) && is_point(bits, 32) => Some(Self::P256(bits.to_vec())),
            ID_EC if curve() == Some(P384) && is_point(bits, 48) => Some(Self::P384(bits.to_vec())),
            ID_EC if curve() == Some(P521) && is_point(bits, 66) => Some(Self::P521(bits.to_vec())),
            ID_ED25519 => Some(Self::Ed25519(bits.to_vec())),
            ID_RSA => rsa_from_der(bits),
            _ => None,
        }
    }

    /// Verifies a JWS signature (RFC 7518 section 3, RFC 8037 section 3.1).
    pub(crate) fn verify_jws(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Problem> {
        let (length, verifier, key): Verification<'_> = match (algorithm, self) {
            (Algorithm::Es256, Self::P256(key)) => (64, &signature::ECDSA_P256_SHA256_FIXED, key),
            (Algorithm::Es384, Self::P384(key)) => (96, &signature::ECDSA_P384_SHA384_FIXED, key),
            (Algorithm::Es512, Self::P521(key)) => (132, &signature::ECDSA_P521_SHA512_FIXED, key),
            (_, Self::MlDsa { algorithm: own, public }) if algorithm == *own => own.ml_dsa(public)?,
            (Algorithm::EdDsa, Self::Ed25519(key)) => (64, &signature::ED25519, key),
            (Algorithm::Rs256, Self::Rsa { n, e }) => {
                return RsaPublicKeyComponents { n, e }
                    .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
                    .map_err(|_| wrong_signature());
            }
            (_, _) => {
                return Err(Problem::malformed(format!(
                    "RFC 8555 section 6.2: \"alg\" {} does not belong to this kind of key",
                    algorithm.name()
                )));
            }
        };
        if signature.len() != length {
            return Err(Problem::malformed(format!(
                "RFC 7518 section 3.4: a signature by {} has {length} octets, this one has {}",
                algorithm.name(),
                signature.len()
            )));
        }
        UnparsedPublicKey::new(verifier, key).verify(message, signature).map_err(|_| wrong_signature())
    }

    /// The JWK with the required members only, in the order of RFC 7638 section 3.2.
    pub(crate) fn to_jwk(&self) -> Value {
        match self {
            Self::P256(point) => ec_jwk("P-256", point),
            Self::P384(point) => ec_jwk("P-384", point),
            Self::P521(point) => ec_jwk("P-521", point),
            Self::MlDsa { algorithm, public } => {
                json!({"alg": algorithm.name(), "kty": "AKP", "pub": encoding::base64url(public)})
            }
            Self::Ed25519(x) => json!({"crv": "Ed25519", "kty": "OKP", "x": encoding::base64url(x)}),
            Self::Rsa { n, e } => {
                json!({"e": encoding::base64url(e), "kty": "RSA", "n": encoding::base64url(n)})
            }
        }
    }

    /// The thumbprint that key authorizations are made of (RFC 7638, RFC 8555 section 8.1).
    pub(crate) fn thumbprint(&self) -> String {
        encoding::base64url(digest(&SHA256, self.to_jwk().to_string().as_bytes()).as_ref())
    }

    /// The length of an RSA modulus in bits.
    pub(crate) fn modulus_bits(&self) -> Option<usize> {
        let Self::Rsa { n, .. } = self else {
            return None;
        };
        let first = n.first()?;
        Some(n.len() * 8 - first.leading_zeros() as usize)
    }
}

/// A JWS algorithm this CA takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Es256,
    Es384,
    Es512,
    EdDsa,
    Rs256,
    /// RFC 9964.
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 8] = [
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Rs256,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    pub(crate) fn is_ml_dsa(self) -> bool {
        matches!(self, Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87)
    }

    /// The length of a signature, its verifier and the key (FIPS 204 section 4).
    fn ml_dsa<'a>(self, public: &'a Vec<u8>) -> Result<Verification<'a>, Problem> {
        match self {
            Self::MlDsa44 => Ok((2420, &signature::ML_DSA_44, public)),
            Self::MlDsa65 => Ok((3309, &signature::ML_DSA_65, public)),
            Self::MlDsa87 => Ok((4627, &signature::ML_DSA_87, public)),
            Self::Es256 | Self::Es384 | Self::Es512 | Self::EdDsa | Self::Rs256 => Err(wrong_signature()),
        }
    }
}

/// The length of a signature, who verifies it, and the key.
type Verification<'a> = (usize, &'static dyn VerificationAlgorithm, &'a Vec<u8>);

/// Reads a key of RFC 9964 section 3.
fn ml_dsa(members: &Map<String, Value>) -> Result<PublicKey, Problem> {
    let name = text(members, "alg")?;
    let algorithm = Algorithm::from_name(name).filter(|one| one.is_ml_dsa());
    let algorithm = algorithm
        .ok_or_else(|| bad_key("RFC 9964 section 3: the \"alg\" of an AKP key is ML-DSA-44, -65 or -87"))?;
    let public = decode(members, "pub")?;
    let (_, verifier, _) = algorithm.ml_dsa(&public)?;
    if UnparsedPublicKey::new(verifier, &public).parse().is_err() {
        return Err(bad_key(format!("RFC 9964 section 3: \"pub\" is no key of {name}")));
    }
    Ok(PublicKey::MlDsa { algorithm, public })
}

fn ec_jwk(curve: &str, point: &[u8]) -> Value {
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    json!({"crv": curve, "kty": "EC", "x": encoding::base64url(x), "y": encoding::base64url(y)})
}

fn point(members: &Map<String, Value>, len: usize) -> Result<Vec<u8>, Problem> {
    let mut point = vec![UNCOMPRESSED];
    point.extend(octets(members, "x", len)?);
    point.extend(octets(members, "y", len)?);
    let verifier: &'static dyn VerificationAlgorithm = match len {
        32 => &signature::ECDSA_P256_SHA256_FIXED,
        66 => &signature::ECDSA_P521_SHA512_FIXED,
        _ => &signature::ECDSA_P384_SHA384_FIXED,
    };
    if UnparsedPublicKey::new(verifier, &point).parse().is_err() {
        return Err(bad_key("RFC 7518 section 6.2.1: the point is not on the curve"));
    }
    Ok(point)
}

fn octets(members: &Map<String, Value>, name: &str, len: usize) -> Result<Vec<u8>, Problem> {
    let octets = decode(members, name)?;
    if octets.len() != len {
        return Err(bad_key(format!(
            "RFC 7518 section 6.2.1.2: \"{name}\" has {len} octets, left-padded with zeros; here it has {}",
            octets.len()
        )));
    }
    Ok(octets)
}

fn rsa(members: &Map<String, Value>) -> Result<PublicKey, Problem> {
    let n = decode(members, "n")?;
    let e = decode(members, "e")?;
    if n.first() == Some(&0) || e.first() == Some(&0) {
        return Err(bad_key("RFC 7518 section 6.3.1: \"n\" and \"e\" have no leading zero octets"));
    }
    let key = PublicKey::Rsa { n, e };
    if !key.modulus_bits().is_some_and(|bits| RSA_BITS.contains(&bits)) {
        return Err(bad_key("RSA account keys have 2048 to 4096 bits"));
    }
    Ok(key)
}

fn rsa_from_der(der: &[u8]) -> Option<PublicKey> {
    #[derive(der::Sequence)]
    struct RsaPublicKey<'a> {
        n: UintRef<'a>,
        e: UintRef<'a>,
    }
    let key = RsaPublicKey::from_der(der).ok()?;
    Some(PublicKey::Rsa { n: key.n.as_bytes().to_vec(), e: key.e.as_bytes().to_vec() })
}

fn decode(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Problem> {
    encoding::from_base64url(text(members, name)?).ok_or_else(|| {
        Problem::malformed(format!(
            "RFC 8555 section 6.1: \"{name}\" of the JWK is not base64url without padding"
        ))
    })
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, Problem> {
    members
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| Problem::malformed(format!("RFC 7517 section 4: the JWK has no string \"{name}\"")))
}

fn is_point(bits: &[u8], len: usize) -> bool {
    bits.len() == 2 * len + 1 && bits.first() == Some(&UNCOMPRESSED)
}

fn bad_key(detail: impl Into<String>) -> Problem {
    Problem::new("badPublicKey", 400, detail)
}

fn wrong_signature() -> Problem {
    Problem::malformed("RFC 8555 section 6.2: the signature of the JWS does not verify")
}

/// Sizes of RSA keys, in bits, of accounts and of certificates.
pub(crate) const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

const UNCOMPRESSED: u8 = 4;
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "k", "priv"];
const ID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ID_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
