//! Orders that renew themselves (RFC 8739).

use http::{HeaderName, Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{Ca, Refusal, admission, certificate::PEM_CHAIN};
use crate::{
    authority::Chain,
    encoding,
    problem::Problem,
    reply,
    star::{self, Schedule},
    state::{Order, OrderStatus},
};

impl Ca {
    /// The schedule that a newOrder request asks for, if the CA has such orders.
    pub(super) fn schedule(
        &self,
        wish: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Option<Schedule>, Problem> {
        let (Some(offer), Some(wanted)) = (&self.config.auto_renewal, wish.get("auto-renewal")) else {
            return Ok(None);
        };
        let wanted = wanted.as_object().ok_or_else(|| star::refusal("\"auto-renewal\" must be an object"))?;
        if ["notBefore", "notAfter"].iter().any(|name| wish.contains_key(*name)) {
            return Err(star::refusal("\"notBefore\" and \"notAfter\" must not be beside \"auto-renewal\""));
        }
        offer.schedule(wanted, now).map(Some)
    }

    /// Cancels an order (RFC 8739 section 3.1.2).
    pub(super) fn cancel(
        &mut self,
        id: &str,
        wish: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let expires = now.saturating_add(CANCELED_LIFETIME).unwrap_or(now);
        let order = self.state.orders.get_mut(id).ok_or_else(|| Problem::not_found("order"))?;
        if order.auto_renewal.is_none() || wish.get("status").is_none_or(|status| status != "canceled") {
            return Err(Problem::malformed(
                "RFC 8739 section 3.1.2: the only update of an order is \"status\":\"canceled\", \
                 of one that renews itself",
            ));
        }
        if order.status != OrderStatus::Valid {
            return Err(Problem::new(
                "autoRenewalCancellationInvalid",
                400,
                "RFC 8739 section 3.1.2: only a valid order can be canceled",
            ));
        }
        order.status = OrderStatus::Canceled;
        order.expires = expires;
        Ok(())
    }

    /// Fetching the certificate of an order that renews itself (RFC 8739 section 3.3).
    pub(super) fn star_certificate(
        &mut self,
        request: &Request<Vec<u8>>,
        id: &str,
        now: Timestamp,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let order = self.state.orders.get(id).cloned().ok_or_else(|| Problem::not_found("order"))?;
        let schedule = order.auto_renewal.as_ref().ok_or_else(|| Problem::not_found("certificate"))?;
        self.admit_reader(request, &order.account, schedule.certificate_get)?;
        if order.status == OrderStatus::Canceled {
            return Err(ended("autoRenewalCanceled", "3.1.2", "the order was canceled").into());
        }
        if schedule.has_ended(now) {
            return Err(ended("autoRenewalExpired", "3.3", "the order has ended").into());
        }
        if order.status != OrderStatus::Valid {
            return Err(Problem::not_found("certificate").into());
        }
        self.renew(id, &order, now)?;
        let certificate = self.state.orders.get(id).and_then(|order| order.certificate.clone());
        let certificate = certificate.and_then(|id| self.state.certificates.get(&id));
        let certificate = certificate.ok_or_else(|| Problem::not_found("certificate"))?;
        let pem = self.chain_pem(&certificate.der, certificate.generation, Chain::Default);
        let mut response = reply::of_type(StatusCode::OK, PEM_CHAIN, pem.into_bytes());
        for (name, date) in [(NOT_BEFORE, certificate.not_before), (NOT_AFTER, certificate.not_after)] {
            if let Some(date) = encoding::http_date(date) {
                reply::set(&mut response, name, &format!("\"{date}\""));
            }
        }
        Ok(response)
    }

    /// Lets those read the certificate of an order that may: its account, or anybody who asks by GET
    /// if the order says so (RFC 8739 section 3.4, RFC 9115 section 2.3.5).
    pub(super) fn admit_reader(
        &mut self,
        request: &Request<Vec<u8>>,
        owner: &str,
        anybody: bool,
    ) -> Result<(), Refusal> {
        if request.method() != Method::POST {
            return if anybody { Ok(()) } else { Err(super::read_by_post(&[Method::POST])) };
        }
        let (account, payload) = self.admit_account(request)?;
        admission::expect_empty(&payload)?;
        if owner != account {
            return Err(Problem::unauthorized("RFC 8555 section 7.4.2: this certificate is not yours").into());
        }
        Ok(())
    }

    /// Issues the certificate that is due, if it has not been.
    pub(super) fn renew(&mut self, id: &str, order: &Order, now: Timestamp) -> Result<(), Problem> {
        let Some(schedule) = &order.auto_renewal else {
            return Ok(());
        };
        let due = schedule.due(now);
        let previous = order.certificate.as_ref().and_then(|id| self.state.certificates.get(id));
        let Some(previous) = previous.filter(|_| schedule.issued.is_none_or(|number| number < due)) else {
            return Ok(());
        };
        let key_spki = previous.key_spki.clone();
        let certificate = self
            .issue(id, &order.at_number(due), &key_spki, now)
            .map_err(|error| Problem::server_internal(error.to_string()))?;
        if let Some(order) = self.state.orders.get_mut(id) {
            order.certificate = Some(certificate);
            if let Some(schedule) = &mut order.auto_renewal {
                schedule.issued = Some(due);
            }
        }
        Ok(())
    }

    /// Refuses to revoke what ends by itself (RFC 8739 section 3.1.2).
    pub(super) fn check_revocable(&self, order: &str) -> Result<(), Problem> {
        let order = self.state.orders.get(order);
        if order.is_some_and(|order| order.auto_renewal.is_some()) {
            return Err(Problem::new(
                "autoRenewalRevocationNotSupported",
                403,
                "RFC 8739 section 3.1.2: a certificate that is renewed by itself is not revoked, \
                 its order is canceled",
            ));
        }
        Ok(())
    }
}

impl Order {
    /// The order with the dates of one of its certificates.
    pub(super) fn at_number(&self, number: u64) -> Self {
        let mut order = self.clone();
        if let Some(schedule) = &self.auto_renewal {
            let (not_before, not_after) = schedule.validity(number);
            order.not_before = Some(not_before);
            order.not_after = Some(not_after);
        }
        order
    }
}

fn ended(kind: &str, section: &str, what: &str) -> Problem {
    Problem::new(kind, 403, format!("RFC 8739 section {section}: there are no certificates any more: {what}"))
}

/// How long a canceled order can still be read.
const CANCELED_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
const NOT_BEFORE: HeaderName = HeaderName::from_static("cert-not-before");
const NOT_AFTER: HeaderName = HeaderName::from_static("cert-not-after");
