//! instant-acme, as its own example uses it, on the cheapest runtime there is.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{
    Account, AccountBuilder, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder,
    RetryPolicy,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::runtime::{self, Runtime};

use super::{Client, Kind};

pub(super) struct InstantAcme {
    runtime: Runtime,
    account: Account,
    polls: RetryPolicy,
}

impl InstantAcme {
    pub(super) fn connect(kind: Kind, url: &str, root: &Path) -> Result<Self, Box<dyn Error>> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let builder = match kind {
            Kind::InstantAcmeNoDelay => with_no_delay(root)?,
            Kind::Floor
            | Kind::FloorOverAcmeHttp
            | Kind::AcmeLib
            | Kind::AcmeTokioHttp1
            | Kind::AcmeTokio
            | Kind::InstantAcme
            | Kind::InstantAcmeFastPolls => Account::builder_with_root(root)?,
        };
        let polls = match kind {
            Kind::InstantAcmeFastPolls | Kind::InstantAcmeNoDelay => {
                RetryPolicy::new().initial_delay(Duration::from_millis(5)).backoff(1.0)
            }
            Kind::Floor
            | Kind::FloorOverAcmeHttp
            | Kind::AcmeLib
            | Kind::AcmeTokioHttp1
            | Kind::AcmeTokio
            | Kind::InstantAcme => RetryPolicy::default(),
        };
        let request = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
        let (account, _) = runtime.block_on(builder.create(&request, url.to_owned(), None))?;
        Ok(Self { runtime, account, polls })
    }
}

impl Client for InstantAcme {
    fn issue(&mut self, names: &[String]) -> Result<(), Box<dyn Error>> {
        self.runtime.block_on(issue(&self.account, names, &self.polls))
    }
}

async fn issue(account: &Account, names: &[String], polls: &RetryPolicy) -> Result<(), Box<dyn Error>> {
    let identifiers: Vec<_> = names.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization.challenge(ChallengeType::Http01).ok_or("no http-01")?;
        challenge.set_ready().await?;
    }
    order.poll_ready(polls).await?;
    order.finalize().await?;
    order.poll_certificate(polls).await?;
    Ok(())
}

/// The client that instant-acme makes, but for one thing: it does not wait for acknowledgements.
fn with_no_delay(root: &Path) -> Result<AccountBuilder, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root)?)?;
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().enable_http2();
    let client = HyperClient::builder(TokioExecutor::new()).build(connector.wrap_connector(tcp));
    Ok(Account::builder_with_http(Box::new(client)))
}
