//! Orders by delegation (RFC 9115), where this CA stands for the owner of the names as well.

use http::{Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::{Ca, Refusal, admission};
use crate::{
    csr,
    delegation::Delegation,
    problem::Problem,
    reply,
    state::{Order, OrderStatus, OwnDelegation},
};

/// What a newOrder request says about delegation.
#[derive(Default)]
pub(super) struct Delegated {
    pub(super) delegation: Option<String>,
    pub(super) certificate_get: bool,
    pub(super) error: Option<Problem>,
}

impl Ca {
    /// Lets an account have certificates in somebody else's name. Gives the URL of the delegation;
    /// `None` if there is no account with this URL.
    ///
    /// See [RFC 9115 section 2.3.1](https://www.rfc-editor.org/rfc/rfc9115#section-2.3.1).
    pub fn delegate(&mut self, account_url: &str, terms: Delegation) -> Option<String> {
        let account = account_url.strip_prefix(&self.url("/account/"))?.to_owned();
        self.state.accounts.get(&account)?;
        let id = self.state.dice.id();
        self.state.delegations.insert(id.clone(), OwnDelegation { account, terms });
        Some(self.url(&format!("/delegation/{id}")))
    }

    /// Takes a delegation back. Says whether there was one with this URL.
    pub fn withdraw_delegation(&mut self, url: &str) -> bool {
        let id = url.strip_prefix(&self.url("/delegation/")).map(str::to_owned);
        id.and_then(|id| self.state.delegations.remove(&id)).is_some()
    }

    /// A page of the delegations of an account (RFC 9115 section 2.3.1.1).
    pub(super) fn delegations(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let account = self.delegated_account(request)?;
        if account != id {
            return Err(Problem::unauthorized("RFC 9115 section 2.3.1: these are not yours").into());
        }
        let start = admission::cursor(request)?;
        let own = self.state.delegations.iter().filter(|(_, one)| one.account == account);
        let urls: Vec<String> = own.map(|(id, _)| self.url(&format!("/delegation/{id}"))).collect();
        let page: Vec<&String> = urls.iter().skip(start).take(self.config.orders_per_page).collect();
        let mut response = reply::json(StatusCode::OK, &json!({"delegations": page}));
        let next = start.saturating_add(self.config.orders_per_page);
        if next < urls.len() {
            let url = self.url(&format!("/account/{id}/delegations?cursor={next}"));
            reply::link(&mut response, &url, "next");
        }
        Ok(response)
    }

    /// Reading a delegation.
    pub(super) fn delegation(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let account = self.delegated_account(request)?;
        let found = self.state.delegations.get(id).filter(|one| one.account == account);
        let found = found.ok_or_else(|| Problem::not_found("delegation"))?;
        Ok(reply::json(StatusCode::OK, &json!(found.terms)))
    }

    /// What a newOrder request says about delegation, checked (RFC 9115 section 2.3.2).
    pub(super) fn delegated(&self, wish: &Map<String, Value>, account: &str) -> Result<Delegated, Problem> {
        let Some(url) = wish.get("delegation").filter(|_| self.config.delegation) else {
            return Ok(Delegated::default());
        };
        let id = url.as_str().and_then(|url| url.strip_prefix(&self.url("/delegation/")));
        let is_own = |id: &&str| self.state.delegations.get(*id).is_some_and(|one| one.account == account);
        let id = id.filter(is_own).ok_or_else(|| unknown("\"delegation\" is none of this account"))?;
        let wants_get = wish.get("allow-certificate-get").is_some_and(|value| *value == json!(true));
        let error = (wants_get && !self.config.certificate_get).then(|| {
            Problem::malformed("RFC 9115 section 2.3.5: this CA lets nobody fetch certificates by GET")
        });
        Ok(Delegated {
            delegation: Some(id.to_owned()),
            certificate_get: wants_get && self.config.certificate_get,
            error,
        })
    }

    /// Checks the CSR of an order by delegation against its template.
    pub(super) fn check_template(&self, order: &Order, der: &[u8]) -> Result<(), Problem> {
        let Some(id) = &order.delegation else {
            return Ok(());
        };
        let delegation = self.state.delegations.get(id);
        let delegation = delegation.ok_or_else(|| unknown("the delegation was taken back"))?;
        let names: Vec<String> = order.identifiers.iter().map(|one| one.value.clone()).collect();
        csr::check_template(der, &delegation.terms, &names)
    }

    /// Adds the members of an order by delegation.
    pub(super) fn add_delegation(&self, order: &Order, body: &mut Map<String, Value>) {
        let Some(id) = &order.delegation else {
            return;
        };
        body.insert("delegation".to_owned(), json!(self.url(&format!("/delegation/{id}"))));
        body.entry("authorizations").or_insert_with(|| json!([]));
        if order.certificate_get || order.status == OrderStatus::Invalid {
            body.insert("allow-certificate-get".to_owned(), json!(order.certificate_get));
        }
    }

    fn delegated_account(&mut self, request: &Request<Vec<u8>>) -> Result<String, Refusal> {
        let (account, payload) = self.admit_account(request)?;
        admission::expect_empty(&payload)?;
        if !self.config.delegation {
            return Err(Problem::not_found("resource").into());
        }
        Ok(account)
    }
}

fn unknown(what: &str) -> Problem {
    Problem::new("unknownDelegation", 403, format!("RFC 9115 section 2.3.2: {what}"))
}
