//! The client for tokio: the same contract, and HTTP/2.

mod http1;
mod http2;
mod server;

use acme_http::{AsyncClient, Client, ClientBuilder};
use acme_proto::{Exchange, TransportError};
use http::Response;

async fn perform(client: &AsyncClient, exchange: Exchange) -> Result<Response<Vec<u8>>, TransportError> {
    let mut results = client.perform(vec![exchange]).await;
    assert_eq!(results.len(), 1);
    results.remove(0)
}

fn client(root_pem: &str) -> AsyncClient {
    builder(root_pem).build_async().unwrap()
}

fn builder(root_pem: &str) -> ClientBuilder {
    Client::builder().root_pem(root_pem)
}
