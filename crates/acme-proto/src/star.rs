//! Certificates that the CA renews by itself (RFC 8739).

use alloc::string::ToString;
use core::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::call::Call;
use crate::chain::Chain;
use crate::directory::DirectoryMeta;
use crate::error::{Error, Misuse};
use crate::extended::Extension;
use crate::flow::Operation;
use crate::json;
use crate::order::Order;
use crate::reply::Reply;
use crate::request::{Request, Target};

/// When the CA is to renew a certificate by itself, and for how long.
///
/// <https://www.rfc-editor.org/rfc/rfc8739#section-3.1.1>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoRenewal {
    /// The start of the first certificate; as soon as it can be issued if `None`.
    pub start: Option<Timestamp>,
    /// The end of the last certificate.
    pub end: Timestamp,
    /// How long one certificate is valid, in whole seconds.
    pub lifetime: Duration,
    /// How much earlier each certificate begins to be valid, for clocks that are wrong.
    pub lifetime_adjust: Duration,
    /// Whether anybody who knows their URL may download the certificates.
    pub allow_certificate_get: bool,
}

impl AutoRenewal {
    /// Certificates of this lifetime, from now on and until then, for the account alone.
    #[must_use]
    pub fn new(lifetime: Duration, end: Timestamp) -> Self {
        Self { start: None, end, lifetime, lifetime_adjust: Duration::ZERO, allow_certificate_get: false }
    }

    /// Lets anybody who knows their URL download the certificates.
    #[must_use]
    pub fn open_to_all(self) -> Self {
        Self { allow_certificate_get: true, ..self }
    }

    /// Downloads the certificate of the moment without an account, where the order allows it; with one,
    /// [`Chain::download`] does.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8739#section-3.3>
    pub fn download_openly(certificate_url: &str) -> Call<Chain> {
        let request = Request::get(Operation::Certificate, Target::Text(certificate_url.to_string()));
        Call::new(request.accepting(Chain::MEDIA_TYPE), |reply| {
            Chain::from_pem(&reply.body).map_err(|violation| reply.violation(violation))
        })
    }

    /// Ends the renewal: the CA issues nothing more for the order. Not repeated: one that was canceled
    /// can't be canceled again.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8739#section-3.1.2>
    pub fn cancel(order_url: &str) -> Call<Order> {
        let payload = json!({"status": "canceled"}).to_string();
        let request = Request::post(Operation::Order, Target::Text(order_url.to_string()), payload);
        Call::new(request, |reply: &Reply| Order::decode(reply))
    }

    /// Refuses what the CA says that it refuses.
    pub(crate) fn check(&self, meta: &DirectoryMeta, now: Timestamp) -> Result<(), Error> {
        let refuse = |extension: Extension| Err(Misuse::ExtensionNotOffered(extension).into());
        let Some(offer) = &meta.auto_renewal else {
            return refuse(Extension::AutoRenewal);
        };
        if offer.min_lifetime.is_some_and(|least| self.lifetime < least) {
            return refuse(Extension::ShortLifetime);
        }
        let duration = self.end.duration_since(self.start.unwrap_or(now)).unsigned_abs();
        if offer.max_duration.is_some_and(|most| duration > most) {
            return refuse(Extension::LongRenewal);
        }
        if self.allow_certificate_get && !offer.allow_certificate_get {
            return refuse(Extension::CertificateGet);
        }
        Ok(())
    }

    pub(crate) fn to_json(self) -> Value {
        let mut value = json!({"end-date": self.end.to_string(), "lifetime": self.lifetime.as_secs()});
        if let Some(start) = self.start {
            value["start-date"] = json!(start.to_string());
        }
        if !self.lifetime_adjust.is_zero() {
            value["lifetime-adjust"] = json!(self.lifetime_adjust.as_secs());
        }
        if self.allow_certificate_get {
            value["allow-certificate-get"] = json!(true);
        }
        value
    }

    /// What the CA made of it: it may have changed all of it.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let date = |member| json::string(value, member).and_then(|text| text.parse().ok());
        Some(Self {
            start: date("start-date"),
            end: date("end-date")?,
            lifetime: json::seconds(value, "lifetime")?,
            lifetime_adjust: json::seconds(value, "lifetime-adjust").unwrap_or_default(),
            allow_certificate_get: json::boolean(value, "allow-certificate-get"),
        })
    }
}
