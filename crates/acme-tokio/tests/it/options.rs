//! What a certificate can be asked for beyond its names, and when it is to be renewed.

use std::time::Duration;

use acme_testca::{Config, DnsPersist, Operation, Profile, RenewalWindow, TestCa};
use acme_tokio::proto::{self, Misuse};
use acme_tokio::{ChallengeType, IssueRequest};
use jiff::{SignedDuration, Timestamp};

use crate::world::{self, Desk};

/// A CA with one profile.
fn with_profile() -> TestCa {
    let mut config = Config::gentle();
    config.always_valid = true;
    let lifetime = Duration::from_secs(6 * 24 * 3600);
    config.profiles.insert("shortlived".into(), Profile::new("six days").lifetime(lifetime));
    TestCa::builder().config(config).start().unwrap()
}

#[tokio::test]
async fn profile_is_asked_for_and_comes() {
    let ca = with_profile();
    let account = world::builder(&ca).open().await.unwrap();
    let request = IssueRequest::new(["a.example"]).profile("shortlived");
    let issued = account.issuance(&request).run(&mut Desk::default()).await.unwrap();
    assert_eq!(issued.profile.as_deref(), Some("shortlived"));
    assert!(issued.certificate.valid_days_left() < 7);
}

#[tokio::test]
async fn profile_that_there_is_not_is_an_error_or_nothing() {
    let ca = with_profile();
    let account = world::builder(&ca).open().await.unwrap();
    let request = IssueRequest::new(["a.example"]).profile("classic");
    let error = account.issue(&request, &mut Desk::default()).await.unwrap_err();
    let Some(proto::Error::Misuse(Misuse::ProfileNotOffered { .. })) = error.as_acme() else {
        panic!("{error:?}")
    };
    assert_eq!(world::count(&ca, Operation::NewOrder), 0);
    let request = IssueRequest::new(["a.example"]).preferred_profile("classic");
    let issued = account.issuance(&request).run(&mut Desk::default()).await.unwrap();
    assert_eq!(issued.profile, None);
}

#[tokio::test]
async fn window_is_read_and_a_moment_drawn_from_it() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let certificate = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).await.unwrap();
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let (start, end) = (now + SignedDuration::from_hours(1), now + SignedDuration::from_hours(3));
    assert!(ca.set_renewal_window(&ca.issued()[0].serial, RenewalWindow::new(start, end)));
    let info = account.renewal(&certificate).await.unwrap().unwrap();
    assert_eq!((info.suggested_window.start, info.suggested_window.end), (start, end));
    assert_eq!(info.moment(None, 1 << 63).at, now + SignedDuration::from_hours(2));
}

#[tokio::test]
async fn predecessor_is_replaced_once() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let first = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).await.unwrap();
    let request = IssueRequest::new(["a.example"]).replaces(&first);
    for orders in [2, 4] {
        account.issue(&request, &mut Desk::default()).await.unwrap();
        assert_eq!(world::count(&ca, Operation::NewOrder), orders);
    }
}

#[tokio::test]
async fn ca_without_renewal_information_is_no_error() {
    let mut config = Config::gentle();
    (config.always_valid, config.renewal_info) = (true, false);
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let certificate = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).await.unwrap();
    assert!(account.renewal(&certificate).await.unwrap().is_none());
}

#[tokio::test]
async fn refused_names_are_left_out_where_that_is_allowed() {
    let mut config = Config::gentle();
    (config.always_valid, config.wildcards) = (true, false);
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let request = IssueRequest::new(["*.a.example", "a.example"]);
    account.issue(&request, &mut Desk::default()).await.unwrap_err();
    let request = request.allow_partial();
    let issued = account.issuance(&request).run(&mut Desk::default()).await.unwrap();
    let out: Vec<String> = issued.left_out.iter().map(|out| out.identifier.to_string()).collect();
    assert_eq!(
        (out.as_slice(), issued.certificate.info().names.len()),
        (&["*.a.example".to_string()][..], 1)
    );
}

#[tokio::test]
async fn record_that_stays_is_not_taken_away() {
    let mut config = Config::gentle();
    (config.always_valid, config.dns_persist) = (true, Some(DnsPersist::Draft01));
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let mut desk = Desk::default().of_type(ChallengeType::DnsPersist01);
    account.issue(&IssueRequest::new(["a.example"]), &mut desk).await.unwrap();
    assert!(!desk.is_empty());
}
