//! Certificate chains: what is refused before a certificate is called issued.

use acme_proto::{
    Chain, ChainPreference, Chains, Error, Input, Issue, Leaf, Operation, SolverError, Step, Violation,
    limits,
};

use super::ca::{Action, Canned};
use super::der::{certificate, pem, public_key};
use super::sha256::sha256;
use super::world::{CERTIFICATE_KEY, World, names};

fn leaf() -> String {
    pem("CERTIFICATE", &certificate(&names(&["a.example"]), &public_key(CERTIFICATE_KEY)))
}

fn violation(chain: impl Into<String>) -> Option<Violation> {
    let mut world = World::warm();
    world.ca.answer(Operation::Certificate, Canned::new(200, chain));
    let error = world.issue(&["a.example"]).err()?;
    assert!(world.ca.in_place.is_empty());
    let Error::Protocol(error) = error else { panic!("{error}") };
    assert_eq!(error.operation, Operation::Certificate);
    Some(error.violation)
}

#[test]
fn chain_is_handed_out_with_its_leaf() {
    let mut world = World::warm();
    let issued = world.issue(&["b.example", "*.a.example", "192.0.2.7", "2001:db8::7"]).unwrap();
    let mut wanted = names(&["b.example", "*.a.example", "192.0.2.7", "2001:db8::7"]);
    let mut got = issued.chain.leaf.identifiers.clone();
    wanted.sort();
    got.sort();
    assert_eq!(got, wanted);
    assert_eq!(issued.chain.leaf.public_key_der, public_key(CERTIFICATE_KEY));
    assert_eq!(issued.chain.leaf.not_after.to_string(), "2026-04-01T00:00:00Z");
    assert_eq!(issued.chain.leaf.serial, [0x2a]);
    assert_eq!(issued.chain.certificates.len(), 1);
}

#[test]
fn text_of_a_chain_survives_the_way() {
    let text = leaf() + &leaf();
    assert_eq!(Chain::from_pem(text.as_bytes()).unwrap().to_pem(), text);
    assert_eq!(Chain::from_pem(text.replace('\n', "\r\n").as_bytes()).unwrap().to_pem(), text);
    assert_eq!(Chain::from_pem(format!("\n\n{}\n \n", text).as_bytes()).unwrap().to_pem(), text);
}

#[test]
fn other_blocks_and_other_text_are_refused() {
    let leaf = leaf();
    let key = pem("PRIVATE KEY", b"not ours");
    let cases = [
        (leaf.clone() + &key, "it has a block that is no certificate"),
        (key.clone() + &leaf, "it has a block that is no certificate"),
        (leaf.clone() + "-----BEGIN EC PRIVATE KEY-----", "it has a block that is no certificate"),
        (leaf.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "it has a block that is no certificate"),
        (leaf.replace("CERTIFICATE", "X509 CERTIFICATE"), "it has a block that is no certificate"),
        (format!("subject=a.example\n{leaf}"), "it has other text"),
        (format!("{leaf}trailing"), "it has other text"),
        ("<html>not found</html>".to_string(), "it has other text"),
        (String::new(), "it is empty"),
        (" \n".to_string(), "it is empty"),
        ("-----BEGIN CERTIFICATE-----\nAAAA".to_string(), "a certificate has no end"),
        (
            format!("-----BEGIN CERTIFICATE-----\n{key}-----END CERTIFICATE-----\n"),
            "a certificate is not base64",
        ),
        (
            leaf.replacen("MII", "M-I", 1).replacen("MIG", "M-G", 1).replacen("MIH", "M-H", 1),
            "a certificate is not base64",
        ),
        (pem("CERTIFICATE", b"garbage"), "its first certificate can't be read"),
        (pem("CERTIFICATE", b""), "its first certificate can't be read"),
    ];
    for (text, reason) in cases {
        assert_eq!(violation(text.clone()), Some(Violation::Chain(reason)), "{text}");
    }
}

#[test]
fn chain_that_is_not_text_is_refused() {
    assert_eq!(Chain::from_pem(b"\xff\xfe").unwrap_err(), Violation::Chain("it is not text"));
    assert_eq!(Chain::from_pem(&[0x30, 0x82]).unwrap_err(), Violation::Chain("it is not text"));
}

#[test]
fn length_of_a_chain_is_bounded() {
    assert_eq!(violation(leaf().repeat(limits::MAX_CHAIN)), None);
    let too_long = leaf().repeat(limits::MAX_CHAIN + 1);
    assert_eq!(violation(too_long), Some(Violation::Chain("it has too many certificates")));
}

#[test]
fn certificate_for_another_key_is_refused() {
    let other = certificate(&names(&["a.example"]), &public_key(CERTIFICATE_KEY + 1));
    assert_eq!(violation(pem("CERTIFICATE", &other)), Some(Violation::CertificateKey));
}

#[test]
fn certificate_for_other_names_is_refused() {
    for (got, text) in [
        (&["b.example"][..], "b.example"),
        (&["a.example", "b.example"], "a.example, b.example"),
        (&["*.a.example"], "*.a.example"),
        (&[], ""),
    ] {
        let other = certificate(&names(got), &public_key(CERTIFICATE_KEY));
        let wanted = Violation::CertificateNames { wanted: "a.example".into(), got: text.into() };
        assert_eq!(violation(pem("CERTIFICATE", &other)), Some(wanted));
    }
    let twice = certificate(&names(&["a.example", "a.example"]), &public_key(CERTIFICATE_KEY));
    assert_eq!(violation(pem("CERTIFICATE", &twice)), None);
}

#[test]
fn alternates_come_from_several_headers_and_from_lists() {
    let mut world = World::warm();
    world.ca.fail(
        Operation::Certificate,
        Action::Edit(|response| {
            let links = [
                r#"<https://ca.test/dir>;rel="index""#,
                r#"<https://ca.test/cert/0/1>; rel="alternate", </cert/0/2>;REL=Alternate; title="a, b""#,
                r#"<../x>; title="<y>; z", <3>; rel="up alternate""#,
                r#"<https://ca.test/a,b>;title="comma, \"quoted";rel=alternate"#,
                r#"<http://ca.test/plain>;rel="alternate""#,
                "garbage, <unclosed;rel=alternate",
                r#"<https://ca.test/no>;anchor="alternate""#,
            ];
            for link in links {
                response.headers_mut().append("link", link.parse().unwrap());
            }
        }),
    );
    let issued = world.issue(&["a.example"]).unwrap();
    assert_eq!(
        issued.chain.alternates,
        [
            "https://ca.test/cert/0/1",
            "https://ca.test/cert/0/2",
            "https://ca.test/cert/3",
            "https://ca.test/a,b"
        ]
    );
}

#[test]
fn chain_is_asked_for_by_its_media_type() {
    let mut world = World::warm();
    let mut flow = Chain::download("https://ca.test/cert/0");
    let step = acme_proto::Flow::resume(&mut flow, &mut world.session, Input::Start, world.now);
    let Ok(Step::Exchange(exchanges)) = step else { panic!() };
    assert_eq!(exchanges[0].request.headers()["accept"], Chain::MEDIA_TYPE);
}

#[test]
fn leaf_of_garbage_is_none() {
    let der = certificate(&names(&["a.example"]), &public_key(1));
    for end in 0..der.len() {
        assert_eq!(Leaf::from_der(&der[..end]), None);
    }
    assert!(Leaf::from_der(&der).is_some());
}

/// A CA with three chains, the first to `Old Root`.
fn with_chains() -> World {
    let mut world = World::warm();
    world.ca.chains = vec![("Old Root", 1), ("New Root", 2), ("Third Root", 3)];
    world
}

fn issuer(name: &str) -> ChainPreference {
    ChainPreference::IssuerName(name.to_string())
}

fn key(seed: u8) -> ChainPreference {
    ChainPreference::IssuerKey(sha256(&public_key(seed)))
}

fn issue_preferring(world: &mut World, preference: Option<ChainPreference>) -> Chain {
    world.run(&mut super::world::issue(&["a.example"]).preferring(preference)).unwrap().chain
}

#[test]
fn other_chains_are_left_alone_where_the_first_one_will_do() {
    for preference in [None, Some(issuer("Old Root")), Some(key(1))] {
        let mut world = with_chains();
        let chain = issue_preferring(&mut world, preference);
        assert_eq!(chain.issuer_name().as_deref(), Some("Old Root"));
        assert_eq!(world.count("certificate"), 1);
        assert_eq!(chain.alternates, ["https://ca.test/cert/0/1", "https://ca.test/cert/0/2"]);
    }
}

#[test]
fn preferred_chain_is_taken() {
    for preference in [issuer("Third Root"), key(3)] {
        let mut world = with_chains();
        let chain = issue_preferring(&mut world, Some(preference));
        assert_eq!(chain.issuer_name().as_deref(), Some("Third Root"));
        assert_eq!((world.count("certificate /cert/0"), world.count("certificate /cert/0/")), (3, 2));
    }
}

#[test]
fn first_chain_is_taken_where_none_is_like_the_preferred_one() {
    for preference in [issuer("old root"), issuer("Old"), key(9), key(CERTIFICATE_KEY)] {
        let mut world = with_chains();
        let chain = issue_preferring(&mut world, Some(preference));
        assert_eq!(chain.issuer_name().as_deref(), Some("Old Root"));
    }
}

#[test]
fn chain_that_cannot_be_had_costs_nothing() {
    let other_leaf = pem("CERTIFICATE", &certificate(&names(&["a.example"]), &public_key(0x77)))
        + &pem("CERTIFICATE", &super::der::authority("Third Root", &public_key(3)));
    let faults = [
        Action::NotSent,
        Action::Lost,
        Action::Instead(Canned::problem(404, "malformed")),
        Action::Instead(Canned::problem(429, "rateLimited").header("retry-after", "86400")),
        Action::Instead(Canned::new(200, "<html>")),
        Action::Instead(Canned::new(200, other_leaf)),
    ];
    for fault in faults {
        let mut world = with_chains();
        world.ca.fail_later(Operation::Certificate, 1, 9, fault);
        let chain = issue_preferring(&mut world, Some(issuer("Third Root")));
        assert_eq!(chain.issuer_name().as_deref(), Some("Old Root"));
        assert!(world.ca.in_place.is_empty());
    }
}

#[test]
fn only_so_many_chains_are_downloaded() {
    for (others, expected) in [
        (limits::MAX_ALTERNATES, limits::MAX_ALTERNATES + 1),
        (limits::MAX_ALTERNATES + 1, limits::MAX_ALTERNATES + 1),
    ] {
        let mut world = World::warm();
        world.ca.chains = vec![("Old Root", 1); others + 1];
        issue_preferring(&mut world, Some(issuer("New Root")));
        assert_eq!(world.count("certificate"), expected);
    }
}

#[test]
fn cancel_among_the_chains_hands_the_first_one_out() {
    let mut world = with_chains();
    let mut flow: Issue = super::world::issue(&["a.example"]).preferring(Some(issuer("New Root")));
    let mut input = Input::Start;
    let issued = loop {
        let step = acme_proto::Flow::resume(&mut flow, &mut world.session, input, world.now).unwrap();
        let is_search = matches!(&step, Step::Exchange(exchanges) if exchanges.len() == 2);
        input = match world.perform(step) {
            Ok(_) if is_search => Input::Cancel,
            Ok(input) => input,
            Err(issued) => break issued,
        };
    };
    assert_eq!(issued.chain.issuer_name().as_deref(), Some("Old Root"));
    let left: Vec<&SolverError> = issued.left_in_place.iter().map(|(_, error)| error).collect();
    assert!(left.len() == 1 && left[0].is_temporary());
}

#[test]
fn all_chains_of_an_order_can_be_had() {
    let mut world = with_chains();
    let issued = world.issue(&["a.example"]).unwrap();
    let chains = world.run(&mut Chains::of_order(&issued.order_url)).unwrap();
    let roots: Vec<_> = chains.iter().filter_map(Chain::issuer_name).collect();
    assert_eq!(roots, ["Old Root", "New Root", "Third Root"]);
    world.ca.fail_later(Operation::Certificate, 1, 1, Action::Instead(Canned::problem(404, "malformed")));
    world.run(&mut Chains::of_order(&issued.order_url)).unwrap_err();
}

#[test]
fn order_without_a_certificate_has_no_chains() {
    let mut world = World::warm();
    let order = world.run(&mut acme_proto::Order::create(&super::world::intent(&["a.example"]))).unwrap();
    let Error::Protocol(error) = world.run(&mut Chains::of_order(&order.url)).unwrap_err() else { panic!() };
    assert_eq!(error.violation, Violation::Member("certificate"));
}
