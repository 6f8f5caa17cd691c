//! Connections of clients: from the socket to [`Ca::handle`] and back.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{
    Event, Moment, Shared, body::ResponseBody, caa, dns01, http01, lock, management, pebble, tls_alpn01,
};
use crate::{
    ca::{ConnectionId, MAX_BODY},
    problem::Problem,
    reply::{Delivery, Reply},
    route::Route,
    validation::{Method, Validation},
};

/// Takes connections until it is dropped.
pub(super) async fn accept(
    listener: &TcpListener,
    acceptor: Option<&TlsAcceptor>,
    shared: &Arc<Shared>,
    door: Door,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others must be closed first.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let shared = Arc::clone(shared);
        let acceptor = acceptor.cloned();
        tokio::spawn(async move {
            // What ends a connection is the client's doing, or the script's.
            let _ = serve(stream, acceptor, shared, door).await;
        });
    }
}

/// What is behind a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Acme,
    Management,
}

async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    door: Door,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match acceptor {
        Some(acceptor) => {
            let stream = tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await??;
            speak(stream, shared, door).await
        }
        None => speak(stream, shared, door).await,
    }
}

async fn speak<S>(stream: S, shared: Arc<Shared>, door: Door) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if door == Door::Management {
        return management::speak(stream, shared).await;
    }
    let id = ConnectionId(shared.connections.fetch_add(1, Ordering::Relaxed) + 1);
    let service = service_fn(|request| answer(request, id, Arc::clone(&shared)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

/// Answers one request. The error closes the connection.
async fn answer(
    request: Request<Incoming>,
    id: ConnectionId,
    shared: Arc<Shared>,
) -> Result<Response<ResponseBody>, Closed> {
    let (mut head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => vec![b' '; MAX_BODY + 1],
        Err(_) => return Err(Closed),
    };
    head.extensions.insert(id);
    if shared.is_pebble {
        pebble::rewrite(&mut head.uri);
    }
    let request = Request::from_parts(head, body);
    let mut event = Event {
        moment: Moment::Before,
        number: shared.arrivals.fetch_add(1, Ordering::Relaxed) + 1,
        operation: Route::of(request.uri().path()).operation(),
        method: request.method().to_string(),
        path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        status: None,
    };
    call_hook(&shared, event.clone()).await;
    let (reply, validations) = carry_out(&shared, &request);
    for validation in validations {
        tokio::spawn(validate(Arc::clone(&shared), validation));
    }
    event.moment = Moment::After;
    event.status = reply.response().map(|response| response.status().as_u16());
    call_hook(&shared, event).await;
    deliver(reply).await
}

fn carry_out(shared: &Shared, request: &Request<Vec<u8>>) -> (Reply, Vec<Validation>) {
    let mut ca = lock(&shared.ca);
    let reply = ca.handle(request, Timestamp::now());
    let validations = std::iter::from_fn(|| ca.poll_validation()).collect();
    (reply, validations)
}

async fn call_hook(shared: &Shared, event: Event) {
    if let Some(hook) = shared.hook.clone() {
        // A hook that panics has told the test so on its own thread; the request goes on.
        let _ = tokio::task::spawn_blocking(move || hook(&event)).await;
    }
}

async fn deliver(reply: Reply) -> Result<Response<ResponseBody>, Closed> {
    if let Some(delay) = reply.delay {
        tokio::time::sleep(delay).await;
    }
    match reply.delivery {
        Delivery::Respond(response) => Ok(response.map(ResponseBody::once)),
        Delivery::Endless(response) => Ok(response.map(ResponseBody::endless)),
        Delivery::Close => Err(Closed),
    }
}

async fn validate(shared: Arc<Shared>, validation: Validation) {
    let outcome = match validation.method {
        Method::Http01 => http01::validate(&shared, &validation).await.map(|()| None),
        Method::Dns01 | Method::DnsAccount01 | Method::DnsPersist01 => {
            dns01::validate(&shared, &validation).await
        }
        // It never gets here: the CA needs nobody to look at a CSR.
        Method::OnionCsr01 => Err(Problem::server_internal("onion-csr-01 is validated elsewhere")),
        Method::TlsAlpn01 => tls_alpn01::validate(&shared, &validation).await.map(|()| None),
    };
    let outcome = match outcome {
        Ok(until) => caa::check(&shared, &validation).await.map(|()| until),
        Err(problem) => Err(problem),
    };
    let mut ca = lock(&shared.ca);
    match outcome {
        Ok(Some(until)) => ca.validated_until(validation.id, until, Timestamp::now()),
        Ok(None) => ca.validated(validation.id, Ok(()), Timestamp::now()),
        Err(problem) => ca.validated(validation.id, Err(problem), Timestamp::now()),
    }
}

/// The connection is to be closed without a response.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
