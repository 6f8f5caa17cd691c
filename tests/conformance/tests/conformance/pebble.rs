//! Both libraries against Pebble: what RFC 8555 offers, each way of proving control.

use acme_conformance::pebble::Pebble;
use acme_lib::proto::Algorithm;
use acme_lib::{
    AccountKey, Certificate, CertificateInfo, ChainPreference, HmacAlgorithm, IssueRequest, KeyType,
    ProblemKind,
};

use crate::colour::{Colour, Method, Opening, on_both_colours, with};

on_both_colours!(
    account_is_found_changed_and_deactivated,
    account_key_is_rolled_over,
    alternate_chains_are_offered_and_chosen_from,
    bound_accounts_are_taken_and_others_refused,
    every_key_type_is_taken,
    names_and_addresses_are_proved_by_http,
    names_and_addresses_are_proved_by_tls_alpn,
    nonces_are_refused_four_times_of_five,
    revocation_is_by_account_and_by_certificate_key,
    ten_names_are_proved_in_one_order,
    wildcard_and_apex_are_proved_by_dns,
    wrong_response_ends_in_the_reason,
);

fn open<C: Colour>(colour: &C, pebble: &Pebble) -> C::Account {
    colour.open(pebble, Opening::default()).unwrap()
}

/// Issues, and checks that the certificate is for the names.
fn issue<C: Colour>(colour: &C, account: &C::Account, names: &[&str], method: Method) -> Certificate {
    let (certificate, _) = colour.issue(account, &IssueRequest::new(names.to_vec()), method).unwrap();
    let mut found: Vec<String> = certificate.info().names.iter().map(ToString::to_string).collect();
    let mut wanted: Vec<String> = names.iter().map(ToString::to_string).collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    certificate
}

fn names_and_addresses_are_proved_by_http<C: Colour>() {
    with::<C>(
        |_| {},
        |colour, pebble| {
            let account = open(colour, pebble);
            issue(colour, &account, &["www.example.test", "example.test"], Method::Http);
            issue(colour, &account, &["127.0.0.1"], Method::Http);
        },
    );
}

fn names_and_addresses_are_proved_by_tls_alpn<C: Colour>() {
    with::<C>(
        |_| {},
        |colour, pebble| {
            let account = open(colour, pebble);
            issue(colour, &account, &["www.example.test", "example.test"], Method::TlsAlpn);
            issue(colour, &account, &["127.0.0.1"], Method::TlsAlpn);
        },
    );
}

fn wildcard_and_apex_are_proved_by_dns<C: Colour>() {
    with::<C>(
        |_| {},
        |colour, pebble| {
            let account = open(colour, pebble);
            issue(colour, &account, &["*.example.test", "example.test"], Method::Dns);
        },
    );
}

fn ten_names_are_proved_in_one_order<C: Colour>() {
    with::<C>(
        |_| {},
        |colour, pebble| {
            let names: Vec<String> = (0..10).map(|n| format!("n{n}.example.test")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            issue(colour, &open(colour, pebble), &names, Method::Http);
        },
    );
}

fn every_key_type_is_taken<C: Colour>() {
    with::<C>(
        |_| {},
        |colour, pebble| {
            let account = open(colour, pebble);
            for key_type in [KeyType::EcdsaP256, KeyType::EcdsaP384, KeyType::Rsa2048] {
                let request = IssueRequest::new(["example.test"]).key_type(key_type);
                assert!(colour.issue(&account, &request, Method::Http).is_ok(), "{key_type}");
            }
        },
    );
}

fn wrong_response_ends_in_the_reason<C: Colour>() {
    with::<C>(
        // Nobody answers tls-alpn-01 at the port of http-01.
        |settings| settings.tls_port = settings.http_port,
        |colour, pebble| {
            let account = open(colour, pebble);
            let request = IssueRequest::new(["example.test"]);
            let failure = colour.issue(&account, &request, Method::TlsAlpn).unwrap_err();
            assert!(failure.kind.is_some(), "{failure:?}");
            assert!(failure.text.contains("tls-alpn-01 for example.test failed"), "{}", failure.text);
        },
    );
}

fn nonces_are_refused_four_times_of_five<C: Colour>() {
    with::<C>(
        |settings| settings.nonce_reject = Some(80),
        |colour, pebble| {
            let account = open(colour, pebble);
            let certificate = issue(colour, &account, &["www.example.test", "example.test"], Method::Http);
            colour.revoke(&account, &certificate).unwrap();
        },
    );
}

fn account_is_found_changed_and_deactivated<C: Colour>() {
    with::<C>(
        |_| {},
        |colour, pebble| {
            let pem = AccountKey::generate(Algorithm::Es256).unwrap().to_pem().expose().to_owned();
            let key = || AccountKey::from_pem(&pem).unwrap();
            let find = || {
                let opening = Opening { key: Some(key()), only_existing: true, ..Opening::default() };
                colour.open(pebble, opening)
            };
            let failure = find().err().unwrap();
            assert_eq!(failure.kind, Some(ProblemKind::AccountDoesNotExist), "{failure:?}");
            let account = colour.open(pebble, Opening { key: Some(key()), ..Opening::default() }).unwrap();
            assert_eq!(C::url(&find().unwrap()), C::url(&account));
            let contact = ["mailto:admin@example.test".to_owned()];
            assert_eq!(colour.update_contact(&account, &contact).unwrap(), contact);
            assert_eq!(colour.contact(&account).unwrap(), contact);
            colour.deactivate(&account).unwrap();
            let request = IssueRequest::new(["example.test"]);
            let failure = colour.issue(&account, &request, Method::Http).unwrap_err();
            assert_eq!(failure.kind, Some(ProblemKind::Unauthorized), "{failure:?}");
        },
    );
}

fn account_key_is_rolled_over<C: Colour>() {
    with::<C>(
        |_| {},
        |colour, pebble| {
            let (old, new) = [Algorithm::Es256, Algorithm::Es384]
                .map(|algorithm| AccountKey::generate(algorithm).unwrap().to_pem().expose().to_owned())
                .into();
            let key = |pem: &str| Some(AccountKey::from_pem(pem).unwrap());
            let account = colour.open(pebble, Opening { key: key(&old), ..Opening::default() }).unwrap();
            issue(colour, &account, &["before.example.test"], Method::Http);
            colour.change_key(&account, key(&new).unwrap()).unwrap();
            issue(colour, &account, &["after.example.test"], Method::Http);
            let find = |pem: &str| {
                let opening = Opening { key: key(pem), only_existing: true, ..Opening::default() };
                colour.open(pebble, opening)
            };
            assert_eq!(C::url(&find(&new).unwrap()), C::url(&account));
            let failure = find(&old).err().unwrap();
            assert_eq!(failure.kind, Some(ProblemKind::AccountDoesNotExist), "{failure:?}");
        },
    );
}

fn bound_accounts_are_taken_and_others_refused<C: Colour>() {
    with::<C>(
        |settings| settings.external_accounts = BINDINGS.map(|(_, id, key)| (id, key)).to_vec(),
        |colour, pebble| {
            let failure = colour.open(pebble, Opening::default()).err().unwrap();
            assert!(failure.text.contains("to be bound to an external account"), "{failure:?}");
            for binding in BINDINGS {
                let opening = Opening { binding: Some(binding), ..Opening::default() };
                let account = colour.open(pebble, opening).unwrap();
                issue(colour, &account, &["example.test"], Method::Http);
            }
            let (algorithm, _, key) = BINDINGS[0];
            let binding = Some((algorithm, "kid-unknown", key));
            assert!(colour.open(pebble, Opening { binding, ..Opening::default() }).is_err());
            let (_, id, _) = BINDINGS[1];
            let binding = Some((algorithm, id, key));
            assert!(colour.open(pebble, Opening { binding, ..Opening::default() }).is_err());
        },
    );
}

fn alternate_chains_are_offered_and_chosen_from<C: Colour>() {
    with::<C>(
        |settings| settings.alternate_roots = 2,
        |colour, pebble| {
            let account = open(colour, pebble);
            let request = IssueRequest::new(["example.test"]);
            let (first, order_url) = colour.issue(&account, &request, Method::Http).unwrap();
            let chains = colour.chains(&account, &order_url).unwrap();
            let roots: Vec<String> = chains.iter().map(|chain| chain.issuer_name().unwrap()).collect();
            assert_eq!(roots.len(), 3);
            assert!(roots[0] != roots[1] && roots[0] != roots[2] && roots[1] != roots[2], "{roots:?}");
            assert!(chains.iter().all(|chain| chain.certificates[0] == first.certificate_der()));
            assert_eq!(root(&first), roots[0]);
            for name in &roots {
                let request = request.clone().preferred_chain(ChainPreference::IssuerName(name.clone()));
                let (certificate, _) = colour.issue(&account, &request, Method::Http).unwrap();
                assert_eq!(root(&certificate), *name);
            }
        },
    );
}

/// Who issued the last certificate of the chain.
fn root(certificate: &Certificate) -> String {
    let last = CertificateInfo::from_der(certificate.chain_der().last().unwrap()).unwrap();
    last.issuer.trim_start_matches("CN=").to_owned()
}

fn revocation_is_by_account_and_by_certificate_key<C: Colour>() {
    with::<C>(
        |_| {},
        |colour, pebble| {
            let account = open(colour, pebble);
            let first = issue(colour, &account, &["first.example.test"], Method::Http);
            let second = issue(colour, &account, &["second.example.test"], Method::Http);
            let stranger = open(colour, pebble);
            assert!(colour.revoke(&stranger, &first).is_err(), "it is not theirs");
            colour.revoke(&account, &first).unwrap();
            colour.revoke_with_key(pebble, &stranger, &second).unwrap();
        },
    );
}

/// The first one is Pebble's own sample.
const BINDINGS: [(HmacAlgorithm, &str, &str); 3] = [
    (HmacAlgorithm::Hs256, "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"),
    (HmacAlgorithm::Hs384, "kid-2", "b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQH"),
    (
        HmacAlgorithm::Hs512,
        "kid-3",
        "HjudV5qnbreN-n9WyFSH-t4HXuEx_XFen45zuxY-G1h6fr74V3cUM_dVlwQZBWmc8TLmRh0lnyeIzNyMAuPqRg",
    ),
];
