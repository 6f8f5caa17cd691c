//! A provider and a stand-in of its service: requests go from one to the other as values, and no
//! time passes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use acme_proto::{Exchange, Flow, Input, Step};
use acme_solver::dns::{
    self, Action, Change, DnsError, DnsFlow, DnsProvider, Zone, change_zones, find_zones,
};
use http::{Request, Response};
use jiff::Timestamp;

/// A stand-in of a DNS service. It holds the zones of [`ZONES`].
pub(crate) trait Fake {
    fn handle(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>>;
    /// What a resolver sees at a name.
    fn values(&self, name: &str) -> Vec<String>;
    /// A value of somebody else.
    fn put(&mut self, name: &str, value: &str);
    /// How the service says that it was asked too often; to be left alone for 7 seconds, where it
    /// tells.
    fn busy(&self) -> Response<Vec<u8>> {
        Response::builder().status(429).header("retry-after", "7").body(b"{}".to_vec()).unwrap()
    }
    /// Whether the service says when a change is in place, which is waited for.
    fn waits_for_changes(&self) -> bool {
        false
    }
}

/// The zones of a stand-in.
pub(crate) const ZONES: [&str; 3] = ["example.com", "sub.example.com", "example.org"];
/// The secret that a stand-in takes.
pub(crate) const SECRET: &str = "the-right-secret-of-44-characters-0123456789";

/// A provider and the stand-in.
pub(crate) struct World<F> {
    pub(crate) fake: F,
    pub(crate) provider: Arc<dyn DnsProvider>,
    /// Given out before the stand-in is asked.
    pub(crate) canned: VecDeque<Response<Vec<u8>>>,
    pub(crate) waits: Vec<Duration>,
    pub(crate) requests: Vec<String>,
    /// What somebody else writes before a request, by its number.
    pub(crate) meanwhile: BTreeMap<usize, (String, String)>,
    /// Given out in place of the stand-in's reply to a request, by its number.
    pub(crate) meanwhile_canned: BTreeMap<usize, Response<Vec<u8>>>,
    now: Timestamp,
}

impl<F: Fake> World<F> {
    pub(crate) fn new(service: &str, variables: &[(&str, &str)], fake: F) -> Self {
        let find = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        let provider = dns::service(service).unwrap().provider(&find).unwrap();
        Self {
            fake,
            provider,
            canned: VecDeque::new(),
            waits: Vec::new(),
            requests: Vec::new(),
            meanwhile: BTreeMap::new(),
            meanwhile_canned: BTreeMap::new(),
            now: Timestamp::from_second(START).unwrap(),
        }
    }

    pub(crate) fn add(&mut self, values: &[(&str, &str)]) -> Result<(), DnsError> {
        self.change(Action::Add, values)
    }

    pub(crate) fn remove(&mut self, values: &[(&str, &str)]) -> Result<(), DnsError> {
        self.change(Action::Remove, values)
    }

    pub(crate) fn zones(&mut self, names: &[&str]) -> Result<Vec<Zone>, DnsError> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let flow = find_zones(Arc::clone(&self.provider), names);
        self.drive(flow)?.into_iter().collect()
    }

    fn change(&mut self, action: Action, values: &[(&str, &str)]) -> Result<(), DnsError> {
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let zones = self.zones(&names)?;
        let mut distinct = zones.clone();
        distinct.sort();
        distinct.dedup();
        let of_zone = |zone: Zone| {
            let own = zones.iter().zip(values).filter(|(other, _)| **other == zone);
            let own = own.map(|(_, (name, value))| ((*name).to_owned(), (*value).to_owned()));
            let change = Change::new(action, own);
            (zone, change)
        };
        let changes = distinct.into_iter().map(of_zone).collect();
        let flow = change_zones(Arc::clone(&self.provider), changes);
        self.drive(flow)?.into_iter().collect()
    }

    pub(crate) fn drive<T>(&mut self, mut flow: DnsFlow<T>) -> Result<T, DnsError> {
        let mut input = Input::Start;
        for _ in 0..MAX_STEPS {
            input = match flow.resume(&mut (), input, self.now).unwrap() {
                Step::Exchange(exchanges) => {
                    assert!(exchanges.len() <= dns::Api::WIDTH);
                    Input::Responses(
                        exchanges.into_iter().map(|exchange| Ok(self.perform(exchange))).collect(),
                    )
                }
                Step::Wait(time) => {
                    self.now += time;
                    self.waits.push(time);
                    Input::Elapsed
                }
                Step::Done(output) => return output,
                Step::Sign(_) | Step::Save(_) | Step::Present(_) | Step::Withdraw(_) => {
                    panic!("unexpected step")
                }
            };
        }
        panic!("the flow does not end");
    }

    fn perform(&mut self, exchange: Exchange) -> Response<Vec<u8>> {
        let request = exchange.request;
        assert!(request.uri().host().is_some(), "{}", request.uri());
        if let Some((name, value)) = self.meanwhile.remove(&self.requests.len()) {
            self.fake.put(&name, &value);
        }
        if let Some(response) = self.meanwhile_canned.remove(&self.requests.len()) {
            self.canned.push_back(response);
        }
        self.requests.push(format!("{} {}", request.method(), request.uri()));
        self.canned.pop_front().unwrap_or_else(|| self.fake.handle(&request))
    }
}

const MAX_STEPS: usize = 1000;

/// When the clock of a world begins, in seconds.
pub(crate) const START: i64 = 1_796_126_400;

/// A response with a body of JSON.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response<Vec<u8>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(body.to_string().into_bytes()).unwrap()
}

/// The URL of a request, also of one that came over a socket.
pub(crate) fn url(request: &Request<Vec<u8>>) -> String {
    match request.uri().host() {
        Some(_) => request.uri().to_string(),
        None => format!("http://{}{}", header(request, "host"), request.uri()),
    }
}

/// Whether a request is for a host; one that came over a socket is for any.
pub(crate) fn is_for(request: &Request<Vec<u8>>, host: &str) -> bool {
    request.uri().host().is_none_or(|other| other == host)
}

/// The parameters of a query, decoded.
pub(crate) fn query(request: &Request<Vec<u8>>) -> BTreeMap<String, String> {
    pairs(request.uri().query().unwrap_or_default())
}

/// The fields of a form, decoded.
pub(crate) fn form(request: &Request<Vec<u8>>) -> BTreeMap<String, String> {
    assert_eq!(header(request, "content-type"), "application/x-www-form-urlencoded");
    pairs(str::from_utf8(request.body()).unwrap())
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// The segments of a path, decoded.
pub(crate) fn path(request: &Request<Vec<u8>>) -> Vec<String> {
    request.uri().path().split('/').skip(1).map(decoded).collect()
}

pub(crate) fn header<'a>(request: &'a Request<Vec<u8>>, name: &str) -> &'a str {
    request.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

pub(crate) fn body(request: &Request<Vec<u8>>) -> serde_json::Value {
    assert_eq!(header(request, "content-type"), "application/json");
    serde_json::from_slice(request.body()).unwrap()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| char::from(byte.unwrap()).to_digit(16).unwrap();
        bytes.push(match byte {
            b'%' => u8::try_from(hex(rest.next()) * 16 + hex(rest.next())).unwrap(),
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
