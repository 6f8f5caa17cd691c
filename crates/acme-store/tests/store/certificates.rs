//! Certificates: attempts, when they are due, revocation, deletion.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use acme_proto::{Problem, ProblemKind};
use acme_store::{AfterRevocation, Attempt, CertificateName, Error, Outcome, Revocation, Store, Timestamp};

use super::support::{Fixture, at, chain, checkpoint, identifier, name, publication, settings};

fn due(store: &Store, now: Timestamp) -> Vec<String> {
    store.due_certificates(now).unwrap().records.iter().map(|record| record.name.to_string()).collect()
}

fn failed(at: Timestamp, next: Timestamp) -> Attempt {
    let mut attempt = Attempt::new(at, "validation", Outcome::Temporary);
    attempt.next_allowed_at = Some(next);
    attempt
}

#[test]
fn a_certificate_is_kept_from_its_first_attempt_on() {
    let fixture = Fixture::new();
    assert!(fixture.store.certificate(&name()).unwrap().is_none());
    let made = fixture.store.create_certificate(&name(), &settings(), at(5)).unwrap();
    assert_eq!((made.created, made.current.as_ref(), made.due), (at(5), None, None));
    let mut other = settings();
    other.reuse_key = true;
    let again = fixture.store.create_certificate(&name(), &other, at(6)).unwrap();
    assert_eq!(again, made);
}

#[test]
fn an_attempt_is_kept_with_the_whole_problem() {
    let fixture = Fixture::published(0);
    let mut attempt = failed(at(1), at(61));
    attempt.errors = vec!["outer".into(), "inner".into()];
    let mut problem = Problem::of_kind(ProblemKind::Compound);
    let mut subproblem = Problem::of_kind(ProblemKind::Other("urn:example:odd".into()));
    subproblem.identifier = Some(identifier("example.com"));
    problem.subproblems.push(subproblem);
    attempt.problem = Some(problem);
    attempt.other_problems = vec![Problem::from_status(503)];
    attempt.identifier = Some(identifier("example.com"));
    attempt.help = vec!["https://ca.example/help".into()];
    attempt.retry_after = Some(Duration::from_secs(60));
    fixture.store.record_attempt(&name(), &attempt).unwrap();
    assert_eq!(fixture.reopen().attempts(&name()).unwrap(), [attempt]);
}

#[test]
fn the_last_attempts_are_kept() {
    let fixture = Fixture::published(0);
    let limit = i64::from(Store::MAX_ATTEMPTS);
    for second in 1..=limit {
        fixture.store.record_attempt(&name(), &failed(at(second), at(second))).unwrap();
    }
    assert_eq!(fixture.store.attempts(&name()).unwrap().last().unwrap().at, at(1));
    fixture.store.record_attempt(&name(), &failed(at(limit + 1), at(limit + 1))).unwrap();
    let attempts = fixture.store.attempts(&name()).unwrap();
    assert_eq!(attempts.len(), Store::MAX_ATTEMPTS as usize);
    assert_eq!((attempts[0].at, attempts.last().unwrap().at), (at(limit + 1), at(2)));
}

#[test]
fn failures_count_until_something_succeeds() {
    let fixture = Fixture::published(0);
    fixture.store.record_attempt(&name(), &failed(at(1), at(61))).unwrap();
    fixture.store.record_attempt(&name(), &failed(at(62), at(662))).unwrap();
    let record = fixture.store.certificate(&name()).unwrap().unwrap();
    assert_eq!((record.failures, record.next_attempt_at), (2, Some(at(662))));
    fixture.store.record_attempt(&name(), &Attempt::new(at(700), "download", Outcome::Succeeded)).unwrap();
    let record = fixture.store.certificate(&name()).unwrap().unwrap();
    assert_eq!((record.failures, record.next_attempt_at), (0, None));
}

#[test]
fn a_failed_certificate_is_left_alone_until_its_time() {
    let fixture = Fixture::published(0);
    assert_eq!(due(&fixture.store, at(0)), ["example.com"]);
    fixture.store.record_attempt(&name(), &failed(at(1), at(61))).unwrap();
    assert!(due(&fixture.store, at(60)).is_empty());
    assert_eq!(due(&fixture.store, at(61)), ["example.com"]);
    let mut other = settings();
    other.reuse_key = true;
    fixture.store.update_settings(&name(), &other).unwrap();
    assert_eq!(due(&fixture.store, at(2)), ["example.com"]);
}

#[test]
fn due_certificates_come_earliest_first() {
    let fixture = Fixture::new();
    for (host, second) in [("late", 30), ("early", 10), ("later", 31)] {
        let name = CertificateName::new(host).unwrap();
        fixture.store.create_certificate(&name, &settings(), at(0)).unwrap();
        let publication = acme_store::Publication { due: at(second), ..publication(1) };
        fixture.store.publish(&name, &publication, at(0)).unwrap();
    }
    assert!(due(&fixture.store, at(9)).is_empty());
    assert_eq!(due(&fixture.store, at(30)), ["early", "late"]);
    fixture.store.set_due(&CertificateName::new("later").unwrap(), at(1)).unwrap();
    assert_eq!(due(&fixture.store, at(1)), ["later"]);
}

#[test]
fn a_revoked_certificate_is_due_or_retired_until_it_is_published_anew() {
    let fixture = Fixture::published(1);
    let replace = Revocation::new(at(5), AfterRevocation::Replace).with_reason(4);
    fixture.store.mark_revoked(&name(), &replace).unwrap();
    let record = fixture.store.certificate(&name()).unwrap().unwrap();
    assert_eq!(record.revocation, Some(replace));
    assert_eq!(due(&fixture.store, at(5)), ["example.com"]);

    let retire = Revocation::new(at(6), AfterRevocation::Retire);
    fixture.store.mark_revoked(&name(), &retire).unwrap();
    assert_eq!(fixture.store.certificate(&name()).unwrap().unwrap().revocation, Some(retire));
    assert!(due(&fixture.store, at(1_000_000_000)).is_empty());

    fixture.store.publish(&name(), &publication(2), at(7)).unwrap();
    let record = fixture.store.certificate(&name()).unwrap().unwrap();
    assert_eq!((record.revocation, record.due), (None, Some(publication(2).due)));
    assert_eq!(due(&fixture.store, publication(2).due), ["example.com"]);
}

#[test]
fn a_deleted_certificate_leaves_nothing_and_starts_anew() {
    let fixture = Fixture::published(2);
    fixture.store.save_checkpoint(&name(), &checkpoint(&[])).unwrap();
    fixture.store.record_attempt(&name(), &failed(at(1), at(2))).unwrap();
    fixture.store.delete_certificate(&name()).unwrap();
    assert!(!fixture.lineage().exists());
    fixture.store.create_certificate(&name(), &settings(), at(9)).unwrap();
    let store = fixture.reopen();
    assert!(store.checkpoint(&name()).unwrap().is_none());
    assert!(store.attempts(&name()).unwrap().is_empty());
    assert_eq!(store.publish(&name(), &publication(1), at(9)).unwrap().generation, 1);
}

#[test]
fn a_deletion_removes_a_link_and_not_what_it_points_to() {
    let fixture = Fixture::published(1);
    let precious = tempfile::tempdir().unwrap();
    fs::write(precious.path().join("file"), "").unwrap();
    fs::rename(fixture.lineage(), precious.path().join("moved")).unwrap();
    symlink(precious.path(), fixture.lineage()).unwrap();
    fixture.store.delete_certificate(&name()).unwrap();
    assert!(fs::symlink_metadata(fixture.lineage()).is_err());
    assert!(precious.path().join("file").exists() && precious.path().join("moved/current").exists());
}

#[test]
fn what_is_asked_of_an_unknown_certificate_is_refused() {
    let store = Fixture::new();
    let store = &store.store;
    let revocation = Revocation::new(at(0), AfterRevocation::Retire);
    let errors = [
        store.update_settings(&name(), &settings()).unwrap_err(),
        store.publish(&name(), &publication(1), at(0)).unwrap_err(),
        store.record_attempt(&name(), &failed(at(0), at(0))).unwrap_err(),
        store.save_checkpoint(&name(), &checkpoint(&[])).unwrap_err(),
        store.mark_revoked(&name(), &revocation).unwrap_err(),
        store.set_due(&name(), at(0)).unwrap_err(),
        store.delete_certificate(&name()).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::NoSuchCertificate { .. }), "{error:?}");
        assert_eq!(error.to_string(), "there is no certificate 'example.com'");
    }
    assert!(store.publication(&name()).unwrap().is_none());
    assert!(store.certificates().unwrap().records.is_empty());
}

#[test]
fn a_damaged_certificate_does_not_hide_the_others() {
    let fixture = Fixture::published(1);
    let other = CertificateName::new("another.example").unwrap();
    fixture.store.create_certificate(&other, &settings(), at(0)).unwrap();
    fixture.sql("UPDATE certificates SET settings = '{\"names\": 7' WHERE name = 'another.example'");
    let listing = fixture.store.certificates().unwrap();
    assert_eq!(listing.records.len(), 1);
    let text = chain(&listing.damaged[0]);
    assert!(text.starts_with("the certificate 'another.example' in "), "{text}");
    assert!(matches!(fixture.store.certificate(&other), Err(Error::DamagedItem { .. })));
    fixture.store.delete_certificate(&other).unwrap();
    assert!(fixture.store.certificates().unwrap().damaged.is_empty());
}
