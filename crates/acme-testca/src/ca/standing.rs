//! What the CA decides by itself about accounts and authorizations: changed terms, revoked ones.

use http::{Response, StatusCode};

use super::{Ca, Refusal, account::terms_wanted};
use crate::{
    problem::Problem,
    reply,
    state::{AccountStatus, AuthorizationStatus},
};

impl Ca {
    /// Changes the terms of service. Accounts that agreed to others get no new orders and no new
    /// authorizations before somebody visits the page that the refusal names in `instance`, or
    /// [`Ca::agree_to_terms`] is called.
    ///
    /// See [RFC 8555 section 7.3.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.3).
    pub fn change_terms(&mut self, url: impl Into<String>) {
        self.config.terms_of_service = Some(url.into());
    }

    /// Agrees to the terms for an account, as its owner would at the page. Says whether there is an
    /// account with this URL.
    pub fn agree_to_terms(&mut self, account_url: &str) -> bool {
        let terms = self.config.terms_of_service.clone();
        let id = account_url.strip_prefix(&self.url("/account/")).map(str::to_owned);
        let account = id.and_then(|id| self.state.accounts.get_mut(&id));
        account
            .map(|account| {
                account.terms_agreed = true;
                account.agreed_to = terms;
            })
            .is_some()
    }

    /// Revokes an account, as a CA does with those that break its rules: all it asks for is refused
    /// from now on. Says whether there is an account with this URL.
    ///
    /// See [RFC 8555 section 7.1.6](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.6).
    pub fn revoke_account(&mut self, url: &str) -> bool {
        let id = url.strip_prefix(&self.url("/account/")).map(str::to_owned);
        let account = id.and_then(|id| self.state.accounts.get_mut(&id));
        account.map(|account| account.status = AccountStatus::Revoked).is_some()
    }

    /// Revokes the valid authorizations for a name or an address, without `*.`. Says how many there
    /// were.
    ///
    /// See [RFC 8555 section 7.1.6](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.6).
    pub fn revoke_authorizations(&mut self, name: &str) -> usize {
        let of_name = |value: &str| value.eq_ignore_ascii_case(name);
        let authorizations = self.state.authorizations.values_mut();
        let valid = authorizations
            .filter(|one| of_name(&one.identifier.value) && one.status == AuthorizationStatus::Valid);
        valid.map(|one| one.status = AuthorizationStatus::Revoked).count()
    }

    /// Refuses accounts that have not agreed to the terms as they are now.
    pub(super) fn check_terms(&self, account: &str) -> Result<(), Refusal> {
        let record = self.account_record(account)?;
        match &self.config.terms_of_service {
            Some(terms) if record.agreed_to.as_ref().is_none_or(|agreed| agreed != terms) => {
                Err(terms_wanted(terms, &self.url(&format!("/agreement/{account}"))))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The page where a human agrees to changed terms, by coming there.
    pub(super) fn agreement(&mut self, account: &str) -> Result<Response<Vec<u8>>, Refusal> {
        if !self.agree_to_terms(&self.url(&format!("/account/{account}"))) {
            return Err(Problem::not_found("account").into());
        }
        let page = "<!DOCTYPE html><title>agreed</title><p>You agreed to the terms of service.\n";
        Ok(reply::of_type(StatusCode::OK, "text/html", page.as_bytes().to_vec()))
    }
}
