//! http-01 as RFC 8555 section 8.3 describes it.

use std::{net::IpAddr, sync::atomic::Ordering, time::Duration};

use http::{Request, Response, StatusCode, Uri, header, uri::Scheme};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;

use super::{Shared, connect, resolver};
use crate::{problem::Problem, validation::Validation};

/// Fetches the key authorization and compares it.
pub(super) async fn validate(shared: &Shared, validation: &Validation) -> Result<(), Problem> {
    match tokio::time::timeout(TIME_LIMIT, fetch(shared, validation)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(
            "connection",
            400,
            format!("http-01: {} did not answer within ten seconds", validation.name),
        )),
    }
}

async fn fetch(shared: &Shared, validation: &Validation) -> Result<(), Problem> {
    let mut target = Target {
        host: match validation.identifier.address() {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            Some(IpAddr::V4(_)) | None => validation.name.clone(),
        },
        port: None,
        path: format!("/.well-known/acme-challenge/{}", validation.token),
    };
    for _ in 0..=MAX_REDIRECTS {
        let response = target.get(shared).await?;
        if !response.status().is_redirection() {
            return compare(response, &target, validation).await;
        }
        target = target.redirected(&response)?;
    }
    Err(incorrect(format!("http-01: there were more than {MAX_REDIRECTS} redirects")))
}

async fn compare(
    response: Response<Incoming>,
    target: &Target,
    validation: &Validation,
) -> Result<(), Problem> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(incorrect(format!("http-01: {target} answered with status {}", status.as_u16())));
    }
    let body = Limited::new(response.into_body(), MAX_BODY)
        .collect()
        .await
        .map_err(|_| incorrect(format!("http-01: the body of {target} is broken or too large")))?
        .to_bytes();
    if body.trim_ascii_end() == validation.key_authorization.as_bytes() {
        return Ok(());
    }
    let start: Vec<u8> = body.iter().copied().take(EXCERPT).collect();
    Err(incorrect(format!(
        "RFC 8555 section 8.3: {target} did not answer with the key authorization, but with {:?}",
        String::from_utf8_lossy(&start)
    )))
}

struct Target {
    host: String,
    port: Option<u16>,
    path: String,
}

impl Target {
    async fn get(&self, shared: &Shared) -> Result<Response<Incoming>, Problem> {
        let port = self.port.unwrap_or_else(|| shared.http_port.load(Ordering::Relaxed));
        let addresses = resolver::look_up(shared, &self.host, port).await?;
        if addresses.is_empty() {
            return Err(Problem::new(
                "dns",
                400,
                format!("http-01: {} does not exist, or leads beyond loopback", self.host),
            ));
        }
        let stream = connect(&addresses)
            .await
            .map_err(|error| self.connection_problem(&format!("cannot connect to {addresses:?}: {error}")))?;
        let request = Request::get(&self.path)
            .header(header::HOST, self.authority())
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::ACCEPT, "*/*")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|_| incorrect(format!("http-01: {self} cannot be requested")))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.connection_problem(&error.to_string()))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| self.connection_problem(&error.to_string()))
    }

    fn redirected(&self, response: &Response<Incoming>) -> Result<Self, Problem> {
        let location = response
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<Uri>().ok())
            .ok_or_else(|| incorrect(format!("http-01: {self} redirects to nowhere")))?;
        let path = location.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        match (location.scheme(), location.host()) {
            (None, None) if path.starts_with('/') => {
                Ok(Self { host: self.host.clone(), port: self.port, path })
            }
            (Some(scheme), Some(host)) if *scheme == Scheme::HTTP => {
                Ok(Self { host: host.to_owned(), port: location.port_u16(), path })
            }
            _ => Err(incorrect(format!(
                "http-01: {self} redirects to {location}, and the test CA follows http URLs only"
            ))),
        }
    }

    fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    fn connection_problem(&self, what: &str) -> Problem {
        Problem::new("connection", 400, format!("http-01: {self}: {what}"))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

fn incorrect(detail: String) -> Problem {
    Problem::new("incorrectResponse", 403, detail)
}

const MAX_REDIRECTS: usize = 10;
const MAX_BODY: usize = 64 * 1024;
const EXCERPT: usize = 200;
const TIME_LIMIT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("acme-testca/", env!("CARGO_PKG_VERSION"));
