//! Records of dns-persist-01 as the servers of a zone show them, before a CA is told.

use std::sync::{Arc, Mutex};

use acme_proto::{Challenge, ChallengeType, PersistPolicy, Solver};
use acme_solver::{NotStanding, PersistSight, Persisted, Resolver};
use hickory_proto::op::ResponseCode;

use super::challenge::{identifier, of_kind};
use super::name_server::Servers;
use super::resolver::resolver;

const NAME: &str = "_validation-persist.www.example.test";
const URI: &str = "https://ca.test/account/1";

/// A challenge for `www.example.test` or its wildcard.
fn challenge(name: &str) -> Challenge {
    let mut json = serde_json::to_value(of_kind("dns-persist-01", name, "")).unwrap();
    let (domain, wildcard) = (name.trim_start_matches("*."), name.starts_with("*."));
    json["persist_record"] = serde_json::json!({
        "domain": domain, "issuer": "ca.test", "account_uri": URI, "wildcard": wildcard, "until": null,
    });
    json["persist_policy"] = serde_json::json!({
        "issuers": ["ca.test", "ca.example"], "account_uris": [URI], "wildcard": wildcard,
    });
    serde_json::from_value(json).unwrap()
}

/// Servers for `example.test`, each with these records of the name.
fn servers(records: &[&[&str]]) -> (Servers, Resolver) {
    let servers = Servers::start(u8::try_from(records.len()).unwrap() + 1);
    servers.serve("example.test", 1);
    for (at, values) in (1..).zip(records) {
        servers.change(at, |content| values.iter().for_each(|value| content.add_text(NAME, &[value])));
    }
    let resolver = resolver(&servers);
    (servers, resolver)
}

fn right() -> String {
    format!("ca.test; accounturi={URI}")
}

/// What each server says, in words, without its address.
fn seen(records: &[&[&str]], wildcard: bool) -> Vec<String> {
    let (_servers, resolver) = servers(records);
    let policy = PersistPolicy::new(vec!["ca.test".into()], vec![URI.into()]);
    let policy = if wildcard { policy.for_wildcard() } else { policy };
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let sight = PersistSight::look(&resolver, "www.example.test", &policy, now).unwrap();
    assert_eq!((sight.name.as_str(), sight.zone.as_str()), (NAME, "example.test"));
    let words = |text: String| text.split_once(") ").unwrap().1.to_owned();
    sight.servers.iter().map(|witness| words(witness.to_string())).collect()
}

#[test]
fn each_kind_of_wrong_record_is_told_of_each_server() {
    let right = right();
    let other = "ca.test; accounturi=https://ca.test/account/2";
    let lapsed = format!("{right}; persistUntil=1");
    let told = |records: &[&str]| seen(&[records], false).remove(0);
    assert_eq!(told(&[]), "has no such record");
    assert_eq!(told(&[&right]), "permits");
    assert_eq!(told(&[&format!("{right}; persistUntil=1800000000")]), "permits until 2027-01-15T08:00:00Z");
    assert_eq!(told(&["ca.other; accounturi=x"]), "has records of other CAs only");
    assert_eq!(told(&[other]), format!("does not permit: '{other}' is for another account"));
    assert_eq!(told(&[&lapsed]), format!("does not permit: '{lapsed}' has lapsed at 1970-01-01T00:00:01Z"));
    assert_eq!(told(&["ca.test"]), "does not permit: 'ca.test' is malformed: it has no accounturi");
    assert_eq!(told(&[other, &right]), format!("permits: '{other}' is for another account"));
    assert_eq!(seen(&[&[&right]], true), [format!("does not permit: '{right}' has no policy=wildcard")]);
    assert_eq!(seen(&[&[&right], &[]], false), ["permits", "has no such record"]);
}

#[test]
fn long_value_in_several_strings_is_one() {
    let (servers, resolver) = servers(&[&[]]);
    let uri = format!("https://ca.test/account/{}", "1".repeat(300));
    let value = format!("ca.test; accounturi={uri}");
    let (start, end) = value.split_at(255);
    servers.change(1, |content| content.add_text(NAME, &[start, end]));
    let policy = PersistPolicy::new(vec!["ca.test".into()], vec![uri]);
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let sight = PersistSight::look(&resolver, "www.example.test", &policy, now).unwrap();
    assert_eq!(sight.permitted(), Some(None));
}

#[test]
fn earliest_end_of_all_servers_that_answer_counts() {
    let (right, early) =
        (format!("{}; persistUntil=1900000000", right()), format!("{}; persistUntil=1800000000", right()));
    let (servers, resolver) = servers(&[&[&right], &[&early], &[&right]]);
    let policy = PersistPolicy::new(vec!["ca.test".into()], vec![URI.into()]);
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let look = || PersistSight::look(&resolver, "www.example.test", &policy, now).unwrap();
    let until = |sight: &PersistSight| sight.permitted().flatten().map(|until| until.as_second());
    assert_eq!(until(&look()), Some(1_800_000_000));
    servers.change(2, |content| content.is_silent = true);
    let sight = look();
    assert_eq!(until(&sight), Some(1_900_000_000));
    assert!(sight.servers[1].to_string().contains("does not answer"), "{}", sight.servers[1]);
    servers.change(3, |content| content.code = Some(ResponseCode::Refused));
    servers.change(1, |content| content.is_silent = true);
    assert_eq!(look().permitted(), None, "none answers");
}

#[test]
fn solver_writes_nothing_and_lists_all_records_that_are_missing() {
    let right = right();
    let (servers, resolver) = servers(&[&[&right]]);
    let told = Arc::<Mutex<usize>>::default();
    let counter = Arc::clone(&told);
    let mut solver = Persisted::new(resolver).observe(move |_| *counter.lock().unwrap() += 1);
    assert_eq!(solver.challenge_types(&identifier("*.example.test")), [ChallengeType::DnsPersist01]);
    assert!(solver.challenge_types(&identifier("192.0.2.1")).is_empty());
    let challenges =
        ["www.example.test", "*.www.example.test", "a.example.test", "*.a.example.test"].map(challenge);
    let results = solver.present(&challenges);
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, false]);
    let error = results[2].as_ref().unwrap_err();
    assert!(!error.is_temporary());
    let missing: &NotStanding = error.get_ref().downcast_ref().unwrap();
    let records: Vec<String> =
        missing.records.iter().map(|record| format!("{} {record}", record.name())).collect();
    assert_eq!(
        records,
        [
            format!("_validation-persist.a.example.test {right}; policy=wildcard"),
            format!("{NAME} {right}; policy=wildcard"),
        ]
    );
    assert_eq!(*told.lock().unwrap(), 4);
    assert!(solver.withdraw(&challenges).iter().all(Result::is_ok));
    // What nobody can see is for the CA to judge.
    servers.change(0, |content| content.is_silent = true);
    assert!(solver.present(&challenges).iter().all(Result::is_ok));
    assert!(Persisted::unseen().present(&challenges).iter().all(Result::is_ok));
    let wrong = of_kind("dns-01", "example.test", "x");
    assert!(solver.present(&[wrong])[0].is_err());
}
