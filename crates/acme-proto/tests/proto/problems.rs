//! Problem documents, and responses that refuse without one.

use std::time::Duration;

use acme_proto::{Account, Error, Operation, Problem, ProblemKind, Refusal};
use serde_json::{Value, json};

use super::ca::Canned;
use super::world::World;

fn refusal(canned: Canned) -> Refusal {
    let mut world = World::warm();
    for _ in 0..3 {
        world.ca.answer(Operation::Account, canned.clone());
    }
    let error = world.run(&mut Account::read()).unwrap_err();
    error.refusal().unwrap().clone()
}

fn document(json: &str) -> Problem {
    Problem::from_json(&serde_json::from_str(json).unwrap())
}

#[test]
fn sample_of_the_rfc_is_read_with_its_subproblems() {
    let problem = document(include_str!("../data/rfc8555-6.7.1-subproblems.json"));
    assert_eq!(problem.kind, ProblemKind::Malformed);
    let names: Vec<String> =
        problem.subproblems.iter().map(|sub| sub.identifier.as_ref().unwrap().to_string()).collect();
    assert_eq!(names, ["_example.org", "example.net"]);
    assert_eq!(
        problem.to_string(),
        "malformed: Some of the identifiers requested were rejected; _example.org: malformed: Invalid underscore \
         in DNS name \"_example.org\"; example.net: rejectedIdentifier: This CA will not issue for \"example.net\""
    );
}

#[test]
fn rate_limit_keeps_its_retry_after_and_its_help() {
    let limited = Canned::new(429, include_str!("../data/boulder-rate-limited.json"))
        .header("retry-after", "36000")
        .header("link", r#"<https://letsencrypt.org/docs/rate-limits>;rel="help""#);
    let refusal = refusal(limited);
    assert_eq!(refusal.problem.kind, ProblemKind::RateLimited);
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(36_000)));
    assert_eq!(refusal.help, ["https://letsencrypt.org/docs/rate-limits"]);
    assert!(refusal.is_temporary());
}

#[test]
fn unknown_type_is_kept_as_it_came() {
    let kinds = ["urn:ietf:params:acme:error:newInvention", "https://ca.test/errors/42", "about:blank", ""];
    for kind in kinds {
        let problem = Problem::from_json(&json!({"type": kind}));
        assert_eq!(problem.kind, ProblemKind::Other(kind.into()));
        assert_eq!(String::from(problem.kind), kind);
    }
    assert_eq!(ProblemKind::from_type("urn:ietf:params:acme:error:newInvention").to_string(), "newInvention");
}

#[test]
fn every_known_type_survives_being_written() {
    for name in
        ["accountDoesNotExist", "badCSR", "caa", "orderNotReady", "userActionRequired", "invalidProfile"]
    {
        let uri = format!("urn:ietf:params:acme:error:{name}");
        let kind = ProblemKind::from_type(&uri);
        assert!(!matches!(kind, ProblemKind::Other(_)), "{name}");
        assert_eq!(serde_json::to_value(&kind).unwrap(), Value::from(uri));
        assert_eq!(kind.as_str(), name);
    }
}

#[test]
fn members_of_wrong_types_are_left_out() {
    let strange = json!({
        "type": 7, "detail": ["x"], "title": null, "status": "400", "instance": {}, "identifier": "a.example",
        "algorithms": ["ES256", 7, null], "subproblems": [null, 7, [], {"identifier": {"type": "dns"}}],
    });
    let problem = Problem::from_json(&strange);
    assert_eq!((problem.status, problem.detail.as_deref(), problem.identifier.as_ref()), (None, None, None));
    assert_eq!(problem.algorithms, ["ES256"]);
    assert_eq!(problem.subproblems.len(), 4);
    for value in [json!(null), json!([]), json!("x"), json!({"status": -1}), json!({"status": 70000})] {
        assert_eq!(Problem::from_json(&value), Problem::of_kind(ProblemKind::Other("about:blank".into())));
    }
}

#[test]
fn subproblems_are_bounded_and_not_nested() {
    let nested = json!({"type": "x", "subproblems": [{"type": "y"}]});
    let many = vec![nested; Problem::MAX_SUBPROBLEMS + 1];
    let problem = Problem::from_json(&json!({"subproblems": many}));
    assert_eq!(problem.subproblems.len(), Problem::MAX_SUBPROBLEMS);
    assert!(problem.subproblems.iter().all(|sub| sub.subproblems.is_empty()));
}

#[test]
fn refusal_without_a_problem_document_keeps_the_status() {
    for body in ["<html>Bad gateway</html>", "", "null", "[1]", "\"text\"", "{\"type\":"] {
        for (status, is_temporary) in [(400, false), (401, false), (429, true), (500, true), (502, true)] {
            let refusal = refusal(Canned::new(status, body));
            assert_eq!(refusal.problem.status, Some(status));
            assert_eq!(refusal.is_temporary(), is_temporary);
            assert_eq!(refusal.to_string(), format!("the CA refused account: HTTP status {status}"));
        }
    }
}

#[test]
fn status_is_that_of_the_response() {
    let document = r#"{"type":"urn:ietf:params:acme:error:unauthorized","status":200}"#;
    assert_eq!(refusal(Canned::new(403, document)).problem.status, Some(403));
}

#[test]
fn terms_that_changed_are_named_by_their_url() {
    let document = json!({
        "type": "urn:ietf:params:acme:error:userActionRequired",
        "detail": "Terms of service have changed", "instance": "https://ca.test/acme/agreement/?token=W8Ih3PswD-8",
    });
    let refusal = refusal(Canned::new(403, document.to_string()));
    assert_eq!(refusal.problem.kind, ProblemKind::UserActionRequired);
    assert_eq!(
        refusal.problem.instance.as_deref(),
        Some("https://ca.test/acme/agreement/?token=W8Ih3PswD-8")
    );
    assert!(!Error::from(refusal).is_temporary());
}
