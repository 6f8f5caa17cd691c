//! What RFC 8555 says to refuse is refused, and the detail names the section.

use http::Method;
use serde_json::{Value, json};

use crate::client::{Client, InProcess, Key, b64, client, gentle, registered};

/// Sends a JWS made of a changed protected header.
fn with_header(
    client: &mut Client<InProcess>,
    path: &str,
    change: impl FnOnce(&mut Value),
) -> (u16, String, String) {
    let url = client.url(path);
    let mut protected = client.protected(&url);
    change(&mut protected);
    let body = client.key.jws(&protected, r#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#);
    let answer = client.post_body(&url, &body).unwrap();
    (answer.status, answer.problem(), answer.detail())
}

/// Sends a changed JWS.
fn with_body(client: &mut Client<InProcess>, change: impl FnOnce(&mut Value)) -> (u16, String, String) {
    let url = client.url("/new-order");
    let protected = client.protected(&url);
    let mut body = client.key.jws(&protected, r#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#);
    change(&mut body);
    let answer = client.post_body(&url, &body).unwrap();
    (answer.status, answer.problem(), answer.detail())
}

#[track_caller]
fn assert_refused(outcome: &(u16, String, String), status: u16, problem: &str, section: &str) {
    assert_eq!((outcome.0, outcome.1.as_str()), (status, problem), "{}", outcome.2);
    assert!(outcome.2.contains(section), "{}", outcome.2);
}

#[test]
fn flattened_jws_with_one_signature_is_the_only_form() {
    let mut client = registered(gentle());
    let section = "RFC 8555 section 6.2";
    let outcome = with_body(&mut client, |body| {
        *body = json!({"payload": body["payload"], "signatures": [body.clone()]});
    });
    assert_refused(&outcome, 400, "malformed", section);
    let outcome = with_body(&mut client, |body| body["header"] = json!({}));
    assert_refused(&outcome, 400, "malformed", section);
    for name in ["payload", "protected", "signature"] {
        let outcome = with_body(&mut client, |body| {
            body.as_object_mut().unwrap().remove(name);
        });
        assert_refused(&outcome, 400, "malformed", section);
    }
    let compact = |body: &Value| {
        let part = |name: &str| body[name].as_str().unwrap().to_owned();
        json!(format!("{}.{}.{}", part("protected"), part("payload"), part("signature")))
    };
    let outcome = with_body(&mut client, |body| *body = compact(body));
    assert_refused(&outcome, 400, "malformed", section);
    let outcome = with_body(&mut client, |body| *body = json!([]));
    assert_refused(&outcome, 400, "malformed", section);
}

#[test]
fn padded_base64_is_refused_wherever_it_is() {
    let mut client = registered(gentle());
    for name in ["payload", "protected", "signature"] {
        let outcome =
            with_body(&mut client, |body| body[name] = json!(format!("{}=", body[name].as_str().unwrap())));
        assert_refused(&outcome, 400, "malformed", "RFC 8555 section 6.1");
    }
    let outcome = with_header(&mut client, "/new-order", |header| header["nonce"] = json!("AAAA=="));
    assert_refused(&outcome, 400, "malformed", "RFC 8555 section 6.5.2");
}

#[test]
fn header_parameters_are_checked() {
    let mut client = registered(gentle());
    let section = "RFC 8555 section 6.2";
    for name in ["alg", "nonce", "url", "kid"] {
        let outcome = with_header(&mut client, "/new-order", |header| {
            header.as_object_mut().unwrap().remove(name);
        });
        assert_refused(&outcome, 400, "malformed", section);
        let outcome = with_header(&mut client, "/new-order", |header| header[name] = json!(1));
        assert_refused(&outcome, 400, "malformed", section);
    }
    let outcome = with_header(&mut client, "/new-order", |header| header["b64"] = json!(false));
    assert_refused(&outcome, 400, "malformed", section);
    let outcome = with_header(&mut client, "/new-order", |header| header["crit"] = json!(["b64"]));
    assert_refused(&outcome, 400, "malformed", "RFC 7515 section 4.1.11");
    let jwk = client.key.jwk();
    let outcome = with_header(&mut client, "/new-order", |header| header["jwk"] = jwk);
    assert_refused(&outcome, 400, "malformed", section);
}

#[test]
fn other_algorithms_are_refused_with_the_list_of_those_taken() {
    let mut client = registered(gentle());
    let url = client.url("/new-order");
    for alg in ["none", "HS256", "PS256", "RS512", "es256", "ML-DSA-99", ""] {
        let mut protected = client.protected(&url);
        protected["alg"] = json!(alg);
        let body = client.key.jws(&protected, "{}");
        let answer = client.post_body(&url, &body).unwrap();
        assert_eq!((answer.status, answer.problem().as_str()), (400, "badSignatureAlgorithm"));
        assert_eq!(answer.json()["algorithms"], json!(TAKEN));
    }
    let outcome = with_header(&mut client, "/new-order", |header| header["alg"] = json!("ES384"));
    assert_refused(&outcome, 400, "malformed", "RFC 8555 section 6.2");
}

#[test]
fn url_must_be_the_very_string() {
    let mut client = registered(gentle());
    for url in [
        "https://testca.test/new-order/",
        "https://testca.test:443/new-order",
        "HTTPS://testca.test/new-order",
        "https://testca.test/new-account",
        "/new-order",
        "https://testca.test/new-order?",
    ] {
        let outcome = with_header(&mut client, "/new-order", |header| header["url"] = json!(url));
        assert_refused(&outcome, 403, "unauthorized", "RFC 8555 section 6.4");
    }
}

#[test]
fn jwk_is_for_new_accounts_and_kid_for_the_rest() {
    let mut client = registered(gentle());
    let section = "RFC 8555 section 6.2";
    let outcome = with_header(&mut client, "/new-account", |_| ());
    assert_refused(&outcome, 400, "malformed", section);
    let kid = client.kid.take().unwrap();
    let outcome = with_header(&mut client, "/new-order", |_| ());
    assert_refused(&outcome, 400, "malformed", section);
    for wrong in [format!("{kid}/"), format!("{kid}0"), "1".to_owned(), kid.replace("https", "http")] {
        client.kid = Some(wrong);
        let outcome = with_header(&mut client, "/new-order", |_| ());
        assert_refused(&outcome, 400, "accountDoesNotExist", section);
    }
}

#[test]
fn signatures_are_verified_and_of_fixed_length() {
    for key in [Key::p256(), Key::p384(), Key::p521(), Key::ed25519(), Key::rsa()] {
        let (mut client, ..) = client(gentle()).with_key(key);
        client.register();
        let outcome = with_body(&mut client, |body| body["payload"] = json!(b64("{}")));
        assert_refused(&outcome, 400, "malformed", "RFC 8555 section 6.2");
        assert!(outcome.2.contains("does not verify"));
    }
    let mut client = registered(gentle());
    for signature in [vec![1; 63], vec![1; 65], Vec::new(), vec![0x30; 70]] {
        let outcome = with_body(&mut client, |body| body["signature"] = json!(b64(signature)));
        assert_refused(&outcome, 400, "malformed", "RFC 7518 section 3.4");
    }
}

#[test]
fn keys_are_checked() {
    let mut client = client(gentle());
    let good = client.key.jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let zero_led = [vec![0], vec![0xff; 256]].concat();
    for (jwk, problem) in [
        (with("x", json!(b64([1; 31]))), "badPublicKey"),
        (with("y", json!(b64([0; 33]))), "badPublicKey"),
        (with("y", json!(b64([1; 32]))), "badPublicKey"),
        (with("x", json!(format!("{}=", good["x"].as_str().unwrap()))), "malformed"),
        (with("d", json!(b64([1; 32]))), "badPublicKey"),
        (with("crv", json!("P-521")), "badPublicKey"),
        (with("crv", json!("secp256k1")), "badPublicKey"),
        (json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": b64([1; 1311])}), "badPublicKey"),
        (json!({"kty": "AKP", "alg": "ES256", "pub": b64([1; 1312])}), "badPublicKey"),
        (with("kty", json!("oct")), "badPublicKey"),
        (with("kty", Value::Null), "malformed"),
        (json!("key"), "malformed"),
        (json!({"kty": "RSA", "n": b64([0xff; 128]), "e": "AQAB"}), "badPublicKey"),
        (json!({"kty": "RSA", "n": b64([0xff; 513]), "e": "AQAB"}), "badPublicKey"),
        (json!({"kty": "RSA", "n": b64(zero_led), "e": "AQAB"}), "badPublicKey"),
        (json!({"kty": "RSA", "n": "", "e": "AQAB"}), "badPublicKey"),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": b64([1; 31])}), "badPublicKey"),
    ] {
        let outcome = with_header(&mut client, "/new-account", |header| header["jwk"] = jwk.clone());
        assert_eq!((outcome.0, outcome.1.as_str()), (400, problem), "{jwk}");
        assert!(outcome.2.contains("RFC") || outcome.2.contains("RSA"), "{}", outcome.2);
    }
}

#[test]
fn nonces_are_good_once() {
    let mut client = registered(gentle());
    let url = client.url("/new-order");
    let protected = client.protected(&url);
    let body = client.key.jws(&protected, r#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#);
    assert_eq!(client.post_body(&url, &body).unwrap().status, 201);
    let again = client.post_body(&url, &body).unwrap();
    assert_eq!((again.status, again.problem().as_str()), (400, "badNonce"));
    assert!(again.header("replay-nonce").is_some());
    assert!(again.detail().contains("RFC 8555 section 6.5"));
    let outcome = with_header(&mut client, "/new-order", |header| header["nonce"] = json!("bm9uY2U"));
    assert_refused(&outcome, 400, "badNonce", "RFC 8555 section 6.5");
    assert_eq!(client.transport.ca.counts().nonces_refused, 2);
}

#[test]
fn reading_is_post_as_get() {
    let mut client = registered(gentle());
    let (url, order) = client.order(&["a.example"]);
    let path = url.strip_prefix(&client.base).unwrap().to_owned();
    let get = client.get(&path);
    assert_eq!((get.status, get.problem().as_str()), (405, "malformed"));
    assert_eq!(get.header("allow"), Some("POST"));
    assert!(get.detail().contains("RFC 8555 section 6.3"));
    assert_eq!(client.post(&url, "{}").problem(), "malformed");
    let orders = client.kid.clone().unwrap() + "/orders";
    assert_eq!(client.post(&orders, "{}").problem(), "malformed");
    let directory = client.url("/directory");
    assert_eq!(client.post(&directory, "").status, 405);
    let finalize = order["finalize"].as_str().unwrap();
    assert_eq!(client.post(finalize, "").status, 400);
    assert_eq!(client.post(&url, "").status, 200);
}

#[test]
fn content_type_and_user_agent_are_needed() {
    let mut client = registered(gentle());
    let url = client.url("/new-order");
    for content_type in ["application/json", "application/jose", "text/plain"] {
        let protected = client.protected(&url);
        let body = client.key.jws(&protected, "{}").to_string().into_bytes();
        let headers = [("user-agent", "test/1"), ("content-type", content_type)];
        let answer = client.send(Method::POST, &url, &headers, body).unwrap();
        assert_eq!((answer.status, answer.problem().as_str()), (415, "malformed"));
        assert!(answer.detail().contains("RFC 8555 section 6.2"));
    }
    let directory = client.url("/directory");
    for headers in [&[][..], &[("user-agent", "")][..]] {
        let answer = client.send(Method::GET, &directory, headers, Vec::new()).unwrap();
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"));
        assert!(answer.detail().contains("RFC 8555 section 6.1"));
    }
}

#[test]
fn bodies_are_bounded() {
    let mut client = registered(gentle());
    let url = client.url("/new-order");
    let headers = [("user-agent", "test/1"), ("content-type", "application/jose+json")];
    let at_limit = client.send(Method::POST, &url, &headers, vec![b' '; 1024 * 1024]).unwrap();
    assert_eq!(at_limit.status, 400);
    let past = client.send(Method::POST, &url, &headers, vec![b' '; 1024 * 1024 + 1]).unwrap();
    assert_eq!(past.status, 413);
}

#[test]
fn hostile_bodies_do_no_harm() {
    let mut client = registered(gentle());
    let url = client.url("/new-order");
    let headers = [("user-agent", "test/1"), ("content-type", "application/jose+json")];
    let deep = "[".repeat(100_000);
    let object = format!("{{\"protected\":\"{}\",\"payload\":\"\",\"signature\":\"\"}}", b64("{}"));
    for body in ["", "null", "{}", "\u{0}", &deep, &object] {
        let answer = client.send(Method::POST, &url, &headers, body.as_bytes().to_vec()).unwrap();
        assert_eq!(answer.status, 400, "{body:.20}");
    }
    for payload in
        ["null", "[]", "1", "\"\"", r#"{"identifiers":{}}"#, r#"{"identifiers":[null]}"#, "\u{feff}"]
    {
        assert_eq!(client.post(&url, payload).problem(), "malformed", "{payload}");
    }
}

const TAKEN: [&str; 5] = ["ES256", "ES384", "ES512", "EdDSA", "RS256"];
