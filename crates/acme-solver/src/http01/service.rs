//! The responder as a tower service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use tower_service::Service;

use super::Http01Responder;

impl<B> Service<Request<B>> for Http01Responder {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(answer(self, request.method(), request.uri().path())))
    }
}

fn answer(responder: &Http01Responder, method: &Method, path: &str) -> Response<String> {
    let is_read = [Method::GET, Method::HEAD].contains(method);
    let (status, kind, body) = match responder.respond(path) {
        _ if !is_read => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET only\n".to_owned()),
        Some(body) => (StatusCode::OK, "application/octet-stream", body),
        None => (StatusCode::NOT_FOUND, TEXT, "no such ACME challenge\n".to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if !is_read {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

const TEXT: &str = "text/plain";
