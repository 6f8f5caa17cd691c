//! Carrying out the faults of the script.

use http::{Method, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Ca, Refusal, admission::bad_nonce};
use crate::{
    authority::Chain,
    encoding,
    fault::{Action, ChainFault, ProblemFault, StatusFault, WindowFault},
    jws::Jws,
    key::Algorithm,
    pki::Key,
    problem::Problem,
    reply::{self, Delivery, REPLAY_NONCE, Reply},
    route::Route,
    state::{AuthorizationStatus, ChallengeStatus, OrderStatus},
};

impl Ca {
    /// The names that a request is about, if any fault asks for them.
    pub(super) fn subjects(&self, route: Route<'_>, request: &Request<Vec<u8>>) -> Vec<String> {
        if !self.faults.look_at_names() {
            return Vec::new();
        }
        match route {
            Route::NewOrder | Route::NewAuthorization => names_asked_for(request),
            Route::Order(id) | Route::Finalize(id) | Route::Star(id) => {
                let order = self.state.orders.get(id);
                let identifiers = order.map(|order| order.identifiers.as_slice()).unwrap_or_default();
                identifiers.iter().map(|one| one.value.clone()).collect()
            }
            Route::Authorization(id) | Route::Challenge(id, _) => {
                let Some(authorization) = self.state.authorizations.get(id) else {
                    return Vec::new();
                };
                let base = authorization.identifier.value.clone();
                let full = if authorization.wildcard { format!("*.{base}") } else { base };
                vec![full]
            }
            Route::Certificate(id, _) => {
                let certificate = self.state.certificates.get(id);
                certificate.map(|one| one.names.clone()).unwrap_or_default()
            }
            Route::RenewalInfo(id) => {
                let mut certificates = self.state.certificates.values();
                let certificate = certificates.find(|one| self.renewal_id(one) == id);
                certificate.map(|one| one.names.clone()).unwrap_or_default()
            }
            Route::Directory
            | Route::NewNonce
            | Route::NewAccount
            | Route::Account(_)
            | Route::Orders(_)
            | Route::Delegations(_)
            | Route::Delegation(_)
            | Route::KeyChange
            | Route::Revoke
            | Route::Agreement(_)
            | Route::Crl(_)
            | Route::Unknown => Vec::new(),
        }
    }

    /// Does what is to be done before the request is, and gives the reply if that is all.
    pub(super) fn sabotage_before(
        &mut self,
        actions: &[Action],
        route: Route<'_>,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Option<Reply> {
        actions.iter().find_map(|action| {
            self.change_before(action, route, now);
            self.replace(action, route, request)
        })
    }

    /// Does what is to be done to the reply, and to the state after it.
    pub(super) fn sabotage_after(
        &mut self,
        actions: &[Action],
        route: Route<'_>,
        reply: &mut Reply,
        now: Timestamp,
    ) {
        for action in actions {
            reply.delay = action.delay().or(reply.delay);
            if let Some(response) = reply.response_mut() {
                self.change_after(action, route, response);
                self.spoil(action, route, response, now);
            }
            if *action == Action::LoseResponse {
                *reply = Reply::close();
            }
            if *action == Action::EndlessBody
                && let Some(response) = reply.response_mut()
            {
                reply.delivery = Delivery::Endless(std::mem::take(response));
            }
        }
    }

    fn replace(&mut self, action: &Action, route: Route<'_>, request: &Request<Vec<u8>>) -> Option<Reply> {
        let mut response = match action {
            Action::BadNonce | Action::BadNonceWithoutNonce => self.refuse_nonce(request),
            Action::Problem(fault) => refusal(fault).into_response(),
            Action::Status(fault) => return Some(Reply::respond(page(fault))),
            Action::Redirect(fault) => {
                let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::FOUND);
                let mut response = reply::empty(status);
                reply::set(&mut response, header::LOCATION, &fault.location);
                return Some(Reply::respond(response));
            }
            Action::Drop => return Some(Reply::close()),
            Action::LoseResponse
            | Action::DelayMs(_)
            | Action::RetryAfter(_)
            | Action::RetryAfterDate(_)
            | Action::MissingLocation
            | Action::MissingNonce
            | Action::DuplicateNonce
            | Action::InvalidNonce
            | Action::Chain(_)
            | Action::TruncatedBody
            | Action::WrongType
            | Action::EndlessBody
            | Action::ContentType(_)
            | Action::ExtraMembers
            | Action::NullMembers
            | Action::Member(_)
            | Action::UnknownStatus(_)
            | Action::RenewalWindow(_)
            | Action::InvalidateAuthorization(_)
            | Action::InvalidateOrder(_)
            | Action::ExpireOrder
            | Action::ForgetOrder => return None,
        };
        self.finish(&mut response, request.method(), route);
        if *action == Action::BadNonceWithoutNonce {
            response.headers_mut().remove(REPLAY_NONCE);
        }
        Some(Reply::respond(response))
    }

    fn refuse_nonce(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        if request.method() == Method::POST
            && let Ok(jws) = Jws::parse(request.body(), &Algorithm::ALL)
        {
            self.nonces.spend(&jws.nonce);
        }
        self.log.nonces_refused += 1;
        reply::problem(&bad_nonce("the script says so"))
    }

    fn change_before(&mut self, action: &Action, route: Route<'_>, now: Timestamp) {
        match (action, route) {
            (Action::InvalidateAuthorization(problem), Route::Authorization(id)) => {
                self.invalidate_authorization(id, 0, problem);
            }
            (Action::InvalidateAuthorization(problem), Route::Order(id)) => {
                let order = self.state.orders.get(id);
                if let Some(first) = order.and_then(|order| order.authorizations.first()).cloned() {
                    self.invalidate_authorization(&first, 0, problem);
                }
            }
            (Action::InvalidateOrder(problem), Route::Order(id)) => self.invalidate_order(id, problem),
            (Action::ExpireOrder, Route::Order(id) | Route::Finalize(id)) => {
                if let Some(order) = self.state.orders.get_mut(id) {
                    order.expires = now;
                }
            }
            (Action::ForgetOrder, Route::Order(id) | Route::Finalize(id)) => self.forget_order(id),
            _ => {}
        }
    }

    fn change_after(&mut self, action: &Action, route: Route<'_>, response: &mut Response<Vec<u8>>) {
        match (action, route) {
            (Action::InvalidateAuthorization(problem), Route::Challenge(id, index)) => {
                self.invalidate_authorization(id, index, problem);
            }
            (Action::InvalidateOrder(problem), Route::Finalize(id)) => self.invalidate_order(id, problem),
            _ => return,
        }
        if response.status().is_success() {
            edit(response, |body| {
                body["status"] = json!("processing");
                if let Some(body) = body.as_object_mut() {
                    body.remove("certificate");
                    body.remove("validated");
                }
            });
        }
    }

    fn invalidate_authorization(&mut self, id: &str, index: usize, problem: &Problem) {
        let Some(authorization) = self.state.authorizations.get_mut(id) else {
            return;
        };
        authorization.status = AuthorizationStatus::Invalid;
        if let Some(challenge) = authorization.challenges.get_mut(index) {
            challenge.status = ChallengeStatus::Invalid;
            challenge.validated = None;
            challenge.error = Some(problem.clone().completed());
        }
    }

    fn invalidate_order(&mut self, id: &str, problem: &Problem) {
        if let Some(order) = self.state.orders.get_mut(id) {
            order.status = OrderStatus::Invalid;
            order.processing = None;
            order.error = Some(problem.clone().completed());
            if let Some(certificate) = order.certificate.take() {
                self.state.certificates.remove(&certificate);
            }
        }
    }

    fn forget_order(&mut self, id: &str) {
        if let Some(order) = self.state.orders.remove(id)
            && let Some(account) = self.state.accounts.get_mut(&order.account)
        {
            account.orders.retain(|one| one != id);
        }
    }

    fn spoil(&mut self, action: &Action, route: Route<'_>, response: &mut Response<Vec<u8>>, now: Timestamp) {
        match action {
            Action::RetryAfter(value) => reply::set(response, header::RETRY_AFTER, value),
            Action::RetryAfterDate(seconds) => {
                let at = now.saturating_add(SignedDuration::from_secs(*seconds));
                if let Some(date) = at.ok().and_then(encoding::http_date) {
                    reply::set(response, header::RETRY_AFTER, &date);
                }
            }
            Action::MissingLocation => remove(response, &header::LOCATION),
            Action::MissingNonce => remove(response, &REPLAY_NONCE),
            Action::DuplicateNonce => {
                let nonce = self.fresh_nonce();
                reply::add(response, REPLAY_NONCE, &nonce);
            }
            Action::InvalidNonce => reply::set(response, REPLAY_NONCE, "no+base64url/here=="),
            Action::ContentType(value) => reply::set(response, header::CONTENT_TYPE, value),
            Action::Chain(fault) => self.spoil_chain(*fault, route, response, now),
            Action::TruncatedBody => {
                let half = response.body().len() / 2;
                response.body_mut().truncate(half);
            }
            Action::WrongType => *response.body_mut() = b"[\"not an object\", 1, null]".to_vec(),
            Action::ExtraMembers => edit(response, |body| {
                body["x-testca-object"] = json!({"nested": [true, null, 1.5]});
                body["x-testca-null"] = Value::Null;
            }),
            Action::NullMembers => edit(response, |body| {
                for name in OPTIONAL_MEMBERS {
                    if body.get(name).is_none() {
                        body[name] = Value::Null;
                    }
                }
            }),
            Action::Member(fault) => edit(response, |body| body[&fault.name] = fault.value.clone()),
            Action::RenewalWindow(fault) => move_window(fault, response, now),
            Action::UnknownStatus(status) => edit(response, |body| body["status"] = json!(status)),
            Action::BadNonce
            | Action::BadNonceWithoutNonce
            | Action::Problem(_)
            | Action::Status(_)
            | Action::Redirect(_)
            | Action::Drop
            | Action::LoseResponse
            | Action::DelayMs(_)
            | Action::EndlessBody
            | Action::InvalidateAuthorization(_)
            | Action::InvalidateOrder(_)
            | Action::ExpireOrder
            | Action::ForgetOrder => {}
        }
    }

    fn spoil_chain(
        &mut self,
        fault: ChainFault,
        route: Route<'_>,
        response: &mut Response<Vec<u8>>,
        now: Timestamp,
    ) {
        if let Route::Certificate(id, chain) = route
            && response.status().is_success()
            && let Some(body) = self.wrong_chain(fault, id, chain, now)
        {
            *response.body_mut() = body;
        }
    }

    fn wrong_chain(&mut self, fault: ChainFault, id: &str, chain: Chain, now: Timestamp) -> Option<Vec<u8>> {
        let certificate = self.state.certificates.get(id)?;
        let order = self.state.orders.get(&certificate.order)?.clone();
        let names = certificate.names.clone();
        let key_spki = certificate.key_spki.clone();
        let right = self.chain_pem(&certificate.der, certificate.generation, chain);
        let leaf = encoding::pem("CERTIFICATE", &certificate.der);
        let text = match fault {
            ChainFault::OtherKey => {
                let other = Key::generate().ok()?.spki();
                let wrong = self.make_certificate(&order, &names, &other, now).ok()?;
                self.chain_pem(&wrong.der, wrong.generation, chain)
            }
            ChainFault::WrongNames => {
                let names = ["wrong.testca.invalid".to_owned()];
                let wrong = self.make_certificate(&order, &names, &key_spki, now).ok()?;
                self.chain_pem(&wrong.der, wrong.generation, chain)
            }
            ChainFault::PrivateKey => {
                let key = Key::generate().ok()?;
                format!("{right}{}", encoding::pem("PRIVATE KEY", key.pkcs8()))
            }
            ChainFault::Garbage => encoding::pem("CERTIFICATE", b"this is no certificate"),
            ChainFault::NoPem => "this is no PEM\n".to_owned(),
            ChainFault::Empty => String::new(),
            ChainFault::LeafOnly => leaf,
            ChainFault::Reversed => {
                let intermediate = right.strip_prefix(&leaf)?;
                format!("{intermediate}{leaf}")
            }
        };
        Some(text.into_bytes())
    }
}

/// The names in a newOrder or newAuthz request whose signature nobody has looked at yet.
fn names_asked_for(request: &Request<Vec<u8>>) -> Vec<String> {
    let payload = Jws::parse(request.body(), &Algorithm::ALL).ok().map(|jws| jws.payload);
    let wish = payload.and_then(|payload| serde_json::from_slice::<Value>(&payload).ok());
    let identifiers = wish.as_ref().and_then(|wish| wish.get("identifiers")?.as_array());
    let identifier = wish.as_ref().and_then(|wish| wish.get("identifier"));
    let names =
        identifiers.into_iter().flatten().chain(identifier).filter_map(|one| one.get("value")?.as_str());
    names.map(str::to_ascii_lowercase).collect()
}

fn refusal(fault: &ProblemFault) -> Refusal {
    let mut refusal = Refusal::from(fault.problem());
    if let Some(value) = &fault.retry_after {
        refusal = refusal.with(header::RETRY_AFTER, value);
    }
    if let Some(url) = &fault.location {
        refusal = refusal.with(header::LOCATION, url);
    }
    for url in &fault.help {
        refusal = refusal.with(header::LINK, format!("<{url}>;rel=\"help\""));
    }
    refusal
}

fn page(fault: &StatusFault) -> Response<Vec<u8>> {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = fault.body.clone().unwrap_or_else(|| {
        format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\r\n")
    });
    let mut response = reply::of_type(status, "text/html", body.into_bytes());
    if let Some(value) = &fault.retry_after {
        reply::set(&mut response, header::RETRY_AFTER, value);
    }
    response
}

fn move_window(fault: &WindowFault, response: &mut Response<Vec<u8>>, now: Timestamp) {
    let at = |seconds| {
        let moved = now.saturating_add(SignedDuration::from_secs(seconds));
        encoding::rfc3339(moved.unwrap_or(now))
    };
    edit(response, |body| {
        body["suggestedWindow"] = json!({"start": at(fault.start), "end": at(fault.end)});
        if let Some(url) = &fault.explanation_url {
            body["explanationURL"] = json!(url);
        }
    });
}

fn remove(response: &mut Response<Vec<u8>>, name: &header::HeaderName) {
    response.headers_mut().remove(name);
}

/// Changes a body that is a JSON object, and leaves others as they are.
fn edit(response: &mut Response<Vec<u8>>, change: impl FnOnce(&mut Value)) {
    if let Ok(mut body @ Value::Object(_)) = serde_json::from_slice(response.body()) {
        change(&mut body);
        *response.body_mut() = body.to_string().into_bytes();
    }
}

const OPTIONAL_MEMBERS: [&str; 13] = [
    "certificate",
    "contact",
    "error",
    "expires",
    "explanationURL",
    "externalAccountBinding",
    "meta",
    "notAfter",
    "notBefore",
    "orders",
    "termsOfServiceAgreed",
    "validated",
    "wildcard",
];
