//! The state survives the process, and damage is told.

use acme_testca::{Ca, Error};

use crate::client::{Client, InProcess, challenge, csr, gentle, registered, start, urls};

fn reload(client: Client<InProcess>) -> Client<InProcess> {
    let saved = client.transport.ca.save();
    let config = client.transport.ca_config();
    let mut again = Client::new(InProcess::of(Ca::load(&saved, config).unwrap()), client.key);
    again.kid = client.kid;
    again
}

impl InProcess {
    fn ca_config(&self) -> acme_testca::Config {
        gentle()
    }
}

#[test]
fn everything_is_taken_up_again() {
    let mut client = registered(gentle());
    let issued = client.issue(&["a.example"]);
    let (url, order) = client.order(&["b.example"]);
    client.revoke(&issued.leaf(), Some(4));
    client.transport.ca.advance(std::time::Duration::from_secs(3600));
    let root = client.transport.ca.root_pem();
    let before = client.transport.ca.issued();

    let mut client = reload(client);
    assert_eq!(client.transport.ca.root_pem(), root);
    assert_eq!(client.transport.ca.issued(), before);
    assert_eq!(client.read(&url), order);
    assert_eq!(client.post(&issued.certificate_url, "").text(), issued.chain);
    assert_eq!(client.revoke(&issued.leaf(), None).problem(), "alreadyRevoked");
    client.answer_all(&order, "http-01");
    let ready = client.read(&url);
    assert_eq!(client.try_finalize(&ready, &csr(&["b.example"]).1).json()["status"], "valid");
    assert_eq!(
        client.transport.ca.requests().last().unwrap().at,
        start() + std::time::Duration::from_secs(3600)
    );
    let counts = client.transport.ca.counts();
    assert_eq!((counts.accounts, counts.orders, counts.orders_finalized, counts.revoked), (1, 2, 2, 1));
}

#[test]
fn chance_goes_on_where_it_was() {
    let mut client = reload(registered(gentle()));
    let first = client.order(&["a.example"]).0;
    let second = client.order(&["a.example"]).0;
    let third = reload(client).order(&["a.example"]).0;
    assert!(first != second && second != third && first != third);
}

#[test]
fn validations_under_way_are_asked_for_again() {
    let mut config = gentle();
    config.always_valid = false;
    let mut client = registered(config);
    let (_, order) = client.order(&["a.example"]);
    client.answer_all(&order, "http-01");
    let asked = client.transport.ca.poll_validation().unwrap();
    let mut client = reload(client);
    let again = client.transport.ca.poll_validation().unwrap();
    assert_eq!(asked.key_authorization, again.key_authorization);
    client.transport.ca.validated(again.id, Ok(()), start());
    let authorization = client.read(&urls(&order["authorizations"])[0]);
    assert_eq!(challenge(&authorization, "http-01")["status"], "valid");
}

#[test]
fn damage_is_told_and_never_taken_for_a_state() {
    let mut client = registered(gentle());
    client.issue(&["a.example"]);
    let saved = client.transport.ca.save();
    let load = |octets: &[u8]| Ca::load(octets, gentle()).unwrap_err();
    for octets in [&b""[..], b"{}", b"acme-testca state ", b"acme-testca state x y\n{}", b"\xff\xfe"] {
        assert!(matches!(load(octets), Error::DamagedState { .. }));
    }
    for end in [saved.len() - 1, saved.len() / 2, 30] {
        assert!(matches!(load(&saved[..end]), Error::DamagedState { .. }));
    }
    for at in (20..saved.len()).step_by(211) {
        let mut octets = saved.clone();
        octets[at] ^= 1;
        load(&octets);
    }
    let newer = String::from_utf8(saved).unwrap().replacen("state 1", "state 2", 1);
    assert!(matches!(load(newer.as_bytes()), Error::StateVersion { found: 2, .. }));
}
