//! Which of several chains is taken.

use acme_lib::{Account, Certificate, Chain, ChainPreference, IssueRequest, PrivateKey, proto};
use acme_testca::{Action, AlternateChains, Config, Fault, Operation, Problem, TestCa};

use crate::issue::Desk;
use crate::world;

/// A CA with two chains for each certificate.
fn with_chains() -> TestCa {
    let mut config = Config::gentle();
    config.always_valid = true;
    config.alternate_chains = AlternateChains::Relative;
    TestCa::builder().config(config).start().unwrap()
}

/// The name of the root that a chain ends in.
fn root_name(certificate: &Certificate) -> String {
    Chain::from_pem(certificate.certificate().as_bytes()).unwrap().issuer_name().unwrap()
}

fn issue(account: &Account, preference: Option<ChainPreference>) -> Certificate {
    let request = IssueRequest::new(["a.example"]);
    let request = match preference {
        Some(preference) => request.preferred_chain(preference),
        None => request,
    };
    account.issue(&request, &mut Desk::default()).unwrap()
}

fn other_root() -> ChainPreference {
    ChainPreference::IssuerName("acme-testca other root".to_string())
}

#[test]
fn the_preferred_chain_is_taken_and_else_the_first_one() {
    let ca = with_chains();
    let account = world::builder(&ca).open().unwrap();
    let first = root_name(&issue(&account, None));
    assert_eq!(world::count(&ca, Operation::Certificate), 1);
    let unknown = issue(&account, Some(ChainPreference::IssuerName("nobody".into())));
    assert_eq!((root_name(&unknown), world::count(&ca, Operation::Certificate)), (first.clone(), 3));

    let other = ca.other_root_pem().unwrap();
    let other = acme_lib::CertificateInfo::from_pem(&other).unwrap();
    let name = other.subject.strip_prefix("CN=").unwrap().replace('\\', "");
    let preferred = issue(&account, Some(ChainPreference::IssuerName(name.clone())));
    assert_eq!(root_name(&preferred), name);
    assert_ne!(first, name);
}

#[test]
fn a_chain_that_cannot_be_had_costs_nothing() {
    let ca = with_chains();
    let account = world::builder(&ca).open().unwrap();
    let gone = Problem::new("malformed", 404, "as scripted");
    ca.fault(Fault::on(Operation::Certificate, Action::Problem(gone.into())).nth(2));
    issue(&account, Some(other_root()));
}

#[test]
fn all_chains_are_had_for_the_asking() {
    let ca = with_chains();
    let account = world::builder(&ca).open().unwrap();
    let issued = account.issuance(&IssueRequest::new(["a.example"])).run(&mut Desk::default()).unwrap();
    let chains = account.chains(&issued.order_url).unwrap();
    assert_eq!(chains.len(), 2);
    assert_eq!(chains[0].to_pem(), issued.certificate.certificate());
    let key = PrivateKey::from_pem(issued.certificate.private_key()).unwrap();
    let other = Certificate::new(&key, &chains[1]).unwrap();
    assert_eq!(other.info(), issued.certificate.info());
    assert_ne!(other.certificate(), issued.certificate.certificate());
}

#[test]
fn a_key_of_the_chain_can_be_preferred() {
    let ca = with_chains();
    let account = world::builder(&ca).open().unwrap();
    let certificate = issue(&account, None);
    let issuers = acme_lib::CertificateInfo::chain_from_pem(certificate.certificate()).unwrap();
    let key = acme_keys::sha256(&issuers[1].public_key_der);
    let chain = Chain::from_pem(certificate.certificate().as_bytes()).unwrap();
    assert!(chain.is_preferred(&ChainPreference::IssuerKey(key), acme_keys::sha256));
    let leaf =
        acme_keys::sha256(&proto::Leaf::from_der(&certificate.certificate_der()).unwrap().public_key_der);
    assert!(!chain.is_preferred(&ChainPreference::IssuerKey(leaf), acme_keys::sha256));
}
