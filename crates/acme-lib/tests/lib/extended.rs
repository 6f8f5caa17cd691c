//! Orders that few CAs know: renewed by the CA, by delegation, for onion services.

use std::sync::Arc;
use std::time::Duration;

use acme_keys::{AccountKey, CertificateKey, CertificateSigningRequest, KeyType};
use acme_lib::Error;
use acme_lib::proto::{
    self, AutoRenewal, Chain, ChallengeType, Delegation, DelegationsPage, ExtendedOrder, Extension,
    Identifier, IssueExtended, Misuse, OnionService, SignError, Signer as _,
};
use acme_testca::{Config, Operation, TestCa};
use jiff::{SignedDuration, Timestamp};

use crate::issue::Desk;
use crate::world;

const PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIKcTORKgrXPCP9dDhrQBxgXg+TfLqySZ1jYZ9IfWhcaq
-----END PRIVATE KEY-----
";
/// The name of the onion service with this key.
const NAME: &str = "6jdw7a7wtkzs5tbehaaru3tlgvyi53s7yfnbz2xds7b6lo26ch4vy6qd.onion";

/// An onion service.
#[derive(Debug)]
struct Service {
    key: AccountKey,
    caa: Option<String>,
}

impl Service {
    fn new(caa: Option<&str>) -> Arc<Self> {
        Arc::new(Self { key: AccountKey::from_pem(PEM).unwrap(), caa: caa.map(str::to_string) })
    }
}

impl OnionService for Service {
    fn name(&self) -> &str {
        NAME
    }

    fn public_key(&self) -> [u8; 32] {
        let der = self.key.public_key_der();
        der[der.len() - 32..].try_into().unwrap()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.key.sign(message)?.try_into().unwrap())
    }

    fn nonce(&self) -> [u8; 16] {
        *b"sixteen octets!!"
    }

    fn caa(&self) -> Option<&str> {
        self.caa.as_deref()
    }
}

/// A CA that knows everything that few do.
fn ca() -> TestCa {
    let mut config = Config::gentle();
    config.always_valid = true;
    config.auto_renewal = Some(acme_testca::AutoRenewal::new());
    config.delegation = true;
    config.certificate_get = true;
    TestCa::builder().config(config).start().unwrap()
}

/// A CA that wants the keys of onion services.
fn onion_ca() -> TestCa {
    let mut config = Config::gentle();
    config.onion = true;
    config.onion_caa_required = true;
    config.caa_identities = vec!["testca.invalid".to_string()];
    TestCa::builder().config(config).start().unwrap()
}

/// An order, and which challenges there are for it.
fn order(names: &[&str]) -> (ExtendedOrder, Vec<(Identifier, Vec<ChallengeType>)>) {
    let identifiers: Vec<Identifier> = names.iter().map(|name| name.parse().unwrap()).collect();
    let key = CertificateKey::generate(KeyType::EcdsaP256).unwrap();
    let csr = CertificateSigningRequest::new(&identifiers, &key).unwrap();
    let choices = identifiers.iter().map(|name| (name.clone(), vec![ChallengeType::Http01])).collect();
    (ExtendedOrder::new(identifiers, csr.der().to_vec()), choices)
}

fn renewal() -> AutoRenewal {
    let end = Timestamp::from_second(Timestamp::now().as_second()).unwrap() + SignedDuration::from_hours(240);
    AutoRenewal::new(Duration::from_secs(4 * 24 * 3600), end)
}

/// The type of a problem, without what all have in front.
fn kind(refusal: &proto::Refusal) -> String {
    let kind = refusal.problem.kind.to_string();
    kind.rsplit(':').next().unwrap_or_default().to_string()
}

#[track_caller]
fn assert_not_offered<T: std::fmt::Debug>(outcome: Result<T, Error>, extension: Extension) {
    let error = outcome.unwrap_err();
    let Some(proto::Error::Misuse(Misuse::ExtensionNotOffered(found))) = error.as_acme() else {
        panic!("{error:?}")
    };
    assert_eq!(*found, extension);
}

#[test]
fn ca_renews_and_stops_when_it_is_told_to() {
    let ca = ca();
    let account = world::builder(&ca).open().unwrap();
    let mut desk = Desk::default();
    let (wanted, choices) = order(&["a.example"]);
    let wanted = wanted.renewed(renewal().open_to_all());
    let issued = account.run(IssueExtended::new(wanted, choices), &mut desk).unwrap();
    assert!(desk.in_place.is_empty());
    assert!(issued.left_in_place.is_empty() && issued.allow_certificate_get);
    assert_eq!(issued.auto_renewal.unwrap().lifetime, renewal().lifetime);
    let url = issued.certificate_url;
    let first = account.run(Chain::download(&url), &mut desk).unwrap();
    ca.advance(Duration::from_secs(3 * 24 * 3600));
    let second = account.run(AutoRenewal::download_openly(&url), &mut desk).unwrap();
    assert_ne!(first.leaf.serial, second.leaf.serial);
    assert_eq!(first.leaf.public_key_der, second.leaf.public_key_der);
    assert!(second.leaf.not_after > first.leaf.not_after);
    let canceled = account.run(AutoRenewal::cancel(&issued.order_url), &mut desk).unwrap();
    assert_eq!(canceled.status.to_string(), "canceled");
    let gone = account.run(Chain::download(&url), &mut desk).unwrap_err();
    let refusal = gone.as_acme().and_then(proto::Error::refusal).unwrap();
    assert_eq!(kind(refusal), "autoRenewalCanceled");
    assert!(account.run(AutoRenewal::cancel(&issued.order_url), &mut desk).is_err());
}

#[test]
fn delegated_name_is_certified_without_a_challenge() {
    let ca = ca();
    let account = world::builder(&ca).open().unwrap();
    let mut desk = Desk::default();
    let account_url = ca.requests().into_iter().find_map(|one| one.account);
    let account_url = account_url.unwrap_or_else(|| format!("{}/account/1", base(&ca)));
    let terms =
        acme_testca::Delegation::of_names(["abc.ido.example"]).alias("abc.ido.example.", "cdn.example.");
    let url = ca.with(|ca| ca.delegate(&account_url, terms)).unwrap();
    let list = account.run(DelegationsPage::locate(), &mut desk).unwrap().unwrap();
    let page = account.run(DelegationsPage::read(&list), &mut desk).unwrap();
    assert_eq!((page.delegations, page.next), (vec![url.clone()], None));
    let delegation = account.run(Delegation::read(&url), &mut desk).unwrap();
    assert_eq!(delegation.names(), ["abc.ido.example"]);
    assert_eq!(delegation.cname_map["abc.ido.example."], "cdn.example.");
    let (wanted, _) = order(&["abc.ido.example"]);
    let wanted = wanted.delegated(url).open_to_all();
    let issued = account.run(IssueExtended::new(wanted, Vec::new()), &mut desk).unwrap();
    assert!(issued.allow_certificate_get);
    let chain = account.run(AutoRenewal::download_openly(&issued.certificate_url), &mut desk).unwrap();
    assert_eq!(chain.leaf.identifiers, ["abc.ido.example".parse().unwrap()]);
    let (wanted, _) = order(&["abc.ido.example"]);
    let wanted = wanted.delegated(format!("{}/delegation/none", base(&ca)));
    let error = account.run(IssueExtended::new(wanted, Vec::new()), &mut desk).unwrap_err();
    let refusal = error.as_acme().and_then(proto::Error::refusal).unwrap();
    assert_eq!(kind(refusal), "unknownDelegation");
}

fn base(ca: &TestCa) -> &str {
    ca.directory_url().strip_suffix("/directory").unwrap()
}

#[test]
fn key_of_an_onion_service_proves_it() {
    let ca = onion_ca();
    let account = world::builder(&ca).open().unwrap();
    let records = "caa 128 issue \"testca.invalid;validationmethods=onion-csr-01\"";
    for caa in [None, Some(records)] {
        let wildcard = format!("*.{NAME}");
        let (wanted, _) = order(&[NAME, &wildcard]);
        let wanted = wanted.onion_service(Service::new(caa));
        let issued = account.run(IssueExtended::new(wanted, Vec::new()), &mut Desk::default()).unwrap();
        let chain = account.run(Chain::download(&issued.certificate_url), &mut Desk::default()).unwrap();
        assert_eq!(chain.leaf.identifiers.len(), 2);
    }
    let (wanted, _) = order(&[NAME]);
    let wanted = wanted.onion_service(Service::new(Some("caa 0 issue \"other.example\"")));
    let flow = IssueExtended::new(wanted, Vec::new());
    let error = account.run(flow, &mut Desk::default()).unwrap_err();
    let refusal = error.as_acme().and_then(proto::Error::refusal).unwrap();
    assert_eq!(kind(refusal), "caa");
}

#[test]
fn what_is_not_offered_is_refused_before_the_order() {
    let plain = world::gentle().start().unwrap();
    let account = world::builder(&plain).open().unwrap();
    let (wanted, _) = order(&["a.example"]);
    for (wanted, extension) in [
        (wanted.clone().renewed(renewal()), Extension::AutoRenewal),
        (wanted.clone().delegated("https://ca.example/delegation/1"), Extension::Delegation),
        (wanted.open_to_all(), Extension::CertificateGet),
    ] {
        let flow = IssueExtended::new(wanted, Vec::new());
        assert_not_offered(account.run(flow, &mut Desk::default()), extension);
    }
    assert_eq!(world::count(&plain, Operation::NewOrder), 0);

    let star = ca();
    let account = world::builder(&star).open().unwrap();
    let (wanted, _) = order(&["a.example"]);
    let short = AutoRenewal::new(Duration::from_secs(3599), renewal().end);
    let end = renewal().end + SignedDuration::from_hours(365 * 24);
    let long = AutoRenewal::new(renewal().lifetime, end);
    for (renewal, extension) in [(short, Extension::ShortLifetime), (long, Extension::LongRenewal)] {
        let flow = IssueExtended::new(wanted.clone().renewed(renewal), Vec::new());
        assert_not_offered(account.run(flow, &mut Desk::default()), extension);
    }
    assert_eq!(world::count(&star, Operation::NewOrder), 0);

    let onion = onion_ca();
    let account = world::builder(&onion).open().unwrap();
    let (wanted, choices) = order(&[NAME]);
    let flow = IssueExtended::new(wanted, choices);
    assert_not_offered(account.run(flow, &mut Desk::default()), Extension::OnionCaa);
    assert_eq!(world::count(&onion, Operation::NewOrder), 0);
}
