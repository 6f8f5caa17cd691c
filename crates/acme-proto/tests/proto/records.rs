//! Proofs that name the account in DNS, and those for IP addresses.

use std::sync::Arc;
use std::time::Duration;

use acme_proto::{
    Authorization, Challenge, ChallengeType, Checkpoint, Directory, Error, Issue, Jwk, Misuse, Operation,
    PersistPolicy, PersistRecord, Session, Thumbprint, Violation,
};
use serde_json::{Value, json};

use super::ca::{ACCOUNT, Canned, DIRECTORY};
use super::sha256::sha256;
use super::world::{ToySigner, World, intent, names};

const TOKEN: &str = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";

/// An authorization with one challenge, of a CA whose directory has this `meta`.
struct Offer {
    meta: Value,
    identifier: Value,
    wildcard: bool,
    challenge: Value,
}

impl Offer {
    fn of(kind: &str, members: Value) -> Self {
        let mut challenge = json!({"type": kind, "url": format!("https://ca.test/chall/0/{kind}")});
        let members = members.as_object().unwrap();
        challenge.as_object_mut().unwrap().extend(members.clone());
        Self {
            meta: json!({}),
            identifier: json!({"type": "dns", "value": "a.example"}),
            wildcard: false,
            challenge,
        }
    }

    fn persist(members: Value) -> Self {
        Self::of("dns-persist-01", members)
    }

    fn for_ip(self, address: &str) -> Self {
        Self { identifier: json!({"type": "ip", "value": address}), ..self }
    }

    fn wildcard(self) -> Self {
        Self { wildcard: true, ..self }
    }

    fn canned(&self) -> Canned {
        let document = json!({
            "status": "pending",
            "identifier": self.identifier,
            "wildcard": self.wildcard,
            "challenges": [self.challenge],
        });
        Canned::new(200, document.to_string())
    }

    fn world(&self) -> World {
        let mut world = World::cold();
        world.ca.directory.insert("meta", self.meta.clone());
        world.open_account();
        world
    }

    fn respond_confirming(&self, uris: &[&str]) -> Result<Challenge, Error> {
        let mut world = self.world();
        world.ca.answer(Operation::Authorization, self.canned());
        let authorization = world.run(&mut Authorization::read("https://ca.test/authz/0")).unwrap();
        let uris: Vec<String> = uris.iter().map(|uri| (*uri).to_string()).collect();
        let respondent = world.session.respondent().unwrap().danger_confirm_account_uris(&uris);
        Challenge::respond(&authorization, &authorization.challenges[0], &respondent)
    }

    fn respond(&self) -> Result<Challenge, Error> {
        self.respond_confirming(&[])
    }

    fn violation(&self) -> Violation {
        let Err(Error::Protocol(error)) = self.respond() else { panic!("{:?}", self.challenge) };
        error.violation
    }
}

fn rfc7638_rsa() -> Thumbprint {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
             FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnY\
             b9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0L\
             s1jF44-csFCur-kEgU8awapJzKnqDKgw";
    Thumbprint::new(&Jwk::Rsa { e: "AQAB".into(), n: n.into() }, sha256)
}

fn rfc7515_ec() -> Thumbprint {
    let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into();
    let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into();
    Thumbprint::new(&Jwk::Ec { curve: "P-256", x, y }, sha256)
}

#[test]
fn hashed_account_uris_are_those_that_other_clients_compute() {
    let prefix = "https://ca.example/account-hash/";
    for (thumbprint, domain, hash) in [
        (rfc7638_rsa(), "example.com", "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"),
        (rfc7638_rsa(), "*", "NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"),
        (rfc7515_ec(), "example.com", "Mi3_qFAbBd0puIyqoGgHuL_idQmpG-rmcpX1wIoF7jo"),
    ] {
        let uri =
            PersistRecord::hashed_account_uri(prefix, domain, &thumbprint, "https://ca.example/acct/123");
        assert_eq!(uri, format!("{prefix}sha-256/{hash}"));
    }
}

#[test]
fn account_labels_are_those_of_the_draft() {
    for (url, label) in [
        ("https://example.com/acme/acct/ExampleAccount", "_ujmmovf2vn55tgye"),
        ("https://acme-v02.api.letsencrypt.org/acme/acct/12345678", "_gkszh5fdsf6rdodf"),
    ] {
        let offer = Offer::of("dns-account-01", json!({"token": TOKEN}));
        let mut world = offer.world();
        world.session.sign_in(url, Arc::new(ToySigner::account())).unwrap();
        world.ca.answer(Operation::Authorization, offer.canned());
        let authorization = world.run(&mut Authorization::read("https://ca.test/authz/0")).unwrap();
        let respondent = world.session.respondent().unwrap();
        let challenge =
            Challenge::respond(&authorization, &authorization.challenges[0], &respondent).unwrap();
        assert_eq!(challenge.dns_name(), format!("{label}._acme-challenge.a.example"));
        let dns01 = Offer::of("dns-01", json!({"token": TOKEN})).respond().unwrap();
        assert_eq!(challenge.dns_value(), dns01.dns_value());
        assert_eq!(dns01.dns_name(), "_acme-challenge.a.example");
    }
}

#[test]
fn persistent_record_of_revision_00_has_the_accounts_url() {
    let challenge = Offer::persist(json!({"issuer-domain-names": ["ca.example", "other.example"]}));
    let challenge = challenge.respond().unwrap();
    assert_eq!(challenge.dns_name(), "_validation-persist.a.example");
    assert_eq!(challenge.dns_value(), format!("ca.example; accounturi={ACCOUNT}"));
    assert_eq!(challenge.token, "");
}

#[test]
fn persistent_record_of_revision_01_has_the_uri_of_the_challenge() {
    let members = json!({"issuer-domain-names": ["ca.example"], "accounturi": ACCOUNT});
    let challenge = Offer::persist(members).wildcard().respond().unwrap();
    assert_eq!(challenge.dns_name(), "_validation-persist.a.example");
    assert_eq!(challenge.dns_value(), format!("ca.example; accounturi={ACCOUNT}; policy=wildcard"));
    let record = challenge.persist_record().unwrap().clone();
    let record = record.expiring("2024-07-15T00:00:00Z".parse().unwrap());
    let expected = format!("ca.example; accounturi={ACCOUNT}; policy=wildcard; persistUntil=1721001600");
    assert_eq!(record.to_string(), expected);
}

#[test]
fn persistent_record_of_revision_02_has_a_hashed_uri() {
    let mut offer = Offer::persist(json!({"issuerDomainNames": ["ca.example"]}));
    assert_eq!(offer.violation(), Violation::Member("accountHashPrefix"));
    offer.meta = json!({"accountHashPrefix": "https://ca.test/hash/", "issuerDomainNames": ["ca.example"]});
    let value = offer.respond().unwrap().dns_value();
    let thumbprint = offer.world().session.thumbprint().unwrap();
    let uri = PersistRecord::hashed_account_uri("https://ca.test/hash/", "a.example", &thumbprint, ACCOUNT);
    assert_eq!(value, format!("ca.example; accounturi={uri}"));
    offer.meta["issuerDomainNames"] = json!(["other.example"]);
    assert_eq!(offer.violation(), Violation::Member("issuer-domain-names"));
}

#[test]
fn ca_takes_every_name_of_it_and_every_form_of_the_account() {
    let issuers = json!(["ca.example", "other.example"]);
    let policy = Offer::persist(json!({"issuer-domain-names": issuers})).respond().unwrap();
    let policy = policy.persist_policy().unwrap();
    assert_eq!(policy.issuers, ["ca.example", "other.example"]);
    assert_eq!((policy.account_uris.as_slice(), policy.wildcard), (&[ACCOUNT.to_string()][..], false));
    let mut offer = Offer::persist(json!({"issuerDomainNames": issuers})).wildcard();
    offer.meta = json!({"accountHashPrefix": "https://ca.test/hash/", "issuerDomainNames": issuers});
    let policy = offer.respond().unwrap().persist_policy().unwrap().clone();
    let thumbprint = offer.world().session.thumbprint().unwrap();
    let uri =
        |domain| PersistRecord::hashed_account_uri("https://ca.test/hash/", domain, &thumbprint, ACCOUNT);
    assert_eq!((policy.account_uris, policy.wildcard), (vec![uri("a.example"), uri("*")], true));
}

const NOW: &str = "2026-12-01T00:00:00Z";
const LATER: &str = "2027-01-01T00:00:00Z";

/// What is made of some records: until when they permit, and what is wrong with the others.
fn examined(wildcard: bool, values: &[&str]) -> String {
    let policy = PersistPolicy::new(vec!["ca.example".into(), "other.example".into()], vec!["acct".into()]);
    let policy = if wildcard { policy.for_wildcard() } else { policy };
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    let findings = policy.examine(&values, NOW.parse().unwrap());
    let permitted = match findings.permitted {
        None => "no".to_string(),
        Some(None) => "for ever".to_string(),
        Some(Some(until)) => format!("until {until}"),
    };
    let faults: Vec<String> = findings.faults.iter().map(|(_, fault)| fault.to_string()).collect();
    format!("{permitted}; {}; {} of others", faults.join(", "), findings.others.len())
}

#[test]
fn records_that_permit_and_those_that_do_not_are_told_apart() {
    let later = LATER.parse::<jiff::Timestamp>().unwrap().as_second();
    let right = format!("Other.Example ;ACCOUNTURI=acct; persistuntil = {later} ;unknown=x=y");
    for (values, expected) in [
        (&[][..], "no; ; 0 of others"),
        (&["ca.example; accounturi=acct"], "for ever; ; 0 of others"),
        (&[right.as_str()], "until 2027-01-01T00:00:00Z; ; 0 of others"),
        (&[right.as_str(), "ca.example;accounturi=acct"], "for ever; ; 0 of others"),
        (&["third.example; accounturi=acct", "v=spf1 -all", ""], "no; ; 3 of others"),
        (&["ca.example; accounturi=acct/2"], "no; is for another account; 0 of others"),
        (
            &["ca.example; accounturi=acct; persistUntil=1"],
            "no; has lapsed at 1970-01-01T00:00:01Z; 0 of others",
        ),
        (
            &["ca.example; accounturi=acct; persistUntil=99999999999999999999"],
            "until 9999-12-30T22:00:00.999999999Z; ; 0 of others",
        ),
        (&["ca.example"], "no; is malformed: it has no accounturi; 0 of others"),
        (&["ca.example; accounturi=acct;"], "no; is malformed: '' is no parameter; 0 of others"),
        (
            &["ca.example; accounturi = ac ct"],
            "no; is malformed: 'accounturi = ac ct' is no parameter; 0 of others",
        ),
        (&["ca.example; accounturi=acct; -x=1"], "no; is malformed: '-x=1' is no parameter; 0 of others"),
        (
            &["ca.example; accounturi=acct; AccountURI=acct"],
            "no; is malformed: it has accounturi twice; 0 of others",
        ),
        (
            &["ca.example; accounturi=acct; persistUntil=tomorrow", "ca.example; accounturi=acct"],
            "for ever; is malformed: its persistUntil 'tomorrow' is no number of seconds; 0 of others",
        ),
    ] {
        assert_eq!(examined(false, values), expected, "{values:?}");
    }
    for (value, expected) in [
        ("ca.example; accounturi=acct; policy=Wildcard", "for ever; ; 0 of others"),
        ("ca.example; accounturi=acct", "no; has no policy=wildcard; 0 of others"),
        ("ca.example; accounturi=acct; policy=strict", "no; has no policy=wildcard; 0 of others"),
    ] {
        assert_eq!(examined(true, &[value]), expected, "{value}");
    }
}

#[test]
fn what_was_written_is_read_as_it_was() {
    let plain = PersistRecord::new("a.example", "ca.example", ACCOUNT);
    for record in
        [plain.clone(), plain.clone().for_wildcard(), plain.for_wildcard().expiring(LATER.parse().unwrap())]
    {
        assert_eq!(PersistRecord::parse("a.example", &record.to_string()), Ok(record));
    }
}

#[test]
fn record_for_another_account_is_refused_unless_it_is_confirmed() {
    let theirs = "https://ca.test/acct/666";
    let offer = Offer::persist(json!({"issuer-domain-names": ["ca.example"], "accounturi": theirs}));
    let Err(Error::Misuse(Misuse::AccountUri { account_uri, .. })) = offer.respond() else { panic!() };
    assert_eq!(account_uri, theirs);
    offer.respond_confirming(&["https://ca.test/acct/66"]).unwrap_err();
    let challenge = offer.respond_confirming(&[theirs]).unwrap();
    assert_eq!(challenge.dns_value(), format!("ca.example; accounturi={theirs}"));
}

#[test]
fn list_of_issuers_that_breaks_a_rule_is_refused() {
    let numbered = |count: usize| (0..count).map(|n| format!("ca-{n}.example")).collect::<Vec<_>>();
    let most = PersistRecord::MAX_ISSUERS;
    Offer::persist(json!({"issuer-domain-names": numbered(most)})).respond().unwrap();
    let long = "a.".repeat(126) + "ab";
    for issuers in [
        json!([]),
        json!(null),
        json!("ca.example"),
        json!(numbered(most + 1)),
        json!(["CA.example"]),
        json!(["ca.example."]),
        json!(["b\u{fc}cher.example"]),
        json!(["ca.example", 7]),
        json!(["ca.example", "ca_2.example"]),
        json!(["ca.example; policy=wildcard"]),
        json!(["192.0.2.1"]),
        json!(["*.example"]),
        json!([long]),
    ] {
        let offer = Offer::persist(json!({"issuer-domain-names": issuers, "token": TOKEN}));
        assert_eq!(offer.violation(), Violation::Member("issuer-domain-names"), "{issuers}");
    }
}

#[test]
fn persistent_record_is_presented_answered_and_left() {
    let offer = Offer::persist(json!({"issuer-domain-names": ["ca.example"]}));
    let mut world = offer.world();
    world.ca.answer(Operation::Authorization, offer.canned());
    let choices = vec![(names(&["a.example"]).remove(0), vec![ChallengeType::DnsPersist01])];
    world.run(&mut Issue::new(intent(&["a.example"]), choices).unwrap()).unwrap();
    assert_eq!(world.count("present dns-persist-01 a.example"), 1);
    assert_eq!(world.count("challenge /chall/0/dns-persist-01 {}"), 1);
    assert_eq!(world.count("withdraw"), 0);
    assert!(world.saved.unwrap().presented.is_empty());
}

#[test]
fn confirmed_account_uri_reaches_the_solver() {
    let theirs = "https://ca.test/acct/666";
    let offer = Offer::persist(json!({"issuer-domain-names": ["ca.example"], "accounturi": theirs}));
    for (confirmed, is_ok) in [(vec![], false), (vec![theirs.to_string()], true)] {
        let mut world = offer.world();
        world.ca.answer(Operation::Authorization, offer.canned());
        let choices = vec![(names(&["a.example"]).remove(0), vec![ChallengeType::DnsPersist01])];
        let flow = Issue::new(intent(&["a.example"]), choices).unwrap();
        let outcome = world.run(&mut flow.danger_confirm_account_uris(confirmed));
        assert_eq!(outcome.is_ok(), is_ok);
        assert_eq!(world.count("present"), usize::from(is_ok));
    }
}

#[test]
fn next_type_is_used_where_the_first_one_cannot_be() {
    let offer = Offer::persist(json!({"issuer-domain-names": []}));
    let mut world = offer.world();
    let mut document =
        json!({"status": "pending", "identifier": offer.identifier, "challenges": [offer.challenge]});
    let dns01 = json!({"type": "dns-01", "url": "https://ca.test/chall/0/dns-01", "token": TOKEN});
    document["challenges"].as_array_mut().unwrap().push(dns01);
    world.ca.answer(Operation::Authorization, Canned::new(200, document.to_string()));
    let types = vec![ChallengeType::DnsPersist01, ChallengeType::Dns01];
    let choices = vec![(names(&["a.example"]).remove(0), types)];
    world.run(&mut Issue::new(intent(&["a.example"]), choices).unwrap()).unwrap();
    assert_eq!(world.count("present dns-01 a.example"), 1);
}

#[test]
fn address_is_not_proved_in_dns() {
    for kind in ["dns-01", "dns-account-01", "dns-persist-01"] {
        let members = json!({"token": TOKEN, "issuer-domain-names": ["ca.example"]});
        let Err(error) = Offer::of(kind, members).for_ip("192.0.2.1").respond() else { panic!("{kind}") };
        assert!(matches!(error, Error::Misuse(Misuse::NoChallenge { .. })), "{error}");
    }
}

#[test]
fn address_is_proved_at_the_address_or_under_its_reverse_name() {
    let cases = [
        ("192.0.2.1", "http://192.0.2.1/", "1.2.0.192.in-addr.arpa"),
        (
            "2001:0DB8:0:0::1",
            "http://[2001:db8::1]/",
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        ),
    ];
    for (address, url, server_name) in cases {
        let http = Offer::of("http-01", json!({"token": TOKEN})).for_ip(address).respond().unwrap();
        assert_eq!(http.http_url(), format!("{url}.well-known/acme-challenge/{TOKEN}"));
        let alpn = Offer::of("tls-alpn-01", json!({"token": TOKEN})).for_ip(address).respond().unwrap();
        assert_eq!(alpn.tls_server_name(), server_name);
    }
    let name = Offer::of("http-01", json!({"token": TOKEN})).respond().unwrap();
    assert_eq!(name.http_url(), format!("http://a.example/.well-known/acme-challenge/{TOKEN}"));
}

#[test]
fn order_for_an_address_has_its_canonical_form() {
    let mut world = World::warm();
    world.issue(&["2001:0DB8:0:0::1"]).unwrap();
    assert_eq!(
        world.count(r#"newOrder /new-order {"identifiers":[{"type":"ip","value":"2001:db8::1"}]}"#),
        1
    );
    assert!("*.192.0.2.1".parse::<acme_proto::Identifier>().is_err());
}

#[test]
fn challenge_of_an_earlier_version_is_read() {
    let challenge = Offer::of("dns-01", json!({"token": TOKEN})).respond().unwrap();
    let mut checkpoint = Checkpoint::new(intent(&["a.example"]));
    checkpoint.presented.push(challenge);
    let mut old = serde_json::to_value(&checkpoint).unwrap();
    let members = old["presented"][0].as_object_mut().unwrap();
    for member in ["account_label", "persist_record"] {
        assert_eq!(members.remove(member), Some(Value::Null));
    }
    assert_eq!(serde_json::from_value::<Checkpoint>(old).unwrap(), checkpoint);
}

#[test]
fn challenge_with_a_record_survives_being_written() {
    let persist = Offer::persist(json!({"issuer-domain-names": ["ca.example"]})).wildcard();
    let account = Offer::of("dns-account-01", json!({"token": TOKEN}));
    for offer in [persist, account] {
        let challenge = offer.respond().unwrap();
        let json = serde_json::to_string(&challenge).unwrap();
        let read: Challenge = serde_json::from_str(&json).unwrap();
        assert_eq!((read.dns_name(), read.dns_value()), (challenge.dns_name(), challenge.dns_value()));
    }
}

#[test]
fn name_below_an_ancestor_is_proved_by_the_ancestor() {
    for is_offered in [true, false] {
        let mut world = World::cold();
        world.ca.directory.insert("meta", json!({"subdomainAuthAllowed": is_offered}));
        world.open_account();
        let offer = Offer::of("http-01", json!({"token": TOKEN}));
        let mut intent = intent(&["www.b.a.example", "b.example"]);
        intent.ancestor_domains = names(&["example", "a.example", "c.example"]);
        if is_offered {
            world.ca.answer(Operation::Authorization, offer.canned());
        }
        let choices = super::world::choices(&intent.identifiers);
        world.run(&mut Issue::new(intent, choices).unwrap()).unwrap();
        let ancestor = r#"{"ancestorDomain":"a.example","type":"dns","value":"www.b.a.example"}"#;
        assert_eq!(world.transcript().contains(ancestor), is_offered);
        let presented =
            if is_offered { "present http-01 a.example" } else { "present http-01 www.b.a.example" };
        assert_eq!(world.count(presented), 1, "{}", world.transcript());
    }
}

#[test]
fn respondent_is_there_once_an_account_is() {
    let mut session = Session::new(DIRECTORY, "test/1", sha256, 1).unwrap();
    assert!(session.respondent().is_none());
    session.sign_in(ACCOUNT, Arc::new(ToySigner::account())).unwrap();
    assert!(session.respondent().is_some());
    let mut world = World::cold();
    world.run(&mut Directory::fetch()).unwrap();
    assert_eq!(world.waited, Duration::ZERO);
}
