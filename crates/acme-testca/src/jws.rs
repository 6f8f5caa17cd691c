//! Signed requests, taken apart as strictly as RFC 8555 section 6.2 asks for.

use serde_json::{Map, Value};

use crate::{
    encoding,
    key::{Algorithm, PublicKey},
    problem::Problem,
};

/// A request body whose form has been checked, and whose signature has not.
#[derive(Debug)]
pub(crate) struct Jws {
    pub(crate) algorithm: Algorithm,
    pub(crate) nonce: String,
    pub(crate) url: String,
    pub(crate) signer: Signer,
    pub(crate) payload: Vec<u8>,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

/// Who a request says it is signed by.
#[derive(Clone, Debug)]
pub(crate) enum Signer {
    /// `jwk`: a key that comes along.
    Key(PublicKey),
    /// `kid`: an account URL.
    Account(String),
}

impl Jws {
    /// Takes a body apart and checks everything that needs no knowledge of accounts.
    pub(crate) fn parse(body: &[u8], taken: &[Algorithm]) -> Result<Self, Problem> {
        Self::of(Flattened::parse(body)?, taken, nonce)
    }

    /// Takes apart the JWS within a keyChange, which has no nonce (RFC 8555 section 7.3.5).
    pub(crate) fn parse_inner(body: &[u8], taken: &[Algorithm]) -> Result<Self, Problem> {
        Self::of(Flattened::parse(body)?, taken, |header| match header.get("nonce") {
            None => Ok(String::new()),
            Some(_) => {
                Err(Problem::malformed("RFC 8555 section 7.3.5: the inner JWS must have no \"nonce\""))
            }
        })
    }

    /// Verifies the signature.
    pub(crate) fn verify(&self, key: &PublicKey) -> Result<(), Problem> {
        key.verify_jws(self.algorithm, &self.signing_input, &self.signature)
    }

    fn of(
        parts: Flattened,
        taken: &[Algorithm],
        nonce: impl FnOnce(&Map<String, Value>) -> Result<String, Problem>,
    ) -> Result<Self, Problem> {
        let header = &parts.header;
        Ok(Self {
            algorithm: algorithm(header, taken)?,
            signer: signer(header)?,
            nonce: nonce(header)?,
            url: header_text(header, "url")?,
            payload: parts.payload,
            signing_input: parts.signing_input,
            signature: parts.signature,
        })
    }
}

/// A JWS in flattened serialization, whatever its header says.
#[derive(Debug)]
pub(crate) struct Flattened {
    pub(crate) header: Map<String, Value>,
    pub(crate) payload: Vec<u8>,
    pub(crate) signing_input: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Flattened {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let outer = outer(body)?;
        let protected = member(&outer, "protected")?;
        let payload = member(&outer, "payload")?;
        let signature = member(&outer, "signature")?;
        Ok(Self {
            header: header(&decode("protected", protected)?)?,
            payload: decode("payload", payload)?,
            signing_input: format!("{protected}.{payload}").into_bytes(),
            signature: decode("signature", signature)?,
        })
    }
}

fn outer(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let Ok(Value::Object(outer)) = serde_json::from_slice(body) else {
        return Err(refusal("the body must be a JSON object: a JWS in flattened serialization"));
    };
    if outer.contains_key("signatures") {
        return Err(refusal("a JWS in general serialization is refused, use the flattened one"));
    }
    if outer.contains_key("header") {
        return Err(refusal("a JWS with an unprotected header is refused"));
    }
    Ok(outer)
}

fn header(octets: &[u8]) -> Result<Map<String, Value>, Problem> {
    let Ok(Value::Object(header)) = serde_json::from_slice(octets) else {
        return Err(refusal("the protected header must be a JSON object"));
    };
    if header.contains_key("b64") {
        return Err(refusal("\"b64\" (RFC 7797) must not be used"));
    }
    if header.contains_key("crit") {
        return Err(Problem::malformed(
            "RFC 7515 section 4.1.11: this CA knows no critical header parameter",
        ));
    }
    Ok(header)
}

fn algorithm(header: &Map<String, Value>, taken: &[Algorithm]) -> Result<Algorithm, Problem> {
    let name = header_text(header, "alg")?;
    Algorithm::from_name(&name).filter(|found| taken.contains(found)).ok_or_else(|| {
        let mut problem = Problem::new(
            "badSignatureAlgorithm",
            400,
            format!("RFC 8555 section 6.2: \"alg\" {name:?} is not taken, see \"algorithms\""),
        );
        problem.algorithms = taken.iter().map(|one| one.name().to_owned()).collect();
        problem
    })
}

fn signer(header: &Map<String, Value>) -> Result<Signer, Problem> {
    match (header.get("jwk"), header.get("kid")) {
        (Some(jwk), None) => Ok(Signer::Key(PublicKey::from_jwk(jwk)?)),
        (None, Some(Value::String(kid))) => Ok(Signer::Account(kid.clone())),
        (None, Some(_)) => Err(refusal("\"kid\" must be a string")),
        (Some(_), Some(_)) => Err(refusal("\"jwk\" and \"kid\" exclude each other")),
        (None, None) => Err(refusal("the protected header needs \"jwk\" or \"kid\"")),
    }
}

fn nonce(header: &Map<String, Value>) -> Result<String, Problem> {
    let nonce = header_text(header, "nonce")?;
    if nonce.is_empty() || encoding::from_base64url(&nonce).is_none() {
        return Err(Problem::malformed("RFC 8555 section 6.5.2: \"nonce\" is not base64url without padding"));
    }
    Ok(nonce)
}

pub(crate) fn header_text(header: &Map<String, Value>, name: &str) -> Result<String, Problem> {
    match header.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(refusal(&format!("\"{name}\" must be a string"))),
        None => Err(refusal(&format!("the protected header needs \"{name}\""))),
    }
}

fn member<'a>(outer: &'a Map<String, Value>, name: &str) -> Result<&'a str, Problem> {
    outer
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| refusal(&format!("the JWS needs a string \"{name}\"")))
}

fn decode(name: &str, text: &str) -> Result<Vec<u8>, Problem> {
    encoding::from_base64url(text).ok_or_else(|| {
        Problem::malformed(format!("RFC 8555 section 6.1: \"{name}\" is not base64url without padding"))
    })
}

fn refusal(detail: &str) -> Problem {
    Problem::malformed(format!("RFC 8555 section 6.2: {detail}"))
}
