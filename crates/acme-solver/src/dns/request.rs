//! Requests to services.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde_json::Value;

/// The headers of a request.
pub(super) type Headers<'a> = &'a [(&'static str, &'a HeaderValue)];

pub(super) fn get(url: &str, headers: Headers<'_>) -> Request<Vec<u8>> {
    bare(Method::GET, url, headers)
}

pub(super) fn delete(url: &str, headers: Headers<'_>) -> Request<Vec<u8>> {
    bare(Method::DELETE, url, headers)
}

/// A request to do something, without a body.
pub(super) fn post(url: &str, headers: Headers<'_>) -> Request<Vec<u8>> {
    bare(Method::POST, url, headers)
}

/// A request with a body of JSON.
pub(super) fn json(method: &str, url: &str, headers: Headers<'_>, body: &Value) -> Request<Vec<u8>> {
    let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    let mut request = bare(method, url, headers);
    *request.body_mut() = body.to_string().into_bytes();
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// A request with the fields of a form.
///
/// <https://url.spec.whatwg.org/#application/x-www-form-urlencoded>
pub(super) fn form(url: &str, fields: &[(&str, &str)]) -> Request<Vec<u8>> {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value)));
    let mut request = bare(Method::POST, url, &[]);
    *request.body_mut() = pairs.collect::<Vec<_>>().join("&").into_bytes();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    request
}

fn bare(method: Method, url: &str, headers: Headers<'_>) -> Request<Vec<u8>> {
    let mut request = Request::new(Vec::new());
    *request.method_mut() = method;
    // An address that can't be parsed becomes `/`, which no transport takes.
    *request.uri_mut() = url.parse().unwrap_or_else(|_| Uri::default());
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        request.headers_mut().insert(HeaderName::from_static(name), (*value).clone());
    }
    request
}

/// A text as a part of a path or a query: all but the unreserved characters percent-encoded.
///
/// <https://www.rfc-editor.org/rfc/rfc3986#section-2.3>
pub(super) fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_has_unreserved_characters_only() {
        assert_eq!(segment("a_b.c-~/?&=%+ é"), "a_b.c-~%2F%3F%26%3D%25%2B%20%C3%A9");
    }
}
