//! Authorizations: which challenge is chosen, and what becomes of one that fails.

use acme_proto::{
    Authorization, AuthorizationStatus, Challenge, ChallengeType, Error, Identifier, Issue, Misuse,
    OfferedChallenge, Operation, Order, ProblemKind, Violation, limits,
};
use serde_json::{Value, json};

use super::ca::Canned;
use super::sha256::sha256;
use super::world::{World, intent, issue, names};

/// An authorization of a.example with these challenges.
fn authorization(challenges: &Value) -> Canned {
    let identifier = json!({"type": "dns", "value": "a.example"});
    let document = json!({"status": "pending", "identifier": identifier, "challenges": challenges});
    Canned::new(200, document.to_string())
}

fn offer(kind: &str, token: &str) -> Value {
    json!({"type": kind, "url": format!("https://ca.test/chall/0/{kind}"), "token": token, "status": "pending"})
}

const TOKEN: &str = "token-0000-http-01-0123456789";

#[test]
fn name_that_is_proved_needs_no_challenge() {
    let mut world = World::warm();
    world.ca.proved.insert("a.example".into());
    world.ca.proved.insert("b.example".into());
    world.issue(&["a.example", "b.example", "c.example"]).unwrap();
    assert_eq!((world.count("authorization"), world.count("present"), world.count("challenge")), (3, 1, 1));
    assert_eq!(world.count("present http-01 c.example"), 1);
}

#[test]
fn order_whose_authorizations_turned_valid_needs_no_challenge() {
    let mut world = World::warm();
    let identifier = json!({"type": "dns", "value": "a.example"});
    let valid = json!({"status": "valid", "identifier": identifier, "challenges": null});
    world.ca.answer(Operation::Authorization, Canned::new(200, valid.to_string()));
    let mut flow = issue(&["a.example"]);
    let _ = world.run_steps(&mut flow, 5).unwrap();
    assert_eq!((world.count("present"), world.count("challenge"), world.count("order")), (0, 0, 1));
}

#[test]
fn unknown_and_token_less_challenges_are_passed_over() {
    let strange = json!([
        null, 7, "http-01", [], {}, {"type": "http-01"}, {"type": 1, "url": "https://ca.test/x"},
        {"type": "http-01", "url": "http://ca.test/plain", "token": TOKEN},
        {"type": "dns-persist-01", "url": "https://ca.test/chall/0/dns-persist-01", "issuer-domain-names": ["x"]},
        {"type": "device-attest-01", "url": "https://ca.test/y", "token": null, "status": 1, "error": []},
        offer("http-01", TOKEN),
    ]);
    let mut world = World::warm();
    world.ca.answer(Operation::Authorization, authorization(&strange));
    world.issue(&["a.example"]).unwrap();
    assert_eq!(world.count("present http-01 a.example"), 1);
}

#[test]
fn best_type_that_is_offered_is_taken() {
    let mut world = World::warm();
    let wanted =
        vec![ChallengeType::Other("dns-account-01".into()), ChallengeType::TlsAlpn01, ChallengeType::Http01];
    let choices = vec![(names(&["a.example"]).remove(0), wanted)];
    world.run(&mut Issue::new(intent(&["a.example"]), choices).unwrap()).unwrap();
    assert_eq!(world.count("present tls-alpn-01"), 1);
}

#[test]
fn name_without_a_choice_is_named_with_what_is_offered() {
    for choices in [vec![], vec![(names(&["a.example"]).remove(0), vec![])]] {
        let mut world = World::warm();
        let error = world.run(&mut Issue::new(intent(&["a.example"]), choices).unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "for a.example the CA offers dns-01, http-01, tls-alpn-01, and none of these is set up"
        );
        assert!(matches!(error, Error::Misuse(Misuse::NoChallenge { .. })));
        assert_eq!((world.count("present"), world.count("challenge")), (0, 0));
    }
}

#[test]
fn one_name_without_a_choice_keeps_all_from_being_presented() {
    let mut world = World::warm();
    let choices = super::world::choices(&names(&["a.example"]));
    let error =
        world.run(&mut Issue::new(intent(&["a.example", "b.example"]), choices).unwrap()).unwrap_err();
    let Error::Misuse(Misuse::NoChallenge { identifier, .. }) = error else { panic!("{error}") };
    assert_eq!((identifier.to_string().as_str(), world.count("present")), ("b.example", 0));
}

#[test]
fn token_that_is_unsafe_is_refused_before_it_becomes_a_path() {
    let long = "a".repeat(OfferedChallenge::MAX_TOKEN + 1);
    let short = "a".repeat(OfferedChallenge::MIN_TOKEN - 1);
    for token in [
        "",
        &short,
        &long,
        "../../../../../../etc/passwd",
        "aaaaaaaaaaaaaaaaaaaaaaaa/..",
        "aaaaaaaaaaaaaaaaaaaaaaaa.b",
        "aaaaaaaaaaaaaaaaaaaaaaaa\0",
        "aaaaaaaaaaaaaaaaaaaaaaaa\r\nX: y",
        "aaaaaaaaaaaaaaaaaaaaaaaa%2f",
        "aaaaaaaaaaaaaaaaaaaaaaa\u{e9}",
        "aaaaaaaaaaaaaaaaaaaaaaa=",
        "aaaaaaaaaaaaaaaaaaaaaaa ",
    ] {
        let mut world = World::warm();
        world.ca.answer(Operation::Authorization, authorization(&json!([offer("http-01", token)])));
        let error = world.issue(&["a.example"]).unwrap_err();
        let Error::Protocol(error) = error else { panic!("{token}: {error}") };
        assert_eq!(error.violation, Violation::Member("token"), "{token}");
        assert_eq!(world.count("present"), 0);
    }
}

#[test]
fn tokens_at_both_limits_are_safe() {
    for length in [OfferedChallenge::MIN_TOKEN, OfferedChallenge::MAX_TOKEN] {
        let mut world = World::warm();
        let token = "-".repeat(length);
        world.ca.answer(Operation::Authorization, authorization(&json!([offer("http-01", &token)])));
        let mut flow = issue(&["a.example"]);
        let _ = world.run_steps(&mut flow, 6).unwrap();
        assert_eq!(world.ca.in_place[0].http_path(), format!("/.well-known/acme-challenge/{token}"));
    }
}

#[test]
fn refused_names_are_all_in_one_error() {
    let mut world = World::warm();
    world.ca.refused.extend(["b.example".to_string(), "*.c.example".to_string()]);
    world.ca.validates_after = 1;
    let error = world.issue(&["a.example", "b.example", "*.c.example"]).unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.problem.kind, ProblemKind::Connection);
    assert_eq!(refusal.identifier.as_ref().unwrap().to_string(), "b.example");
    assert_eq!(refusal.challenge, Some(ChallengeType::Http01));
    assert_eq!(refusal.others.len(), 1);
    assert_eq!(
        error.to_string(),
        "http-01 for b.example failed: connection: no response from b.example; \
         dns-01 for *.c.example failed: connection: no response from *.c.example"
    );
    assert!(!error.is_temporary());
    assert!(world.ca.in_place.is_empty());
    assert_eq!(world.saved.unwrap().order_url, None);
}

#[test]
fn name_that_is_refused_at_once_ends_the_order() {
    let mut world = World::warm();
    world.ca.refused.insert("a.example".into());
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(error.to_string(), "http-01 for a.example failed: connection: no response from a.example");
}

#[test]
fn authorization_that_is_over_is_a_refusal() {
    for status in ["deactivated", "expired", "revoked", "invalid"] {
        let mut world = World::warm();
        let identifier = json!({"type": "dns", "value": "a.example"});
        let document = json!({"status": status, "identifier": identifier, "wildcard": true});
        world.ca.answer(Operation::Authorization, Canned::new(200, document.to_string()));
        let error = world.issue(&["a.example"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the authorization of *.a.example failed: HTTP status 403: the authorization is {status}"
            )
        );
    }
}

#[test]
fn authorization_of_an_unknown_status_is_no_panic() {
    let mut world = World::warm();
    let document = json!({"status": "pondering", "identifier": {"type": "dns", "value": "a.example"}});
    world.ca.answer(Operation::Authorization, Canned::new(200, document.to_string()));
    let Error::Protocol(error) = world.issue(&["a.example"]).unwrap_err() else { panic!() };
    assert_eq!(error.violation, Violation::Status("pondering".into()));
}

#[test]
fn challenge_that_the_ca_already_processes_is_presented_but_not_answered() {
    let mut world = World::warm();
    let mut flow = issue(&["a.example"]);
    world.ca.validates_after = 3;
    let _ = world.run_steps(&mut flow, 7).unwrap();
    assert_eq!(world.count("challenge"), 1);
    world.restart();
    world.resume().unwrap();
    assert_eq!((world.count("present"), world.count("challenge")), (1, 0));
}

#[test]
fn authorizations_are_bounded_as_names_are() {
    for (count, is_ok) in [(limits::MAX_IDENTIFIERS, true), (limits::MAX_IDENTIFIERS + 1, false)] {
        let mut world = World::warm();
        let urls = vec!["https://ca.test/authz/0"; count];
        let order = json!({"status": "pending", "authorizations": urls});
        world.ca.answer(Operation::Order, Canned::new(200, order.to_string()));
        let outcome = world.run(&mut Order::read("https://ca.test/order/0"));
        assert_eq!(outcome.is_ok(), is_ok);
    }
}

#[test]
fn authorization_is_polled_alone_and_deactivated_alone() {
    let mut world = World::warm();
    let mut flow = issue(&["a.example"]);
    let _ = world.run_steps(&mut flow, 4).unwrap();
    let url = "https://ca.test/authz/0";
    assert_eq!(world.run(&mut Authorization::read(url)).unwrap().status, AuthorizationStatus::Pending);
    let given_up = world.run(&mut Authorization::deactivate(url)).unwrap();
    assert_eq!(given_up.status, AuthorizationStatus::Deactivated);
    let polled = world.run(&mut Authorization::poll(url)).unwrap();
    assert_eq!(polled.status, AuthorizationStatus::Deactivated);
}

#[test]
fn server_name_of_an_address_is_its_reverse_name() {
    let server_name = |name: &str| {
        let challenge = json!({
            "identifier": name.parse::<Identifier>().unwrap(),
            "wildcard": false,
            "kind": "tls-alpn-01",
            "url": "https://ca.example/challenge/1",
            "token": "t".repeat(OfferedChallenge::MIN_TOKEN),
            "key_authorization": "",
            "digest": vec![0; 32],
        });
        serde_json::from_value::<Challenge>(challenge).unwrap().tls_server_name()
    };
    assert_eq!(server_name("a.example"), "a.example");
    assert_eq!(server_name("192.0.2.1"), "1.2.0.192.in-addr.arpa");
    let expected = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    assert_eq!(server_name("2001:db8::1"), expected);
}

#[test]
fn rehearsal_is_a_challenge_that_no_ca_asked_for() {
    let token = "a-token-of-enough-characters";
    let name = "*.a.example".parse().unwrap();
    let rehearsal = |token| Challenge::rehearsal(&name, ChallengeType::Dns01, token, sha256);
    let challenge = rehearsal(token).unwrap();
    assert_eq!((challenge.dns_name().as_str(), challenge.url.as_str()), ("_acme-challenge.a.example", ""));
    assert_eq!(challenge.order_identifier(), name);
    assert!(challenge.key_authorization().starts_with("a-token-of-enough-characters."));
    assert!(rehearsal("short").is_none() && rehearsal("a/token/of/enough/characters").is_none());
}
