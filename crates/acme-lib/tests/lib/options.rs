//! What a certificate can be asked for beyond its names, and when it is to be renewed.

use std::time::Duration;

use acme_keys::CertificateInfo;
use acme_lib::proto::{self, Misuse, OrderOption};
use acme_lib::{IssueRequest, ProblemKind, RenewalInfo};
use acme_testca::{Action, Config, Fault, Operation, Problem, Profile, RenewalWindow, RetryAfter, TestCa};
use jiff::{SignedDuration, Timestamp};

use crate::issue::Desk;
use crate::world;

/// A CA with two profiles.
fn with_profiles() -> TestCa {
    let mut config = Config::gentle();
    config.always_valid = true;
    config.profiles.insert("classic".into(), Profile::new("as ever"));
    let lifetime = Duration::from_secs(6 * 24 * 3600);
    config.profiles.insert("shortlived".into(), Profile::new("six days").lifetime(lifetime));
    TestCa::builder().config(config).start().unwrap()
}

fn days(info: &CertificateInfo) -> i64 {
    info.not_after.duration_since(info.not_before).as_hours() / 24
}

#[test]
fn a_profile_is_asked_for_and_comes() {
    let ca = with_profiles();
    let account = world::builder(&ca).open().unwrap();
    for request in [
        IssueRequest::new(["a.example"]).profile("shortlived"),
        IssueRequest::new(["b.example"]).preferred_profile("shortlived"),
    ] {
        let issued = account.issuance(&request).run(&mut Desk::default()).unwrap();
        assert_eq!(issued.profile.as_deref(), Some("shortlived"));
        assert!(days(issued.certificate.info()) < 7);
    }
}

#[test]
fn a_profile_that_there_is_not_is_an_error_or_nothing() {
    let ca = with_profiles();
    let account = world::builder(&ca).open().unwrap();
    let request = IssueRequest::new(["a.example"]).profile("tlsclient");
    let error = account.issue(&request, &mut Desk::default()).unwrap_err();
    let Some(proto::Error::Misuse(Misuse::ProfileNotOffered { offered, .. })) = error.as_acme() else {
        panic!("{error:?}")
    };
    assert_eq!(offered.join(" "), "classic shortlived");
    assert_eq!(world::count(&ca, Operation::NewOrder), 0);
    let request = IssueRequest::new(["a.example"]).preferred_profile("tlsclient");
    let issued = account.issuance(&request).run(&mut Desk::default()).unwrap();
    assert_eq!((issued.profile, world::count(&ca, Operation::NewOrder)), (None, 1));
}

#[test]
fn a_preferred_profile_that_is_refused_is_done_without() {
    let ca = with_profiles();
    let account = world::builder(&ca).open().unwrap();
    let refusal = Problem::new("unauthorized", 403, "not on the list");
    ca.fault(Fault::on(Operation::NewOrder, Action::Problem(refusal.into())));
    let request = IssueRequest::new(["a.example"]).preferred_profile("shortlived");
    let certificate = account.issue(&request, &mut Desk::default()).unwrap();
    assert!(days(certificate.info()) > 7);
    assert_eq!(world::count(&ca, Operation::NewOrder), 2);
}

#[test]
fn dates_that_are_refused_are_named_with_the_whole_problem() {
    let mut config = Config::gentle();
    config.order_dates = false;
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    let request = IssueRequest::new(["a.example"]).not_after(tomorrow);
    let error = account.issue(&request, &mut Desk::default()).unwrap_err();
    let refusal = world::refusal(&error);
    assert_eq!(refusal.options, [OrderOption::NotAfter]);
    assert_eq!(refusal.problem.kind, ProblemKind::Malformed);
    assert!(refusal.problem.detail.is_some());
}

#[test]
fn a_window_is_read_and_a_moment_drawn_from_it() {
    let mut config = Config::gentle();
    config.always_valid = true;
    config.renewal_info_retry_after = RetryAfter::Seconds(7);
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let certificate = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).unwrap();
    let info = account.renewal(&certificate).unwrap().unwrap();
    let first = info.moment(None, 1 << 60);
    assert!(certificate.info().not_before < first.at && first.at < certificate.info().not_after);
    assert_eq!(info.retry_after, proto::limits::MIN_RENEWAL_INFO_WAIT);
    assert_eq!(info.moment(Some(first), 0), first);

    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let moved = RenewalWindow::new(now - SignedDuration::from_hours(2), now - SignedDuration::from_hours(1))
        .explained_at("https://ca.example/incident");
    assert!(ca.set_renewal_window(&ca.issued()[0].serial, moved));
    let info = account.renewal(certificate.info()).unwrap().unwrap();
    assert_eq!(info.explanation_url.as_deref(), Some("https://ca.example/incident"));
    let second = info.moment(Some(first), 1 << 60);
    assert_eq!(second.window.end, now - SignedDuration::from_hours(1));
    assert_eq!(second.wait(now), Duration::ZERO);
    assert_eq!(ca.requests().last().unwrap().account, None, "nobody signs");
}

#[test]
fn a_ca_without_renewal_information_is_no_error() {
    let mut config = Config::gentle();
    (config.always_valid, config.renewal_info) = (true, false);
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let certificate = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).unwrap();
    assert!(account.renewal(&certificate).unwrap().is_none());
    let request = IssueRequest::new(["a.example"]).replaces(&certificate);
    account.issue(&request, &mut Desk::default()).unwrap();
}

#[test]
fn renewal_information_that_fails_says_when_to_ask_again() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let certificate = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).unwrap();
    let gone = Problem::new("malformed", 404, "no such certificate");
    ca.fault(Fault::on(Operation::RenewalInfo, Action::Problem(gone.into())));
    let error = account.renewal(&certificate).unwrap_err();
    let wait = RenewalInfo::wait_after(error.as_acme().unwrap(), 1);
    assert_eq!(wait, proto::limits::RENEWAL_INFO_WAIT);
}

#[test]
fn a_predecessor_is_replaced_once() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let first = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).unwrap();
    let request = IssueRequest::new(["a.example", "b.example"]).replaces(&first);
    account.issue(&request, &mut Desk::default()).unwrap();
    assert_eq!(world::count(&ca, Operation::NewOrder), 2);
    account.issue(&request, &mut Desk::default()).unwrap();
    let refused: Vec<_> = ca.requests().into_iter().filter_map(|request| request.problem).collect();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].ends_with("alreadyReplaced"), "{refused:?}");
    assert_eq!(world::count(&ca, Operation::NewOrder), 4);
}

#[test]
fn a_predecessor_of_other_names_is_left_out() {
    let ca = world::gentle().start().unwrap();
    let account = world::builder(&ca).open().unwrap();
    let first = account.issue(&IssueRequest::new(["a.example"]), &mut Desk::default()).unwrap();
    let request = IssueRequest::new(["b.example"]).replaces(&first);
    account.issue(&request, &mut Desk::default()).unwrap();
    assert_eq!(world::count(&ca, Operation::NewOrder), 3);
}
