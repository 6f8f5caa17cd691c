//! Which of several chains is taken.

use acme_testca::{AlternateChains, Config, Operation, TestCa};
use acme_tokio::{Chain, ChainPreference, IssueRequest};

use crate::world::{self, Desk};

#[tokio::test]
async fn preferred_chain_is_taken_and_all_are_had_for_the_asking() {
    let mut config = Config::gentle();
    config.always_valid = true;
    config.alternate_chains = AlternateChains::Absolute;
    let ca = TestCa::builder().config(config).start().unwrap();
    let account = world::builder(&ca).open().await.unwrap();
    let request = IssueRequest::new(["a.example"]);
    let issued = account.issuance(&request).run(&mut Desk::default()).await.unwrap();
    assert_eq!(world::count(&ca, Operation::Certificate), 1);
    let chains = account.chains(&issued.order_url).await.unwrap();
    let names: Vec<_> = chains.iter().filter_map(Chain::issuer_name).collect();
    assert_eq!(names.len(), 2);

    let request = request.preferred_chain(ChainPreference::IssuerName(names[1].clone()));
    let certificate = account.issue(&request, &mut Desk::default()).await.unwrap();
    let chain = Chain::from_pem(certificate.certificate().as_bytes()).unwrap();
    assert_eq!(chain.issuer_name().as_ref(), Some(&names[1]));
}
