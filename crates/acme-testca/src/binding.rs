//! External accounts: MAC keys, and the binding that is made with them (RFC 8555 section 7.3.4).

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::hmac;
use serde_json::Value;

use crate::{
    encoding,
    jws::{Flattened, header_text},
    key::PublicKey,
    problem::Problem,
};

/// The key of an external account, with which HS256, HS384 and HS512 are taken.
#[derive(Clone, PartialEq, Eq)]
pub struct MacKey(Vec<u8>);

impl MacKey {
    /// Takes the octets of a key.
    #[must_use]
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// Reads a key in the form that CAs give out: base64url without padding. `None` if it is not.
    ///
    /// See [RFC 8555 section 7.3.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4).
    #[must_use]
    pub fn from_base64url(text: &str) -> Option<Self> {
        encoding::from_base64url(text).map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

/// Verifies the binding that a newAccount request to `url`, signed by `account_key`, came with.
/// Gives the key identifier of the external account.
pub(crate) fn verify(
    binding: &Value,
    url: &str,
    account_key: &PublicKey,
    keys: &BTreeMap<String, MacKey>,
) -> Result<String, Problem> {
    let jws = Flattened::parse(binding.to_string().as_bytes())?;
    let algorithm = mac_algorithm(&header_text(&jws.header, "alg")?)?;
    if jws.header.contains_key("nonce") {
        return Err(refusal("the inner JWS must have no \"nonce\""));
    }
    if header_text(&jws.header, "url")? != url {
        return Err(refusal("the inner \"url\" must be that of the outer JWS"));
    }
    let kid = header_text(&jws.header, "kid")?;
    let key = keys.get(&kid).ok_or_else(|| {
        Problem::unauthorized(format!("RFC 8555 section 7.3.4: there is no external account {kid:?}"))
    })?;
    let key = hmac::Key::new(algorithm, &key.0);
    hmac::verify(&key, &jws.signing_input, &jws.signature).map_err(|_| {
        Problem::unauthorized("RFC 8555 section 7.3.4: the MAC of the inner JWS does not verify")
    })?;
    let bound: Value = serde_json::from_slice(&jws.payload)
        .map_err(|_| refusal("the payload of the inner JWS must be the JWK of the account key"))?;
    if PublicKey::from_jwk(&bound)? != *account_key {
        return Err(refusal("the payload of the inner JWS is another key than the outer \"jwk\""));
    }
    Ok(kid)
}

fn mac_algorithm(name: &str) -> Result<hmac::Algorithm, Problem> {
    match name {
        "HS256" => Ok(hmac::HMAC_SHA256),
        "HS384" => Ok(hmac::HMAC_SHA384),
        "HS512" => Ok(hmac::HMAC_SHA512),
        _ => {
            let mut problem = Problem::new(
                "badSignatureAlgorithm",
                400,
                format!(
                    "RFC 8555 section 7.3.4: \"alg\" {name:?} is not a MAC algorithm, see \"algorithms\""
                ),
            );
            problem.algorithms = ["HS256", "HS384", "HS512"].map(str::to_owned).into();
            Err(problem)
        }
    }
}

fn refusal(detail: &str) -> Problem {
    Problem::malformed(format!("RFC 8555 section 7.3.4: {detail}"))
}
