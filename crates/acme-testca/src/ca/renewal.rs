//! When to renew (RFC 9773).

use http::{Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Ca, Refusal};
use crate::{
    encoding,
    identifier::Identifier,
    problem::Problem,
    renewal::RenewalWindow,
    reply,
    state::{Certificate, OrderStatus},
};

impl Ca {
    /// Moves the window in which a certificate is to be renewed. Says whether there is one with this
    /// serial number.
    ///
    /// See [RFC 9773 section 4.2](https://www.rfc-editor.org/rfc/rfc9773#section-4.2).
    pub fn set_renewal_window(&mut self, serial: &str, window: RenewalWindow) -> bool {
        let serial = serial.to_ascii_lowercase();
        let mut certificates = self.state.certificates.values_mut();
        let found = certificates.find(|one| one.serial == serial);
        found.map(|certificate| certificate.window = Some(window)).is_some()
    }

    /// Asks for all certificates to be renewed at once, as before a mass revocation: moves their
    /// windows into the past, with this page as explanation. Says how many there are.
    pub fn recall(&mut self, explanation_url: &str, now: Timestamp) -> usize {
        let now = self.at(now);
        let window = past_window(now).explained_at(explanation_url);
        for certificate in self.state.certificates.values_mut() {
            certificate.window = Some(window.clone());
        }
        self.state.certificates.len()
    }

    /// renewalInfo (RFC 9773 section 4).
    pub(super) fn renewal_info(&mut self, id: &str, now: Timestamp) -> Result<Response<Vec<u8>>, Refusal> {
        if !self.config.renewal_info {
            return Err(Problem::not_found("resource").into());
        }
        let certificate = self.certificate_of(id)?;
        let certificate =
            self.state.certificates.get(&certificate).ok_or_else(|| Problem::not_found("certificate"))?;
        let window = window(certificate);
        let mut body = Map::new();
        let suggested =
            json!({"start": encoding::rfc3339(window.start), "end": encoding::rfc3339(window.end)});
        body.insert("suggestedWindow".to_owned(), suggested);
        if let Some(url) = &window.explanation_url {
            body.insert("explanationURL".to_owned(), json!(url));
        }
        self.decorate(&mut body, &["explanationURL"]);
        let mut response = reply::json(StatusCode::OK, &Value::Object(body));
        if let Some(value) = self.config.renewal_info_retry_after.value(now) {
            reply::set(&mut response, header::RETRY_AFTER, &value);
        }
        Ok(response)
    }

    /// The certificate that an order is to replace, checked (RFC 9773 section 5).
    pub(super) fn replaced(
        &mut self,
        wish: &Map<String, Value>,
        account: &str,
        identifiers: &[Identifier],
        now: Timestamp,
    ) -> Result<Option<String>, Problem> {
        let Some(value) = wish.get("replaces").filter(|value| self.config.renewal_info && !value.is_null())
        else {
            return Ok(None);
        };
        let id = value.as_str().ok_or_else(|| refusal("\"replaces\" must be a string"))?;
        let found = self.certificate_of(id)?;
        let certificate =
            self.state.certificates.get(&found).ok_or_else(|| Problem::not_found("certificate"))?;
        if certificate.account != account {
            return Err(Problem::unauthorized("RFC 9773 section 5: the replaced certificate is not yours"));
        }
        let has = |identifier: &Identifier| certificate.names.contains(&identifier.value);
        if !identifiers.iter().any(has) {
            return Err(refusal("the replaced certificate has no identifier of the order"));
        }
        if self.is_replaced(id, account, now) {
            return Err(Problem::new(
                "alreadyReplaced",
                409,
                "RFC 9773 section 5: an order that has not failed replaces this certificate already",
            ));
        }
        Ok(Some(id.to_owned()))
    }

    fn is_replaced(&mut self, id: &str, account: &str, now: Timestamp) -> bool {
        let orders = self.state.accounts.get(account).map(|one| one.orders.clone()).unwrap_or_default();
        orders.iter().any(|order| {
            self.refresh_order(order, now);
            let order = self.state.orders.get(order);
            order.is_some_and(|one| one.replaces.as_deref() == Some(id) && one.status != OrderStatus::Invalid)
        })
    }

    /// Finds a certificate by its identifier of RFC 9773 section 4.1.
    fn certificate_of(&self, id: &str) -> Result<String, Problem> {
        let form = || refusal("a certificate is identified by base64url of key identifier and serial number");
        let (issuer, serial) = id.split_once('.').ok_or_else(form)?;
        let issuer = encoding::from_base64url(issuer).ok_or_else(form)?;
        let serial = encoding::hex(&encoding::from_base64url(serial).ok_or_else(form)?);
        let mut certificates = self.state.certificates.iter();
        let found = certificates
            .find(|(_, one)| one.serial == serial)
            .filter(|(_, one)| issuer == self.authority.key_id(one.generation));
        found.map(|(id, _)| id.clone()).ok_or_else(|| Problem::not_found("certificate"))
    }

    /// The identifier of a certificate (RFC 9773 section 4.1).
    pub(super) fn renewal_id(&self, certificate: &Certificate) -> String {
        let serial = encoding::from_hex(&certificate.serial);
        let issuer = self.authority.key_id(certificate.generation);
        format!("{}.{}", encoding::base64url(&issuer), encoding::base64url(&serial))
    }
}

/// The window that was set, or the usual one: around two thirds of the lifetime, half of a short one.
fn window(certificate: &Certificate) -> RenewalWindow {
    if let Some(window) = &certificate.window {
        return window.clone();
    }
    if let Some(revoked) = certificate.revoked {
        return past_window(revoked.at);
    }
    let end = certificate.not_after;
    let lifetime = end.duration_since(certificate.not_before).saturating_add(SignedDuration::from_secs(1));
    let left = if lifetime < SHORT_LIFETIME { lifetime / 2 } else { lifetime / 3 };
    let ideal = end.saturating_sub(left).unwrap_or(end);
    let spread = lifetime / 100;
    RenewalWindow::new(
        ideal.saturating_sub(spread).unwrap_or(ideal),
        ideal.saturating_add(spread).unwrap_or(ideal),
    )
}

fn past_window(now: Timestamp) -> RenewalWindow {
    let before = |duration: SignedDuration| now.saturating_sub(duration).unwrap_or(now);
    RenewalWindow::new(before(SignedDuration::from_mins(60)), before(SignedDuration::from_mins(30)))
}

fn refusal(detail: &str) -> Problem {
    Problem::malformed(format!("RFC 9773 section 4.1: {detail}"))
}

const SHORT_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 24);
