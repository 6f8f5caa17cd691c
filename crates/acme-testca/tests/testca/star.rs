//! Orders that renew themselves (RFC 8739).

use std::time::Duration;

use acme_testca::{AutoRenewal, Config};
use serde_json::{Value, json};
use x509_cert::{Certificate, der::Decode};

use crate::client::{Answer, Client, InProcess, csr, ders, gentle, registered};

fn with_star() -> Config {
    let mut config = gentle();
    config.auto_renewal = Some(AutoRenewal::new());
    config
}

/// Four days each, from 26 November to 6 December 2026, three days early.
fn wish() -> Value {
    json!({
        "start-date": "2026-11-26T08:00:00Z",
        "end-date": "2026-12-06T08:00:00Z",
        "lifetime": 345_600,
        "lifetime-adjust": 259_200,
    })
}

fn order(client: &mut Client<InProcess>, auto_renewal: &Value) -> Answer {
    let url = client.url("/new-order");
    let payload =
        json!({"identifiers": [{"type": "dns", "value": "a.example"}], "auto-renewal": auto_renewal});
    client.post(&url, &payload.to_string())
}

/// Makes an order and finalizes it; gives its URL and that of its certificates.
fn issued(client: &mut Client<InProcess>, auto_renewal: &Value) -> (String, String) {
    let answer = order(client, auto_renewal);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let url = answer.header("location").unwrap().to_owned();
    client.answer_all(&answer.json(), "dns-01");
    let valid = client.try_finalize(&answer.json(), &csr(&["a.example"]).1).json();
    assert_eq!(valid["status"], "valid");
    assert!(valid.get("certificate").is_none());
    (url, valid["star-certificate"].as_str().unwrap().to_owned())
}

fn days(client: &mut Client<InProcess>, days: u64) {
    client.transport.ca.advance(Duration::from_secs(days * 24 * 3600));
}

/// From when and until when the certificate is valid that an answer holds: days of the month.
fn validity(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let leaf = Certificate::from_der(&ders(&answer.text())[0]).unwrap();
    let validity = leaf.tbs_certificate().validity();
    let shown = [("cert-not-before", validity.not_before), ("cert-not-after", validity.not_after)].map(
        |(name, time)| {
            let header = answer.header(name).unwrap();
            let date = jiff::Timestamp::from_second(time.to_unix_duration().as_secs() as i64).unwrap();
            let own = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
            assert_eq!(header, format!("\"{own}\""), "section 3.3: the same date, in quotes");
            date.to_string()
        },
    );
    let [from, until] = shown.map(|date| date[5..10].to_owned());
    (from, until)
}

#[test]
fn capabilities_are_in_the_directory() {
    let mut client = registered(with_star());
    assert_eq!(
        client.get("/directory").json()["meta"]["auto-renewal"],
        json!({"min-lifetime": 3600, "max-duration": 31_536_000, "allow-certificate-get": true})
    );
    let mut client = registered(gentle());
    assert!(client.get("/directory").json()["meta"].get("auto-renewal").is_none());
    assert!(order(&mut client, &wish()).json().get("auto-renewal").is_none(), "not supported, not reflected");
}

#[test]
fn certificates_follow_one_another_until_the_end() {
    let mut client = registered(with_star());
    let (url, star) = issued(&mut client, &wish());
    assert_eq!(client.read(&url)["auto-renewal"], wish());
    let mut seen = Vec::new();
    for _ in 0..12 {
        let answer = client.post(&star, "");
        let found = validity(&answer);
        if seen.last() != Some(&found) {
            seen.push(found);
        }
        days(&mut client, 1);
    }
    let seen: Vec<String> = seen.iter().map(|(from, until)| format!("{from}..{until}")).collect();
    assert_eq!(seen, ["11-26..11-30", "11-27..12-04", "12-01..12-06"]);
    let expired = client.post(&star, "");
    assert_eq!((expired.status, expired.problem().as_str()), (403, "autoRenewalExpired"));
    assert_eq!(client.read(&url)["status"], "valid", "section 3.3");
    assert_eq!(client.transport.ca.counts().certificates, 3);
    let keys: Vec<Vec<u8>> = client.transport.ca.issued().into_iter().map(|one| one.der).collect();
    let key = |der: &Vec<u8>| {
        let certificate = Certificate::from_der(der).unwrap();
        certificate.tbs_certificate().subject_public_key_info().clone()
    };
    assert!(keys.iter().all(|der| key(der) == key(&keys[0])), "the key stays");
}

#[test]
fn canceled_order_gives_no_certificates() {
    let mut client = registered(with_star());
    let pending = order(&mut client, &wish()).header("location").unwrap().to_owned();
    let cancel = r#"{"status":"canceled"}"#;
    let early = client.post(&pending, cancel);
    assert_eq!((early.status, early.problem().as_str()), (400, "autoRenewalCancellationInvalid"));
    let (url, star) = issued(&mut client, &wish());
    assert_eq!(client.post(&url, r#"{"status":"invalid"}"#).problem(), "malformed");
    let canceled = client.post(&url, cancel);
    assert_eq!((canceled.status, canceled.json()["status"].as_str()), (200, Some("canceled")));
    assert_eq!(canceled.json()["expires"], "2026-11-25T08:00:00Z");
    assert!(canceled.json().get("star-certificate").is_none());
    let gone = client.post(&star, "");
    assert_eq!((gone.status, gone.problem().as_str()), (403, "autoRenewalCanceled"));
    assert!(gone.detail().contains("RFC 8739 section 3.1.2"));
    assert_eq!(client.post(&url, cancel).problem(), "autoRenewalCancellationInvalid");
    let (plain, _) = client.order(&["a.example"]);
    assert_eq!(client.post(&plain, cancel).problem(), "malformed");
}

#[test]
fn certificate_is_fetched_by_anybody_only_if_the_order_says_so() {
    let mut client = registered(with_star());
    let mut open = wish();
    open["allow-certificate-get"] = json!(true);
    let (url, star) = issued(&mut client, &open);
    assert_eq!(client.read(&url)["auto-renewal"]["allow-certificate-get"], true);
    let path = star.strip_prefix(&client.base).unwrap().to_owned();
    validity(&client.get(&path));
    let (_, star) = issued(&mut client, &wish());
    let path = star.strip_prefix(&client.base).unwrap().to_owned();
    let refused = client.get(&path);
    assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));

    let mut config = with_star();
    config.auto_renewal.as_mut().unwrap().certificate_get = false;
    let mut client = registered(config);
    let (url, star) = issued(&mut client, &open);
    assert!(client.read(&url)["auto-renewal"].get("allow-certificate-get").is_none());
    let path = star.strip_prefix(&client.base).unwrap().to_owned();
    assert_eq!(client.get(&path).status, 405);
}

#[test]
fn orders_are_checked() {
    let mut client = registered(with_star());
    let with = |name: &str, value: Value| {
        let mut wish = wish();
        wish[name] = value;
        wish
    };
    for bad in [
        json!(1),
        json!({}),
        with("lifetime", Value::Null),
        with("lifetime", json!(3599)),
        with("lifetime", json!(u64::MAX)),
        with("lifetime", json!("345600")),
        with("lifetime-adjust", json!(-1)),
        with("end-date", json!("2026-11-26T08:00:00Z")),
        with("end-date", json!("tomorrow")),
        with("end-date", json!("2027-11-26T08:00:01Z")),
        with("start-date", json!(0)),
    ] {
        let answer = order(&mut client, &bad);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"), "{bad}");
        assert!(answer.detail().contains("RFC 8739 section 3.1.1"), "{}", answer.detail());
    }
    let url = client.url("/new-order");
    let both = json!({
        "identifiers": [{"type": "dns", "value": "a.example"}],
        "auto-renewal": wish(),
        "notAfter": "2026-11-30T00:00:00Z",
    });
    assert_eq!(client.post(&url, &both.to_string()).problem(), "malformed");
    let limits = [with("lifetime", json!(3600)), with("end-date", json!("2027-11-26T08:00:00Z"))];
    for good in limits {
        assert_eq!(order(&mut client, &good).status, 201, "{good}");
    }
}

#[test]
fn certificates_that_end_by_themselves_are_not_revoked() {
    let mut client = registered(with_star());
    let (_, star) = issued(&mut client, &wish());
    let leaf = ders(&client.post(&star, "").text()).remove(0);
    let refused = client.revoke(&leaf, None);
    assert_eq!((refused.status, refused.problem().as_str()), (403, "autoRenewalRevocationNotSupported"));
}
