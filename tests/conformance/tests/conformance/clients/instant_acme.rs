//! instant-acme, the crate.

use std::fs;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, RetryPolicy,
    RevocationReason, RevocationRequest,
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::{Config, NAMES, World};

#[test]
fn a_certificate_is_issued_renewed_and_revoked() {
    let world = World::start(Config::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let account = register(&world).await;
        issue(&world, &account).await;
        let chain = issue(&world, &account).await;
        let certificate = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
        let reason = Some(RevocationReason::Superseded);
        account.revoke(&RevocationRequest { certificate: &certificate, reason }).await.unwrap();
    });
    world.expect_issued_renewed_and_revoked();
}

async fn register(world: &World) -> Account {
    let request = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
    let builder = Account::builder_with_root(world.root_file()).unwrap();
    builder.create(&request, world.ca().directory_url().to_owned(), None).await.unwrap().0
}

async fn issue(world: &World, account: &Account) -> String {
    let identifiers = NAMES.map(|name| Identifier::Dns(name.to_owned()));
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await.unwrap();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.unwrap();
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization.challenge(ChallengeType::Http01).unwrap();
        let response = world.web_root().join(".well-known/acme-challenge").join(&challenge.token);
        fs::write(response, challenge.key_authorization().as_str()).unwrap();
        challenge.set_ready().await.unwrap();
    }
    let polls = RetryPolicy::default();
    order.poll_ready(&polls).await.unwrap();
    order.finalize().await.unwrap();
    order.poll_certificate(&polls).await.unwrap()
}
