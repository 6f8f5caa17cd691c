//! Authorizations, challenges, and the validations they ask for (RFC 8555 sections 7.1.4, 7.5, 8).

use http::{Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Ca, Refusal, admission::object, limits::Outcome};
use crate::{
    encoding,
    identifier::{self, Identifier},
    onion,
    problem::Problem,
    reply,
    state::{Authorization, AuthorizationStatus, Challenge, ChallengeStatus},
    validation::{Method, Validation, ValidationId},
};

impl Ca {
    /// The next validation to be carried out. Each is given once.
    pub fn poll_validation(&mut self) -> Option<Validation> {
        self.validations.pop_front()
    }

    /// Tells how a validation ended. One that the CA does not wait for any more is ignored.
    pub fn validated(&mut self, id: ValidationId, outcome: Result<(), Problem>, now: Timestamp) {
        let now = self.at(now);
        let hangs = self.config.failed_challenges_hang && outcome.is_err();
        if let Some((authorization, index)) = self.under_way.remove(&id).filter(|_| !hangs) {
            self.settle(&authorization, index, outcome, now);
        }
    }

    /// Tells that a validation was successful, and that it holds until some time only, as records of
    /// dns-persist-01 can say.
    pub fn validated_until(&mut self, id: ValidationId, until: Timestamp, now: Timestamp) {
        if until < self.at(now) {
            let expired = Problem::unauthorized("dns-persist-01: the record has expired");
            return self.validated(id, Err(expired), now);
        }
        let authorization = self.under_way.get(&id).map(|(authorization, _)| authorization.clone());
        self.validated(id, Ok(()), now);
        let authorization = authorization.and_then(|id| self.state.authorizations.get_mut(&id));
        if let Some(authorization) = authorization {
            authorization.expires = authorization.expires.min(until);
        }
    }

    /// Asks again for the validations that were under way when the state was saved.
    pub(super) fn resume_validations(&mut self, now: Timestamp) {
        let open: Vec<(String, usize)> = self
            .state
            .authorizations
            .iter()
            .flat_map(|(id, authorization)| {
                let challenges = authorization.challenges.iter().enumerate();
                challenges
                    .filter(|(_, challenge)| challenge.status == ChallengeStatus::Processing)
                    .map(|(index, _)| (id.clone(), index))
            })
            .collect();
        for (id, index) in open {
            self.ask_for_validation(&id, index, now);
        }
    }

    /// newAuthz: an authorization before there is an order (RFC 8555 section 7.4.1).
    pub(super) fn new_authorization(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (account, payload) = self.admit_account(request)?;
        if !self.config.pre_authorization {
            return Err(Problem::not_found("resource").into());
        }
        self.check_terms(&account)?;
        let wish = object(&payload)?;
        let identifier = identifier::parse_one(wish.get("identifier"), self.config.identifier_rules())?;
        let scope = self.wanted_scope(&wish)?;
        let id = self.make_authorization(&account, identifier, scope, now);
        if let Some(authorization) = self.state.authorizations.get_mut(&id) {
            authorization.pre_authorized = true;
        }
        let authorization = self.own_authorization(&id, &account)?.clone();
        let mut response = self.authorization_response(&id, &authorization, now);
        *response.status_mut() = StatusCode::CREATED;
        let url = self.url(&format!("/authorization/{id}"));
        reply::set(&mut response, header::LOCATION, &url);
        Ok(response)
    }

    /// Reading and deactivating an authorization (RFC 8555 sections 7.5 and 7.5.2).
    pub(super) fn authorization(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (account, payload) = self.admit_account(request)?;
        self.own_authorization(id, &account)?;
        if !payload.is_empty() {
            let wish = object(&payload)?;
            if wish.get("status").is_none_or(|status| status != "deactivated") {
                return Err(Problem::malformed(
                    "RFC 8555 section 7.5.2: the only update of an authorization is \"status\":\"deactivated\"",
                )
                .into());
            }
            self.deactivate(id)?;
        }
        self.refresh_authorization(id, now);
        let authorization = self.own_authorization(id, &account)?.clone();
        Ok(self.authorization_response(id, &authorization, now))
    }

    /// Answering and reading a challenge (RFC 8555 section 7.5.1).
    pub(super) fn challenge(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
        index: usize,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (account, payload) = self.admit_account(request)?;
        self.refresh_authorization(id, now);
        let challenge = self.own_challenge(id, index, &account)?;
        if !payload.is_empty() {
            let answer = object(&payload)?;
            if !self.validates(&challenge.kind) {
                return Err(Problem::malformed(format!(
                    "this CA offers {:?} to see whether clients leave it alone, and does not validate it",
                    challenge.kind
                ))
                .into());
            }
            let outcome = self.check_onion_answer(id, &challenge, &answer)?;
            self.take_answer(id, index, outcome, now)?;
        }
        let challenge = self.own_challenge(id, index, &account)?;
        let mut response = reply::json(StatusCode::OK, &self.challenge_json(id, index, &challenge));
        let up = self.url(&format!("/authorization/{id}"));
        reply::link(&mut response, &up, "up");
        if challenge.status == ChallengeStatus::Processing {
            self.add_retry_after(&mut response, now);
        }
        Ok(response)
    }

    /// The authorization for an identifier of a new order: a valid one that is there already, if
    /// it was asked for beforehand or the dice say so, or a new one.
    pub(super) fn authorization_for(
        &mut self,
        account: &str,
        identifier: &Identifier,
        now: Timestamp,
    ) -> String {
        let (base, wildcard) = identifier.split_wildcard();
        let found = self.valid_authorization(account, &base, wildcard, now);
        let found = found.or_else(|| self.valid_above(account, identifier, now));
        if let Some(id) = found
            && (self.is_pre_authorized(&id)
                || (self.is_for_several_orders(&id)
                    && self.state.dice.happens(self.config.authorization_reuse_percent)))
        {
            return id;
        }
        let scope = if wildcard { Scope::Wildcard } else { Scope::Name };
        self.make_authorization(account, base, scope, now)
    }

    fn is_pre_authorized(&self, id: &str) -> bool {
        self.state.authorizations.get(id).is_some_and(|authorization| authorization.pre_authorized)
    }

    /// Authorizations by a record that stays are not used again, as at Boulder: it can be read anew.
    fn is_for_several_orders(&self, id: &str) -> bool {
        let persistent = Method::DnsPersist01.challenge_type();
        self.state.authorizations.get(id).is_some_and(|authorization| {
            let mut challenges = authorization.challenges.iter();
            !challenges.any(|one| one.kind == persistent && one.status == ChallengeStatus::Valid)
        })
    }

    pub(super) fn make_authorization(
        &mut self,
        account: &str,
        identifier: Identifier,
        scope: Scope,
        now: Timestamp,
    ) -> String {
        let challenges = self.offered(&identifier, scope);
        let id = self.state.dice.id();
        let authorization = Authorization {
            account: account.to_owned(),
            identifier,
            wildcard: scope == Scope::Wildcard,
            status: AuthorizationStatus::Pending,
            expires: now.saturating_add(self.config.order_lifetime).unwrap_or(now),
            challenges,
            pre_authorized: false,
            subdomains: scope == Scope::Subdomains,
        };
        self.state.add_authorization(id.clone(), authorization);
        id
    }

    /// Whether an account holds a valid authorization for a name of a certificate.
    pub(super) fn holds_authorization(&self, account: &str, name: &str, now: Timestamp) -> bool {
        let identifier = Identifier::of_name(name);
        let (base, wildcard) = identifier.split_wildcard();
        self.valid_authorization(account, &base, wildcard, now).is_some()
            || self.valid_above(account, &identifier, now).is_some()
    }

    /// Lets an authorization expire if it is time, and gives its status.
    pub(super) fn refresh_authorization(&mut self, id: &str, now: Timestamp) -> Option<AuthorizationStatus> {
        let authorization = self.state.authorizations.get_mut(id)?;
        let is_open =
            matches!(authorization.status, AuthorizationStatus::Pending | AuthorizationStatus::Valid);
        if is_open && authorization.expires <= now {
            authorization.status = AuthorizationStatus::Expired;
        }
        Some(authorization.status)
    }

    /// Why an order with these authorizations is invalid.
    pub(super) fn authorization_failures(&self, ids: &[String]) -> Problem {
        let failed = ids
            .iter()
            .filter_map(|id| self.state.authorizations.get(id))
            .filter(|one| !matches!(one.status, AuthorizationStatus::Pending | AuthorizationStatus::Valid));
        let subproblems: Vec<Problem> = failed
            .map(|one| {
                let cause = one.challenges.iter().find_map(|challenge| challenge.error.clone());
                let unknown = || Problem::unauthorized(format!("the authorization is {}", json!(one.status)));
                cause.unwrap_or_else(unknown).about(one.identifier.clone())
            })
            .collect();
        Problem::unauthorized("RFC 8555 section 7.1.6: an authorization of the order failed")
            .with_subproblems(subproblems)
    }

    /// Ends a challenge, and its authorization with it.
    pub(super) fn settle(&mut self, id: &str, index: usize, outcome: Result<(), Problem>, now: Timestamp) {
        let outcome = outcome.and_then(|()| {
            let authorization = self.state.authorizations.get(id);
            let met = authorization.and_then(|one| Some((one, one.challenges.get(index)?)));
            met.map_or(Ok(()), |(authorization, challenge)| {
                self.check_caa(authorization, &authorization.identifier, &challenge.kind)
            })
        });
        let valid_until = now.saturating_add(self.config.authorization_lifetime).unwrap_or(now);
        let Some(authorization) = self.state.authorizations.get_mut(id) else {
            return;
        };
        let Some(challenge) = authorization.challenges.get_mut(index) else {
            return;
        };
        if authorization.status != AuthorizationStatus::Pending {
            return;
        }
        let ended = match outcome {
            Ok(()) => {
                challenge.status = ChallengeStatus::Valid;
                challenge.validated = Some(now);
                authorization.status = AuthorizationStatus::Valid;
                authorization.expires = valid_until;
                Outcome::Valid
            }
            Err(problem) => {
                challenge.status = ChallengeStatus::Invalid;
                challenge.error = Some(problem.completed());
                authorization.status = AuthorizationStatus::Invalid;
                Outcome::Invalid
            }
        };
        self.count_authorization(id, ended, now);
    }

    /// Whether challenges of a type are more than a strange sight.
    fn validates(&self, kind: &str) -> bool {
        match Method::of_type(kind) {
            Some(Method::DnsPersist01) => self.config.dns_persist.is_some(),
            Some(
                Method::Http01
                | Method::Dns01
                | Method::TlsAlpn01
                | Method::DnsAccount01
                | Method::OnionCsr01,
            ) => true,
            None => false,
        }
    }

    /// Takes an answer, with the outcome if it is known already.
    fn take_answer(
        &mut self,
        id: &str,
        index: usize,
        outcome: Option<Result<(), Problem>>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let Some(authorization) = self.state.authorizations.get_mut(id) else {
            return Err(Problem::not_found("authorization"));
        };
        let status = authorization.status;
        let Some(challenge) = authorization.challenges.get_mut(index) else {
            return Err(Problem::not_found("challenge"));
        };
        match (status, challenge.status) {
            (AuthorizationStatus::Pending, ChallengeStatus::Pending) => {}
            (_, ChallengeStatus::Processing | ChallengeStatus::Valid) => return Ok(()),
            (
                AuthorizationStatus::Pending
                | AuthorizationStatus::Valid
                | AuthorizationStatus::Invalid
                | AuthorizationStatus::Deactivated
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Revoked,
                ChallengeStatus::Pending | ChallengeStatus::Invalid,
            ) => {
                return Err(Problem::malformed(format!(
                    "RFC 8555 section 7.5.1: the authorization is {}, its challenges take no answer",
                    json!(status)
                )));
            }
        }
        challenge.status = ChallengeStatus::Processing;
        self.log.validations += 1;
        let known = outcome.or_else(|| self.config.always_valid.then_some(Ok(())));
        match known {
            Some(outcome) => self.settle(id, index, outcome, now),
            None => self.ask_for_validation(id, index, now),
        }
        Ok(())
    }

    fn ask_for_validation(&mut self, id: &str, index: usize, now: Timestamp) {
        let Some(validation) = self.validation_of(id, index, now) else {
            return;
        };
        self.next_validation += 1;
        self.under_way.insert(validation.id, (id.to_owned(), index));
        self.validations.push_back(validation);
    }

    fn validation_of(&self, id: &str, index: usize, now: Timestamp) -> Option<Validation> {
        let authorization = self.state.authorizations.get(id)?;
        let challenge = authorization.challenges.get(index)?;
        let account = self.state.accounts.get(&authorization.account)?;
        let token = challenge.token.clone();
        let thumbprint = account.key.as_ref()?.thumbprint();
        let method = Method::of_type(&challenge.kind)?;
        Some(Validation {
            id: ValidationId(self.next_validation),
            method,
            caa: self.caa_policy(authorization, method),
            name: authorization.identifier.value.clone(),
            identifier: authorization.identifier.clone(),
            key_authorization: token
                .as_ref()
                .map(|token| format!("{token}.{thumbprint}"))
                .unwrap_or_default(),
            token: token.unwrap_or_default(),
            persist: self.persist_policy(authorization, method, now),
        })
    }

    fn deactivate(&mut self, id: &str) -> Result<(), Problem> {
        let Some(authorization) = self.state.authorizations.get_mut(id) else {
            return Err(Problem::not_found("authorization"));
        };
        match authorization.status {
            AuthorizationStatus::Pending | AuthorizationStatus::Valid => {
                authorization.status = AuthorizationStatus::Deactivated;
                Ok(())
            }
            AuthorizationStatus::Deactivated => Ok(()),
            AuthorizationStatus::Invalid | AuthorizationStatus::Expired | AuthorizationStatus::Revoked => {
                Err(Problem::malformed(
                    "RFC 8555 section 7.1.6: only a pending or valid authorization can be deactivated",
                ))
            }
        }
    }

    fn own_authorization(&self, id: &str, account: &str) -> Result<&Authorization, Problem> {
        let found = self.state.authorizations.get(id);
        let authorization = found.ok_or_else(|| Problem::not_found("authorization"))?;
        if authorization.account != account {
            return Err(Problem::unauthorized("RFC 8555 section 7.5: this authorization is not yours"));
        }
        Ok(authorization)
    }

    fn own_challenge(&self, id: &str, index: usize, account: &str) -> Result<Challenge, Problem> {
        let authorization = self.own_authorization(id, account)?;
        let challenge = authorization.challenges.get(index).cloned();
        challenge.ok_or_else(|| Problem::not_found("challenge"))
    }

    pub(super) fn valid_authorization(
        &self,
        account: &str,
        identifier: &Identifier,
        wildcard: bool,
        now: Timestamp,
    ) -> Option<String> {
        let mut newest_first = self.state.authorizations_of.get(identifier)?.iter().rev();
        let is_usable = |one: &Authorization| {
            one.account == account
                && one.wildcard == wildcard
                && one.status == AuthorizationStatus::Valid
                && one.expires > now
        };
        newest_first.find(|id| self.state.authorizations.get(*id).is_some_and(is_usable)).cloned()
    }

    fn offered(&mut self, identifier: &Identifier, scope: Scope) -> Vec<Challenge> {
        let mut challenges = Vec::new();
        if self.config.strange_challenges {
            challenges.push(pending(UNKNOWN_TYPE, Some(self.state.dice.token())));
        }
        for method in self.methods(identifier, scope) {
            if self.config.withheld_challenges.iter().any(|withheld| withheld == method.challenge_type()) {
                continue;
            }
            let token = self.state.dice.token();
            challenges.push(pending(method.challenge_type(), Some(token)));
        }
        let is_onion = onion::is_onion(&identifier.value);
        if is_onion {
            let nonce = self.state.dice.octets::<{ 2 * onion::NONCE_LEN }>().to_vec();
            let kind = Method::OnionCsr01.challenge_type();
            challenges.push(Challenge { nonce: Some(nonce), ..pending(kind, None) });
        }
        let has_txt = identifier.address().is_none() && !is_onion;
        if self.config.dns_persist.is_some() && has_txt {
            challenges.push(pending(Method::DnsPersist01.challenge_type(), None));
        }
        if self.config.strange_challenges && self.config.dns_persist.is_none() {
            challenges.push(pending(TOKENLESS_TYPE, None));
        }
        challenges
    }

    /// The methods with a token that an identifier can be validated by.
    fn methods(&self, identifier: &Identifier, scope: Scope) -> Vec<Method> {
        let mut methods = match (identifier.address(), scope) {
            (Some(_), _) => return vec![Method::Http01, Method::TlsAlpn01],
            (None, Scope::Name) if onion::is_onion(&identifier.value) => {
                return vec![Method::Http01, Method::TlsAlpn01];
            }
            (None, _) if onion::is_onion(&identifier.value) => return Vec::new(),
            (None, Scope::Wildcard | Scope::Subdomains) => vec![Method::Dns01],
            (None, Scope::Name) => vec![Method::Http01, Method::Dns01, Method::TlsAlpn01],
        };
        if self.config.dns_account {
            methods.push(Method::DnsAccount01);
        }
        methods
    }

    fn authorization_response(
        &mut self,
        id: &str,
        authorization: &Authorization,
        now: Timestamp,
    ) -> Response<Vec<u8>> {
        let shown = |challenge: &Challenge| match authorization.status {
            AuthorizationStatus::Valid => challenge.status == ChallengeStatus::Valid,
            AuthorizationStatus::Invalid => challenge.status == ChallengeStatus::Invalid,
            AuthorizationStatus::Pending
            | AuthorizationStatus::Deactivated
            | AuthorizationStatus::Expired
            | AuthorizationStatus::Revoked => true,
        };
        let mut challenges = Vec::new();
        for (index, challenge) in authorization.challenges.iter().enumerate() {
            if shown(challenge) {
                challenges.push(self.challenge_json(id, index, challenge));
            }
        }
        let mut body = Map::new();
        body.insert("status".to_owned(), json!(authorization.status));
        body.insert("expires".to_owned(), json!(encoding::rfc3339(authorization.expires)));
        body.insert("identifier".to_owned(), json!(authorization.identifier));
        body.insert("challenges".to_owned(), Value::Array(challenges));
        if authorization.wildcard {
            body.insert("wildcard".to_owned(), json!(true));
        }
        if authorization.subdomains {
            body.insert("subdomainAuthAllowed".to_owned(), json!(true));
        }
        self.decorate(&mut body, &["wildcard"]);
        let mut response = reply::json(StatusCode::OK, &Value::Object(body));
        if authorization.status == AuthorizationStatus::Pending {
            self.add_retry_after(&mut response, now);
        }
        response
    }

    fn challenge_json(&mut self, id: &str, index: usize, challenge: &Challenge) -> Value {
        let mut body = Map::new();
        body.insert("type".to_owned(), json!(challenge.kind));
        body.insert("url".to_owned(), json!(self.url(&format!("/challenge/{id}/{index}"))));
        body.insert("status".to_owned(), json!(challenge.status));
        match &challenge.token {
            Some(token) => {
                body.insert("token".to_owned(), json!(token));
            }
            None if challenge.nonce.is_some() => {
                let nonce = challenge.nonce.as_deref().unwrap_or_default();
                body.insert("nonce".to_owned(), json!(encoding::base64(nonce)));
            }
            None => body.extend(self.persist_members(id)),
        }
        if let Some(validated) = challenge.validated {
            body.insert("validated".to_owned(), json!(encoding::rfc3339(validated)));
        }
        if let Some(error) = &challenge.error {
            body.insert("error".to_owned(), json!(error));
        }
        self.decorate(&mut body, &["token", "validated", "error"]);
        Value::Object(body)
    }
}

/// What an authorization is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Name,
    Wildcard,
    /// The name and all below it (RFC 9444).
    Subdomains,
}

fn pending(kind: &str, token: Option<String>) -> Challenge {
    Challenge {
        kind: kind.to_owned(),
        token,
        status: ChallengeStatus::Pending,
        validated: None,
        error: None,
        nonce: None,
    }
}

const UNKNOWN_TYPE: &str = "testca-unknown-01";
const TOKENLESS_TYPE: &str = "dns-persist-01";
