//! HTTP, plain and over TLS: http-01, and the management interface.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{Shared, answers::host, history::Kind, management, tls};

/// What is behind a listener.
#[derive(Clone)]
pub(super) enum Door {
    Http,
    Management,
    /// tls-alpn-01, and http-01 for who asks for another protocol.
    Tls(TlsAcceptor),
}

pub(super) async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>, door: Door) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others must be closed first.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (shared, door) = (Arc::clone(&shared), door.clone());
        tokio::spawn(async move {
            // What ends a connection is the client's doing.
            let _ = serve(stream, shared, door).await;
        });
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, door: Door) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let acceptor = match door {
        Door::Http => return speak(stream, shared, Room::Http).await,
        Door::Management => return speak(stream, shared, Room::Management).await,
        Door::Tls(acceptor) => acceptor,
    };
    let stream = timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await??;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() == Some(tls::PROTOCOL) {
        // RFC 8737 section 3: the handshake is the answer.
        return Ok(());
    }
    let server_name = session.server_name().unwrap_or_default().to_owned();
    speak(stream, shared, Room::Https { server_name }).await
}

/// What a request is for.
#[derive(Clone)]
enum Room {
    Http,
    Https { server_name: String },
    Management,
}

async fn speak<S>(stream: S, shared: Arc<Shared>, room: Room) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| answer(request, Arc::clone(&shared), room.clone()));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    room: Room,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let server_name = match room {
        Room::Management => {
            let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
                return Ok(response(StatusCode::BAD_REQUEST, ""));
            };
            return Ok(management::answer(&shared, &head, &body.to_bytes()));
        }
        Room::Http => None,
        Room::Https { server_name } => Some(server_name),
    };
    let asked = head.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let url = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let event = json!({
        "URL": url,
        "Host": asked,
        "HTTPS": server_name.is_some(),
        "ServerName": server_name.clone().unwrap_or_default(),
    });
    shared.history().push(Kind::Http, host(without_port(asked)), event);
    let answers = shared.answers();
    if server_name.is_none()
        && let Some(target) = answers.redirects.get(&url)
        && let Ok(target) = HeaderValue::from_str(target)
    {
        let mut moved = response(StatusCode::MOVED_PERMANENTLY, "");
        moved.headers_mut().insert(header::LOCATION, target);
        return Ok(moved);
    }
    let token = head.uri.path().strip_prefix("/.well-known/acme-challenge/");
    Ok(match token.and_then(|token| answers.http.get(token)) {
        Some(content) => response(StatusCode::OK, content),
        None => response(StatusCode::NOT_FOUND, ""),
    })
}

/// `name:port` and `[::1]:port` without the port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => {
            name.trim_matches(['[', ']'])
        }
        Some(_) | None => host.trim_matches(['[', ']']),
    }
}

pub(super) fn response(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_owned()));
    *response.status_mut() = status;
    response
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
const MAX_BODY: usize = 256 * 1024;
