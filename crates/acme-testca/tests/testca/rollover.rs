//! Accounts get other keys (RFC 8555 section 7.3.5).

use acme_testca::{Action, Fault, Operation, Problem, ProblemFault};
use serde_json::{Value, json};

use crate::client::{Answer, Client, InProcess, Key, gentle, registered};

/// A change of the inner header and of the inner payload.
type Change = Box<dyn Fn(&mut Value, &mut Value)>;

/// The inner JWS of an honest client: protected header and payload.
fn inner(client: &Client<InProcess>, new: &Key) -> (Value, Value) {
    let protected = json!({"alg": new.alg(), "jwk": new.jwk(), "url": client.url("/key-change")});
    let payload = json!({"account": client.kid, "oldKey": client.key.jwk()});
    (protected, payload)
}

fn send(client: &mut Client<InProcess>, new: &Key, protected: &Value, payload: &Value) -> Answer {
    let inner = new.jws(protected, &payload.to_string());
    let url = client.url("/key-change");
    client.post(&url, &inner.to_string())
}

fn change(client: &mut Client<InProcess>, new: &Key) -> Answer {
    let (protected, payload) = inner(client, new);
    send(client, new, &protected, &payload)
}

#[test]
fn account_goes_on_with_the_new_key_only() {
    for new in [Key::p256(), Key::p384(), Key::p521(), Key::ed25519(), Key::rsa()] {
        let mut client = registered(gentle());
        let (order_url, _) = client.order(&["a.example"]);
        let answer = change(&mut client, &new);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["status"], "valid");
        let kid = client.kid.clone().unwrap();
        let refused = client.post(&kid, "");
        assert_eq!((refused.status, refused.problem().as_str()), (400, "malformed"));
        let (mut client, old_key, _) = client.with_key(new);
        client.kid = Some(kid.clone());
        assert_eq!(client.read(&order_url)["status"], "pending");
        client.issue(&["a.example"]);

        client.kid = None;
        let url = client.url("/new-account");
        let found = client.post(&url, r#"{"onlyReturnExisting":true}"#);
        assert_eq!((found.status, found.header("location")), (200, Some(kid.as_str())));
        client.key = old_key;
        let gone = client.post(&url, r#"{"onlyReturnExisting":true}"#);
        assert_eq!(gone.problem(), "accountDoesNotExist");
    }
}

#[test]
fn key_in_use_is_a_conflict_with_the_account_that_has_it() {
    let client = registered(gentle());
    let first = client.kid.clone().unwrap();
    let (mut second, first_key, _) = client.with_key(Key::p256());
    second.register();
    let answer = change(&mut second, &first_key);
    assert_eq!((answer.status, answer.header("location")), (409, Some(first.as_str())));
    let (protected, payload) = inner(&second, &second.key);
    let body = second.key.jws(&protected, &payload.to_string()).to_string();
    let url = second.url("/key-change");
    let same = second.post(&url, &body);
    assert_eq!((same.status, same.header("location")), (409, second.kid.as_deref()));
}

#[test]
fn inner_jws_is_checked() {
    let new = Key::p256();
    let other = Key::p256();
    let mut client = registered(gentle());
    let kid = client.kid.clone();
    let url = client.url("/new-account");
    let changes: Vec<Change> = vec![
        Box::new(|protected, _| protected["nonce"] = json!("AAAA")),
        Box::new(move |protected, _| protected["url"] = json!(url)),
        Box::new(move |protected, _| {
            protected.as_object_mut().unwrap().remove("jwk");
            protected["kid"] = json!(kid);
        }),
        Box::new(move |protected, _| protected["jwk"] = other.jwk()),
        Box::new(|_, payload| payload["account"] = json!("https://testca.test/account/2")),
        Box::new(|_, payload| payload["oldKey"] = Key::p256().jwk()),
        Box::new(|_, payload| *payload = json!({"account": payload["account"]})),
        Box::new(|_, payload| *payload = json!({"oldKey": payload["oldKey"]})),
        Box::new(|_, payload| *payload = json!([])),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (mut protected, mut payload) = inner(&client, &new);
        change(&mut protected, &mut payload);
        let answer = send(&mut client, &new, &protected, &payload);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"), "{number}");
    }
    let url = client.url("/key-change");
    assert_eq!(client.post(&url, "{}").problem(), "malformed");
    assert_eq!(change(&mut client, &new).status, 200);
}

#[test]
fn outer_jws_is_signed_by_the_account() {
    let mut client = registered(gentle());
    let new = Key::p256();
    let (protected, payload) = inner(&client, &new);
    client.kid = None;
    assert_eq!(send(&mut client, &new, &protected, &payload).problem(), "malformed");
}

#[test]
fn key_of_a_certificate_is_refused() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        issued.key.serialized_der(),
    );
    assert_eq!(change(&mut client, &Key::P256(pair.unwrap())).problem(), "badPublicKey");
}

#[test]
fn response_can_be_lost_after_the_key_was_changed() {
    let mut client = registered(gentle());
    client.transport.ca.add_faults([Fault::on(Operation::KeyChange, Action::LoseResponse)]);
    let new = Key::p256();
    let (protected, payload) = inner(&client, &new);
    let body = new.jws(&protected, &payload.to_string()).to_string();
    let url = client.url("/key-change");
    assert!(client.post_once(&url, &body).is_none());
    let kid = client.kid.clone().unwrap();
    assert_eq!(client.post(&kid, "").status, 400);
    client.key = new;
    assert_eq!(client.read(&kid)["status"], "valid");
}

#[test]
fn script_says_that_a_key_is_in_use() {
    let mut client = registered(gentle());
    let conflict = ProblemFault::from(Problem::new("malformed", 409, "in use"))
        .location("https://testca.test/account/9");
    client.transport.ca.add_faults([Fault::on(Operation::KeyChange, Action::Problem(conflict))]);
    let answer = change(&mut client, &Key::p256());
    assert_eq!((answer.status, answer.header("location")), (409, Some("https://testca.test/account/9")));
    assert_eq!(change(&mut client, &Key::p256()).status, 200);
}
