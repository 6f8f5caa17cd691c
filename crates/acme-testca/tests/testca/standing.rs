//! What the CA decides by itself: changed terms, accounts and authorizations that it revokes.

use acme_testca::DnsPersist;
use serde_json::json;

use crate::client::{client, csr, gentle, registered, urls};

const OLD: &str = "https://testca.test/terms/1";
const NEW: &str = "https://testca.test/terms/2";

#[test]
fn changed_terms_are_agreed_to_at_a_page_for_humans() {
    let mut config = gentle();
    config.terms_of_service = Some(OLD.to_owned());
    let mut client = registered(config);
    let (_, old_order) = client.ready(&["a.example"]);
    client.transport.ca.change_terms(NEW);
    assert_eq!(client.get("/directory").json()["meta"]["termsOfService"], NEW);
    let new_authz = client.url("/new-authz");
    let wish = r#"{"identifier":{"type":"dns","value":"a.example"}}"#;
    for refused in [client.try_order(&["a.example"]), client.post(&new_authz, wish)] {
        assert_eq!((refused.status, refused.problem().as_str()), (403, "userActionRequired"));
        assert!(refused.detail().contains("RFC 8555 section 7.3.3"));
        let terms = format!("<{NEW}>;rel=\"terms-of-service\"");
        assert!(refused.all("link").contains(&terms.as_str()), "{:?}", refused.headers);
        assert_eq!(refused.json()["instance"], client.url("/agreement/1"));
    }
    let answer = client.try_finalize(&old_order, &csr(&["a.example"]).1);
    assert_eq!(answer.json()["status"], "valid", "orders from before are finished");
    let page = client.get("/agreement/1");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    client.issue(&["b.example"]);
    assert_eq!(client.get("/agreement/2").status, 404);

    client.transport.ca.change_terms(OLD);
    assert_eq!(client.try_order(&["a.example"]).status, 403);
    let kid = client.kid.clone().unwrap();
    assert!(client.transport.ca.agree_to_terms(&kid));
    assert!(!client.transport.ca.agree_to_terms(OLD));
    assert_eq!(client.try_order(&["a.example"]).status, 201);
}

#[test]
fn terms_of_a_ca_that_had_none_must_be_agreed_to() {
    let mut client = client(gentle());
    let url = client.url("/new-account");
    let answer = client.post(&url, "{}");
    client.kid = answer.header("location").map(str::to_owned);
    client.order(&["a.example"]);
    client.transport.ca.change_terms(NEW);
    assert_eq!(client.try_order(&["b.example"]).problem(), "userActionRequired");
}

#[test]
fn revoked_account_is_refused_everything() {
    let mut client = registered(gentle());
    let (order, _) = client.order(&["a.example"]);
    let kid = client.kid.clone().unwrap();
    assert!(client.transport.ca.revoke_account(&kid));
    assert!(!client.transport.ca.revoke_account("https://testca.test/account/9"));
    for url in [kid, order] {
        let refused = client.post(&url, "");
        assert_eq!((refused.status, refused.problem().as_str()), (401, "unauthorized"));
        assert!(refused.detail().contains("RFC 8555 section 7.1.6"));
    }
    client.kid = None;
    let url = client.url("/new-account");
    assert_eq!(client.post(&url, r#"{"onlyReturnExisting":true}"#).status, 401);
}

#[test]
fn revoked_authorization_fails_its_order_and_is_not_used_again() {
    let mut config = gentle();
    config.authorization_reuse_percent = 100;
    let mut client = registered(config);
    let (url, order) = client.ready(&["a.example"]);
    assert_eq!(client.transport.ca.revoke_authorizations("A.example"), 1);
    assert_eq!(client.transport.ca.revoke_authorizations("a.example"), 0);
    let authorization = urls(&order["authorizations"]).remove(0);
    assert_eq!(client.read(&authorization)["status"], "revoked");
    assert_eq!(client.post(&authorization, r#"{"status":"deactivated"}"#).problem(), "malformed");
    let order = client.read(&url);
    assert_eq!(order["status"], "invalid");
    assert_eq!(order["error"]["subproblems"][0]["identifier"]["value"], "a.example");
    assert_eq!(client.order(&["a.example"]).1["status"], "pending");
}

#[test]
fn authorization_by_a_record_that_stays_is_not_used_again() {
    let mut config = gentle();
    config.authorization_reuse_percent = 100;
    config.dns_persist = Some(DnsPersist::Draft01);
    let mut client = registered(config);
    for (kind, status) in [("dns-persist-01", "pending"), ("dns-01", "ready")] {
        let (_, order) = client.order(&["a.example"]);
        client.answer_all(&order, kind);
        assert_eq!(client.order(&["a.example"]).1["status"], json!(status), "{kind}");
    }
}
