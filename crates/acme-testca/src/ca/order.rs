//! Orders (RFC 8555 sections 7.1.3 and 7.4).

use std::{collections::BTreeSet, time::Duration};

use http::{Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Ca, Refusal,
    admission::{self, object},
};
use crate::{
    csr, encoding,
    identifier::{self, Identifier},
    problem::Problem,
    reply,
    state::{AuthorizationStatus, Order, OrderStatus, Processing},
};

impl Ca {
    /// newOrder (RFC 8555 section 7.4).
    pub(super) fn new_order(
        &mut self,
        request: &Request<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (account, payload) = self.admit_account(request)?;
        self.check_terms(&account)?;
        let wish = object(&payload)?;
        let mut identifiers = identifier::parse_all(wish.get("identifiers"), self.config.identifier_rules())?;
        let not_before = date(&wish, "notBefore")?;
        let not_after = date(&wish, "notAfter")?;
        if !self.config.order_dates && (not_before.is_some() || not_after.is_some()) {
            return Err(Problem::malformed(
                "RFC 8555 section 7.4: this CA takes neither \"notBefore\" nor \"notAfter\"",
            )
            .into());
        }
        let profile = self.profile(&wish, &identifiers)?;
        let auto_renewal = self.schedule(&wish, now)?;
        let delegated = self.delegated(&wish, &account)?;
        self.check_validity(not_before, not_after, self.lifetime(profile.as_deref()), now)?;
        let replaces = self.replaced(&wish, &account, &identifiers, now)?;
        let has_dates = not_before.is_some() || not_after.is_some() || auto_renewal.is_some();
        let is_special = has_dates || replaces.is_some() || delegated.delegation.is_some();
        if self.config.order_reuse
            && !is_special
            && let Some(id) = self.reusable_order(&account, &identifiers, profile.as_deref(), now)
        {
            return self.order_created(&id, now);
        }
        self.limit_new_order(&account, &identifiers, replaces.is_some(), now)?;
        if self.config.reorder_identifiers && identifiers.len() > 1 {
            self.state.dice.reorder(&mut identifiers);
        }
        let mut authorizations = match delegated.delegation {
            Some(_) => Vec::new(),
            None => self.authorizations_for(&account, &identifiers, &wish, now)?,
        };
        if self.config.reorder_identifiers && authorizations.len() > 1 {
            self.state.dice.reorder(&mut authorizations);
        }
        let id = self.state.dice.id();
        let order = Order {
            account: account.clone(),
            status: if delegated.error.is_some() { OrderStatus::Invalid } else { OrderStatus::Pending },
            identifiers,
            authorizations,
            not_before,
            not_after,
            expires: now.saturating_add(self.config.order_lifetime).unwrap_or(now),
            error: delegated.error,
            certificate: None,
            processing: None,
            replaces,
            profile,
            auto_renewal,
            delegation: delegated.delegation,
            certificate_get: delegated.certificate_get,
        };
        self.state.orders.insert(id.clone(), order);
        if let Some(account) = self.state.accounts.get_mut(&account) {
            account.orders.push(id.clone());
        }
        self.order_created(&id, now)
    }

    /// Reading an order, and canceling one that renews itself.
    pub(super) fn order(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (account, payload) = self.admit_account(request)?;
        let order = self.own_order(id, &account)?;
        if order.auto_renewal.is_some() && !payload.is_empty() {
            self.cancel(id, &object(&payload)?, now)?;
        } else {
            admission::expect_empty(&payload)?;
        }
        self.poll_processing(id, now);
        self.order_response(StatusCode::OK, id, now)
    }

    /// finalize (RFC 8555 section 7.4).
    pub(super) fn finalize(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let (account, payload) = self.admit_account(request)?;
        self.own_order(id, &account)?;
        let wish = object(&payload)?;
        self.refresh_order(id, now);
        let order = self.own_order(id, &account)?;
        if order.status != OrderStatus::Ready {
            return Err(Problem::new(
                "orderNotReady",
                403,
                format!(
                    "RFC 8555 section 7.4: the order is not ready, its status is {}",
                    json!(order.status)
                ),
            )
            .into());
        }
        self.check_profile(order.profile.as_deref())?;
        self.recheck_caa(order)?;
        self.check_onion_caa(order, &wish, now)?;
        let csr = wish
            .get("csr")
            .and_then(Value::as_str)
            .ok_or_else(|| Problem::malformed("RFC 8555 section 7.4: finalize needs a string \"csr\""))?;
        let der = encoding::from_base64url(csr).ok_or_else(|| {
            Problem::malformed("RFC 8555 section 6.1: \"csr\" is not base64url without padding")
        })?;
        let checked = csr::check(&der, &order.identifiers)?;
        self.check_template(order, &der)?;
        if self.account_key_is(&checked.key) {
            return Err(
                Problem::bad_csr("RFC 8555 section 11.1: the key of the CSR is that of an account").into()
            );
        }
        let processing = Processing {
            key_spki: checked.key_spki,
            polls_left: self.config.finalize.polls(),
            until: now.saturating_add(self.config.finalize.delay()).unwrap_or(now),
        };
        if let Some(order) = self.state.orders.get_mut(id) {
            order.status = OrderStatus::Processing;
            order.processing = Some(processing);
        }
        self.state.orders_finalized += 1;
        if self.config.finalize.is_at_once() {
            self.complete(id, now);
        }
        self.order_response(StatusCode::OK, id, now)
    }

    /// Brings an order up to date with its authorizations and the clock (RFC 8555 section 7.1.6).
    pub(super) fn refresh_order(&mut self, id: &str, now: Timestamp) {
        let Some(order) = self.state.orders.get(id) else {
            return;
        };
        if !matches!(order.status, OrderStatus::Pending | OrderStatus::Ready) {
            return;
        }
        let authorizations = order.authorizations.clone();
        let statuses: Vec<AuthorizationStatus> =
            authorizations.iter().filter_map(|id| self.refresh_authorization(id, now)).collect();
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        let usable = |status: &AuthorizationStatus| {
            matches!(status, AuthorizationStatus::Pending | AuthorizationStatus::Valid)
        };
        if order.expires <= now {
            order.status = OrderStatus::Invalid;
            order.error = Some(Problem::malformed("RFC 8555 section 7.1.3: the order has expired"));
        } else if !statuses.iter().all(usable) {
            order.status = OrderStatus::Invalid;
            let problem = self.authorization_failures(&authorizations);
            if let Some(order) = self.state.orders.get_mut(id) {
                order.error = Some(problem);
            }
        } else if statuses.iter().all(|status| *status == AuthorizationStatus::Valid) {
            order.status = OrderStatus::Ready;
        }
    }

    fn own_order(&self, id: &str, account: &str) -> Result<&Order, Problem> {
        let order = self.state.orders.get(id).ok_or_else(|| Problem::not_found("order"))?;
        if order.account != account {
            return Err(Problem::unauthorized("RFC 8555 section 7.4: this order is not yours"));
        }
        Ok(order)
    }

    fn order_created(&mut self, id: &str, now: Timestamp) -> Result<Response<Vec<u8>>, Refusal> {
        let mut response = self.order_response(StatusCode::CREATED, id, now)?;
        let url = self.url(&format!("/order/{id}"));
        reply::set(&mut response, header::LOCATION, &url);
        Ok(response)
    }

    fn order_response(
        &mut self,
        status: StatusCode,
        id: &str,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        self.refresh_order(id, now);
        let order = self.state.orders.get(id).cloned().ok_or_else(|| Problem::not_found("order"))?;
        let urls: Vec<String> =
            order.authorizations.iter().map(|id| self.url(&format!("/authorization/{id}"))).collect();
        let mut body = Map::new();
        body.insert("status".to_owned(), json!(order.status));
        body.insert("expires".to_owned(), json!(encoding::rfc3339(order.expires)));
        body.insert("identifiers".to_owned(), json!(order.identifiers));
        if !urls.is_empty() {
            body.insert("authorizations".to_owned(), json!(urls));
        }
        body.insert("finalize".to_owned(), json!(self.url(&format!("/order/{id}/finalize"))));
        for (name, date) in [("notBefore", order.not_before), ("notAfter", order.not_after)] {
            if let Some(date) = date {
                body.insert(name.to_owned(), json!(encoding::rfc3339(date)));
            }
        }
        for (name, text) in [("replaces", &order.replaces), ("profile", &order.profile)] {
            if let Some(text) = text {
                body.insert(name.to_owned(), json!(text));
            }
        }
        self.add_delegation(&order, &mut body);
        if let Some(schedule) = &order.auto_renewal {
            body.insert("auto-renewal".to_owned(), schedule.to_json());
        }
        if let Some(error) = &order.error {
            body.insert("error".to_owned(), json!(error));
        }
        if let (OrderStatus::Valid, Some(certificate)) = (order.status, &order.certificate) {
            let (name, url) = match &order.auto_renewal {
                None => ("certificate", self.url(&format!("/certificate/{certificate}"))),
                Some(_) => ("star-certificate", self.url(&format!("/star/{id}"))),
            };
            body.insert(name.to_owned(), json!(url));
        }
        self.decorate(&mut body, &["notBefore", "notAfter", "error", "certificate"]);
        let mut response = reply::json(status, &Value::Object(body));
        if matches!(order.status, OrderStatus::Pending | OrderStatus::Processing) {
            self.add_retry_after(&mut response, now);
        }
        Ok(response)
    }

    fn reusable_order(
        &mut self,
        account: &str,
        identifiers: &[Identifier],
        profile: Option<&str>,
        now: Timestamp,
    ) -> Option<String> {
        let wanted: BTreeSet<&Identifier> = identifiers.iter().collect();
        let candidates = self.state.accounts.get(account)?.orders.clone();
        candidates.into_iter().rev().find(|id| {
            self.refresh_order(id, now);
            self.state.orders.get(id).is_some_and(|order| {
                matches!(order.status, OrderStatus::Pending | OrderStatus::Ready)
                    && order.not_before.is_none()
                    && order.not_after.is_none()
                    && order.replaces.is_none()
                    && order.auto_renewal.is_none()
                    && order.delegation.is_none()
                    && order.profile.as_deref() == profile
                    && order.identifiers.iter().collect::<BTreeSet<_>>() == wanted
            })
        })
    }

    fn poll_processing(&mut self, id: &str, now: Timestamp) {
        let Some(order) = self.state.orders.get_mut(id) else {
            return;
        };
        let (OrderStatus::Processing, Some(processing)) = (order.status, &mut order.processing) else {
            return;
        };
        if processing.polls_left > 0 {
            processing.polls_left -= 1;
        } else if processing.until <= now {
            self.complete(id, now);
        }
    }

    fn check_validity(
        &self,
        not_before: Option<Timestamp>,
        not_after: Option<Timestamp>,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let from = not_before.unwrap_or(now);
        let latest = from.saturating_add(lifetime).unwrap_or(from);
        match not_after {
            Some(end) if end <= from || end <= now => {
                Err(Problem::malformed("RFC 8555 section 7.4: notAfter is not after notBefore, or is past"))
            }
            Some(end) if end > latest => Err(Problem::malformed(
                "RFC 8555 section 7.4: notAfter is beyond the lifetime of this CA's certificates",
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// A date that was asked for. `null` is none: the CAs in Go read it so, and acme-lib 0.9 sends it.
fn date(wish: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(value) = wish.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    value.as_str().and_then(|text| text.parse().ok()).map(Some).ok_or_else(|| {
        Problem::malformed(format!("RFC 8555 section 7.4: \"{name}\" is not a date of RFC 3339"))
    })
}
