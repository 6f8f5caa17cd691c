//! `acme-tokio`.

use std::sync::Arc;

use acme_conformance::pebble::{Pebble, Settings};
use acme_keys::CertificateKey;
use acme_solver::{AsyncDns01, AsyncTlsAlpn01};
use acme_tokio::proto::Revoke;
use acme_tokio::{
    Account, AccountKey, Certificate, Chain, DirectoryUrl, Error, HmacKey, Http01, IssueRequest,
    RevocationReason,
};
use tokio::runtime::{Builder, Runtime};

use super::{Colour, Failure, Method, Opening};

#[derive(Clone)]
pub(crate) struct Tokio {
    runtime: Arc<Runtime>,
    http: Http01,
    tls: AsyncTlsAlpn01,
    dns: AsyncDns01,
}

impl Colour for Tokio {
    type Account = Account;

    fn listen() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (http, tls, dns) = runtime.block_on(async {
            (
                Http01::bind("127.0.0.1:0").await.unwrap(),
                AsyncTlsAlpn01::bind("127.0.0.1:0").await.unwrap(),
                AsyncDns01::bind("127.0.0.1:0", "ns.example.test").await.unwrap(),
            )
        });
        Self { runtime: Arc::new(runtime), http, tls, dns }
    }

    fn settings(&self) -> Settings {
        Settings {
            http_port: self.http.local_addr().port(),
            tls_port: self.tls.local_addr().port(),
            dns: Some(self.dns.local_addr()),
            ..Settings::default()
        }
    }

    fn open(&self, pebble: &Pebble, opening: Opening) -> Result<Account, Failure> {
        let url = pebble.directory_url();
        let mut builder =
            Account::builder(DirectoryUrl::Other(&url)).agree_to_terms().root_pem(pebble.root_pem().unwrap());
        if let Some(key) = opening.key {
            builder = builder.key(key);
        }
        if opening.only_existing {
            builder = builder.only_existing();
        }
        if let Some((algorithm, id, key)) = opening.binding {
            builder = builder.external_account(id, HmacKey::from_text(algorithm, key).unwrap());
        }
        self.runtime.block_on(builder.open()).map_err(failure)
    }

    fn issue(
        &self,
        account: &Account,
        request: &IssueRequest,
        method: Method,
    ) -> Result<(Certificate, String), Failure> {
        let issuance = account.issuance(request);
        let issuing = async {
            match method {
                Method::Http => issuance.run(&mut self.http.clone()).await,
                Method::TlsAlpn => issuance.run(&mut self.tls.clone()).await,
                Method::Dns => issuance.run(&mut self.dns.clone()).await,
            }
        };
        let issued = self.runtime.block_on(issuing);
        issued.map(|issued| (issued.certificate, issued.order_url)).map_err(failure)
    }

    fn chains(&self, account: &Account, order_url: &str) -> Result<Vec<Chain>, Failure> {
        self.runtime.block_on(account.chains(order_url)).map_err(failure)
    }

    fn change_key(&self, account: &Account, key: AccountKey) -> Result<(), Failure> {
        self.runtime.block_on(account.change_key(key)).map_err(failure)
    }

    fn revoke(&self, account: &Account, certificate: &Certificate) -> Result<(), Failure> {
        let revoking = account.revoke_certificate(certificate, RevocationReason::Superseded);
        self.runtime.block_on(revoking).map_err(failure)
    }

    fn revoke_with_key(
        &self,
        _: &Pebble,
        account: &Account,
        certificate: &Certificate,
    ) -> Result<(), Failure> {
        let key = CertificateKey::from_pem(certificate.private_key()).unwrap().to_signer().unwrap();
        let (leaf, reason) = (certificate.certificate_der(), RevocationReason::KeyCompromise);
        let revocation = Revoke::by_certificate_key(&leaf, reason, Arc::new(key));
        self.runtime.block_on(account.call(revocation)).map_err(failure)
    }

    fn deactivate(&self, account: &Account) -> Result<(), Failure> {
        self.runtime.block_on(account.deactivate()).map_err(failure)
    }

    fn contact(&self, account: &Account) -> Result<Vec<String>, Failure> {
        self.runtime.block_on(account.read()).map(|account| account.contact).map_err(failure)
    }

    fn update_contact(&self, account: &Account, contact: &[String]) -> Result<Vec<String>, Failure> {
        let updating = account.update_contact(contact);
        self.runtime.block_on(updating).map(|account| account.contact).map_err(failure)
    }

    fn url(account: &Account) -> String {
        account.url()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn failure(error: Error) -> Failure {
    Failure::new(error.as_acme(), &error)
}
