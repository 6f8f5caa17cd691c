//! OVHcloud.
//!
//! <https://eu.api.ovh.com/console/?section=%2Fdomain>

mod keys;

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use self::keys::Keys;
use crate::dns::api::{Api, Reply, Task, all};
use crate::dns::change::{Change, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::DnsError;
use crate::dns::oauth::{self, ClientCredentials, Tokens};
use crate::dns::provider::{DnsProvider, Fault, Profile};
use crate::dns::records::{Held, Records, Work, edit};
use crate::dns::request::{self, segment};
use crate::dns::rrset::Written;
use crate::dns::secret::Secret;
use crate::dns::zone::Zone;

/// OVHcloud.
pub(super) struct Ovh {
    proof: Proof,
    secrets: Vec<Secret>,
    url: String,
    ttl: u64,
}

/// How a request shows who sends it.
enum Proof {
    /// By a signature.
    Keys(Keys),
    /// By a token that somebody else asked for.
    Token(HeaderValue),
    /// By tokens that are asked for.
    Tokens(Tokens),
}

impl Ovh {
    pub(super) const VARIABLES: &'static [Variable] = &[
        keys::APPLICATION,
        keys::SECRET,
        keys::CONSUMER,
        ENDPOINT,
        CLIENT,
        CLIENT_SECRET,
        TOKEN,
        TOKEN_URL,
        TTL,
    ];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let name = lookup.text(&ENDPOINT).unwrap_or_else(|| ENDPOINTS[0].0.to_owned());
        let known = ENDPOINTS.iter().find(|(known, _, _)| *known == name);
        let url = match known {
            Some((_, url, _)) => (*url).to_owned(),
            None => lookup.url(&ENDPOINT, "")?,
        };
        let token_url = known.map_or("", |(_, _, url)| url);
        let (proof, secrets) = Self::proof(lookup, token_url)?;
        Ok(Arc::new(Self { proof, secrets, url, ttl: lookup.ttl(&TTL, 120)? }))
    }

    fn proof(lookup: &Lookup<'_>, token_url: &str) -> Result<(Proof, Vec<Secret>), CredentialError> {
        let has = |variable: &Variable| lookup.text(variable).is_some();
        if !has(&keys::APPLICATION) && has(&CLIENT) {
            let url = lookup.url(&TOKEN_URL, token_url)?;
            if url.is_empty() {
                return Err(CredentialError::Missing {
                    variable: TOKEN_URL.name,
                    meaning: TOKEN_URL.meaning,
                });
            }
            let (id, secret) = (lookup.require(&CLIENT)?, lookup.secret(&CLIENT_SECRET)?);
            let grant = ClientCredentials { url, id, secret: secret.clone(), scope: "all".to_owned() };
            return Ok((Proof::Tokens(Tokens::new(grant)), vec![secret]));
        }
        if !has(&keys::APPLICATION) && has(&TOKEN) {
            let token = lookup.secret(&TOKEN)?;
            return Ok((Proof::Token(token.to_header(TOKEN.name, "Bearer ")?), vec![token]));
        }
        let keys = Keys::new(lookup)?;
        let secrets = keys.secrets();
        Ok((Proof::Keys(keys), secrets))
    }

    async fn send(&self, api: &Api, mut request: Request<Vec<u8>>) -> Result<Reply, DnsError> {
        match &self.proof {
            Proof::Keys(keys) => keys.send(api, &self.url, request).await,
            Proof::Token(header) => {
                request.headers_mut().insert(AUTHORIZATION, header.clone());
                api.send(request).await
            }
            Proof::Tokens(tokens) => tokens.send(api, request).await,
        }
    }

    async fn call(&self, api: &Api, request: Request<Vec<u8>>) -> Result<Value, DnsError> {
        let reply = self.send(api, request).await?;
        if reply.status.is_success() { Ok(reply.json()) } else { Err(api.refusal(&reply)) }
    }

    fn zone_url(&self, zone: &Zone) -> String {
        format!("{}/domain/zone/{}", self.url, segment(&zone.id))
    }

    /// Reads a record, if it is still there and is at a name.
    async fn read(&self, api: &Api, zone: &Zone, id: u64, relative: &str) -> Result<Option<Held>, DnsError> {
        let url = format!("{}/record/{id}", self.zone_url(zone));
        let reply = self.send(api, request::get(&url, &[])).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !reply.status.is_success() {
            return Err(api.refusal(&reply));
        }
        let record = reply.json();
        let target = record["target"].as_str().ok_or_else(|| api.unclear("a record"))?;
        let is_it = record["fieldType"] == "TXT"
            && record["subDomain"].as_str().unwrap_or_default().eq_ignore_ascii_case(relative);
        Ok(is_it.then(|| Held { id: id.to_string(), value: unquoted(target) }))
    }

    async fn create(&self, api: &Api, zone: &Zone, name: &str, value: &str) -> Result<(), DnsError> {
        let record = json!({
            "fieldType": "TXT",
            "subDomain": zone.relative(name),
            "target": value,
            "ttl": self.ttl,
        });
        let url = format!("{}/record", self.zone_url(zone));
        self.call(api, request::json("POST", &url, &[], &record)).await.map(drop)
    }

    async fn delete(&self, api: &Api, zone: &Zone, id: &str) -> Result<(), DnsError> {
        let url = format!("{}/record/{}", self.zone_url(zone), segment(id));
        let reply = self.send(api, request::delete(&url, &[])).await?;
        // Somebody else was faster.
        let is_gone = reply.status == StatusCode::NOT_FOUND;
        if reply.status.is_success() || is_gone { Ok(()) } else { Err(api.refusal(&reply)) }
    }
}

impl DnsProvider for Ovh {
    fn profile(&self) -> Profile {
        let needs = "the rights GET, POST and DELETE for /domain/zone and all below it, or the IAM actions \
            dnsZone:apiovh:get, record/get, record/create, record/delete and refresh";
        let secrets: Vec<&Secret> = self.secrets.iter().collect();
        let profile = Profile::new("OVHcloud", needs, detail, &secrets).with_fault(fault);
        match &self.proof {
            Proof::Tokens(tokens) => profile.with_tokens(tokens),
            Proof::Keys(_) | Proof::Token(_) => profile,
        }
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let names = self.call(api, request::get(&format!("{}/domain/zone", self.url), &[])).await?;
            let names = names.as_array().ok_or_else(|| api.unclear("a list of zones"))?;
            Ok(names.iter().filter_map(Value::as_str).map(|name| Zone::new(name, name)).collect())
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(async move {
            edit(self, api, zone, change).await?;
            // Records are seen after a refresh only, which may be missing for some that are there.
            let url = format!("{}/refresh", self.zone_url(zone));
            self.call(api, request::post(&url, &[])).await.map(drop)
        })
    }
}

impl Records for Ovh {
    fn list<'a>(&'a self, api: &'a Api, zone: &'a Zone, name: &'a str) -> Task<'a, Vec<Held>> {
        Box::pin(async move {
            let relative = zone.relative(name);
            let query = format!("fieldType=TXT&subDomain={}", segment(relative));
            let url = format!("{}/record?{query}", self.zone_url(zone));
            let ids = self.call(api, request::get(&url, &[])).await?;
            let ids = ids.as_array().ok_or_else(|| api.unclear("a list of records"))?;
            let reads = ids.iter().filter_map(Value::as_u64).map(|id| self.read(api, zone, id, relative));
            let held = all(reads).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            Ok(held.into_iter().flatten().collect())
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, work: &'a Work) -> Task<'a, Written> {
        Box::pin(async move {
            let created = all(work.create.iter().map(|(name, value)| self.create(api, zone, name, value)));
            created.await.into_iter().collect::<Result<(), _>>()?;
            let deleted = all(work.delete.iter().map(|id| self.delete(api, zone, id)));
            deleted.await.into_iter().collect::<Result<(), _>>()?;
            Ok(Written::Surely)
        })
    }
}

impl fmt::Debug for Ovh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ovh")
    }
}

fn detail(reply: &Reply) -> Option<String> {
    let words = reply.json()["message"].as_str().map(str::to_owned);
    words.or_else(|| oauth::detail(reply))
}

fn fault(reply: &Reply) -> Option<Fault> {
    // Comes with status 400.
    let is_signature = reply.json()["errorCode"] == "INVALID_SIGNATURE";
    if is_signature { Some(Fault::Credentials) } else { oauth::fault(reply) }
}

/// What the addresses are called, the API, and where tokens are asked for.
///
/// <https://github.com/ovh/go-ovh#oauth2>
const ENDPOINTS: [(&str, &str, &str); 7] = [
    ("ovh-eu", "https://api.eu.ovhcloud.com/1.0", "https://auth.eu.ovhcloud.com/oauth2/token"),
    ("ovh-ca", "https://api.ca.ovhcloud.com/1.0", "https://auth.ca.ovhcloud.com/oauth2/token"),
    ("ovh-us", "https://api.us.ovhcloud.com/1.0", "https://us.ovhcloud.com/auth/oauth2/token"),
    ("kimsufi-eu", "https://eu.api.kimsufi.com/1.0", ""),
    ("kimsufi-ca", "https://ca.api.kimsufi.com/1.0", ""),
    ("soyoustart-eu", "https://eu.api.soyoustart.com/1.0", ""),
    ("soyoustart-ca", "https://ca.api.soyoustart.com/1.0", ""),
];
const ENDPOINT: Variable =
    Variable::optional("OVH_ENDPOINT", "ovh-eu, ovh-ca, ovh-us, or the address of another API [ovh-eu]");
const CLIENT: Variable =
    Variable::optional("OVH_CLIENT_ID", "the id of a service account, instead of the three keys");
const CLIENT_SECRET: Variable = Variable::optional("OVH_CLIENT_SECRET", "its secret");
const TOKEN: Variable = Variable::optional("OVH_ACCESS_TOKEN", "an access token, instead of the three keys");
const TOKEN_URL: Variable =
    Variable::optional("OVH_TOKEN_URL", "another address for tokens [that of the endpoint]");
const TTL: Variable = Variable::optional("OVH_TTL", "seconds that resolvers keep the records [120]");
