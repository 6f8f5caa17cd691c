//! What a client sends to the test CA, and what its user writes for it.

use std::sync::LazyLock;

use acme_keys::AccountKey;
use acme_proto::Signer as _;
use acme_testca::{Ca, CaaPolicy, CaaRecord, Config, Finalize, Script};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, Request, Response};
use serde_json::{Value, json};

use crate::conversation::{now, split};

/// Records, a line each: flags, tag and value.
pub(crate) fn caa(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let record = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let flags = words.next()?.parse().ok()?;
        Some(CaaRecord { flags, ..CaaRecord::new(words.next()?, words.next()?) })
    };
    let records: Vec<CaaRecord> = text.lines().filter_map(record).collect();
    let mut world = World::new();
    let before = world.order();
    world.ca.set_caa_records("a.example", records);
    world.answer(&before);
    let _ = CaaPolicy::climb(text).count();
}

/// The CSR of an order that is ready.
pub(crate) fn csr(data: &[u8]) {
    let mut world = World::new();
    let order = world.order();
    world.answer(&order);
    let payload = json!({"csr": URL_SAFE_NO_PAD.encode(data)}).to_string();
    let response = world.signed(&format!("{order}/finalize"), payload.as_bytes());
    world.read(&order);
    assert_eq!(world.ca.issued().len(), usize::from(response.status().is_success()));
}

/// The path, the protected header and the payload, a line each. `$NONCE`, `$URL` and `$KID` stand
/// for what is right; the signature is always right.
pub(crate) fn jws(data: &[u8]) {
    let (path, rest) = split(data, b'\n');
    let (protected, payload) = split(rest, b'\n');
    let (Ok(path), Ok(protected)) = (str::from_utf8(path), str::from_utf8(protected)) else { return };
    let mut world = World::new();
    let protected = protected
        .replace("$NONCE", &world.nonce())
        .replace("$URL", &format!("{BASE}{path}"))
        .replace("$KID", &world.account);
    world.send(path, protected.as_bytes(), payload);
}

/// A request: method and path, header fields, an empty line, and the body.
pub(crate) fn request(data: &[u8]) {
    let (line, mut rest) = split(data, b'\n');
    let (method, path) = split(line, b' ');
    let mut request = Request::builder().method(method).uri(path);
    loop {
        let (line, after) = split(rest, b'\n');
        rest = after;
        if line.is_empty() {
            break;
        }
        let (name, value) = split(line, b':');
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            request = request.header(name, value);
        }
    }
    let Ok(request) = request.body(rest.to_vec()) else { return };
    let mut ca = World::new().ca;
    let response = ca.handle(&request, now()).into_response().expect("a response");
    let status = response.status();
    assert!(status.is_success() || status.is_client_error(), "{status}");
}

pub(crate) fn script(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(script) = Script::from_toml(text) else { return };
    let mut world = World::new();
    world.ca.add_faults(script.into_faults());
    // Whatever the script says, the CA goes on to answer.
    for path in ["/directory", "/new-nonce", "/order/1", "/renewal-info/1"] {
        let request = Request::get(path).body(Vec::new()).expect("a request");
        let _ = world.ca.handle(&request, now());
    }
    let _ = world.try_signed("/new-order", br#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#);
}

/// What another process saved.
pub(crate) fn state(data: &[u8]) {
    let Ok(ca) = Ca::load(data, config()) else { return };
    let again = Ca::load(&ca.save(), config()).expect("what was saved can be loaded");
    assert_eq!(again.issued().len(), ca.issued().len());
}

/// A CA with an account.
struct World {
    ca: Ca,
    account: String,
}

impl World {
    fn new() -> Self {
        let (saved, account) = &*SAVED;
        Self { ca: Ca::load(saved, config()).expect("a CA"), account: account.clone() }
    }

    /// What a CA saves that has just made an account, and the account's URL.
    fn first() -> (Vec<u8>, String) {
        let mut world = Self { ca: Ca::new(config(), now()).expect("a CA"), account: String::new() };
        let protected = json!({
            "alg": "ES256",
            "jwk": serde_json::from_str::<Value>(&KEY.jwk().to_json()).expect("JSON"),
            "nonce": world.nonce(),
            "url": format!("{BASE}/new-account"),
        });
        let payload = br#"{"termsOfServiceAgreed":true}"#;
        let response = world.send("/new-account", protected.to_string().as_bytes(), payload);
        (world.ca.save(), location(&response.expect("a response")))
    }

    /// The URL of a new order.
    fn order(&mut self) -> String {
        let payload = br#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#;
        let response = self.signed("/new-order", payload);
        location(&response)
    }

    /// Has the names of an order validated.
    fn answer(&mut self, order: &str) {
        let order = self.read(order);
        for url in order["authorizations"].as_array().into_iter().flatten() {
            let authorization = self.read(url.as_str().unwrap_or_default());
            let challenge = authorization["challenges"][0]["url"].as_str().unwrap_or_default();
            self.signed(challenge, b"{}");
        }
    }

    fn read(&mut self, url: &str) -> Value {
        serde_json::from_slice(self.signed(url, b"").body()).expect("JSON")
    }

    fn signed(&mut self, path: &str, payload: &[u8]) -> Response<Vec<u8>> {
        self.try_signed(path, payload).expect("a response")
    }

    fn try_signed(&mut self, path: &str, payload: &[u8]) -> Option<Response<Vec<u8>>> {
        let path = path.trim_start_matches(BASE);
        let url = format!("{BASE}{path}");
        let protected = json!({"alg": "ES256", "kid": self.account, "nonce": self.nonce(), "url": url});
        self.send(path, protected.to_string().as_bytes(), payload)
    }

    fn send(&mut self, path: &str, protected: &[u8], payload: &[u8]) -> Option<Response<Vec<u8>>> {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(protected), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(KEY.sign(message.as_bytes()).expect("a signature"));
        let (protected, payload) = message.split_once('.').expect("a dot");
        let body = json!({"protected": protected, "payload": payload, "signature": signature});
        let request = Request::post(path)
            .header("content-type", "application/jose+json")
            .header("user-agent", "fuzz/1")
            .body(body.to_string().into_bytes())
            .ok()?;
        self.ca.handle(&request, now()).into_response()
    }

    fn nonce(&mut self) -> String {
        let request = Request::head("/new-nonce").body(Vec::new()).expect("a request");
        let response = self.ca.handle(&request, now()).into_response();
        let nonce = response.and_then(|response| Some(response.headers().get("replay-nonce")?.clone()));
        nonce.map_or_else(String::new, |nonce| String::from_utf8_lossy(nonce.as_bytes()).into_owned())
    }
}

fn location(response: &Response<Vec<u8>>) -> String {
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    location.unwrap_or_default().to_owned()
}

fn config() -> Config {
    let mut config = Config::gentle();
    config.caa_identities = vec!["ca.test".to_owned()];
    config.base_url = BASE.to_owned();
    config.always_valid = true;
    config.finalize = Finalize::AfterPolls(0);
    config
}

static SAVED: LazyLock<(Vec<u8>, String)> = LazyLock::new(World::first);

static KEY: LazyLock<AccountKey> =
    LazyLock::new(|| AccountKey::from_pem(include_str!("account_key.pem")).expect("a key"));

const BASE: &str = "https://ca.test";
