//! Accounts (RFC 8555 sections 7.1.2 and 7.3).

use http::{Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Ca, Refusal,
    admission::{self, object},
    rollover::certificate_key,
};
use crate::{
    binding,
    key::PublicKey,
    problem::Problem,
    reply,
    state::{Account, AccountStatus, Binding, OrderStatus},
};

impl Ca {
    /// newAccount (RFC 8555 sections 7.3 and 7.3.1).
    pub(super) fn new_account(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (key, payload) = self.admit_key(request)?;
        let wish = object(&payload)?;
        let only_existing = flag(&wish, "onlyReturnExisting")?;
        if let Some(id) = self.account_of(&key) {
            admission::check_status(self.account_record(&id)?.status)?;
            return Ok(self.account_response(StatusCode::OK, &id));
        }
        if only_existing {
            return Err(Problem::new(
                "accountDoesNotExist",
                400,
                "RFC 8555 section 7.3.1: no account has this key",
            )
            .into());
        }
        let contact = contacts(&wish)?.unwrap_or_default();
        let terms_agreed = flag(&wish, "termsOfServiceAgreed")?;
        if let (Some(terms), false) = (&self.config.terms_of_service, terms_agreed) {
            return Err(terms_wanted(terms, terms));
        }
        let binding = self.external_binding(&wish, &self.url_of(request), &key)?;
        if self.certificate_key_is(&key) {
            return Err(certificate_key().into());
        }
        self.limit_new_account(now)?;
        let id = (self.state.accounts.len() + 1).to_string();
        let account = Account {
            jwk: key.to_jwk(),
            key: Some(key),
            contact,
            terms_agreed,
            agreed_to: self.config.terms_of_service.clone().filter(|_| terms_agreed),
            status: AccountStatus::Valid,
            orders: Vec::new(),
            old_thumbprints: Vec::new(),
            binding,
        };
        self.state.accounts.insert(id.clone(), account);
        Ok(self.account_response(StatusCode::CREATED, &id))
    }

    /// The external account that a new account is to be bound to, verified (RFC 8555 section 7.3.4).
    fn external_binding(
        &self,
        wish: &Map<String, Value>,
        url: &str,
        key: &PublicKey,
    ) -> Result<Option<Binding>, Problem> {
        let keys = &self.config.external_accounts;
        let jws = match wish.get("externalAccountBinding").filter(|value| !value.is_null()) {
            Some(jws) if !keys.is_empty() => jws.clone(),
            Some(_) | None if self.config.external_account_required => {
                return Err(Problem::new(
                    "externalAccountRequired",
                    403,
                    "RFC 8555 section 7.3.4: this CA wants \"externalAccountBinding\"",
                ));
            }
            Some(_) | None => return Ok(None),
        };
        let kid = binding::verify(&jws, url, key, keys)?;
        let mut accounts = self.state.accounts.values();
        let is_used = accounts.any(|one| one.binding.as_ref().is_some_and(|bound| bound.kid == kid));
        if self.config.external_account_single_use && is_used {
            return Err(Problem::unauthorized(format!(
                "RFC 8555 section 7.3.4: external account {kid:?} was bound to before, and can be once only"
            )));
        }
        Ok(Some(Binding { kid, jws }))
    }

    /// The account's own URL: read, update, deactivate (RFC 8555 sections 7.3.2 and 7.3.6).
    pub(super) fn account(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
        _now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (caller, payload) = self.admit_account(request)?;
        if caller != id {
            return Err(Problem::unauthorized("RFC 8555 section 7.3: this account is not yours").into());
        }
        if !payload.is_empty() {
            let wish = object(&payload)?;
            let contact = contacts(&wish)?;
            let deactivate = match wish.get("status") {
                None => false,
                Some(status) if status == "deactivated" => true,
                Some(_) => {
                    return Err(Problem::malformed(
                        "RFC 8555 section 7.3.6: the only status a client can set is deactivated",
                    )
                    .into());
                }
            };
            if let Some(account) = self.state.accounts.get_mut(id) {
                if let Some(contact) = contact {
                    account.contact = contact;
                }
                if deactivate {
                    account.status = AccountStatus::Deactivated;
                }
            }
        }
        Ok(self.account_response(StatusCode::OK, id))
    }

    /// A page of the orders list (RFC 8555 section 7.1.2.1).
    pub(super) fn orders(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (caller, payload) = self.admit_account(request)?;
        admission::expect_empty(&payload)?;
        if !self.config.orders_list {
            return Err(Problem::not_found("resource").into());
        }
        if caller != id {
            return Err(Problem::unauthorized("RFC 8555 section 7.1.2.1: these orders are not yours").into());
        }
        let start = admission::cursor(request)?;
        let all = self.listed_orders(id, now)?;
        let per_page = self.config.orders_per_page;
        let urls = all.iter().map(|order| self.url(&format!("/order/{order}")));
        let page: Vec<String> = urls.skip(start).take(per_page).collect();
        let next = start.saturating_add(per_page);
        let has_more = next < all.len();
        let mut body = Map::new();
        body.insert("orders".to_owned(), json!(page));
        self.decorate(&mut body, &[]);
        let mut response = reply::json(StatusCode::OK, &Value::Object(body));
        if has_more {
            let url = self.url(&format!("/account/{id}/orders?cursor={next}"));
            reply::link(&mut response, &url, "next");
        }
        Ok(response)
    }

    /// The orders of an account, less the invalid ones.
    fn listed_orders(&mut self, id: &str, now: Timestamp) -> Result<Vec<String>, Problem> {
        let mut orders = self.account_record(id)?.orders.clone();
        orders.retain(|order| {
            self.refresh_order(order, now);
            let order = self.state.orders.get(order);
            order.is_some_and(|order| order.status != OrderStatus::Invalid)
        });
        Ok(orders)
    }

    pub(super) fn account_of(&self, key: &PublicKey) -> Option<String> {
        let mut accounts = self.state.accounts.iter();
        let (id, _) = accounts.find(|(_, account)| account.key.as_ref() == Some(key))?;
        Some(id.clone())
    }

    /// Whether a key belongs to an account (RFC 8555 section 11.1).
    pub(super) fn account_key_is(&self, key: &PublicKey) -> bool {
        self.account_of(key).is_some()
    }

    pub(super) fn account_response(&mut self, status: StatusCode, id: &str) -> Response<Vec<u8>> {
        let url = self.url(&format!("/account/{id}"));
        let mut body = Map::new();
        if let Some(account) = self.state.accounts.get(id) {
            body.insert("status".to_owned(), json!(account.status));
            if !account.contact.is_empty() {
                body.insert("contact".to_owned(), json!(account.contact));
            }
            if account.terms_agreed {
                body.insert("termsOfServiceAgreed".to_owned(), json!(true));
            }
            if let Some(binding) = &account.binding {
                body.insert("externalAccountBinding".to_owned(), binding.jws.clone());
            }
            if self.config.orders_list {
                body.insert("orders".to_owned(), json!(format!("{url}/orders")));
            }
        }
        if self.config.delegation {
            body.insert("delegations".to_owned(), json!(format!("{url}/delegations")));
        }
        self.decorate(&mut body, &["contact", "termsOfServiceAgreed", "externalAccountBinding", "orders"]);
        let mut response = reply::json(status, &Value::Object(body));
        reply::set(&mut response, header::LOCATION, &url);
        if let Some(terms) = self.config.terms_of_service.clone() {
            reply::link(&mut response, &terms, "terms-of-service");
        }
        response
    }
}

/// Refuses a request until the terms are agreed to, at a page for humans (RFC 8555 section 7.3.3).
pub(super) fn terms_wanted(terms: &str, page: &str) -> Refusal {
    let mut problem = Problem::new(
        "userActionRequired",
        403,
        "RFC 8555 section 7.3.3: the terms of service must be agreed to, with \"termsOfServiceAgreed\"",
    );
    problem.instance = Some(page.into());
    Refusal::from(problem).with(header::LINK, format!("<{terms}>;rel=\"terms-of-service\""))
}

fn flag(wish: &Map<String, Value>, name: &str) -> Result<bool, Problem> {
    match wish.get(name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| {
            Problem::malformed(format!("RFC 8555 section 7.3: \"{name}\" must be true or false"))
        }),
    }
}

fn contacts(wish: &Map<String, Value>) -> Result<Option<Vec<String>>, Problem> {
    let Some(value) = wish.get("contact") else {
        return Ok(None);
    };
    let list = value.as_array().ok_or_else(contact_form)?;
    if list.len() > MAX_CONTACTS {
        return Err(invalid_contact("there are more than ten"));
    }
    let mut contacts = Vec::new();
    for item in list {
        let url = item.as_str().ok_or_else(contact_form)?;
        check_contact(url)?;
        contacts.push(url.to_owned());
    }
    Ok(Some(contacts))
}

fn contact_form() -> Problem {
    Problem::malformed("RFC 8555 section 7.1.2: \"contact\" must be an array of URLs")
}

fn check_contact(url: &str) -> Result<(), Problem> {
    let Some((scheme, address)) = url.split_once(':') else {
        return Err(invalid_contact("it is no URL"));
    };
    if !scheme.eq_ignore_ascii_case("mailto") {
        return Err(Problem::new(
            "unsupportedContact",
            400,
            "RFC 8555 section 7.3: this CA takes mailto contacts only",
        ));
    }
    if address.contains('?') {
        return Err(invalid_contact("it has hfields"));
    }
    if address.contains(',') {
        return Err(invalid_contact("it has more than one address"));
    }
    match address.split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && address.is_ascii()
                && !address.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()) =>
        {
            Ok(())
        }
        Some(_) | None => Err(invalid_contact("it is no address")),
    }
}

fn invalid_contact(why: &str) -> Problem {
    Problem::new("invalidContact", 400, format!("RFC 8555 section 7.3: a contact is refused: {why}"))
}

const MAX_CONTACTS: usize = 10;
