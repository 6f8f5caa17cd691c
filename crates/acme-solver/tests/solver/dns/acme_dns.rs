//! A stand-in of acme-dns.
//!
//! After its published README ("Usage", "API": /register and /update). What it refuses: users and
//! keys that do not belong together, subdomains of others, and values that are not 43 characters of
//! base64url. It keeps the last two values of a subdomain, and tells older ones from newer ones by
//! the second.

use std::collections::BTreeMap;
use std::time::Duration;

use acme_solver::dns::{CredentialError, DnsErrorKind, service};
use http::{Request, Response};
use serde_json::json;

use super::world::{Fake, SECRET, World, body, header, json, path};

struct AcmeDnsFake {
    /// The values of each subdomain: when each was written, and what it is.
    values: BTreeMap<String, [(u64, String); 2]>,
    /// Which requests are carried out, and answered with an error all the same.
    lost: Vec<u64>,
    requests: u64,
    /// Requests of a second.
    pace: u64,
}

impl Default for AcmeDnsFake {
    fn default() -> Self {
        let empty = || [(0, String::new()), (0, String::new())];
        let values = [FIRST, SECOND].map(|subdomain| (subdomain.to_owned(), empty()));
        Self { values: BTreeMap::from(values), lost: Vec::new(), requests: 0, pace: 1 }
    }
}

impl Fake for AcmeDnsFake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        assert_eq!(request.uri().to_string(), "https://auth.example.net/update");
        assert_eq!((request.method().as_str(), path(request).len()), ("POST", 1));
        self.requests += 1;
        let body = body(request);
        let subdomain = body["subdomain"].as_str().unwrap();
        let user = format!("user-of-{subdomain}");
        if header(request, "x-api-user") != user || header(request, "x-api-key") != SECRET {
            return json(401, &json!({ "error": "forbidden" }));
        }
        let value = body["txt"].as_str().unwrap();
        let is_value = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if value.len() != 43 || !value.chars().all(is_value) {
            return json(400, &json!({ "error": "bad_txt" }));
        }
        let now = 100 + self.requests / self.pace;
        let values = self.values.get_mut(subdomain).unwrap();
        // Of two that are as old the first is taken.
        let oldest = values.iter_mut().min_by_key(|(time, _)| *time).unwrap();
        *oldest = (now, value.to_owned());
        if self.lost.contains(&self.requests) {
            return Response::builder().status(502).body(Vec::new()).unwrap();
        }
        json(200, &json!({ "txt": value }))
    }

    fn values(&self, name: &str) -> Vec<String> {
        let subdomain = name.strip_suffix(".auth.example.net").unwrap();
        let mut values: Vec<String> = self.values[subdomain].iter().map(|(_, value)| value.clone()).collect();
        values.sort_unstable();
        values.retain(|value| !value.is_empty());
        values
    }

    fn put(&mut self, _name: &str, _value: &str) {
        unreachable!("nobody else has the account")
    }
}

const FIRST: &str = "d420c923-bbd7-4056-ab64-c3ca54c9b3cf";
const SECOND: &str = "8e5700ea-a4bf-41c7-8a77-e990661dcc6a";
const NAME: &str = "d420c923-bbd7-4056-ab64-c3ca54c9b3cf.auth.example.net";
const OTHER_NAME: &str = "8e5700ea-a4bf-41c7-8a77-e990661dcc6a.auth.example.net";

fn value(letter: char) -> String {
    letter.to_string().repeat(43)
}

/// A file as goacmedns writes it, the second account as it wrote it in former times.
fn storage(secret: &str) -> String {
    let stored = json!({
        "example.com": {
            "fulldomain": NAME, "subdomain": FIRST, "username": format!("user-of-{FIRST}"), "password": secret,
            "server_url": "https://auth.example.net",
        },
        "www.example.com": {
            "FullDomain": OTHER_NAME, "SubDomain": SECOND, "Username": format!("user-of-{SECOND}"),
            "Password": secret,
        },
    });
    stored.to_string()
}

fn world(secret: &str) -> World<AcmeDnsFake> {
    let storage = storage(secret);
    let variables = [("ACME_DNS_API_BASE", "https://auth.example.net/"), ("ACME_DNS_ACCOUNTS", &storage)];
    World::new("acme-dns", &variables, AcmeDnsFake::default())
}

#[test]
fn values_are_put_in_place_at_the_full_domains_of_the_accounts() {
    let mut world = world(SECRET);
    let (a, b) = (value('a'), value('b'));
    world.add(&[(NAME, &a), (NAME, &b), (OTHER_NAME, &a)]).unwrap();
    assert_eq!(world.fake.values(NAME), [a.clone(), b.clone()]);
    assert_eq!(world.fake.values(OTHER_NAME), std::slice::from_ref(&a));
    let before = world.requests.len();
    world.remove(&[(NAME, &a), (NAME, &b)]).unwrap();
    assert_eq!(world.requests.len(), before, "there is nothing to remove values with");
}

#[test]
fn one_account_needs_no_file() {
    let user = format!("user-of-{FIRST}");
    let variables = [
        ("ACME_DNS_API_BASE", "https://auth.example.net"),
        ("ACME_DNS_FULLDOMAIN", "D420C923-bbd7-4056-ab64-c3ca54c9b3cf.auth.example.net."),
        ("ACME_DNS_USERNAME", &user),
        ("ACME_DNS_PASSWORD", SECRET),
    ];
    let mut world = World::new("acmedns", &variables, AcmeDnsFake::default());
    world.add(&[(NAME, &value('a'))]).unwrap();
    assert_eq!(world.fake.values(NAME), [value('a')]);
    let error = world.add(&[("_acme-challenge.any.example", &value('a'))]).unwrap_err();
    assert!(matches!(&error.kind, DnsErrorKind::Cname { target, .. } if target == NAME), "{error}");
}

#[test]
fn missing_cname_is_named_and_nothing_is_written() {
    let mut world = world(SECRET);
    let error = world.add(&[("_acme-challenge.www.example.com", &value('a'))]).unwrap_err();
    assert!(!error.is_temporary());
    let expected = format!(
        "acme-dns does not write at _acme-challenge.www.example.com: there has to be a CNAME record to {OTHER_NAME}"
    );
    assert_eq!(error.to_string(), expected);
    let error = world.add(&[("_ujmmovf2vn55tgye._acme-challenge.example.com", &value('a'))]).unwrap_err();
    assert!(matches!(&error.kind, DnsErrorKind::Cname { target, .. } if target == NAME), "{error}");
    let below = format!("_acme-challenge.{NAME}");
    let error = world.add(&[(NAME, &value('a')), (&below, &value('a'))]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Cname { .. } | DnsErrorKind::NoZone { .. }), "{error}");
    assert!(world.requests.is_empty() || world.fake.values(NAME) == [value('a')]);
}

#[test]
fn domain_without_an_account_is_told_how_to_get_one() {
    let mut world = world(SECRET);
    let error = world.add(&[("_acme-challenge.example.org", &value('a'))]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::NoZone { .. }), "{error}");
    assert!(error.to_string().contains("/register"), "{error}");
    assert!(world.requests.is_empty(), "no account is registered by the way");
}

#[test]
fn more_values_than_the_server_keeps_are_refused_before_any_is_written() {
    let mut world = world(SECRET);
    let values = ['a', 'b', 'c'].map(value);
    let error = world.add(&values.each_ref().map(|value| (NAME, value.as_str()))).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::TooMany { most: 2, .. }), "{error}");
    assert!(!error.is_temporary());
    assert!(error.to_string().starts_with("acme-dns holds no more than 2 values at a name"), "{error}");
    assert!(world.requests.is_empty());
}

#[test]
fn update_whose_reply_was_lost_pushes_no_value_out() {
    for lost in [vec![1], vec![2], vec![1, 3], vec![2, 4]] {
        let mut world = world(SECRET);
        world.fake.lost = lost.clone();
        world.add(&[(NAME, &value('a')), (NAME, &value('b'))]).unwrap();
        assert_eq!(world.fake.values(NAME), [value('a'), value('b')], "{lost:?}");
        assert_eq!(world.waits.len(), lost.len());
    }
}

#[test]
fn busy_server_is_waited_for_and_one_that_stays_so_is_temporary() {
    let mut world = world(SECRET);
    let busy = world.fake.busy();
    world.canned.push_back(busy);
    world.add(&[(NAME, &value('a'))]).unwrap();
    assert_eq!(world.waits, [Duration::from_secs(7)]);

    world.canned.extend((0..40).map(|_| Response::builder().status(500).body(Vec::new()).unwrap()));
    let error = world.add(&[(NAME, &value('a'))]).unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert_eq!(world.waits[1..], [1, 2, 4].map(Duration::from_secs));
}

#[test]
fn wrong_password_is_not_shown() {
    let wrong = "some-wrong-secret-of-44-characters-987654321";
    let mut world = world(wrong);
    let error = world.add(&[(NAME, &value('a'))]).unwrap_err();
    assert!(matches!(error.kind, DnsErrorKind::Credentials { status: 401, .. }), "{error}");
    for text in [error.to_string(), format!("{error:?}"), format!("{:?}", world.provider)] {
        assert!(!text.contains(wrong), "{text}");
    }
}

#[test]
fn value_that_is_none_is_refused_with_the_words_of_the_server() {
    let error = world(SECRET).add(&[(NAME, "short")]).unwrap_err();
    assert_eq!(error.to_string(), "acme-dns refused (HTTP 400: bad_txt)");
}

#[test]
fn malformed_and_missing_accounts_are_named() {
    let make = |variables: &[(&str, &str)]| {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        service("acme-dns").unwrap().provider(&find).unwrap_err()
    };
    let base = ("ACME_DNS_API_BASE", "https://auth.example.net");
    let missing = make(&[base]);
    assert!(matches!(missing, CredentialError::Missing { variable: "ACME_DNS_FULLDOMAIN", .. }));
    let missing = make(&[("ACME_DNS_ACCOUNTS", "{}")]);
    assert!(matches!(missing, CredentialError::Missing { variable: "ACME_DNS_API_BASE", .. }));
    let missing = make(&[base, ("ACME_DNS_ACCOUNTS", "")]);
    assert!(matches!(missing, CredentialError::Missing { variable: "ACME_DNS_FULLDOMAIN", .. }));
    let (incomplete, wrong) =
        (r#"{"a":{"fulldomain":"a.b"}}"#, r#"{"a":{"fulldomain":"a","username":"","password":""}}"#);
    for text in ["[]", "{", incomplete, wrong] {
        let error = make(&[base, ("ACME_DNS_ACCOUNTS", text)]);
        let is_it = matches!(error, CredentialError::Malformed { variable: "ACME_DNS_ACCOUNTS", .. });
        assert!(is_it, "{text}: {error}");
    }
}
