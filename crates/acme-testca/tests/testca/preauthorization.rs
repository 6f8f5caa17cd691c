//! Authorizations before there is an order (RFC 8555 section 7.4.1).

use acme_testca::{Action, Fault, Operation};
use serde_json::json;

use crate::client::{Answer, Client, InProcess, challenge, client, gentle, registered, urls};

fn authorize(client: &mut Client<InProcess>, name: &str) -> Answer {
    let url = client.url("/new-authz");
    client.post(&url, &json!({"identifier": {"type": "dns", "value": name}}).to_string())
}

#[test]
fn authorization_is_made_and_used_by_later_orders() {
    let mut client = registered(gentle());
    let answer = authorize(&mut client, "A.example");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let url = answer.header("location").unwrap().to_owned();
    let authorization = answer.json();
    assert_eq!(authorization["status"], "pending");
    assert_eq!(authorization["identifier"]["value"], "a.example");
    assert_eq!(client.order(&["a.example"]).1["status"], "pending", "it is not valid yet");
    client.post(challenge(&authorization, "http-01")["url"].as_str().unwrap(), "{}");
    assert_eq!(client.read(&url)["status"], "valid");
    let (_, order) = client.order(&["a.example"]);
    assert_eq!((order["status"].as_str(), urls(&order["authorizations"])), (Some("ready"), vec![url]));
}

#[test]
fn wildcards_and_bad_names_are_refused() {
    let mut client = registered(gentle());
    for name in ["*.a.example", "a..example"] {
        let answer = authorize(&mut client, name);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "rejectedIdentifier"), "{name}");
        assert!(answer.json().get("identifier").is_none());
    }
    let url = client.url("/new-authz");
    assert_eq!(client.post(&url, "{}").problem(), "malformed");
    assert_eq!(client.post(&url, r#"{"identifier":"a.example"}"#).problem(), "malformed");
}

#[test]
fn ca_without_it_does_not_advertise_it() {
    let mut config = gentle();
    config.pre_authorization = false;
    let mut client = client(config);
    client.register();
    assert!(client.get("/directory").json().get("newAuthz").is_none());
    assert_eq!(authorize(&mut client, "a.example").status, 404);
}

#[test]
fn faults_look_at_the_name() {
    let mut client = registered(gentle());
    let fault = Fault::on(Operation::NewAuthorization, Action::LoseResponse).identifier("b.example");
    client.transport.ca.add_faults([fault]);
    assert_eq!(authorize(&mut client, "a.example").status, 201);
    let url = client.url("/new-authz");
    let wish = json!({"identifier": {"type": "dns", "value": "b.example"}}).to_string();
    assert!(client.post_once(&url, &wish).is_none());
}
