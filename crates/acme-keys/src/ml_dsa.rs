//! Keys of ML-DSA, which sign requests and nothing else.
//!
//! <https://www.rfc-editor.org/rfc/rfc9964>

use acme_proto::{Algorithm, Jwk};
use aws_lc_rs::signature::{
    ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use const_oid::db::fips204::{ID_ML_DSA_44, ID_ML_DSA_65, ID_ML_DSA_87};
use der::asn1::ObjectIdentifier;

use crate::error::Error;
use crate::key_pair::rejected;

/// The parameters of a key. Without the feature `preview` there is no way to one of them.
#[derive(Clone, Copy)]
pub(crate) enum ParameterSet {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl ParameterSet {
    pub(crate) fn of_algorithm(algorithm: Algorithm) -> Option<Self> {
        Self::offered().iter().copied().find(|set| set.algorithm() == algorithm)
    }

    pub(crate) fn of_oid(oid: ObjectIdentifier) -> Option<Self> {
        Self::offered().iter().copied().find(|set| set.oid() == oid)
    }

    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::MlDsa44 => Algorithm::MlDsa44,
            Self::MlDsa65 => Algorithm::MlDsa65,
            Self::MlDsa87 => Algorithm::MlDsa87,
        }
    }

    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            Self::MlDsa44 => ID_ML_DSA_44,
            Self::MlDsa65 => ID_ML_DSA_65,
            Self::MlDsa87 => ID_ML_DSA_87,
        }
    }

    pub(crate) fn jwk(self, public_key: &[u8]) -> Jwk {
        Jwk::Akp { algorithm: self.algorithm(), public: URL_SAFE_NO_PAD.encode(public_key) }
    }

    pub(crate) fn signing(self) -> &'static PqdsaSigningAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44_SIGNING,
            Self::MlDsa65 => &ML_DSA_65_SIGNING,
            Self::MlDsa87 => &ML_DSA_87_SIGNING,
        }
    }

    fn offered() -> &'static [Self] {
        match cfg!(feature = "preview") {
            true => &[Self::MlDsa44, Self::MlDsa65, Self::MlDsa87],
            false => &[],
        }
    }
}

/// Reads PKCS#8 that has the seed: a key that was expanded from it could not be written again.
pub(crate) fn decode(set: ParameterSet, pkcs8: &[u8]) -> Result<PqdsaKeyPair, Error> {
    let pair = PqdsaKeyPair::from_pkcs8(set.signing(), pkcs8).map_err(rejected)?;
    match pair.to_pkcs8v1() {
        Ok(_) => Ok(pair),
        Err(_) => {
            Err(Error::UnsupportedKey { found: format!("{} without its seed", set.algorithm().as_str()) })
        }
    }
}
