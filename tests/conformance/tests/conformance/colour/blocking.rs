//! `acme-lib`.

use std::sync::{Arc, Mutex};

use acme_conformance::pebble::{Pebble, Settings};
use acme_lib::persist::MemoryPersist;
use acme_lib::{
    Account, AccountKey, Certificate, Chain, Directory, DirectoryUrl, Error, HmacKey, Http01, IssueRequest,
    RevocationReason,
};
use acme_solver::{Dns01, TlsAlpn01};

use super::{Colour, Failure, Method, Opening};

#[derive(Clone)]
pub(crate) struct Blocking {
    http: Arc<Mutex<Http01>>,
    tls: Arc<Mutex<TlsAlpn01>>,
    dns: Arc<Mutex<Dns01>>,
}

impl Colour for Blocking {
    type Account = Account;

    fn listen() -> Self {
        Self {
            http: Arc::new(Mutex::new(Http01::bind("127.0.0.1:0").unwrap())),
            tls: Arc::new(Mutex::new(TlsAlpn01::bind("127.0.0.1:0").unwrap())),
            dns: Arc::new(Mutex::new(Dns01::bind("127.0.0.1:0", "ns.example.test").unwrap())),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            http_port: self.http.lock().unwrap().local_addr().port(),
            tls_port: self.tls.lock().unwrap().local_addr().port(),
            dns: Some(self.dns.lock().unwrap().local_addr()),
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
        builder.open().map_err(failure)
    }

    fn issue(
        &self,
        account: &Account,
        request: &IssueRequest,
        method: Method,
    ) -> Result<(Certificate, String), Failure> {
        let issuance = account.issuance(request);
        match method {
            Method::Http => issuance.run(&mut *self.http.lock().unwrap()),
            Method::TlsAlpn => issuance.run(&mut *self.tls.lock().unwrap()),
            Method::Dns => issuance.run(&mut *self.dns.lock().unwrap()),
        }
        .map(|issued| (issued.certificate, issued.order_url))
        .map_err(failure)
    }

    fn chains(&self, account: &Account, order_url: &str) -> Result<Vec<Chain>, Failure> {
        account.chains(order_url).map_err(failure)
    }

    fn change_key(&self, account: &Account, key: AccountKey) -> Result<(), Failure> {
        account.change_key(key).map_err(failure)
    }

    fn revoke(&self, account: &Account, certificate: &Certificate) -> Result<(), Failure> {
        account.revoke_certificate(certificate, RevocationReason::Superseded).map_err(failure)
    }

    fn revoke_with_key(
        &self,
        pebble: &Pebble,
        _: &Account,
        certificate: &Certificate,
    ) -> Result<(), Failure> {
        Directory::builder(DirectoryUrl::Other(&pebble.directory_url()))
            .root_pem(pebble.root_pem().unwrap())
            .persist(MemoryPersist::new())
            .connect()
            .and_then(|directory| {
                let (chain, key) = (certificate.certificate(), certificate.private_key());
                directory.revoke_with_key(chain, key, RevocationReason::KeyCompromise)
            })
            .map_err(failure)
    }

    fn deactivate(&self, account: &Account) -> Result<(), Failure> {
        account.deactivate().map_err(failure)
    }

    fn contact(&self, account: &Account) -> Result<Vec<String>, Failure> {
        account.read().map(|account| account.contact).map_err(failure)
    }

    fn update_contact(&self, account: &Account, contact: &[String]) -> Result<Vec<String>, Failure> {
        account.update_contact(contact).map(|account| account.contact).map_err(failure)
    }

    fn url(account: &Account) -> String {
        account.url()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn failure(error: Error) -> Failure {
    Failure::new(error.as_acme(), &error)
}
