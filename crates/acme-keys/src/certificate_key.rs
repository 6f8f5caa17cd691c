//! Private keys of certificates.

use std::fmt;
use std::str::FromStr;

use acme_proto::SecretText;
use aws_lc_rs::rsa::KeySize;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::account_key::AccountKey;
use crate::error::Error;
use crate::key_pair::{EcdsaFormat, KeyPair, Kind};
use crate::pem;

/// The type and size of a certificate's key.
///
/// ```
/// use acme_keys::KeyType;
///
/// let key_type: KeyType = "ecdsa-p384".parse()?;
/// assert_eq!(key_type, KeyType::EcdsaP384);
/// assert_eq!(KeyType::default().to_string(), "ecdsa-p256");
/// # Ok::<(), acme_keys::UnknownKeyType>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// ECDSA on P-256: small, fast, and known to every client.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
}

impl KeyType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::EcdsaP256, Self::EcdsaP384, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// The name in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::EcdsaP256 => Kind::P256,
            Self::EcdsaP384 => Kind::P384,
            Self::Rsa2048 => Kind::Rsa(KeySize::Rsa2048),
            Self::Rsa3072 => Kind::Rsa(KeySize::Rsa3072),
            Self::Rsa4096 => Kind::Rsa(KeySize::Rsa4096),
        }
    }

    fn of(pair: &KeyPair) -> Result<Self, Error> {
        match pair {
            KeyPair::P256(_) => Ok(Self::EcdsaP256),
            KeyPair::P384(_) => Ok(Self::EcdsaP384),
            KeyPair::Ed25519(_) => Err(Error::UnsupportedKey { found: "Ed25519".to_owned() }),
            KeyPair::MlDsa(set, _) => {
                Err(Error::UnsupportedKey { found: set.algorithm().as_str().to_owned() })
            }
            KeyPair::Rsa(pair) => match pair.public_modulus_len() * 8 {
                2048 => Ok(Self::Rsa2048),
                3072 => Ok(Self::Rsa3072),
                4096 => Ok(Self::Rsa4096),
                bits => Err(Error::UnsupportedKey { found: format!("RSA with {bits} bits") }),
            },
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for KeyType {
    type Err = UnknownKeyType;

    fn from_str(text: &str) -> Result<Self, UnknownKeyType> {
        Self::ALL
            .into_iter()
            .find(|key_type| key_type.as_str() == text)
            .ok_or_else(|| UnknownKeyType { text: text.to_owned() })
    }
}

/// A text names no [`KeyType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no key type; there are {}", KeyType::ALL.map(KeyType::as_str).join(", "))]
#[non_exhaustive]
pub struct UnknownKeyType {
    /// The text.
    pub text: String,
}

/// The private key of a certificate.
///
/// ```
/// use acme_keys::{CertificateKey, KeyType};
///
/// let key = CertificateKey::generate(KeyType::EcdsaP256)?;
/// let again = CertificateKey::from_pem(key.to_pem().expose())?;
/// assert_eq!(again.public_key_der(), key.public_key_der());
/// # Ok::<(), acme_keys::Error>(())
/// ```
pub struct CertificateKey {
    pair: KeyPair,
    key_type: KeyType,
    pkcs8: Zeroizing<Vec<u8>>,
    public_key_der: Vec<u8>,
}

impl CertificateKey {
    /// Makes a key.
    ///
    /// # Errors
    /// [`Error::Crypto`] when the library can't.
    pub fn generate(key_type: KeyType) -> Result<Self, Error> {
        KeyPair::generate(key_type.kind(), EcdsaFormat::Asn1).and_then(Self::new)
    }

    /// Reads the first private key of a PEM text: `PRIVATE KEY` (PKCS#8), `EC PRIVATE KEY` (SEC1)
    /// or `RSA PRIVATE KEY` (PKCS#1).
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
    /// [`Error::Der`] when it is none of these, [`Error::UnsupportedKey`] when it is of no
    /// [`KeyType`], [`Error::KeyRejected`] when it can't be used.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        KeyPair::decode(der, EcdsaFormat::Asn1).and_then(Self::new)
    }

    /// The type and size.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The public key as a DER `SubjectPublicKeyInfo`.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7>
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    /// The key as rustls takes it, in PKCS#8.
    #[must_use]
    pub fn private_key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.to_vec()))
    }

    /// Writes the key as PKCS#8 in PEM.
    #[must_use]
    pub fn to_pem(&self) -> SecretText {
        SecretText::new(pem::encode("PRIVATE KEY", &self.pkcs8))
    }

    /// The same key as a signer, to revoke its certificate without the account.
    ///
    /// # Errors
    /// [`Error::KeyRejected`], which the key that is already here should not meet.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.6>
    pub fn to_signer(&self) -> Result<AccountKey, Error> {
        AccountKey::from_der(&self.pkcs8)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.pair.sign(message)
    }

    fn new(pair: KeyPair) -> Result<Self, Error> {
        let key_type = KeyType::of(&pair)?;
        let pkcs8 = pair.to_pkcs8()?;
        let public_key_der = pair.to_public_key_der()?;
        Ok(Self { pair, key_type, pkcs8, public_key_der })
    }
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateKey")
    }
}
