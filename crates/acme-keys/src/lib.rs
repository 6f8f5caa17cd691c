//! Keys for ACME: account signers, digests and MACs for [`acme_proto`], certificate keys,
//! certificate signing requests, and a look into certificates.
//!
//! All of it on one crypto library, which no other client crate names. What this crate is not: it
//! verifies no chain and encrypts no key, and keeps no file but the [`KeyFile`] of an account.
//!
//! | for | see |
//! |---|---|
//! | an account | [`AccountKey`], an [`acme_proto::Signer`]; in a file: [`KeyFile`] |
//! | a key in a token, with the feature `pkcs11` | `Token` |
//! | external account binding | [`HmacKey`], an [`acme_proto::Mac`] |
//! | a certificate's key | [`CertificateKey`] |
//! | asking for a certificate | [`CertificateSigningRequest`] |
//! | reading a certificate | [`CertificateInfo`] |
//! | answering tls-alpn-01 | [`ChallengeCertificate`] |
//! | signing DNS updates | [`TsigKey`] |
//!
//! ```
//! use acme_keys::{CertificateKey, CertificateSigningRequest, KeyType};
//!
//! let key = CertificateKey::generate(KeyType::EcdsaP256)?;
//! let names = ["example.com".parse()?, "*.example.com".parse()?];
//! let csr = CertificateSigningRequest::new(&names, &key)?;
//! assert_eq!(csr.names(), names);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Secrets
//! `Debug` of a key prints the type's name. Private material that is held as bytes is wiped when
//! it is dropped; nothing here logs.
//!
//! # Features
//! `preview` has what no public CA takes and what may still change: account keys of ML-DSA (RFC 9964),
//! made by [`AccountKey::generate`] and read where PKCS#8 holds their seed.

mod account_key;
mod certificate;
mod certificate_key;
mod certified_key;
mod challenge_certificate;
mod digest;
mod error;
mod external_key;
mod hmac_key;
mod issue_flow;
mod issue_request;
mod issued;
mod key_file;
mod key_pair;
mod ml_dsa;
mod pem;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod private_key;
mod request;
mod subject_alt_name;
mod tlv;
mod tsig_key;

pub use account_key::AccountKey;
pub use certificate::CertificateInfo;
pub use certificate_key::{CertificateKey, KeyType, UnknownKeyType};
pub use certified_key::Certificate;
pub use challenge_certificate::ChallengeCertificate;
pub use digest::{danger_sha1, sha256};
pub use error::{CryptoOperation, Error, Item, PemFault};
pub use external_key::{external_key, signature_from_der};
pub use hmac_key::{HmacAlgorithm, HmacKey};
pub use issue_flow::IssueFlow;
pub use issue_request::IssueRequest;
pub use issued::{Issued, IssuedChain};
pub use key_file::{KeyFile, KeyFileChange};
pub use pem::{certificates_from_pem, certificates_to_pem};
#[cfg(feature = "pkcs11")]
pub use pkcs11::{Token, TokenError, TokenKey};
pub use private_key::PrivateKey;
pub use request::CertificateSigningRequest;
pub use tsig_key::{TsigAlgorithm, TsigKey};
