//! CAA records forbid to issue (RFC 8659, RFC 8657).

use acme_testca::{CaaRecord, Config};
use serde_json::{Value, json};

use crate::client::{Client, InProcess, csr, gentle, registered, urls};

fn issuer() -> Config {
    let mut config = gentle();
    config.caa_identities = vec!["ca1.example".to_owned(), "also.example".to_owned()];
    config
}

fn records(list: &[(u8, &str, &str)]) -> Vec<CaaRecord> {
    let make = |&(flags, tag, value): &(u8, &str, &str)| CaaRecord {
        flags,
        tag: tag.to_owned(),
        value: value.to_owned(),
    };
    list.iter().map(make).collect()
}

/// What becomes of the authorization for a name.
fn outcome(client: &mut Client<InProcess>, name: &str, kind: &str) -> Value {
    let (_, order) = client.order(&[name]);
    client.answer_all(&order, kind);
    client.read(&urls(&order["authorizations"])[0])
}

#[test]
fn records_are_evaluated_as_the_rfcs_say() {
    for (list, plain, wild) in [
        (vec![], true, true),
        (vec![(0, "issue", "ca1.example")], true, true),
        (vec![(0, "ISSUE", " CA1.example ")], true, true),
        (vec![(0, "issue", "also.example")], true, true),
        (vec![(0, "issue", ";")], false, false),
        (vec![(0, "issue", "")], false, false),
        (vec![(0, "issue", "%%%%%")], false, false),
        (vec![(0, "issue", "ca1.example."), (0, "issue", "ca2.example")], false, false),
        (vec![(0, "issue", ";"), (0, "issue", "ca1.example; key=value")], true, true),
        (vec![(0, "issue", "ca1.example"), (0, "issuewild", "ca2.example")], true, false),
        (vec![(0, "issue", "ca2.example"), (0, "issuewild", "ca1.example")], false, true),
        (vec![(0, "issuewild", "ca2.example")], true, false),
        (vec![(0, "iodef", "mailto:a@b.example")], true, true),
        (vec![(128, "iodef", "mailto:a@b.example"), (128, "issue", "ca1.example")], true, true),
        (vec![(128, "tbs", "x"), (0, "issue", "ca1.example")], false, false),
        (vec![(0, "tbs", "x")], true, true),
        (vec![(0, "issue", "ca1.example; accounturi=https://testca.test/account/1")], true, true),
        (vec![(0, "issue", "ca1.example;AccountURI=https://testca.test/account/1")], true, true),
        (vec![(0, "issue", "ca1.example; accounturi=https://testca.test/account/2")], false, false),
        (
            vec![(
                0,
                "issue",
                "ca1.example; accounturi=https://testca.test/account/1; accounturi=https://testca.test/account/1",
            )],
            false,
            false,
        ),
        (vec![(0, "issue", "ca1.example; validationmethods=http-01,dns-01")], true, true),
        (vec![(0, "issue", "ca1.example; validationmethods=tls-alpn-01")], false, false),
        (vec![(0, "issue", "ca1.example; validationmethods=")], false, false),
        (vec![(0, "issue", "ca1.example; validationmethods")], false, false),
        (
            vec![(0, "issue", "ca1.example; validationmethods=ca-own"), (0, "issue", "ca1.example")],
            true,
            true,
        ),
    ] {
        let mut client = registered(issuer());
        client.transport.ca.set_caa_records("A.example", records(&list));
        for (name, allowed) in [("a.example", plain), ("*.a.example", wild)] {
            let authorization = outcome(&mut client, name, "dns-01");
            assert_eq!(authorization["status"] == "valid", allowed, "{list:?} {name}: {authorization}");
            if !allowed {
                let error = &authorization["challenges"][0]["error"];
                assert_eq!(error["type"], "urn:ietf:params:acme:error:caa");
                assert!(error["detail"].as_str().unwrap().contains("CAA of a.example"), "{error}");
            }
        }
    }
}

#[test]
fn nearest_name_with_records_decides() {
    let mut config = issuer();
    config.caa_records.insert("example".to_owned(), records(&[(0, "issue", "ca2.example")]));
    config.caa_records.insert("a.example".to_owned(), records(&[(0, "issue", "ca1.example")]));
    config.caa_records.insert("b.example".to_owned(), Vec::new());
    let mut client = registered(config);
    for (name, status) in [
        ("x.y.a.example", "valid"),
        ("a.example", "valid"),
        ("b.example", "invalid"),
        ("example", "invalid"),
        ("a.test", "valid"),
    ] {
        assert_eq!(outcome(&mut client, name, "http-01")["status"], status, "{name}");
    }
}

#[test]
fn records_are_looked_at_again_before_issuing() {
    let mut client = registered(issuer());
    let (url, order) = client.ready(&["a.example", "b.example"]);
    client.transport.ca.set_caa_records("a.example", records(&[(0, "issue", "ca2.example")]));
    let (_, csr) = csr(&["a.example", "b.example"]);
    let refused = client.try_finalize(&order, &csr);
    assert_eq!((refused.status, refused.problem().as_str()), (403, "caa"));
    assert_eq!(refused.json()["subproblems"][0]["identifier"], json!({"type": "dns", "value": "a.example"}));
    assert_eq!(client.read(&url)["status"], "ready");
    client.transport.ca.set_caa_records("a.example", Vec::new());
    assert_eq!(client.try_finalize(&order, &csr).json()["status"], "valid");
}

#[test]
fn ca_without_a_name_does_not_look() {
    let mut config = gentle();
    config.caa_records.insert("a.example".to_owned(), records(&[(0, "issue", ";")]));
    let mut client = registered(config);
    assert!(client.get("/directory").json()["meta"].get("caaIdentities").is_none());
    client.issue(&["a.example"]);
    let mut named = registered(issuer());
    assert_eq!(
        named.get("/directory").json()["meta"]["caaIdentities"],
        json!(["ca1.example", "also.example"])
    );
}
