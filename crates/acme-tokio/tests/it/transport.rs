//! An HTTP client of the program's own: here one that needs no network.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use acme_testca::{AlwaysValid, Ca, Config};
use acme_tokio::proto::{Delivery, Exchange, TransportError, TransportErrorKind};
use acme_tokio::{Account, AsyncTransport, DirectoryUrl, IssueRequest, TransportFuture};
use jiff::Timestamp;
use tokio::task::yield_now;

use super::world::Desk;

/// Hands requests to a CA in the process.
#[derive(Clone)]
struct InProcess {
    ca: Arc<Mutex<Ca>>,
    width: usize,
    widest: Arc<Mutex<usize>>,
}

impl InProcess {
    fn exchange(&self, exchange: &Exchange) -> Result<http::Response<Vec<u8>>, TransportError> {
        let reply = self.ca.lock().unwrap().handle(&exchange.request, now());
        let closed = || TransportError::new(Delivery::Unknown, TransportErrorKind::Io, "closed");
        reply.into_response().ok_or_else(closed)
    }
}

impl AsyncTransport for InProcess {
    fn perform(&self, exchanges: Vec<Exchange>) -> TransportFuture<'_> {
        Box::pin(async move {
            yield_now().await;
            let mut widest = self.widest.lock().unwrap();
            *widest = exchanges.len().max(*widest);
            exchanges.iter().map(|exchange| self.exchange(exchange)).collect()
        })
    }

    fn width(&self, _: &http::Uri) -> usize {
        self.width
    }
}

fn now() -> Timestamp {
    SystemTime::now().try_into().unwrap()
}

#[tokio::test]
async fn certificate_comes_through_a_client_of_ones_own_and_as_wide_as_it_says() {
    for width in [1, 3] {
        let mut config = Config::gentle();
        config.base_url = "https://ca.test".to_owned();
        let mut ca = Ca::new(config, now()).unwrap();
        ca.set_always_valid(AlwaysValid::On);
        let transport = InProcess { ca: Arc::new(Mutex::new(ca)), width, widest: Arc::default() };
        let builder = Account::builder(DirectoryUrl::Other("https://ca.test/directory"));
        let account = builder.transport(transport.clone()).agree_to_terms().open().await.unwrap();
        let names: Vec<String> = (0..7).map(|n| format!("n{n}.example.test")).collect();
        // Any program may spawn it.
        let issuing = async move {
            account.issue(&IssueRequest::new(names), &mut Desk::default()).await.map(|done| (account, done))
        };
        let (account, certificate) = tokio::spawn(issuing).await.unwrap().unwrap();
        assert_eq!(certificate.info().names.len(), 7);
        assert_eq!(*transport.widest.lock().unwrap(), width);
        // A further account shares it.
        let builder = Account::builder(DirectoryUrl::Other("https://ca.test/directory"));
        let other = builder.transport(account.transport()).agree_to_terms().open().await.unwrap();
        assert_ne!(other.url(), account.url());
    }
}
