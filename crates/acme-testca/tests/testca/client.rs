//! A small ACME client of its own: JWS by hand, no code of the CA.

use std::time::Duration;

use acme_testca::{Ca, Config};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, Method, Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const BASE: &str = "https://testca.test";

pub(crate) fn b64(octets: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(octets)
}

pub(crate) fn start() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

pub(crate) fn gentle() -> Config {
    let mut config = Config::gentle();
    config.base_url = BASE.to_owned();
    config.always_valid = true;
    config
}

pub(crate) fn hostile() -> Config {
    let mut config = Config::default();
    config.base_url = BASE.to_owned();
    config.always_valid = true;
    config
}

/// An account key.
pub(crate) enum Key {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    P521(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn p384() -> Self {
        Self::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn p521() -> Self {
        Self::P521(EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::P521(_) => "ES512",
            Self::Ed25519(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::P256(pair) => Self::ec("P-256", pair),
            Self::P384(pair) => Self::ec("P-384", pair),
            Self::P521(pair) => Self::ec("P-521", pair),
            Self::Ed25519(pair) => {
                json!({"crv": "Ed25519", "kty": "OKP", "x": b64(pair.public_key().as_ref())})
            }
            Self::Rsa(pair) => {
                let n = pair.public_key().modulus();
                let e = pair.public_key().exponent();
                json!({
                    "e": b64(e.big_endian_without_leading_zero()),
                    "kty": "RSA",
                    "n": b64(n.big_endian_without_leading_zero()),
                })
            }
        }
    }

    fn ec(curve: &str, pair: &EcdsaKeyPair) -> Value {
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        json!({"crv": curve, "kty": "EC", "x": b64(x), "y": b64(y)})
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::P256(pair) | Self::P384(pair) | Self::P521(pair) => {
                pair.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut out).unwrap();
                out
            }
        }
    }

    pub(crate) fn thumbprint(&self) -> String {
        b64(digest(&SHA256, self.jwk().to_string().as_bytes()))
    }

    /// A JWS in flattened serialization.
    pub(crate) fn jws(&self, protected: &Value, payload: &str) -> Value {
        let protected = b64(protected.to_string());
        let payload = b64(payload);
        let signature = self.sign(format!("{protected}.{payload}").as_bytes());
        json!({"protected": protected, "payload": payload, "signature": b64(signature)})
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    /// The end of the problem type.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let kind = self.json()["type"].as_str().unwrap().to_owned();
        kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(&kind).to_owned()
    }

    pub(crate) fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}

impl From<Response<Vec<u8>>> for Answer {
    fn from(response: Response<Vec<u8>>) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status.as_u16(), headers: head.headers, body }
    }
}

/// How requests get to the CA.
pub(crate) trait Transport {
    fn send(&mut self, request: Request<Vec<u8>>) -> Option<Answer>;
}

/// A CA in the same thread, on a clock that the test moves.
pub(crate) struct InProcess {
    pub(crate) ca: Ca,
    pub(crate) now: Timestamp,
    pub(crate) last_delay: Option<Duration>,
}

impl InProcess {
    pub(crate) fn new(config: Config) -> Self {
        Self::of(Ca::new(config, start()).unwrap())
    }

    pub(crate) fn of(ca: Ca) -> Self {
        Self { ca, now: start(), last_delay: None }
    }
}

impl Transport for InProcess {
    fn send(&mut self, request: Request<Vec<u8>>) -> Option<Answer> {
        let reply = self.ca.handle(&request, self.now);
        self.last_delay = reply.delay;
        reply.into_response().map(Answer::from)
    }
}

pub(crate) struct Client<T> {
    pub(crate) transport: T,
    pub(crate) key: Key,
    pub(crate) kid: Option<String>,
    pub(crate) base: String,
}

pub(crate) fn client(config: Config) -> Client<InProcess> {
    Client::new(InProcess::new(config), Key::p256())
}

/// A client that has an account.
pub(crate) fn registered(config: Config) -> Client<InProcess> {
    let mut client = client(config);
    client.register();
    client
}

impl Client<InProcess> {
    /// Another client of the same CA.
    pub(crate) fn with_key(self, key: Key) -> (Self, Key, Option<String>) {
        let other = Self::new(self.transport, key);
        (other, self.key, self.kid)
    }
}

impl<T: Transport> Client<T> {
    pub(crate) fn new(transport: T, key: Key) -> Self {
        Self { transport, key, kid: None, base: BASE.to_owned() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn send(
        &mut self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.transport.send(request.body(body).unwrap())
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        let url = self.url(path);
        self.send(Method::GET, &url, &[("user-agent", "test/1")], Vec::new()).unwrap()
    }

    pub(crate) fn nonce(&mut self) -> String {
        let url = self.url("/new-nonce");
        let answer = self.send(Method::HEAD, &url, &[("user-agent", "test/1")], Vec::new()).unwrap();
        answer.header("replay-nonce").unwrap().to_owned()
    }

    /// The protected header that an honest client sends.
    pub(crate) fn protected(&mut self, url: &str) -> Value {
        let nonce = self.nonce();
        match &self.kid {
            Some(kid) => json!({"alg": self.key.alg(), "kid": kid, "nonce": nonce, "url": url}),
            None => json!({"alg": self.key.alg(), "jwk": self.key.jwk(), "nonce": nonce, "url": url}),
        }
    }

    pub(crate) fn post_body(&mut self, url: &str, body: &Value) -> Option<Answer> {
        let headers = [("user-agent", "test/1"), ("content-type", "application/jose+json")];
        self.send(Method::POST, url, &headers, body.to_string().into_bytes())
    }

    /// One signed request, refused nonces and all. `None` if the connection was closed.
    pub(crate) fn post_once(&mut self, url: &str, payload: &str) -> Option<Answer> {
        let protected = self.protected(url);
        let body = self.key.jws(&protected, payload);
        self.post_body(url, &body)
    }

    /// A signed request that tries refused nonces again.
    pub(crate) fn post(&mut self, url: &str, payload: &str) -> Answer {
        for _ in 0..50 {
            let answer = self.post_once(url, payload).unwrap();
            if answer.status != 400 || answer.problem() != "badNonce" {
                return answer;
            }
        }
        panic!("fifty nonces refused");
    }

    pub(crate) fn read(&mut self, url: &str) -> Value {
        let answer = self.post(url, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) fn register(&mut self) -> Answer {
        self.kid = None;
        let url = self.url("/new-account");
        let answer = self.post(&url, r#"{"termsOfServiceAgreed":true}"#);
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
        self.kid = Some(answer.header("location").unwrap().to_owned());
        answer
    }

    pub(crate) fn try_order(&mut self, names: &[&str]) -> Answer {
        let identifiers: Vec<Value> =
            names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
        let url = self.url("/new-order");
        self.post(&url, &json!({"identifiers": identifiers}).to_string())
    }

    /// Makes an order; gives its URL and itself.
    pub(crate) fn order(&mut self, names: &[&str]) -> (String, Value) {
        let answer = self.try_order(names);
        assert_eq!(answer.status, 201, "{}", answer.text());
        (answer.header("location").unwrap().to_owned(), answer.json())
    }

    /// Answers a challenge of each pending authorization of an order.
    pub(crate) fn answer_all(&mut self, order: &Value, kind: &str) {
        for url in urls(&order["authorizations"]) {
            let authorization = self.read(&url);
            if authorization["status"] == "pending" {
                let challenge = challenge(&authorization, kind);
                let answer = self.post(challenge["url"].as_str().unwrap(), "{}");
                assert_eq!(answer.status, 200, "{}", answer.text());
            }
        }
    }

    pub(crate) fn try_finalize(&mut self, order: &Value, csr: &[u8]) -> Answer {
        let url = order["finalize"].as_str().unwrap().to_owned();
        self.post(&url, &json!({"csr": b64(csr)}).to_string())
    }

    /// Makes an order and brings it to ready.
    pub(crate) fn ready(&mut self, names: &[&str]) -> (String, Value) {
        let (url, order) = self.order(names);
        self.answer_all(&order, "dns-01");
        let order = self.read(&url);
        assert_eq!(order["status"], "ready", "{order}");
        (url, order)
    }

    /// The whole way to a certificate. Gives the order's URL, the certificate's URL and the chain.
    pub(crate) fn issue(&mut self, names: &[&str]) -> Issued {
        let (order_url, order) = self.ready(names);
        let (key, csr) = csr(names);
        let answer = self.try_finalize(&order, &csr);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let order = answer.json();
        assert_eq!(order["status"], "valid", "{order}");
        let certificate_url = order["certificate"].as_str().unwrap().to_owned();
        let answer = self.post(&certificate_url, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/pem-certificate-chain"));
        Issued { order_url, certificate_url, chain: answer.text(), key }
    }

    pub(crate) fn revoke(&mut self, der: &[u8], reason: Option<u64>) -> Answer {
        let mut payload = json!({"certificate": b64(der)});
        if let Some(reason) = reason {
            payload["reason"] = json!(reason);
        }
        let url = self.url("/revoke-cert");
        self.post(&url, &payload.to_string())
    }
}

pub(crate) struct Issued {
    pub(crate) order_url: String,
    pub(crate) certificate_url: String,
    pub(crate) chain: String,
    pub(crate) key: rcgen::KeyPair,
}

impl Issued {
    pub(crate) fn leaf(&self) -> Vec<u8> {
        ders(&self.chain).remove(0)
    }
}

pub(crate) fn urls(list: &Value) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

pub(crate) fn challenge(authorization: &Value, kind: &str) -> Value {
    let mut challenges = authorization["challenges"].as_array().unwrap().iter();
    challenges.find(|one| one["type"] == kind).unwrap().clone()
}

/// A new P-256 key and a CSR without a common name.
pub(crate) fn csr(names: &[&str]) -> (rcgen::KeyPair, Vec<u8>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let csr = csr_with(&key, names, None);
    (key, csr)
}

pub(crate) fn csr_with(key: &rcgen::KeyPair, names: &[&str], common_name: Option<&str>) -> Vec<u8> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
    }
    params.serialize_request(key).unwrap().der().to_vec()
}

/// The certificates of a chain, in DER.
pub(crate) fn ders(pem: &str) -> Vec<Vec<u8>> {
    use rustls_pki_types::{CertificateDer, pem::PemObject};
    CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| der.unwrap().to_vec()).collect()
}
