//! How the server is told what to answer.

use std::{collections::BTreeMap, str::FromStr};

use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Map, Value};

use super::{
    Shared,
    answers::{Policy, host},
    history::Kind,
    web::response,
};

pub(super) fn answer(shared: &Shared, head: &Parts, body: &[u8]) -> Response<Full<Bytes>> {
    if head.method != Method::POST {
        return response(StatusCode::BAD_REQUEST, "only POST will do\n");
    }
    let Some(order) = Order::parse(body) else {
        return response(StatusCode::BAD_REQUEST, "the body must be a JSON object\n");
    };
    let path = head.uri.path();
    if let Some(kind) = history_of(path) {
        return history(shared, &order, kind);
    }
    match carry_out(shared, path, &order) {
        Outcome::Done => response(StatusCode::OK, ""),
        Outcome::Incomplete => response(StatusCode::BAD_REQUEST, ""),
        Outcome::Unknown => response(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

fn history_of(path: &str) -> Option<Kind> {
    match path {
        "/dns-request-history" => Some(Kind::Dns),
        "/http-request-history" => Some(Kind::Http),
        "/tlsalpn01-request-history" => Some(Kind::TlsAlpn),
        _ => None,
    }
}

fn history(shared: &Shared, order: &Order, kind: Kind) -> Response<Full<Bytes>> {
    let Some(host) = order.host() else {
        return response(StatusCode::BAD_REQUEST, "host parameter of POST body must not be empty\n");
    };
    let history = shared.history();
    let events = Value::from(history.of(kind, &host).into_iter().cloned().collect::<Vec<_>>());
    let mut response = response(StatusCode::OK, &format!("{events:#}"));
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

enum Outcome {
    Done,
    /// A member is missing, empty or wrong.
    Incomplete,
    Unknown,
}

fn carry_out(shared: &Shared, path: &str, order: &Order) -> Outcome {
    let mut answers = shared.answers();
    let done = match path {
        "/add-http01" => put(&mut answers.http, order.text("token"), order.text("content")),
        "/del-http01" => take(&mut answers.http, order.text("token")),
        "/add-redirect" => put(&mut answers.redirects, order.text("path"), order.text("targeturl")),
        "/del-redirect" => take(&mut answers.redirects, order.text("path")),
        "/add-tlsalpn01" => put(&mut answers.tls, order.host(), order.text("content")),
        "/del-tlsalpn01" => take(&mut answers.tls, order.host()),
        "/set-default-ipv4" => set(&mut answers.default_ipv4, order),
        "/set-default-ipv6" => set(&mut answers.default_ipv6, order),
        "/add-a" => extend(&mut answers.a, order.host(), order.list("addresses", address)),
        "/clear-a" => take(&mut answers.a, order.host()),
        "/add-aaaa" => extend(&mut answers.aaaa, order.host(), order.list("addresses", address)),
        "/clear-aaaa" => take(&mut answers.aaaa, order.host()),
        "/add-caa" => extend(&mut answers.caa, order.host(), order.list("policies", policy)),
        "/clear-caa" => take(&mut answers.caa, order.host()),
        "/set-txt" | "/add-txt" => {
            extend(&mut answers.txt, order.host(), order.text("value").map(|text| vec![text]))
        }
        "/clear-txt" => take(&mut answers.txt, order.host()),
        "/set-cname" => put(&mut answers.cname, order.host(), order.text("target").map(|name| host(&name))),
        "/clear-cname" => take(&mut answers.cname, order.host()),
        "/set-servfail" => order.host().map(|host| answers.failing.insert(host)).map(|_| ()),
        "/clear-servfail" => order.host().map(|host| answers.failing.remove(&host)).map(|_| ()),
        "/clear-request-history" => {
            let kind = order.text("type").and_then(|kind| match kind.as_str() {
                "dns" => Some(Kind::Dns),
                "http" => Some(Kind::Http),
                "tlsalpn" => Some(Kind::TlsAlpn),
                _ => None,
            });
            order.host().zip(kind).map(|(host, kind)| shared.history().clear(kind, &host))
        }
        _ => return Outcome::Unknown,
    };
    if done.is_some() { Outcome::Done } else { Outcome::Incomplete }
}

fn put(map: &mut BTreeMap<String, String>, key: Option<String>, value: Option<String>) -> Option<()> {
    map.insert(key?, value?);
    Some(())
}

fn extend<T>(map: &mut BTreeMap<String, Vec<T>>, key: Option<String>, values: Option<Vec<T>>) -> Option<()> {
    let (key, values) = (key?, values?);
    map.entry(key).or_default().extend(values);
    Some(())
}

fn take<T>(map: &mut BTreeMap<String, T>, key: Option<String>) -> Option<()> {
    map.remove(&key?);
    Some(())
}

/// An empty text means that there is none.
fn set<T: FromStr>(place: &mut Option<T>, order: &Order) -> Option<()> {
    let text = order.value("ip")?.as_str()?;
    *place = if text.is_empty() { None } else { Some(text.parse().ok()?) };
    Some(())
}

fn address<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn policy(value: &Value) -> Option<Policy> {
    let members = Order::of(value)?;
    let flags = members.value("flag").and_then(Value::as_u64).unwrap_or_default();
    let (tag, value) = (members.text("tag")?, members.text("value")?);
    Some(Policy { flags: u8::try_from(flags).ok()?, tag, value })
}

/// What the server is told, with the names of its members in lower case: they may be written in any.
struct Order {
    members: Map<String, Value>,
}

impl Order {
    fn parse(body: &[u8]) -> Option<Self> {
        Self::of(&serde_json::from_slice(body).ok()?)
    }

    fn of(value: &Value) -> Option<Self> {
        let members = value.as_object()?.iter();
        let members = members.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        Some(Self { members })
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.value(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn host(&self) -> Option<String> {
        self.text("host").map(|name| host(&name))
    }

    fn list<T>(&self, name: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
        let list = self.value(name)?.as_array().filter(|list| !list.is_empty())?;
        list.iter().map(read).collect()
    }
}
