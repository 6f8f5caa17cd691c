//! Issuance over HTTP/2.

use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use acme_testca::{Ca, Config};
use acme_tokio::proto::{Algorithm, Operation, limits};
use acme_tokio::{Account, AccountKey, DirectoryUrl, Event, IssueRequest, RevocationReason};
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::world::Desk;

/// The test CA behind an HTTP/2 server.
struct Server {
    ca: Arc<Mutex<Ca>>,
    directory_url: String,
    root_pem: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(max_streams: u32) -> Self {
        let (acceptor, root_pem) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::gentle();
        config.base_url = format!("https://{}", listener.local_addr().unwrap());
        config.always_valid = true;
        config.ml_dsa = true;
        let ca = Ca::new(config, Timestamp::now()).unwrap();
        let directory_url = ca.directory_url();
        let (ca, connections) = (Arc::new(Mutex::new(ca)), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&connections);
        let served = Arc::clone(&ca);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let tls = acceptor.accept(socket).await.unwrap();
                let mut builder = h2::server::Builder::new();
                let mut connection =
                    builder.max_concurrent_streams(max_streams).handshake(tls).await.unwrap();
                let ca = Arc::clone(&served);
                tokio::spawn(async move {
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(answer(Arc::clone(&ca), request, respond));
                    }
                });
            }
        });
        Self { ca, directory_url, root_pem, connections }
    }
}

async fn answer(
    ca: Arc<Mutex<Ca>>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Cursor<Vec<u8>>>,
) {
    let (parts, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    let reply = ca.lock().unwrap().handle(&Request::from_parts(parts, bytes), Timestamp::now());
    let (mut parts, body) = reply.into_response().unwrap().into_parts();
    parts.version = http::Version::HTTP_2;
    let response = Response::from_parts(parts, ());
    if let Ok(mut stream) = respond.send_response(response, body.is_empty())
        && !body.is_empty()
    {
        stream.send_data(Cursor::new(body), true).unwrap();
    }
}

fn tls() -> (TlsAcceptor, String) {
    let key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(root, key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![leaf.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), root_pem)
}

/// A newAccount of ML-DSA-87 has 11 kB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn account_of_ml_dsa_orders_gets_and_revokes_a_certificate() {
    for algorithm in [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87] {
        let server = Server::start(10).await;
        let builder = Account::builder(DirectoryUrl::Other(&server.directory_url));
        let builder =
            builder.root_pem(server.root_pem.as_str()).key(AccountKey::generate(algorithm).unwrap());
        let account = builder.open().await.unwrap();
        let request = IssueRequest::new(["example.test"]);
        let certificate = account.issue(&request, &mut Desk::default()).await.unwrap();
        account.revoke_certificate(&certificate, RevocationReason::Superseded).await.unwrap();
        assert_eq!(server.ca.lock().unwrap().issued()[0].revoked.unwrap().1, 4);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rounds_are_as_wide_as_the_server_grants() {
    for (granted, widest) in [(7, 7), (40, 40), (250, 100)] {
        let server = Server::start(granted).await;
        let builder = Account::builder(DirectoryUrl::Other(&server.directory_url));
        let account = builder.root_pem(server.root_pem.as_str()).agree_to_terms().open().await.unwrap();
        assert_eq!(account.transport().width(&server.directory_url.parse().unwrap()), widest);
        // The first order fetches nonces, as many as a CA bears; the second one finds what it left.
        let mut rounds = Vec::new();
        for order in ["a", "b"] {
            rounds.clear();
            let mut observer = |event: &Event<'_>| {
                if let Event::Requesting { operation: Operation::Authorization, count } = event {
                    rounds.push(*count);
                }
            };
            let request = IssueRequest::new((0..100).map(|n| format!("n{n}.{order}.example")));
            let desk = Desk::default();
            let issuance = account.issuance(&request).observe(&mut observer);
            let issued = issuance.run(&mut desk.clone()).await.unwrap();
            assert_eq!(issued.certificate.info().names.len(), 100);
            assert!(desk.is_empty());
        }
        let least = widest.min(limits::MAX_NONCE_FETCHES as usize);
        assert!((least..=widest).contains(&rounds[0]), "{rounds:?}");
        assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    }
}
