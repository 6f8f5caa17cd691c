//! What is behind the feature `preview`: account keys of RFC 9964.

use acme_testca::Config;
use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair},
};
use serde_json::{Value, json};

use crate::client::{Answer, Client, InProcess, b64, client, gentle};

/// A request signed by a key that [`crate::client::Key`] has no variant for.
fn post(client: &mut Client<InProcess>, key: &MlDsa, url: &str, payload: &str) -> Answer {
    let mut protected = json!({"alg": key.alg, "nonce": client.nonce(), "url": url});
    match &client.kid {
        Some(kid) => protected["kid"] = json!(kid),
        None => protected["jwk"] = key.jwk(),
    }
    let (protected, payload) = (b64(protected.to_string()), b64(payload));
    let message = format!("{protected}.{payload}");
    let mut signature = vec![0; key.signature_len];
    let length = key.pair.sign(message.as_bytes(), &mut signature).unwrap();
    assert_eq!(length, key.signature_len);
    let body = json!({"protected": protected, "payload": payload, "signature": b64(signature)});
    client.post_body(url, &body).unwrap()
}

fn taking() -> Config {
    let mut config = gentle();
    config.ml_dsa = true;
    config
}

struct MlDsa {
    alg: &'static str,
    pair: PqdsaKeyPair,
    signature_len: usize,
}

impl MlDsa {
    fn all() -> [Self; 3] {
        [
            ("ML-DSA-44", &ML_DSA_44_SIGNING, 2420),
            ("ML-DSA-65", &ML_DSA_65_SIGNING, 3309),
            ("ML-DSA-87", &ML_DSA_87_SIGNING, 4627),
        ]
        .map(|(alg, kind, signature_len)| Self {
            alg,
            pair: PqdsaKeyPair::generate(kind).unwrap(),
            signature_len,
        })
    }

    fn jwk(&self) -> Value {
        json!({"kty": "AKP", "alg": self.alg, "pub": b64(self.pair.public_key().as_ref())})
    }

    fn thumbprint(&self) -> String {
        let public = b64(self.pair.public_key().as_ref());
        let json = format!(r#"{{"alg":"{}","kty":"AKP","pub":"{public}"}}"#, self.alg);
        b64(digest(&SHA256, json.as_bytes()))
    }
}

#[test]
fn ml_dsa_accounts_order_and_their_thumbprint_is_that_of_rfc_9964() {
    for key in MlDsa::all() {
        let mut config = taking();
        config.always_valid = false;
        let mut client = client(config);
        let url = client.url("/new-account");
        let made = post(&mut client, &key, &url, "{}");
        assert_eq!(made.status, 201, "{}", made.text());
        client.kid = made.header("location").map(str::to_owned);
        let url = client.url("/new-order");
        let wish = r#"{"identifiers":[{"type":"dns","value":"a.example"}]}"#;
        let order = post(&mut client, &key, &url, wish).json();
        let url = order["authorizations"][0].as_str().unwrap();
        let authorization = post(&mut client, &key, url, "").json();
        let url = authorization["challenges"][0]["url"].as_str().unwrap();
        assert_eq!(post(&mut client, &key, url, "{}").status, 200);
        let validation = client.transport.ca.poll_validation().unwrap();
        assert!(validation.key_authorization.ends_with(&format!(".{}", key.thumbprint())));
    }
}

#[test]
fn ml_dsa_keys_and_signatures_are_checked() {
    let [small, middle, _] = MlDsa::all();
    let mut client = client(taking());
    let url = client.url("/new-account");
    let other = MlDsa { pair: PqdsaKeyPair::generate(&ML_DSA_44_SIGNING).unwrap(), ..small };
    let mixed = MlDsa { alg: "ML-DSA-65", ..other };
    assert_eq!(post(&mut client, &mixed, &url, "{}").problem(), "badPublicKey");
    assert_eq!(post(&mut client, &middle, &url, "{}").status, 201);
}

#[test]
fn ml_dsa_is_taken_by_those_who_ask_for_it() {
    let mut client = client(gentle());
    let url = client.url("/new-account");
    let [key, ..] = MlDsa::all();
    let refused = post(&mut client, &key, &url, "{}");
    assert_eq!(refused.problem(), "badSignatureAlgorithm");
    assert!(!refused.json()["algorithms"].as_array().unwrap().contains(&json!("ML-DSA-44")));
}
