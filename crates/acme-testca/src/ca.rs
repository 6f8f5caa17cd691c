//! The CA itself.

mod account;
mod admission;
mod authorization;
mod certificate;
mod delegations;
mod directory;
mod issuers;
mod limits;
mod onion;
mod order;
mod permission;
mod persistence;
mod profiles;
mod renewal;
mod revocation;
mod rollover;
mod sabotage;
mod standing;
mod star;
mod subdomains;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fmt,
    time::Duration,
};

use http::{Method, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    authority::Authority,
    caa::CaaRecord,
    config::Config,
    encoding,
    error::Error,
    fault::{Fault, Faults},
    log::{Counts, Issued, Log, RequestRecord},
    problem::Problem,
    reply::{self, REPLAY_NONCE, Reply},
    route::{Operation, Route},
    state::{Certificate, State},
    validation::{Validation, ValidationId},
};

/// A certificate authority without I/O: requests go in, replies come out.
///
/// [`Ca::handle`] takes a request and the time. Validations are asked for by
/// [`Ca::poll_validation`] and their outcome is told by [`Ca::validated`], unless
/// [`Config::always_valid`] makes them superfluous.
pub struct Ca {
    pub(crate) config: Config,
    state: State,
    authority: Authority,
    nonces: Nonces,
    faults: Faults,
    log: Log,
    validations: VecDeque<Validation>,
    under_way: BTreeMap<ValidationId, (String, usize)>,
    next_validation: u64,
}

impl Ca {
    /// Makes a CA with new keys, whose certificates are valid from an hour before `now` on.
    ///
    /// # Errors
    ///
    /// A configuration that makes no sense, and a failure of the cryptographic library.
    pub fn new(config: Config, now: Timestamp) -> Result<Self, Error> {
        config.check()?;
        let mut state = State::new(config.seed);
        let authority = Authority::generate(&state.dice.id(), now)?;
        Ok(Self::assemble(config, state, authority))
    }

    /// Takes up what [`Ca::save`] wrote: keys, accounts, orders, certificates, clock. Nonces, faults
    /// and the log begin anew; challenges that were being validated are asked for again.
    ///
    /// # Errors
    ///
    /// Octets that are damaged, or of another version of the format.
    pub fn load(saved: &[u8], config: Config) -> Result<Self, Error> {
        config.check()?;
        let (authority, state) = State::load(saved)?;
        let mut ca = Self::assemble(config, state, Authority::load(&authority)?);
        ca.resume_validations(Timestamp::MIN);
        Ok(ca)
    }

    fn assemble(config: Config, state: State, authority: Authority) -> Self {
        Self {
            config,
            state,
            authority,
            nonces: Nonces::default(),
            faults: Faults::default(),
            log: Log::default(),
            validations: VecDeque::new(),
            under_way: BTreeMap::new(),
            next_validation: 1,
        }
    }

    /// Answers a request.
    ///
    /// Of the URI only path and query are looked at. `now` should not go back.
    pub fn handle(&mut self, request: &Request<Vec<u8>>, now: Timestamp) -> Reply {
        let now = self.at(now);
        let route = Route::of(request.uri().path());
        let actions = self.faults.strike(route.operation(), &self.subjects(route, request));
        let record = RequestRecord {
            id: self.log.next_id(),
            at: now,
            operation: route.operation(),
            method: request.method().to_string(),
            url: self.url_of(request),
            status: None,
            problem: None,
            account: None,
            connection: request.extensions().get::<ConnectionId>().map(|id| id.0),
            faults: actions.len(),
        };
        self.log.push(record);
        let mut reply = match self.sabotage_before(&actions, route, request, now) {
            Some(reply) => reply,
            None => Reply::respond(self.answer(request, route, now)),
        };
        self.sabotage_after(&actions, route, &mut reply, now);
        self.record_outcome(&reply);
        reply
    }

    /// Makes the faults of a script happen, beside those that are there already.
    pub fn add_faults(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.add(faults);
    }

    /// Forgets all faults.
    pub fn clear_faults(&mut self) {
        self.faults = Faults::default();
    }

    /// Sets the CAA records of a name, in [`Config::caa_records`].
    pub fn set_caa_records(&mut self, name: &str, records: Vec<CaaRecord>) {
        self.config.caa_records.insert(name.to_ascii_lowercase(), records);
    }

    /// Switches [`Config::always_valid`].
    pub fn set_always_valid(&mut self, always: AlwaysValid) {
        self.config.always_valid = always == AlwaysValid::On;
    }

    /// Moves the CA's own clock forward.
    pub fn advance(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.state.clock_offset = self.state.clock_offset.saturating_add(by);
    }

    /// Revokes a certificate as the CA itself would (reason 0). Says whether there is one with this
    /// serial number that was not revoked yet.
    pub fn revoke(&mut self, serial: &str, now: Timestamp) -> bool {
        let now = self.at(now);
        self.revoke_serial(&serial.to_ascii_lowercase(), now)
    }

    /// Writes down everything that must outlive the process, for [`Ca::load`]. It holds the CA's
    /// private keys.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.state.save(self.authority.save())
    }

    /// The URL that a client is given.
    #[must_use]
    pub fn directory_url(&self) -> String {
        self.url("/directory")
    }

    /// The root, in PEM: what the chains end in.
    #[must_use]
    pub fn root_pem(&self) -> String {
        encoding::pem("CERTIFICATE", self.authority.root_der())
    }

    /// The root that signs the intermediate of today, in PEM; after [`Ca::roll_over`] another one than
    /// [`Ca::root_pem`].
    #[must_use]
    pub fn newest_root_pem(&self) -> String {
        encoding::pem("CERTIFICATE", self.authority.newest_root_der())
    }

    /// The other root, in PEM: what the alternate chains end in. `None` if the state was saved by a
    /// version that had one root.
    #[must_use]
    pub fn other_root_pem(&self) -> Option<String> {
        Some(encoding::pem("CERTIFICATE", self.authority.other_root_der()?))
    }

    /// The requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.log.records()
    }

    /// The certificates issued, oldest first.
    #[must_use]
    pub fn issued(&self) -> Vec<Issued> {
        let mut issued: Vec<_> = self.state.certificates.values().collect();
        issued.sort_by_key(|certificate| certificate.number);
        issued.into_iter().map(|one| self.describe(one)).collect()
    }

    /// The counters.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let certificates = self.state.certificates.values();
        Counts {
            accounts: self.state.accounts.len() as u64,
            orders: self.state.orders.len() as u64,
            orders_finalized: self.state.orders_finalized,
            certificates: self.state.certificates.len() as u64,
            revoked: certificates.filter(|one| one.revoked.is_some()).count() as u64,
            requests: self.log.requests,
            nonces_refused: self.log.nonces_refused,
            validations: self.log.validations,
            connections: 0,
        }
    }

    #[cfg(feature = "serve")]
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    fn describe(&self, certificate: &Certificate) -> Issued {
        Issued {
            serial: certificate.serial.clone(),
            renewal_id: self.renewal_id(certificate),
            names: certificate.names.clone(),
            order: self.url(&format!("/order/{}", certificate.order)),
            account: self.url(&format!("/account/{}", certificate.account)),
            der: certificate.der.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            revoked: certificate.revoked.map(|one| (one.at, one.reason)),
        }
    }

    fn at(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.state.clock_offset).unwrap_or(now)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.base_url)
    }

    fn url_of(&self, request: &Request<Vec<u8>>) -> String {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        self.url(path)
    }

    fn answer(&mut self, request: &Request<Vec<u8>>, route: Route<'_>, now: Timestamp) -> Response<Vec<u8>> {
        let result = check_request(request, route).and_then(|()| self.dispatch(request, route, now));
        let mut response = match result {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        };
        self.finish(&mut response, request.method(), route);
        response
    }

    fn dispatch(
        &mut self,
        request: &Request<Vec<u8>>,
        route: Route<'_>,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        match route {
            Route::Directory => Ok(self.directory()),
            Route::NewNonce if request.method() == Method::GET => Ok(reply::empty(StatusCode::NO_CONTENT)),
            Route::NewNonce => Ok(reply::empty(StatusCode::OK)),
            Route::NewAccount => self.new_account(request, now),
            Route::Account(id) => self.account(request, id, now),
            Route::Orders(id) => self.orders(request, id, now),
            Route::Delegations(id) => self.delegations(request, id),
            Route::Delegation(id) => self.delegation(request, id),
            Route::KeyChange => self.key_change(request),
            Route::NewOrder => self.new_order(request, now),
            Route::NewAuthorization => self.new_authorization(request, now),
            Route::Order(id) => self.order(request, id, now),
            Route::Authorization(id) => self.authorization(request, id, now),
            Route::Challenge(id, index) => self.challenge(request, id, index, now),
            Route::Finalize(id) => self.finalize(request, id, now),
            Route::Certificate(id, chain) => self.certificate(request, id, chain),
            Route::Star(id) => self.star_certificate(request, id, now),
            Route::RenewalInfo(id) => self.renewal_info(id, now),
            Route::Revoke => self.revoke_certificate(request, now),
            Route::Agreement(id) => self.agreement(id),
            Route::Crl(generation) => self.crl(generation, now),
            Route::Unknown => Err(Problem::not_found("resource").into()),
        }
    }

    /// Adds to an object what the switches ask for: members of no RFC, and `null` for absent ones.
    fn decorate(&mut self, object: &mut Map<String, Value>, optional: &[&str]) {
        if self.config.extra_members {
            object.insert(format!("x-{}", self.state.dice.word()), json!({"unknown": [1, null, {}]}));
        }
        if self.config.null_members {
            for name in optional {
                object.entry((*name).to_owned()).or_insert(Value::Null);
            }
        }
    }

    /// Adds the headers that do not depend on what is answered.
    fn finish(&mut self, response: &mut Response<Vec<u8>>, method: &Method, route: Route<'_>) {
        reply::set(response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        reply::set(response, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        reply::set(response, header::CACHE_CONTROL, "no-store");
        if !response.body().is_empty() {
            reply::set(response, header::CONTENT_LANGUAGE, "en");
        }
        if route != Route::Directory {
            let directory = self.directory_url();
            reply::link(response, &directory, "index");
        }
        let is_bad_nonce = self.config.refused_nonce_without_new_one && is_bad_nonce(response);
        if (method == Method::POST && !is_bad_nonce) || route == Route::NewNonce {
            let nonce = self.fresh_nonce();
            reply::set(response, REPLAY_NONCE, &nonce);
        }
    }

    fn fresh_nonce(&mut self) -> String {
        let nonce = self.state.dice.nonce();
        self.nonces.add(nonce.clone());
        nonce
    }

    fn add_retry_after(&self, response: &mut Response<Vec<u8>>, now: Timestamp) {
        if let Some(value) = self.config.retry_after.value(now) {
            reply::set(response, header::RETRY_AFTER, &value);
        }
    }

    fn record_outcome(&mut self, reply: &Reply) {
        let response = reply.response();
        let status = response.map(|response| response.status().as_u16());
        let problem = response
            .filter(|response| !response.status().is_success())
            .and_then(|response| serde_json::from_slice::<Value>(response.body()).ok())
            .and_then(|body| Some(body.get("type")?.as_str()?.to_owned()));
        if let Some(record) = self.log.current() {
            record.status = status;
            record.problem = problem;
        }
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca")
            .field("base_url", &self.config.base_url)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// Whether challenges become valid without a validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlwaysValid {
    /// Validations are carried out.
    Off,
    /// Validations are left out.
    On,
}

/// The number of the connection a request came over: put it into the request's extensions to find
/// it in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId(pub u64);

/// A problem and the headers that go with it.
#[derive(Debug)]
struct Refusal {
    problem: Box<Problem>,
    headers: Vec<(header::HeaderName, String)>,
}

impl Refusal {
    fn with(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn into_response(self) -> Response<Vec<u8>> {
        let mut response = reply::problem(&self.problem);
        for (name, value) in self.headers {
            reply::add(&mut response, name, &value);
        }
        response
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), headers: Vec::new() }
    }
}

/// The nonces given out and not used yet.
#[derive(Default)]
struct Nonces {
    known: HashSet<String>,
    oldest_first: VecDeque<String>,
}

impl Nonces {
    fn add(&mut self, nonce: String) {
        if self.oldest_first.len() == MAX_NONCES
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(nonce.clone());
        self.oldest_first.push_back(nonce);
    }

    /// Uses a nonce up. Says whether it was good.
    fn spend(&mut self, nonce: &str) -> bool {
        self.known.remove(nonce)
    }
}

/// Checks what holds for every request: User-Agent, method, size (RFC 8555 sections 6.1 and 6.3).
fn check_request(request: &Request<Vec<u8>>, route: Route<'_>) -> Result<(), Refusal> {
    let agent = request.headers().get(header::USER_AGENT);
    let is_acme = !matches!(route, Route::Agreement(_) | Route::Crl(_));
    if is_acme && agent.is_none_or(|value| value.as_bytes().trim_ascii().is_empty()) {
        return Err(Problem::malformed("RFC 8555 section 6.1: a client must send User-Agent").into());
    }
    if request.body().len() > MAX_BODY {
        return Err(Problem::new("malformed", 413, "the body is larger than 1 MiB").into());
    }
    let allowed: &[Method] = match route.operation() {
        Operation::Directory
        | Operation::NewNonce
        | Operation::RenewalInfo
        | Operation::Agreement
        | Operation::Crl => &[Method::GET, Method::HEAD],
        Operation::NewAccount
        | Operation::Account
        | Operation::Orders
        | Operation::Delegation
        | Operation::KeyChange
        | Operation::NewOrder
        | Operation::NewAuthorization
        | Operation::Order
        | Operation::Authorization
        | Operation::Challenge
        | Operation::Finalize
        | Operation::Revoke => &[Method::POST],
        // Whether GET will do depends on the order.
        Operation::Certificate => &[Method::POST, Method::GET, Method::HEAD],
        Operation::Unknown => return Ok(()),
    };
    if allowed.contains(request.method()) {
        return Ok(());
    }
    Err(read_by_post(allowed))
}

fn read_by_post(allowed: &[Method]) -> Refusal {
    let detail = "RFC 8555 section 6.3: resources other than directory and newNonce are read by POST-as-GET";
    let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    Refusal::from(Problem::new("malformed", 405, detail)).with(header::ALLOW, names.join(", "))
}

fn is_bad_nonce(response: &Response<Vec<u8>>) -> bool {
    let body: Option<Value> = serde_json::from_slice(response.body()).ok();
    let kind = body.as_ref().and_then(|body| body.get("type")?.as_str());
    response.status() == StatusCode::BAD_REQUEST && kind.is_some_and(|kind| kind.ends_with(":badNonce"))
}

/// The largest body of a request.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

const MAX_NONCES: usize = 100_000;
const EXPOSED_HEADERS: &str = "Link, Replay-Nonce, Location, Retry-After";
