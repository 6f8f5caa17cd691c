//! The directory: fetched once, from wherever it was moved to.

use std::sync::Arc;
use std::time::Duration;

use acme_proto::{Account, Directory, Error, Misuse, Operation, Session, Violation, limits};
use serde_json::{Value, json};

use super::ca::{ACCOUNT, Action, Canned};
use super::sha256::sha256;
use super::world::{ToySigner, World};

fn redirect(to: &str) -> Canned {
    Canned::new(302, "").header("location", to)
}

fn violation(error: Error) -> Violation {
    let Error::Protocol(error) = error else { panic!("{error}") };
    error.violation
}

#[test]
fn directory_is_fetched_once_and_again_when_it_is_old() {
    let mut world = World::warm();
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.count("directory"), 0);
    world.now = world.now.checked_add(limits::MAX_DIRECTORY_AGE).unwrap();
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.count("directory"), 0);
    world.now = world.now.checked_add(Duration::from_secs(1)).unwrap();
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.count("directory"), 1);
}

#[test]
fn directory_is_kept_when_the_clock_is_set_back() {
    let mut world = World::warm();
    world.now = world.now.checked_sub(Duration::from_secs(48 * 3600)).unwrap();
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.count("directory"), 0);
}

#[test]
fn redirects_are_followed_to_the_limit() {
    for (redirects, is_ok) in [(limits::MAX_REDIRECTS, true), (limits::MAX_REDIRECTS + 1, false)] {
        let mut world = World::cold();
        world.ca.fail_later(Operation::Directory, 0, redirects, Action::Instead(redirect("/dir")));
        let outcome = world.run(&mut Directory::fetch());
        assert_eq!(world.exchanges, limits::MAX_REDIRECTS as usize + 1);
        assert_eq!(outcome.is_ok(), is_ok);
        if let Err(error) = outcome {
            assert_eq!(violation(error), Violation::Redirect);
        }
    }
}

#[test]
fn redirects_are_followed_when_a_call_needs_the_directory() {
    let mut world = World::cold();
    world.session.sign_in(ACCOUNT, Arc::new(ToySigner::account())).unwrap();
    world.ca.answer(Operation::Directory, redirect("https://ca.test/dir"));
    world.run(&mut Account::read()).unwrap();
    assert_eq!(world.count("directory"), 2);
}

#[test]
fn relative_references_are_resolved() {
    let references = [
        "new-order",
        "/new-order",
        "//ca.test/new-order",
        "/new-order?at=https://ca.test/",
        "https://ca.test/new-order",
    ];
    for reference in references {
        let mut world = World::warm();
        world.ca.directory.insert("newOrder", json!(reference));
        world.run(&mut Directory::fetch()).unwrap();
        world.issue(&["a.example"]).unwrap();
        assert_eq!(world.count("newOrder /new-order"), 1, "{reference}");
    }
}

#[test]
fn redirect_to_anything_but_https_is_refused() {
    for location in ["http://ca.test/dir", "ftp://ca.test/", "https://", "https:///dir", "javascript://x"] {
        let mut world = World::cold();
        world.ca.answer(Operation::Directory, redirect(location));
        let error = world.run(&mut Directory::fetch()).unwrap_err();
        assert_eq!(violation(error), Violation::Redirect, "{location}");
    }
}

#[test]
fn redirect_of_anything_else_is_refused() {
    let mut world = World::warm();
    world.ca.answer(Operation::Account, redirect("https://ca.test/acct/1"));
    let error = world.run(&mut Account::read()).unwrap_err();
    assert_eq!(violation(error), Violation::Redirect);
}

#[test]
fn directory_that_is_not_json_is_named_with_its_start() {
    for body in ["<html>\n<h1>Welcome</h1>", "", "[]", "null", "\"text\"", "{\"newNonce\":"] {
        let mut world = World::cold();
        world.ca.answer(Operation::Directory, Canned::new(200, body));
        let error = world.run(&mut Directory::fetch()).unwrap_err();
        let Error::Protocol(error) = error else { panic!("{error}") };
        assert_eq!(error.violation, Violation::NotJson);
        assert_eq!(error.excerpt, body.replace('\n', " "));
    }
}

#[test]
fn excerpt_is_cut_at_its_limit() {
    let mut world = World::cold();
    world.ca.answer(Operation::Directory, Canned::new(200, "\u{e9}".repeat(limits::MAX_EXCERPT + 1)));
    let Error::Protocol(error) = world.run(&mut Directory::fetch()).unwrap_err() else { panic!() };
    assert_eq!(error.excerpt.chars().count(), limits::MAX_EXCERPT);
}

#[test]
fn members_of_wrong_types_are_absent() {
    for wrong in [json!(null), json!(7), json!([]), json!({}), json!("http://ca.test/new-order"), json!("")] {
        let mut world = World::warm();
        world.ca.directory.insert("newOrder", wrong.clone());
        world.run(&mut Directory::fetch()).unwrap();
        let error = world.issue(&["a.example"]).unwrap_err();
        let Error::Misuse(misuse) = error else { panic!("{wrong}: {error}") };
        assert_eq!(misuse, Misuse::NotOffered(Operation::NewOrder), "{wrong}");
    }
}

#[test]
fn meta_is_read_leniently() {
    let strange =
        [json!(null), json!([]), json!("x"), json!({"termsOfService": 1, "caaIdentities": {"a": 1}})];
    for meta in strange {
        let mut world = World::cold();
        world.ca.directory.insert("meta", meta);
        let directory = world.run(&mut Directory::fetch()).unwrap();
        assert_eq!(directory.meta.terms_of_service, None);
        assert!(directory.meta.caa_identities.is_empty() && !directory.meta.external_account_required);
    }
}

#[test]
fn document_is_kept_whole() {
    let mut world = World::cold();
    world
        .ca
        .directory
        .insert("meta", json!({"profiles": {"classic": "as ever"}, "caaIdentities": ["ca.test", 7]}));
    let directory = world.run(&mut Directory::fetch()).unwrap();
    assert_eq!(directory.document["meta"]["profiles"]["classic"], Value::from("as ever"));
    assert_eq!(directory.meta.caa_identities, ["ca.test"]);
}

#[test]
fn directory_that_fails_is_repeated() {
    let mut world = World::cold();
    world.ca.answer(Operation::Directory, Canned::new(502, "<html>"));
    world.ca.fail(Operation::Directory, Action::NotSent);
    world.run(&mut Directory::fetch()).unwrap();
    assert_eq!(world.transcript(), "directory GET /dir\ndirectory GET /dir\nwait 1s\ndirectory GET /dir");
}

#[test]
fn resource_that_moved_is_looked_up_again_once() {
    let mut world = World::warm();
    world.ca.epoch = 1;
    world.issue(&["a.example"]).unwrap();
    assert_eq!(world.count("directory"), 1);
    let mut world = World::warm();
    world.ca.fail_later(Operation::NewOrder, 0, 2, Action::Instead(Canned::problem(404, "malformed")));
    let error = world.issue(&["a.example"]).unwrap_err();
    assert_eq!(error.refusal().unwrap().problem.status, Some(404));
    assert_eq!((world.count("directory"), world.count("newOrder")), (1, 2));
}

#[test]
fn directory_url_has_to_be_absolute_and_https() {
    for url in ["", "ca.test", "/dir", "http://ca.test/dir", "https://", "https:// ca.test", "file:///dir"] {
        let outcome = Session::new(url, "test/1", sha256, 0);
        assert!(matches!(outcome, Err(Error::Misuse(Misuse::Url(_)))), "{url}");
    }
    assert!(Session::new("https://[::1]:14000/dir?x=1", "test/1", sha256, 0).is_ok());
}

fn directory_with(meta: Value) -> Directory {
    let mut world = World::cold();
    world.ca.directory.insert("meta", meta);
    world.run(&mut Directory::fetch()).unwrap()
}

#[test]
fn extensions_are_announced() {
    let meta = directory_with(json!({
        "profiles": {"classic": "as ever", "shortlived": "six days", "odd": 7},
        "subdomainAuthAllowed": true,
        "auto-renewal": {"min-lifetime": 86400, "max-duration": 31536000, "allow-certificate-get": true},
        "delegation-enabled": true,
        "allow-certificate-get": true,
        "accountHashPrefix": "https://ca.example/account-hash/",
        "issuerDomainNames": ["ca.example", 7],
        "inBandOnionCAARequired": true,
    }))
    .meta;
    let profiles: Vec<_> = meta.profiles.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(profiles, [("classic", "as ever"), ("odd", ""), ("shortlived", "six days")]);
    let auto_renewal = meta.auto_renewal.unwrap();
    assert_eq!(auto_renewal.min_lifetime, Some(Duration::from_secs(86400)));
    assert_eq!(auto_renewal.max_duration, Some(Duration::from_secs(31_536_000)));
    assert!(auto_renewal.allow_certificate_get);
    assert!(meta.subdomain_auth_allowed && meta.delegation_enabled && meta.allow_certificate_get);
    assert!(meta.in_band_onion_caa_required);
    assert_eq!(meta.account_hash_prefix.as_deref(), Some("https://ca.example/account-hash/"));
    assert_eq!(meta.issuer_domain_names, ["ca.example"]);
}

#[test]
fn extensions_of_the_wrong_type_are_not_there() {
    let meta = directory_with(json!({
        "profiles": ["classic"],
        "subdomainAuthAllowed": "yes",
        "auto-renewal": null,
        "delegation-enabled": 1,
        "accountHashPrefix": {},
        "issuerDomainNames": "ca.example",
    }))
    .meta;
    assert_eq!(meta, acme_proto::DirectoryMeta::default());
}

#[test]
fn resources_are_announced() {
    let directory = directory_with(Value::Null);
    let announced = [directory.has_key_change(), directory.has_new_authz(), directory.has_renewal_info()];
    assert_eq!(announced, [false; 3]);
    let mut world = World::cold();
    for (member, path) in
        [("keyChange", "/key"), ("newAuthz", "/authz"), ("renewalInfo", "https://ca.test/ari")]
    {
        world.ca.directory.insert(member, json!(path));
    }
    let directory = world.run(&mut Directory::fetch()).unwrap();
    assert!(directory.has_key_change() && directory.has_new_authz() && directory.has_renewal_info());
}

#[test]
fn language_is_asked_for_and_breaks_no_header() {
    let mut session = Session::new("https://ca.example/directory", "test/1", sha256, 1)
        .unwrap()
        .with_language("de,\r\nen;q=0.5");
    let start = acme_proto::Flow::resume(
        &mut Directory::fetch(),
        &mut session,
        acme_proto::Input::Start,
        jiff::Timestamp::UNIX_EPOCH,
    );
    let acme_proto::Step::Exchange(exchanges) = start.unwrap() else { panic!("no request") };
    assert_eq!(exchanges[0].request.headers()["accept-language"], "de,en;q=0.5");
}
