//! Requests that are signed with the keys of an application and of who uses it.
//!
//! <https://help.ovhcloud.com/csm/en-api-getting-started-ovhcloud-api?id=kb_article_view&sysparm_article=KB0042777>

use std::sync::{Mutex, PoisonError};

use http::{HeaderValue, Request};

use crate::dns::api::{Api, Reply};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::DnsError;
use crate::dns::request;
use crate::dns::secret::Secret;

/// The keys, and how far the service's clock is ahead.
pub(super) struct Keys {
    application: HeaderValue,
    secret: Secret,
    consumer: Secret,
    consumer_header: HeaderValue,
    /// In seconds; `None` before it is asked.
    offset: Mutex<Option<i64>>,
}

impl Keys {
    pub(super) fn new(lookup: &Lookup<'_>) -> Result<Self, CredentialError> {
        let consumer = lookup.secret(&CONSUMER)?;
        Ok(Self {
            application: lookup.secret(&APPLICATION)?.to_header(APPLICATION.name, "")?,
            secret: lookup.secret(&SECRET)?,
            consumer_header: consumer.to_header(CONSUMER.name, "")?,
            consumer,
            offset: Mutex::default(),
        })
    }

    /// What nobody may see.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        vec![self.secret.clone(), self.consumer.clone()]
    }

    /// Signs and sends a request, and once more with the service's time asked anew where that is
    /// what is wrong.
    pub(super) async fn send(
        &self,
        api: &Api,
        url: &str,
        mut request: Request<Vec<u8>>,
    ) -> Result<Reply, DnsError> {
        self.sign(&mut request, self.time(api, url).await?);
        let reply = api.send(request.clone()).await?;
        if reply.json()["errorCode"] != OUT_OF_TIME {
            return Ok(reply);
        }
        self.set_offset(None);
        self.sign(&mut request, self.time(api, url).await?);
        api.send(request).await
    }

    /// The time by the service's clock, in seconds.
    async fn time(&self, api: &Api, url: &str) -> Result<i64, DnsError> {
        let held = *self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(offset) = held {
            return Ok(api.now().as_second().saturating_add(offset));
        }
        let reply = api.call(request::get(&format!("{url}/auth/time"), &[])).await?;
        let time = reply.json().as_i64().ok_or_else(|| api.unclear("a time"))?;
        self.set_offset(Some(time.saturating_sub(api.now().as_second())));
        Ok(time)
    }

    fn set_offset(&self, offset: Option<i64>) {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = offset;
    }

    fn sign(&self, request: &mut Request<Vec<u8>>, time: i64) {
        let (secret, consumer) = (self.secret.expose(), self.consumer.expose());
        let (method, uri) = (request.method(), request.uri());
        let mut message =
            zeroize::Zeroizing::new(format!("{secret}+{consumer}+{method}+{uri}+").into_bytes());
        message.extend_from_slice(request.body());
        message.extend_from_slice(format!("+{time}").as_bytes());
        let digest = acme_keys::danger_sha1(&message);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let signature = HeaderValue::from_str(&format!("$1${digest}"));
        let headers = request.headers_mut();
        headers.insert("x-ovh-application", self.application.clone());
        headers.insert("x-ovh-consumer", self.consumer_header.clone());
        headers.insert("x-ovh-timestamp", HeaderValue::from(time));
        headers.insert("x-ovh-signature", signature.unwrap_or(HeaderValue::from_static("")));
    }
}

const OUT_OF_TIME: &str = "QUERY_TIME_OUT";
pub(super) const APPLICATION: Variable = Variable::usual("OVH_APPLICATION_KEY", "the key of an application");
pub(super) const SECRET: Variable =
    Variable::usual("OVH_APPLICATION_SECRET", "the secret of the application");
pub(super) const CONSUMER: Variable =
    Variable::usual("OVH_CONSUMER_KEY", "the key of who uses the application");

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of OVHcloud's description of its first steps.
    #[test]
    fn signature_is_that_of_the_documentation() {
        let find = |name: &str| {
            let text = match name {
                "OVH_APPLICATION_KEY" => "7kbG7Bk7S9Nt7ZSV",
                "OVH_APPLICATION_SECRET" => "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF",
                "OVH_CONSUMER_KEY" => "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let keys = Keys::new(&Lookup { find: &find }).unwrap();
        let mut request = request::get("https://eu.api.ovh.com/1.0/domain/", &[]);
        keys.sign(&mut request, 1_366_560_945);
        assert_eq!(request.headers()["x-ovh-timestamp"], "1366560945");
        assert_eq!(request.headers()["x-ovh-signature"], "$1$6a77f43f2871db97a029f1d1d81c4dcd3c6f7265");
    }
}
