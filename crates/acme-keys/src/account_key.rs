//! Keys that sign requests.

use std::fmt;

use acme_proto::{Algorithm, Jwk, SecretText, SignError, Signer};
use aws_lc_rs::rsa::KeySize;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::{SliceReader, Tag};
use zeroize::Zeroizing;

use crate::error::{CryptoOperation, Error, Item};
use crate::key_pair::{EcdsaFormat, KeyPair, Kind};
use crate::ml_dsa::ParameterSet;
use crate::pem;
use crate::tlv::{self, Tlv};

/// A private key in memory that signs requests: an account's, or a certificate's to revoke it.
///
/// ```
/// use acme_keys::AccountKey;
/// use acme_proto::{Algorithm, Signer};
///
/// let key = AccountKey::generate(Algorithm::Es256)?;
/// assert_eq!(key.sign(b"message")?.len(), 64);
///
/// let again = AccountKey::from_pem(key.to_pem().expose())?;
/// assert_eq!(again.jwk(), key.jwk());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-6.2>
pub struct AccountKey {
    pair: KeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
    jwk: Jwk,
    public_key_der: Vec<u8>,
}

impl AccountKey {
    /// Makes a key; one for RSA has 2048 bits.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the library can't; [`Error::UnsupportedKey`] for an algorithm that
    /// this version does not know, or knows with the feature `preview` only: ML-DSA.
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let kind = match algorithm {
            Algorithm::EdDsa => Kind::Ed25519,
            Algorithm::Es256 => Kind::P256,
            Algorithm::Es384 => Kind::P384,
            Algorithm::Rs256 => Kind::Rsa(KeySize::Rsa2048),
            other @ (Algorithm::MlDsa44 | Algorithm::MlDsa65 | Algorithm::MlDsa87 | _) => {
                match ParameterSet::of_algorithm(other) {
                    Some(set) => Kind::MlDsa(set),
                    None => return Err(Error::UnsupportedKey { found: other.as_str().to_owned() }),
                }
            }
        };
        KeyPair::generate(kind, EcdsaFormat::Fixed).and_then(Self::new)
    }

    /// Reads the first private key of a PEM text: `PRIVATE KEY` (PKCS#8), `EC PRIVATE KEY` (SEC1)
    /// or `RSA PRIVATE KEY` (PKCS#1). One of ML-DSA is in PKCS#8, with its seed (RFC 9881, section 6).
    ///
    /// # Errors
    /// [`Error::Pem`] when there is none or it is damaged, and those of
    /// [`from_der`](Self::from_der).
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::from_der(&pem::private_key(pem.as_ref())?)
    }

    /// Reads a private key as DER: PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// [`Error::Der`] when it is none of these, [`Error::UnsupportedKey`] when it is of a type
    /// that signs no request, [`Error::KeyRejected`] when it can't be used.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        KeyPair::decode(der, EcdsaFormat::Fixed).and_then(Self::new)
    }

    /// Writes the key as PKCS#8 in PEM.
    #[must_use]
    pub fn to_pem(&self) -> SecretText {
        SecretText::new(pem::encode("PRIVATE KEY", &self.pkcs8))
    }

    fn new(pair: KeyPair) -> Result<Self, Error> {
        let jwk = jwk(&pair)?;
        let pkcs8 = pair.to_pkcs8()?;
        let public_key_der = pair.to_public_key_der()?;
        Ok(Self { pair, pkcs8, jwk, public_key_der })
    }
}

impl Signer for AccountKey {
    fn algorithm(&self) -> Algorithm {
        match self.pair {
            KeyPair::Ed25519(_) => Algorithm::EdDsa,
            KeyPair::P256(_) => Algorithm::Es256,
            KeyPair::P384(_) => Algorithm::Es384,
            KeyPair::MlDsa(set, _) => set.algorithm(),
            KeyPair::Rsa(_) => Algorithm::Rs256,
        }
    }

    fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.pair.sign(message).map_err(SignError::permanent)
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey")
    }
}

fn jwk(pair: &KeyPair) -> Result<Jwk, Error> {
    match pair {
        KeyPair::P256(_) => ec_jwk("P-256", pair.public_key()),
        KeyPair::P384(_) => ec_jwk("P-384", pair.public_key()),
        KeyPair::Ed25519(_) => {
            Ok(Jwk::Okp { curve: "Ed25519", x: URL_SAFE_NO_PAD.encode(pair.public_key()) })
        }
        KeyPair::MlDsa(set, _) => Ok(set.jwk(pair.public_key())),
        KeyPair::Rsa(_) => rsa_jwk(pair.public_key()).map_err(|error| Error::der(Item::PrivateKey, error)),
    }
}

/// The uncompressed point has both coordinates at full length (RFC 7518, section 6.2.1.2).
pub(crate) fn ec_jwk(curve: &'static str, point: &[u8]) -> Result<Jwk, Error> {
    let Some((&UNCOMPRESSED, coordinates)) = point.split_first() else {
        return Err(Error::Crypto(CryptoOperation::Encode));
    };
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Ok(Jwk::Ec { curve, x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) })
}

pub(crate) fn rsa_jwk(public_key: &[u8]) -> der::Result<Jwk> {
    let mut reader = tlv::enter_sequence(&mut SliceReader::new(public_key)?)?;
    let modulus = Tlv::expect(&mut reader, Tag::Integer)?.value;
    let exponent = Tlv::expect(&mut reader, Tag::Integer)?.value;
    Ok(Jwk::Rsa { e: unsigned(exponent), n: unsigned(modulus) })
}

/// DER puts a zero octet before a number whose first bit is set; JWK does not (RFC 7518,
/// section 6.3.1).
fn unsigned(integer: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(integer.strip_prefix(&[0]).unwrap_or(integer))
}

const UNCOMPRESSED: u8 = 4;
