//! Pebble's management interface.

use std::{convert::Infallible, io, sync::Arc};

use der::Decode as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use x509_cert::Certificate;

use super::{Shared, lock};
use crate::{authority::Chain, ca::Ca, encoding, renewal::RenewalWindow};

/// Serves a connection.
pub(super) async fn speak<S>(stream: S, shared: Arc<Shared>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| answer(request, Arc::clone(&shared)));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    let body = body.to_bytes();
    let mut ca = lock(&shared.ca);
    let path = head.uri.path();
    let response = match path.strip_prefix('/').and_then(|path| path.split_once('/')) {
        Some(("set-renewal-info", "")) => set_renewal_info(&mut ca, &head.method, &body),
        Some(("cert-status-by-serial", serial)) => status(&ca, serial),
        Some((what, number)) => credential(&ca, what, number),
        None => empty(StatusCode::NOT_FOUND),
    };
    Ok(response)
}

/// A certificate or key of the CA's own, by number.
fn credential(ca: &Ca, what: &str, number: &str) -> Response<Full<Bytes>> {
    let chain = match number {
        "0" => Chain::Default,
        "1" if ca.has_alternate() => Chain::Alternate,
        _ => return empty(StatusCode::NOT_FOUND),
    };
    let authority = ca.authority();
    let certificate = |der: Option<&[u8]>| der.map(|der| encoding::pem("CERTIFICATE", der));
    let key = |pkcs8: Option<&[u8]>| pkcs8.map(|pkcs8| encoding::pem("PRIVATE KEY", pkcs8));
    let (pem, content_type) = match what {
        "roots" => (certificate(authority.root_of(chain).map(|(root, _)| root)), PEM_CHAIN),
        "root-keys" => (key(authority.root_of(chain).map(|(_, key)| key)), PEM_FILE),
        "intermediates" => {
            (certificate(authority.chain(authority.generation(), chain).first().copied()), PEM_CHAIN)
        }
        "intermediate-keys" => (key(Some(authority.intermediate_key())), PEM_FILE),
        _ => return empty(StatusCode::NOT_FOUND),
    };
    let Some(pem) = pem else {
        return empty(StatusCode::NOT_FOUND);
    };
    let mut response = with(StatusCode::OK, content_type, pem);
    if ca.has_alternate() {
        let other = if chain == Chain::Default { 1 } else { 0 };
        if let Ok(link) = HeaderValue::from_str(&format!("</{what}/{other}>;rel=\"alternate\"")) {
            response.headers_mut().append(header::LINK, link);
        }
    }
    response
}

/// Whether a certificate is revoked.
fn status(ca: &Ca, serial: &str) -> Response<Full<Bytes>> {
    if serial.is_empty() || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return empty(StatusCode::BAD_REQUEST);
    }
    let serial = serial.to_ascii_lowercase();
    let Some(issued) = ca.issued().into_iter().find(|issued| same_number(&issued.serial, &serial)) else {
        return empty(StatusCode::NOT_FOUND);
    };
    let mut status = json!({
        "Status": "Valid",
        "Serial": issued.serial,
        "Certificate": encoding::pem("CERTIFICATE", &issued.der),
    });
    if let (Some((at, reason)), Some(members)) = (issued.revoked, status.as_object_mut()) {
        members.insert("Status".to_owned(), json!("Revoked"));
        members.insert("Reason".to_owned(), json!(reason));
        members
            .insert("RevokedAt".to_owned(), json!(at.strftime("%Y-%m-%d %H:%M:%S%.f +0000 UTC").to_string()));
    }
    with(StatusCode::OK, JSON, format!("{status:#}"))
}

/// openssl prints serial numbers without the zeros in front.
fn same_number(one: &str, other: &str) -> bool {
    one.trim_start_matches('0') == other.trim_start_matches('0')
}

fn set_renewal_info(ca: &mut Ca, method: &Method, body: &[u8]) -> Response<Full<Bytes>> {
    if method != Method::POST {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    match renewal_window(body) {
        Some((serial, window)) if ca.set_renewal_window(&serial, window.clone()) => empty(StatusCode::OK),
        Some(_) => empty(StatusCode::NOT_FOUND),
        None => empty(StatusCode::BAD_REQUEST),
    }
}

/// What the request says: a serial number, and the window.
fn renewal_window(body: &[u8]) -> Option<(String, RenewalWindow)> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let pem = member(&request, "certificate")?.as_str()?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let certificate = Certificate::from_der(&der).ok()?;
    let info: Value = serde_json::from_str(member(&request, "ariResponse")?.as_str()?).ok()?;
    let window = member(&info, "suggestedWindow")?;
    let date = |name| member(window, name)?.as_str()?.parse().ok();
    let mut window = RenewalWindow::new(date("start")?, date("end")?);
    window.explanation_url = member(&info, "explanationURL").and_then(Value::as_str).map(str::to_owned);
    let serial = certificate.tbs_certificate().serial_number().as_bytes();
    Some((encoding::hex(serial), window))
}

/// Pebble does not tell upper from lower case in the names of members.
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = object.as_object()?.iter();
    members.find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn with(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

const MAX_BODY: usize = 256 * 1024;
const PEM_CHAIN: &str = "application/pem-certificate-chain; charset=utf-8";
const PEM_FILE: &str = "application/x-pem-file; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";
