//! An HTTP/2 server that does what a test says, stream by stream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::server::Authority;

/// A body as h2 takes it.
pub(super) type Bytes = std::io::Cursor<Vec<u8>>;

/// What came on a stream, and the way to answer it.
pub(super) type Stream = (Request<RecvStream>, SendResponse<Bytes>);

pub(super) type Connection = h2::server::Connection<tokio_rustls::server::TlsStream<TcpStream>, Bytes>;

pub(super) struct Server {
    pub(super) root_pem: String,
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Hands each connection to a function, with its number from 0.
    pub(super) async fn start<F>(
        max_streams: Option<u32>,
        serve: impl Fn(Connection, usize) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let authority = Authority::new();
        let mut config = Arc::unwrap_or_clone(authority.config(&["127.0.0.1"]));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                let tls = acceptor.accept(socket).await.unwrap();
                let mut builder = h2::server::Builder::new();
                if let Some(max_streams) = max_streams {
                    builder.max_concurrent_streams(max_streams);
                }
                tokio::spawn(serve(builder.handshake(tls).await.unwrap(), number));
            }
        });
        Self { root_pem: authority.root_pem, address, connections }
    }

    /// Answers every request with its method, path and body.
    pub(super) async fn echo(max_streams: Option<u32>) -> Self {
        Self::start(max_streams, |mut connection, _| async move {
            while let Some(Ok(stream)) = connection.accept().await {
                tokio::spawn(echo(stream));
            }
        })
        .await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(super) async fn echo((request, mut respond): Stream) {
    let (parts, mut body) = request.into_parts();
    let mut text = format!("{} {} ", parts.method, parts.uri.path());
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        text.push_str(std::str::from_utf8(&data).unwrap());
    }
    answer(&mut respond, &text);
}

/// Answers, if the client is still there.
pub(super) fn answer(respond: &mut SendResponse<Bytes>, text: &str) {
    if let Ok(mut stream) = respond.send_response(Response::new(()), text.is_empty())
        && !text.is_empty()
    {
        let _ = stream.send_data(Bytes::new(text.as_bytes().to_vec()), true);
    }
}
