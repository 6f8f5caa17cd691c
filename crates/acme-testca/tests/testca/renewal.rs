//! When to renew, and what an order replaces (RFC 9773).

use std::time::Duration;

use acme_testca::{Action, Ca, Fault, MemberFault, Operation, RenewalWindow, RetryAfter, WindowFault};
use serde_json::{Value, json};
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
    ext::pkix::AuthorityKeyIdentifier,
};

use crate::client::{Answer, Client, InProcess, Key, b64, client, csr, gentle, registered, start};

/// The identifier of section 4.1, made from the certificate alone.
fn renewal_id(der: &[u8]) -> String {
    let certificate = Certificate::from_der(der).unwrap();
    let body = certificate.tbs_certificate();
    let (_, issuer) = body.get_extension::<AuthorityKeyIdentifier>().unwrap().unwrap();
    let serial = body.serial_number().to_der().unwrap();
    format!("{}.{}", b64(issuer.key_identifier.unwrap().as_bytes()), b64(&serial[2..]))
}

fn info(client: &mut Client<InProcess>, id: &str) -> Answer {
    client.get(&format!("/renewal-info/{id}"))
}

fn window(client: &mut Client<InProcess>, id: &str) -> (String, String) {
    let answer = info(client, id);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let window = answer.json()["suggestedWindow"].clone();
    (window["start"].as_str().unwrap().to_owned(), window["end"].as_str().unwrap().to_owned())
}

fn replacing(client: &mut Client<InProcess>, name: &str, id: impl Into<Value>) -> Answer {
    let url = client.url("/new-order");
    let wish = json!({"identifiers": [{"type": "dns", "value": name}], "replaces": id.into()});
    client.post(&url, &wish.to_string())
}

#[test]
fn window_lies_around_two_thirds_of_the_lifetime_or_half_of_a_short_one() {
    for (days, start, end) in [
        (90, "2027-01-22T09:23:59Z", "2027-01-24T04:35:59Z"),
        (10, "2026-11-30T20:35:59Z", "2026-12-01T01:23:59Z"),
        (6, "2026-11-27T05:33:35Z", "2026-11-27T08:26:23Z"),
    ] {
        let mut config = gentle();
        config.certificate_lifetime = Duration::from_secs(days * 24 * 3600 - 1);
        let mut client = registered(config);
        let id = renewal_id(&client.issue(&["a.example"]).leaf());
        assert_eq!(id, client.transport.ca.issued()[0].renewal_id);
        let answer = info(&mut client, &id);
        assert_eq!(answer.header("retry-after"), Some("21600"));
        assert!(answer.header("replay-nonce").is_none());
        assert!(answer.json().get("explanationURL").is_none());
        assert_eq!(window(&mut client, &id), (start.to_owned(), end.to_owned()), "{days}");
    }
}

#[test]
fn windows_are_moved_by_tests_and_by_revocation() {
    let mut client = registered(gentle());
    let first = client.issue(&["a.example"]);
    let second = client.issue(&["b.example"]);
    let ids = [renewal_id(&first.leaf()), renewal_id(&second.leaf())];
    let serial = client.transport.ca.issued()[0].serial.to_uppercase();
    let moved =
        RenewalWindow::new("2026-12-01T00:00:00Z".parse().unwrap(), "2026-12-02T00:00:00Z".parse().unwrap())
            .explained_at("https://testca.test/why");
    assert!(client.transport.ca.set_renewal_window(&serial, moved.clone()));
    assert!(!client.transport.ca.set_renewal_window("00", moved));
    assert_eq!(
        info(&mut client, &ids[0]).json(),
        json!({
            "suggestedWindow": {"start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:00Z"},
            "explanationURL": "https://testca.test/why",
        })
    );
    let saved = client.transport.ca.save();
    client.transport = InProcess::of(Ca::load(&saved, gentle()).unwrap());
    assert_eq!(window(&mut client, &ids[0]).0, "2026-12-01T00:00:00Z");
    let past = ("2026-11-24T07:00:00Z".to_owned(), "2026-11-24T07:30:00Z".to_owned());
    client.revoke(&second.leaf(), Some(1));
    assert_eq!(window(&mut client, &ids[1]), past);
    assert_eq!(client.transport.ca.recall("https://testca.test/incident", start()), 2);
    assert_eq!(window(&mut client, &ids[0]), past);
    assert_eq!(info(&mut client, &ids[0]).json()["explanationURL"], "https://testca.test/incident");
}

#[test]
fn identifiers_that_are_none_are_refused() {
    let mut client = registered(gentle());
    let id = renewal_id(&client.issue(&["a.example"]).leaf());
    let (issuer, serial) = id.split_once('.').unwrap();
    for (bad, status) in [
        (issuer.to_owned(), 400),
        (format!("{issuer}=.{serial}"), 400),
        (format!("{issuer}.+"), 400),
        (format!("{issuer}.AIdlQyE"), 404),
        (format!("aYhba4dGQEHhs3uEe6CuLN4ByNQ.{serial}"), 404),
    ] {
        let answer = info(&mut client, &bad);
        assert_eq!((answer.status, answer.problem().as_str()), (status, "malformed"), "{bad}");
    }
    let url = client.url(&format!("/renewal-info/{id}"));
    assert_eq!(client.post(&url, "").status, 405, "it is read by GET");
}

#[test]
fn retry_after_and_window_can_be_anything() {
    let mut config = gentle();
    config.renewal_info_retry_after = RetryAfter::Date(60);
    let mut client = registered(config);
    let id = renewal_id(&client.issue(&["a.example"]).leaf());
    assert_eq!(info(&mut client, &id).header("retry-after"), Some("Tue, 24 Nov 2026 08:01:00 GMT"));
    let value = json!({"start": "2026-12-02T00:00:00Z", "end": "2026-12-01T00:00:00Z"});
    let member = Action::Member(MemberFault { name: "suggestedWindow".to_owned(), value: value.clone() });
    client.transport.ca.add_faults([
        Fault::on(Operation::RenewalInfo, member).identifier("a.example"),
        Fault::on(Operation::RenewalInfo, Action::Drop).identifier("b.example"),
    ]);
    assert_eq!(info(&mut client, &id).json()["suggestedWindow"], value);
}

#[test]
fn replaced_certificate_is_marked_until_the_order_fails() {
    let mut client = registered(gentle());
    let id = renewal_id(&client.issue(&["a.example", "b.example"]).leaf());
    let answer = replacing(&mut client, "b.example", id.as_str());
    assert_eq!(answer.status, 201, "{}", answer.text());
    let order = answer.json();
    assert_eq!(order["replaces"], id);
    let again = replacing(&mut client, "a.example", id.as_str());
    assert_eq!((again.status, again.problem().as_str()), (409, "alreadyReplaced"));

    client.transport.ca.advance(Duration::from_secs(8 * 24 * 3600));
    let order = replacing(&mut client, "a.example", id.as_str()).json();
    assert_eq!(order["replaces"], id, "the first order has expired");
    client.answer_all(&order, "http-01");
    let valid = client.try_finalize(&order, &csr(&["a.example"]).1);
    assert_eq!(valid.json()["replaces"], id);
    client.transport.ca.advance(Duration::from_secs(8 * 24 * 3600));
    assert_eq!(replacing(&mut client, "a.example", id.as_str()).problem(), "alreadyReplaced");
    assert_eq!(
        client.try_order(&["a.example"]).status,
        201,
        "without \"replaces\" it is an order like others"
    );
}

#[test]
fn only_ones_own_certificate_for_a_name_of_the_order_is_replaced() {
    let mut client = registered(gentle());
    let id = renewal_id(&client.issue(&["a.example"]).leaf());
    assert_eq!(replacing(&mut client, "b.example", id.as_str()).problem(), "malformed");
    assert_eq!(replacing(&mut client, "a.example", 1).problem(), "malformed");
    assert_eq!(replacing(&mut client, "a.example", "none").problem(), "malformed");
    assert_eq!(replacing(&mut client, "a.example", "AAAA.AAAA").status, 404);
    assert_eq!(replacing(&mut client, "a.example", Value::Null).status, 201);
    let (mut other, ..) = client.with_key(Key::p256());
    other.register();
    assert_eq!(replacing(&mut other, "a.example", id.as_str()).problem(), "unauthorized");
}

#[test]
fn ca_without_it_ignores_what_an_order_replaces() {
    let mut config = gentle();
    config.renewal_info = false;
    let mut client = client(config);
    client.register();
    assert!(client.get("/directory").json().get("renewalInfo").is_none());
    let id = renewal_id(&client.issue(&["a.example"]).leaf());
    assert_eq!(info(&mut client, &id).status, 404);
    let answer = replacing(&mut client, "a.example", id);
    assert_eq!(answer.status, 201);
    assert!(answer.json().get("replaces").is_none());
}

#[test]
fn script_moves_windows_with_the_clock() {
    let mut client = registered(gentle());
    let id = renewal_id(&client.issue(&["a.example"]).leaf());
    let moved =
        WindowFault { start: -60, end: 60, explanation_url: Some("https://testca.test/why".to_owned()) };
    let fault = Fault::on(Operation::RenewalInfo, Action::RenewalWindow(moved)).always();
    client.transport.ca.add_faults([fault]);
    client.transport.ca.advance(Duration::from_secs(3600));
    assert_eq!(
        window(&mut client, &id),
        ("2026-11-24T08:59:00Z".to_owned(), "2026-11-24T09:01:00Z".to_owned())
    );
    assert_eq!(info(&mut client, &id).json()["explanationURL"], "https://testca.test/why");
    client.transport.ca.clear_faults();
    assert!(window(&mut client, &id).0.starts_with("2027-"));
}
