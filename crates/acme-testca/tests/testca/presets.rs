//! The switches as known CAs have them.

use acme_testca::{Config, MacKey, Problem};
use serde_json::json;

use crate::client::{BASE, Client, InProcess, Key, challenge, client, csr, registered, start, urls};

fn at_base(mut config: Config) -> Config {
    config.base_url = BASE.to_owned();
    config.always_valid = true;
    config
}

fn key() -> MacKey {
    MacKey::new(*b"a secret that is known to everyone")
}

fn meta_and_keys(config: Config) -> (serde_json::Value, Vec<String>) {
    let directory = client(at_base(config)).get("/directory").json();
    let keys = directory.as_object().unwrap().keys().cloned().collect();
    (directory["meta"].clone(), keys)
}

#[test]
fn directories_have_what_the_cas_have() {
    for (config, missing, required) in [
        (Config::boulder(), vec!["newAuthz"], false),
        (Config::pebble(), vec!["newAuthz"], false),
        (Config::google("kid", key()), vec![], true),
        (Config::zerossl("kid", key()), vec!["renewalInfo", "keyChange"], true),
        (Config::ssl_com("kid", key()), vec!["renewalInfo"], true),
        (Config::actalis("kid", key()), vec![], true),
        (Config::step_ca(), vec!["renewalInfo"], false),
        (Config::vault(), vec![], false),
        (Config::ejbca(), vec!["newAuthz"], false),
        (Config::without_challenges("kid", key()), vec!["renewalInfo"], true),
    ] {
        let (meta, keys) = meta_and_keys(config);
        for name in ["newNonce", "newAccount", "newOrder", "revokeCert"] {
            assert!(keys.iter().any(|key| key == name));
        }
        for name in ["newAuthz", "keyChange", "renewalInfo"] {
            assert_eq!(keys.iter().any(|key| key == name), !missing.contains(&name), "{name}: {keys:?}");
        }
        assert_eq!(meta["externalAccountRequired"] == true, required);
    }
}

#[test]
fn boulder_issues_in_its_own_way() {
    let mut client = registered(at_base(Config::boulder()));
    let kid = client.kid.clone().unwrap();
    assert!(client.read(&kid).get("orders").is_none());
    let (url, order) = client.ready(&["a.example"]);
    assert_eq!(order["profile"], "classic");
    assert_eq!(client.order(&["a.example"]).0, url, "the same order again");
    let answer = client.try_finalize(&order, &csr(&["a.example"]).1);
    assert_eq!(
        (answer.json()["status"].as_str(), answer.header("retry-after")),
        (Some("processing"), Some("3"))
    );
    assert_eq!(client.read(&url)["status"], "processing");
    assert_eq!(client.read(&url)["status"], "valid");
    assert_eq!(client.order(&["a.example"]).1["status"], "ready", "its authorization is reused");
    let url = client.url("/new-order");
    let dates =
        json!({"identifiers": [{"type": "dns", "value": "a.example"}], "notAfter": "2026-11-30T00:00:00Z"});
    assert_eq!(client.post(&url, &dates.to_string()).problem(), "malformed");
    let address = json!({"identifiers": [{"type": "ip", "value": "192.0.2.1"}]});
    assert_eq!(client.post(&url, &address.to_string()).problem(), "invalidProfile");
    let der = client.transport.ca.issued()[0].der.clone();
    assert_eq!(client.revoke(&der, Some(3)).problem(), "badRevocationReason");
    assert_eq!(client.revoke(&der, Some(4)).status, 200);
}

#[test]
fn boulder_takes_no_eddsa() {
    let (mut client, ..) = client(at_base(Config::boulder())).with_key(Key::ed25519());
    let url = client.url("/new-account");
    let answer = client.post(&url, "{}");
    assert_eq!(answer.problem(), "badSignatureAlgorithm");
    assert_eq!(answer.json()["algorithms"], json!(["ES256", "ES384", "ES512", "RS256"]));
}

#[test]
fn zerossl_has_no_change_of_keys_and_no_addresses() {
    let mut config = at_base(Config::zerossl("kid", key()));
    config.external_account_required = false;
    let mut client = registered(config);
    let url = client.url("/key-change");
    assert_eq!(client.post(&url, "{}").status, 404);
    let url = client.url("/new-order");
    let address = json!({"identifiers": [{"type": "ip", "value": "192.0.2.1"}]});
    assert_eq!(client.post(&url, &address.to_string()).problem(), "unsupportedIdentifier");
}

#[test]
fn ssl_com_issues_for_two_names_and_no_wildcard() {
    let mut config = at_base(Config::ssl_com("kid", key()));
    config.external_account_required = false;
    let mut client = registered(config);
    client.issue(&["a.example", "www.a.example"]);
    assert_eq!(client.try_order(&["a.example", "b.example", "c.example"]).problem(), "malformed");
    assert_eq!(client.try_order(&["*.a.example"]).problem(), "rejectedIdentifier");
}

#[test]
fn challenge_that_failed_at_actalis_is_processing_for_ever() {
    let mut config = at_base(Config::actalis("kid", key()));
    config.external_account_required = false;
    config.always_valid = false;
    let mut client = registered(config);
    let (url, order) = client.order(&["a.example"]);
    client.answer_all(&order, "http-01");
    let validation = client.transport.ca.poll_validation().unwrap();
    client.transport.ca.validated(validation.id, Err(Problem::new("dns", 400, "no")), start());
    assert_eq!(client.read(&url)["status"], "pending");
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    assert_eq!(challenge(&authorization, "http-01")["status"], "processing");
}

#[test]
fn refused_nonce_of_vault_comes_without_a_new_one() {
    let mut client: Client<InProcess> = registered(at_base(Config::vault()));
    let kid = client.kid.clone().unwrap();
    let refused =
        (0..500).find_map(|_| Some(client.post_once(&kid, "").unwrap()).filter(|one| one.status == 400));
    let refused = refused.unwrap();
    assert_eq!(refused.problem(), "badNonce");
    assert!(refused.header("replay-nonce").is_none());
    assert!(client.post(&kid, "").header("replay-nonce").is_some());
}
