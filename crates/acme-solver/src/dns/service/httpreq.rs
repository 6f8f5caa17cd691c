//! An HTTP server of somebody's own, which is told what to put in place.
//!
//! <https://go-acme.github.io/lego/dns/httpreq/>

use std::fmt;
use std::sync::Arc;

use acme_proto::{Challenge, ChallengeType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::dns::api::{Api, Reply, Task};
use crate::dns::change::{Action, Change};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::{DnsError, DnsErrorKind};
use crate::dns::provider::{DnsProvider, Profile};
use crate::dns::request;
use crate::dns::secret::Secret;
use crate::dns::zone::Zone;

/// A server with `/present` and `/cleanup`. Which zones it writes it does not tell: each name is a
/// zone of its own.
pub(super) struct HttpReq {
    url: String,
    is_raw: bool,
    password: Option<Secret>,
    authorization: Option<HeaderValue>,
}

impl HttpReq {
    pub(super) const VARIABLES: &'static [Variable] = &[ENDPOINT, MODE, USERNAME, PASSWORD];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        lookup.require(&ENDPOINT)?;
        let url = lookup.url(&ENDPOINT, "")?;
        let is_raw = match lookup.text(&MODE).as_deref() {
            None => false,
            Some("RAW") => true,
            Some(_) => return Err(CredentialError::Malformed { variable: MODE.name, what: "RAW" }),
        };
        let password = lookup.text(&PASSWORD).map(|password| Secret::new(&password));
        let authorization = match (lookup.text(&USERNAME), &password) {
            (Some(username), Some(password)) => Some(basic(&username, password)?),
            (_, _) => None,
        };
        Ok(Arc::new(Self { url, is_raw, password, authorization }))
    }

    fn raw(&self, api: &Api, zone: &Zone, challenge: &Challenge) -> Result<Value, DnsError> {
        if challenge.kind != ChallengeType::Dns01 {
            let needs = "no HTTPREQ_MODE for challenges other than dns-01: its server finds the name itself";
            return Err(api.error(DnsErrorKind::NoZone { name: zone.name.clone(), needs }));
        }
        let (domain, token) = (challenge.identifier.to_string(), &challenge.token);
        Ok(json!({ "domain": domain, "token": token, "keyAuth": challenge.key_authorization() }))
    }

    async fn post(&self, api: &Api, action: Action, body: &Value) -> Result<(), DnsError> {
        let path = match action {
            Action::Add => "present",
            Action::Remove => "cleanup",
        };
        let headers: Vec<_> = self.authorization.iter().map(|value| ("authorization", value)).collect();
        let reply = api.send(request::json("POST", &format!("{}/{path}", self.url), &headers, body)).await?;
        // What was taken away by a request whose reply was lost is not there any more.
        let is_gone = action == Action::Remove && reply.status == StatusCode::NOT_FOUND;
        let is_refused = reply.status.is_client_error() || reply.status.is_server_error();
        if is_refused && !is_gone { Err(api.refusal(&reply)) } else { Ok(()) }
    }
}

impl DnsProvider for HttpReq {
    fn profile(&self) -> Profile {
        let needs = "HTTPREQ_USERNAME and HTTPREQ_PASSWORD as the server has them";
        let secrets: Vec<&Secret> = self.password.iter().collect();
        Profile::new("the server of HTTPREQ_ENDPOINT", needs, detail, &secrets)
    }

    fn zones<'a>(&'a self, _api: &'a Api, names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move { Ok(names.iter().map(|name| Zone::new(name, name)).collect()) })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(async move {
            if self.is_raw {
                for challenge in &change.challenges {
                    self.post(api, change.action, &self.raw(api, zone, challenge)?).await?;
                }
                return Ok(());
            }
            for record in &change.records {
                for value in &record.values {
                    let body = json!({ "fqdn": format!("{}.", record.name), "value": value });
                    self.post(api, change.action, &body).await?;
                }
            }
            Ok(())
        })
    }
}

impl fmt::Debug for HttpReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpReq")
    }
}

/// <https://www.rfc-editor.org/rfc/rfc7617#section-2>
fn basic(username: &str, password: &Secret) -> Result<HeaderValue, CredentialError> {
    let pair = Secret::new(&STANDARD.encode(format!("{username}:{}", password.expose())));
    pair.to_header(PASSWORD.name, "Basic ")
}

fn detail(reply: &Reply) -> Option<String> {
    Some(String::from_utf8_lossy(&reply.body).into_owned())
}

const ENDPOINT: Variable =
    Variable::required("HTTPREQ_ENDPOINT", "the URL of a server that takes POST /present and POST /cleanup");
const MODE: Variable =
    Variable::optional("HTTPREQ_MODE", "RAW: it is told domain, token and keyAuth, not fqdn and value");
const USERNAME: Variable = Variable::optional("HTTPREQ_USERNAME", "a name for HTTP's basic authentication");
const PASSWORD: Variable = Variable::optional("HTTPREQ_PASSWORD", "the password for it");
