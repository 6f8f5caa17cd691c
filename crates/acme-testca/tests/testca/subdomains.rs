//! Authorizations for all that is below a name (RFC 9444).

use acme_testca::{CaaRecord, Config};
use serde_json::{Value, json};

use crate::client::{Answer, Client, InProcess, csr, gentle, registered, urls};

fn with_subdomains() -> Config {
    let mut config = gentle();
    config.subdomain_authorizations = true;
    config
}

fn order(client: &mut Client<InProcess>, names: &[(&str, Value)]) -> Answer {
    let identifiers: Vec<Value> = names
        .iter()
        .map(|(name, ancestor)| json!({"type": "dns", "value": name, "ancestorDomain": ancestor}))
        .collect();
    let url = client.url("/new-order");
    client.post(&url, &json!({"identifiers": identifiers}).to_string())
}

#[test]
fn one_authorization_of_the_ancestor_is_enough_for_an_order() {
    let mut client = registered(with_subdomains());
    assert_eq!(client.get("/directory").json()["meta"]["subdomainAuthAllowed"], true);
    let above = json!("Example.org");
    let answer = order(&mut client, &[("a.example.org", above.clone()), ("b.c.example.org", above)]);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let url = answer.header("location").unwrap().to_owned();
    let authorizations = urls(&answer.json()["authorizations"]);
    assert_eq!(authorizations.len(), 1);
    let authorization = client.read(&authorizations[0]);
    assert_eq!(authorization["identifier"], json!({"type": "dns", "value": "example.org"}));
    assert_eq!(authorization["subdomainAuthAllowed"], true);
    let kinds: Vec<&Value> =
        authorization["challenges"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(kinds, ["dns-01"], "a web server proves nothing about names below its own");
    client.answer_all(&answer.json(), "dns-01");
    let ready = client.read(&url);
    assert_eq!(ready["status"], "ready");
    let finalized = client.try_finalize(&ready, &csr(&["a.example.org", "b.c.example.org"]).1);
    assert_eq!(finalized.json()["status"], "valid", "{}", finalized.text());
}

#[test]
fn ancestor_is_authorized_beforehand_and_used_without_being_named() {
    let mut client = registered(with_subdomains());
    let url = client.url("/new-authz");
    let wish = r#"{"identifier":{"type":"dns","value":"example.org","subdomainAuthAllowed":true}}"#;
    let made = client.post(&url, wish);
    assert_eq!((made.status, &made.json()["subdomainAuthAllowed"]), (201, &json!(true)));
    let location = made.header("location").unwrap().to_owned();
    client.answer_all(&json!({"authorizations": [location]}), "dns-01");
    let (_, order) = client.order(&["sub1.example.org", "x.sub2.example.org"]);
    assert_eq!(order["status"], "ready");
    assert_eq!(urls(&order["authorizations"]), [location]);
    assert_eq!(client.order(&["*.sub1.example.org"]).1["status"], "pending");
    assert_eq!(client.order(&["example.com"]).1["status"], "pending");
    let wrong = r#"{"identifier":{"type":"dns","value":"a.example","subdomainAuthAllowed":1}}"#;
    assert_eq!(client.post(&url, wrong).problem(), "malformed");
}

#[test]
fn authorization_of_a_name_alone_is_for_it_alone() {
    let mut client = registered(with_subdomains());
    client.ready(&["example.org"]);
    assert_eq!(client.order(&["a.example.org"]).1["status"], "pending");
}

#[test]
fn ancestors_are_above_the_name() {
    let mut client = registered(with_subdomains());
    for (name, ancestor) in [
        ("a.example.org", json!("example.com")),
        ("a.example.org", json!("a.example.org")),
        ("a.example.org", json!("b.a.example.org")),
        ("aexample.org", json!("example.org")),
        ("a.example.org", json!("org")),
        ("a.example.org", json!("")),
        ("a.example.org", json!(1)),
        ("*.a.example.org", json!("example.org")),
    ] {
        let answer = order(&mut client, &[(name, ancestor.clone())]);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"), "{name} {ancestor}");
        assert!(answer.detail().contains("RFC 9444 section 4.3"));
    }
    assert_eq!(order(&mut client, &[("a.example.org", Value::Null)]).status, 201);
}

#[test]
fn caa_records_of_the_names_themselves_count() {
    let mut config = with_subdomains();
    config.caa_identities = vec!["testca.invalid".to_owned()];
    let refusal = CaaRecord { flags: 0, tag: "issue".to_owned(), value: ";".to_owned() };
    config.caa_records.insert("a.example.org".to_owned(), vec![refusal]);
    let mut client = registered(config);
    let answer = order(&mut client, &[("a.example.org", json!("example.org"))]);
    client.answer_all(&answer.json(), "dns-01");
    let url = answer.header("location").unwrap().to_owned();
    let ready = client.read(&url);
    assert_eq!(ready["status"], "ready");
    let refused = client.try_finalize(&ready, &csr(&["a.example.org"]).1);
    assert_eq!(refused.problem(), "caa");
    assert_eq!(refused.json()["subproblems"][0]["identifier"]["value"], "a.example.org");
}

#[test]
fn ca_without_them_authorizes_the_name_itself() {
    let mut client = registered(gentle());
    assert!(client.get("/directory").json()["meta"].get("subdomainAuthAllowed").is_none());
    let answer = order(&mut client, &[("a.example.org", json!("example.org"))]);
    let authorization = client.read(&urls(&answer.json()["authorizations"])[0]);
    assert_eq!(authorization["identifier"]["value"], "a.example.org");
    assert!(authorization.get("subdomainAuthAllowed").is_none());
}
