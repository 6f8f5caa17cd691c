//! A CA in a few lines: stateful, so that a flow may be cut off anywhere and begun anew.

use std::collections::{BTreeMap, BTreeSet};

use acme_proto::{Challenge, Delivery, Exchange, Identifier, Operation, TransportError, TransportErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, Method, Response};
use serde_json::{Value, json};

use super::der;

mod accounts;

pub(crate) const BASE: &str = "https://ca.test";
pub(crate) const DIRECTORY: &str = "https://ca.test/dir";
pub(crate) const ACCOUNT: &str = "https://ca.test/acct/1";

pub(crate) type Outcome = Result<Response<Vec<u8>>, TransportError>;

#[derive(Default)]
pub(crate) struct Ca {
    /// What solvers have put in place.
    pub(crate) in_place: Vec<Challenge>,
    /// The responses that were in place last when their challenges were answered.
    pub(crate) answered_with: Vec<Challenge>,
    /// Names that need no challenge.
    pub(crate) proved: BTreeSet<String>,
    /// Names whose challenge fails.
    pub(crate) refused: BTreeSet<String>,
    /// How often an answered authorization is looked at until it is settled.
    pub(crate) validates_after: u32,
    /// How often a finalized order is looked at until it is valid; none means that finalize says so.
    pub(crate) issues_after: u32,
    pub(crate) has_orders_list: bool,
    /// Whether newOrder answers with an order for the same names that is still good.
    pub(crate) reuses_orders: bool,
    pub(crate) terms: Option<&'static str>,
    /// Members that replace those of the directory.
    pub(crate) directory: BTreeMap<&'static str, Value>,
    /// Where the resources are; the directory moves with it.
    pub(crate) epoch: u32,
    pub(crate) orders: Vec<OrderState>,
    pub(crate) authorizations: Vec<AuthorizationState>,
    pub(crate) accounts: u32,
    /// How often a binding to an external account came.
    pub(crate) bindings: u32,
    pub(crate) is_account_deactivated: bool,
    /// The `x` of the key that the account has; of any that asks while there is none.
    pub(crate) account_key: Option<String>,
    /// The `x` of a key that another account has.
    pub(crate) taken_key: Option<String>,
    pub(crate) key_changes: u32,
    pub(crate) revoked: u32,
    /// Whether newOrder leaves out what it does not know, and it knows no profiles.
    pub(crate) ignores_profiles: bool,
    /// What renewalInfo answers, and its Retry-After.
    pub(crate) renewal_info: (Value, Option<&'static str>),
    /// The issuer and the key of the CA certificate in each chain, the first one's first. Without
    /// any, there is the leaf alone.
    pub(crate) chains: Vec<(&'static str, u8)>,
    /// Whether responses are changed on their way: what the client then asks for makes no sense.
    pub(crate) is_mad: bool,
    faults: Vec<Fault>,
    nonces: BTreeSet<String>,
    nonces_made: u32,
}

pub(crate) struct OrderState {
    pub(crate) names: Vec<Identifier>,
    pub(crate) status: &'static str,
    pub(crate) authorizations: Vec<usize>,
    pub(crate) finalized: u32,
    pub(crate) error: Option<Value>,
    pub(crate) expires: Option<&'static str>,
    pub(crate) chain: String,
    profile: Value,
    replaces: Value,
    looks: u32,
}

pub(crate) struct AuthorizationState {
    pub(crate) name: Identifier,
    pub(crate) status: &'static str,
    pub(crate) answered: Option<String>,
    pub(crate) deactivations: u32,
    looks: u32,
}

struct Fault {
    operation: Operation,
    skip: u32,
    times: u32,
    action: Action,
}

/// What happens to a request instead of what should.
#[derive(Clone)]
pub(crate) enum Action {
    /// The CA answers this without a look at the request.
    Instead(Canned),
    /// The CA carries it out, and the response is changed on its way.
    Edit(fn(&mut Response<Vec<u8>>)),
    /// The CA carries it out, and the response is lost.
    Lost,
    /// The connection can't be made.
    NotSent,
}

/// A response that does not depend on the request.
#[derive(Clone)]
pub(crate) struct Canned {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    has_nonce: bool,
}

impl Canned {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), has_nonce: true }
    }

    pub(crate) fn problem(status: u16, kind: &str) -> Self {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        Self::new(status, json!({"type": kind, "detail": "as scripted"}).to_string())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without_nonce(self) -> Self {
        Self { has_nonce: false, ..self }
    }
}

impl Ca {
    /// Lets the next request of an operation fail.
    pub(crate) fn fail(&mut self, operation: Operation, action: Action) {
        self.fail_later(operation, 0, 1, action);
    }

    /// Lets `times` requests of an operation fail, after `skip` that don't.
    pub(crate) fn fail_later(&mut self, operation: Operation, skip: u32, times: u32, action: Action) {
        self.faults.push(Fault { operation, skip, times, action });
    }

    pub(crate) fn answer(&mut self, operation: Operation, canned: Canned) {
        self.fail(operation, Action::Instead(canned));
    }

    pub(crate) fn forget_nonces(&mut self) {
        self.nonces.clear();
    }

    /// How often an order was finalized with success.
    pub(crate) fn finalized(&self) -> u32 {
        self.orders.iter().map(|order| order.finalized).sum()
    }

    pub(crate) fn handle(&mut self, exchange: &Exchange) -> Outcome {
        let lost = |delivery| Err(TransportError::new(delivery, TransportErrorKind::Io, "as scripted"));
        match self.take_fault(exchange.operation) {
            Some(Action::Instead(canned)) => {
                let mut response = Response::new(canned.body.into_bytes());
                *response.status_mut() = canned.status.try_into().expect("a status");
                for (name, value) in canned.headers {
                    let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
                    response.headers_mut().append(HeaderName::from_static(name), value);
                }
                if canned.has_nonce && !response.headers().contains_key("replay-nonce") {
                    self.add_nonce(&mut response);
                }
                Ok(response)
            }
            Some(Action::Edit(edit)) => {
                let mut response = self.carry_out(exchange);
                edit(&mut response);
                Ok(response)
            }
            Some(Action::Lost) => {
                let _ = self.carry_out(exchange);
                lost(Delivery::Unknown)
            }
            Some(Action::NotSent) => lost(Delivery::NotSent),
            None => Ok(self.carry_out(exchange)),
        }
    }

    fn take_fault(&mut self, operation: Operation) -> Option<Action> {
        let fault = self.faults.iter_mut().find(|fault| fault.operation == operation && fault.times > 0)?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.times -= 1;
        Some(fault.action.clone())
    }

    fn carry_out(&mut self, exchange: &Exchange) -> Response<Vec<u8>> {
        let request = &exchange.request;
        let path = request.uri().path();
        let prefix = self.prefix();
        let is_listed = path.contains("/new-") || path.contains("/revoke") || path.contains("/key-change");
        if is_listed && (!path.starts_with(&prefix) || path.matches('/').count() > prefix.len().min(1) + 1) {
            return self.problem(404, "malformed");
        }
        match (request.method(), path.strip_prefix(&prefix).unwrap_or(path)) {
            (&Method::GET, "/dir") => Response::new(self.document().to_string().into_bytes()),
            (&Method::GET, path) if path.starts_with("/ari/") => self.renewal_information(),
            (&Method::HEAD, "/new-nonce") => self.empty(200),
            (&Method::POST, path) => match self.open(request) {
                Ok((protected, payload)) => self.post(path, &protected, &payload),
                Err(response) => response,
            },
            _ => self.problem(405, "malformed"),
        }
    }

    fn prefix(&self) -> String {
        if self.epoch == 0 { String::new() } else { format!("/{}", self.epoch) }
    }

    fn document(&self) -> Value {
        let base = format!("{BASE}{}", self.prefix());
        let mut document = json!({
            "newNonce": format!("{base}/new-nonce"),
            "newAccount": format!("{base}/new-account"),
            "newOrder": format!("{base}/new-order"),
            "revokeCert": format!("{base}/revoke"),
            "aaTXgMZ": "a random member",
        });
        if let Some(terms) = self.terms {
            document["meta"] = json!({"termsOfService": terms});
        }
        for (member, value) in &self.directory {
            document[member] = value.clone();
        }
        document
    }

    /// The protected header and the payload of a request, or why it is refused.
    #[expect(clippy::result_large_err, reason = "it is a response, which is large")]
    fn open(&mut self, request: &http::Request<Vec<u8>>) -> Result<(Value, String), Response<Vec<u8>>> {
        let (protected, payload) = jws(request.body());
        let nonce = protected["nonce"].as_str().unwrap_or_default();
        if !self.nonces.remove(nonce) {
            return Err(self.problem(400, "badNonce"));
        }
        assert_eq!(protected["url"], request.uri().to_string(), "section 6.4");
        assert_eq!(request.headers()["content-type"], "application/jose+json", "section 6.2");
        assert!(protected["kid"].is_string() != protected["jwk"].is_object(), "section 6.2");
        let signer = accounts::signer(request.body());
        if protected["kid"].is_string() && self.account_key.as_ref().is_some_and(|key| *key != signer) {
            return Err(self.problem(401, "unauthorized"));
        }
        Ok((protected, payload))
    }

    fn post(&mut self, path: &str, protected: &Value, payload: &str) -> Response<Vec<u8>> {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let count = if path.starts_with("/authz") || path.starts_with("/chall") {
            self.authorizations.len()
        } else {
            self.orders.len()
        };
        let number = |id: &&str| id.parse().ok().filter(|id: &usize| *id < count);
        if self.is_account_deactivated {
            return self.problem(401, "unauthorized");
        }
        match parts.as_slice() {
            ["new-account"] => self.new_account(protected, payload),
            ["acct", "1"] => {
                self.is_account_deactivated = payload.contains("deactivated");
                let status = if self.is_account_deactivated { "deactivated" } else { "valid" };
                let mut account = json!({"status": status, "contact": null});
                if self.has_orders_list {
                    account["orders"] = json!("/acct/1/orders");
                }
                self.json(200, account)
            }
            ["acct", "1", "orders"] => {
                let urls: Vec<String> =
                    (0..self.orders.len()).map(|id| format!("{BASE}/order/{id}")).collect();
                self.json(200, json!({"orders": urls}))
            }
            ["new-order"] => self.new_order(payload),
            ["revoke"] => self.revoke(),
            ["new-authz"] => self.new_authorization(payload),
            ["key-change"] => self.change_key(protected, payload),
            [kind, id, rest @ ..] => match (*kind, number(id), rest) {
                ("order", Some(id), []) => self.order(id),
                ("order", Some(id), ["finalize"]) => self.finalize(id, payload),
                ("authz", Some(id), []) => self.authorization(id, payload),
                ("chall", Some(id), [kind]) => self.challenge(id, kind),
                ("cert", Some(id), []) => self.certificate(id, 0),
                ("cert", Some(id), [chain]) => self.certificate(id, chain.parse().expect("a number")),
                _ => self.problem(404, "malformed"),
            },
            _ => self.problem(404, "malformed"),
        }
    }

    fn new_order(&mut self, payload: &str) -> Response<Vec<u8>> {
        let payload: Value = serde_json::from_str(payload).expect("JSON");
        let names: Vec<Identifier> = payload["identifiers"]
            .as_array()
            .expect("identifiers")
            .iter()
            .map(|name| Identifier::from_json(name).expect("an identifier"))
            .collect();
        let is_good =
            |order: &OrderState| order.names == names && matches!(order.status, "pending" | "ready");
        if let (true, Some(id)) = (self.reuses_orders, self.orders.iter().position(is_good)) {
            return self.order_created(id);
        }
        let authorizations = names.iter().map(|name| self.authorize(name)).collect();
        self.orders.push(OrderState {
            names,
            status: "pending",
            authorizations,
            finalized: 0,
            error: None,
            expires: None,
            chain: String::new(),
            profile: if self.ignores_profiles { Value::Null } else { payload["profile"].clone() },
            replaces: payload["replaces"].clone(),
            looks: 0,
        });
        self.order_created(self.orders.len() - 1)
    }

    fn order_created(&mut self, id: usize) -> Response<Vec<u8>> {
        self.look_at(id);
        let mut response = self.json(201, self.order_document(id));
        let location = HeaderValue::from_str(&format!("{BASE}/order/{id}")).expect("a URL");
        response.headers_mut().insert("location", location);
        response
    }

    fn authorize(&mut self, name: &Identifier) -> usize {
        let status = if self.proved.contains(&name.to_string()) { "valid" } else { "pending" };
        let name = name.clone();
        self.authorizations.push(AuthorizationState {
            name,
            status,
            answered: None,
            deactivations: 0,
            looks: 0,
        });
        self.authorizations.len() - 1
    }

    /// Lets time pass for an order and its authorizations.
    fn look_at(&mut self, id: usize) {
        for index in self.orders[id].authorizations.clone() {
            self.validate(index);
        }
        let statuses: Vec<&str> =
            self.orders[id].authorizations.iter().map(|index| self.authorizations[*index].status).collect();
        let order = &mut self.orders[id];
        if order.status == "pending" && statuses.iter().all(|status| *status == "valid") {
            order.status = "ready";
        }
        if order.status == "pending" && statuses.iter().any(|status| !matches!(*status, "valid" | "pending"))
        {
            order.status = "invalid";
        }
        if order.status == "processing" {
            order.looks += 1;
            if order.looks >= self.issues_after {
                order.status = "valid";
            }
        }
    }

    fn validate(&mut self, index: usize) {
        let authorization = &mut self.authorizations[index];
        if authorization.status != "pending" || authorization.answered.is_none() {
            return;
        }
        authorization.looks += 1;
        if authorization.looks >= self.validates_after {
            let is_refused = self.refused.contains(&authorization.name.to_string());
            authorization.status = if is_refused { "invalid" } else { "valid" };
        }
    }

    fn order(&mut self, id: usize) -> Response<Vec<u8>> {
        self.look_at(id);
        self.json(200, self.order_document(id))
    }

    fn order_document(&self, id: usize) -> Value {
        let order = &self.orders[id];
        let urls: Vec<String> = order.authorizations.iter().map(|id| format!("{BASE}/authz/{id}")).collect();
        let names: Vec<Value> = order
            .names
            .iter()
            .rev()
            .map(|name| json!({"type": name.kind(), "value": name.to_string()}))
            .collect();
        json!({
            "status": order.status,
            "identifiers": names,
            "authorizations": urls,
            "finalize": format!("/order/{id}/finalize"),
            "certificate": (order.status == "valid").then(|| format!("{BASE}/cert/{id}")),
            "error": order.error,
            "expires": order.expires,
            "profile": order.profile,
            "replaces": order.replaces,
        })
    }

    fn finalize(&mut self, id: usize, payload: &str) -> Response<Vec<u8>> {
        if self.orders[id].status != "ready" {
            return self.problem(403, "orderNotReady");
        }
        let payload: Value = serde_json::from_str(payload).expect("JSON");
        let csr = URL_SAFE_NO_PAD.decode(payload["csr"].as_str().expect("csr")).expect("base64url");
        let order = &mut self.orders[id];
        order.finalized += 1;
        order.chain = der::pem("CERTIFICATE", &der::certificate(&order.names, &der::key_of(&csr)));
        order.status = if self.issues_after == 0 { "valid" } else { "processing" };
        order.looks = 0;
        self.json(200, self.order_document(id))
    }

    fn authorization(&mut self, id: usize, payload: &str) -> Response<Vec<u8>> {
        if payload.contains("deactivated") {
            self.authorizations[id].deactivations += 1;
            self.authorizations[id].status = "deactivated";
        }
        self.validate(id);
        let authorization = &self.authorizations[id];
        let kinds: &[&str] = if authorization.name.is_wildcard() {
            &["dns-01"]
        } else {
            &["dns-01", "http-01", "tls-alpn-01"]
        };
        let challenges: Vec<Value> = kinds.iter().map(|kind| self.challenge_document(id, kind)).collect();
        let document = json!({
            "identifier": {"type": authorization.name.kind(), "value": authorization.name.base().to_string()},
            "status": authorization.status,
            "challenges": challenges,
            "wildcard": authorization.name.is_wildcard().then_some(true),
        });
        self.json(200, document)
    }

    fn new_authorization(&mut self, payload: &str) -> Response<Vec<u8>> {
        let payload: Value = serde_json::from_str(payload).expect("JSON");
        let name = Identifier::from_json(&payload["identifier"]).expect("an identifier");
        let id = self.authorize(&name);
        let mut response = self.authorization(id, "");
        *response.status_mut() = http::StatusCode::CREATED;
        let location = HeaderValue::from_str(&format!("/authz/{id}")).expect("a URL");
        response.headers_mut().insert("location", location);
        response
    }

    fn challenge_document(&self, id: usize, kind: &str) -> Value {
        let authorization = &self.authorizations[id];
        let is_answered = authorization.answered.as_deref() == Some(kind);
        let status = match authorization.status {
            "pending" if is_answered => "processing",
            status @ ("valid" | "invalid") if is_answered => status,
            _ => "pending",
        };
        let error = (status == "invalid").then(|| {
            let detail = format!("no response from {}", authorization.name);
            json!({"type": "urn:ietf:params:acme:error:connection", "detail": detail, "status": 400})
        });
        json!({
            "type": kind,
            "url": format!("{BASE}/chall/{id}/{kind}"),
            "token": format!("token-{id:04}-{kind}-0123456789"),
            "status": status,
            "error": error,
        })
    }

    fn challenge(&mut self, id: usize, kind: &str) -> Response<Vec<u8>> {
        if self.authorizations[id].status != "pending" || self.authorizations[id].answered.is_some() {
            return self.problem(400, "malformed");
        }
        let document = self.challenge_document(id, kind);
        let in_place = self.in_place.iter().rfind(|challenge| document["url"] == challenge.url.as_str());
        let is_in_place = in_place.is_some();
        self.answered_with.extend(in_place.cloned());
        assert!(
            is_in_place || self.is_mad,
            "the challenge of {} was answered too early",
            self.authorizations[id].name
        );
        self.authorizations[id].answered = Some(kind.to_string());
        if self.validates_after == 0 {
            self.validate(id);
        }
        self.json(200, self.challenge_document(id, kind))
    }

    fn certificate(&mut self, id: usize, chain: usize) -> Response<Vec<u8>> {
        let mut pem = self.orders[id].chain.clone();
        if let Some((issuer, key)) = self.chains.get(chain) {
            pem += &der::pem("CERTIFICATE", &der::authority(issuer, &der::public_key(*key)));
        }
        let mut response = Response::new(pem.into_bytes());
        for other in (0..self.chains.len()).filter(|other| *other != chain) {
            let link = format!("</cert/{id}/{other}>;rel=\"alternate\"");
            response.headers_mut().append("link", HeaderValue::from_str(&link).expect("a header"));
        }
        self.add_nonce(&mut response);
        response
    }

    fn renewal_information(&self) -> Response<Vec<u8>> {
        let (document, retry_after) = &self.renewal_info;
        let mut response = Response::new(document.to_string().into_bytes());
        if let Some(retry_after) = retry_after {
            response.headers_mut().insert("retry-after", HeaderValue::from_static(retry_after));
        }
        response
    }

    fn revoke(&mut self) -> Response<Vec<u8>> {
        self.revoked += 1;
        if self.revoked > 1 { self.problem(400, "alreadyRevoked") } else { self.empty(200) }
    }

    fn json(&mut self, status: u16, value: Value) -> Response<Vec<u8>> {
        let mut response = self.empty(status);
        *response.body_mut() = value.to_string().into_bytes();
        response
    }

    fn problem(&mut self, status: u16, kind: &str) -> Response<Vec<u8>> {
        self.json(status, json!({"type": format!("urn:ietf:params:acme:error:{kind}")}))
    }

    fn empty(&mut self, status: u16) -> Response<Vec<u8>> {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = status.try_into().expect("a status");
        self.add_nonce(&mut response);
        response
    }

    fn add_nonce(&mut self, response: &mut Response<Vec<u8>>) {
        self.nonces_made += 1;
        let nonce = format!("nonce-{}", self.nonces_made);
        response.headers_mut().insert("replay-nonce", HeaderValue::from_str(&nonce).expect("a nonce"));
        self.nonces.insert(nonce);
    }
}

/// The protected header and the payload of a JWS; nobody checks the signature.
pub(crate) fn jws(body: &[u8]) -> (Value, String) {
    let document: Value = serde_json::from_slice(body).expect("a flattened JWS");
    let part = |member: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(document[member].as_str().expect("a member")).expect("base64url");
        String::from_utf8(bytes).expect("UTF-8")
    };
    (serde_json::from_str(&part("protected")).expect("JSON"), part("payload"))
}
