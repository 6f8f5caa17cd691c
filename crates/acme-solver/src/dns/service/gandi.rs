//! Gandi's LiveDNS.
//!
//! <https://api.gandi.net/docs/livedns/>

use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use crate::dns::api::{Api, Reply, Task, all};
use crate::dns::change::{Change, quoted, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::DnsError;
use crate::dns::provider::{DnsProvider, Profile};
use crate::dns::request::{self, segment};
use crate::dns::rrset::{Edit, Rrset, Rrsets, Written, rewrite};
use crate::dns::secret::Secret;
use crate::dns::zone::Zone;

/// Gandi's LiveDNS.
pub(super) struct Gandi {
    secret: Secret,
    header: HeaderValue,
    url: String,
    ttl: u64,
}

impl Gandi {
    pub(super) const VARIABLES: &'static [Variable] = &[TOKEN, KEY, URL, TTL];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let key = lookup.text(&KEY).filter(|_| lookup.text(&TOKEN).is_none());
        let (secret, header) = match key {
            Some(key) => {
                let key = Secret::new(&key);
                let header = key.to_header(KEY.name, "Apikey ")?;
                (key, header)
            }
            None => {
                let token = lookup.secret(&TOKEN)?;
                let header = token.to_header(TOKEN.name, "Bearer ")?;
                (token, header)
            }
        };
        let url = lookup.url(&URL, "https://api.gandi.net/v5/livedns")?;
        Ok(Arc::new(Self { secret, header, url, ttl: lookup.ttl(&TTL, SMALLEST_TTL)?.max(SMALLEST_TTL) }))
    }

    fn get(&self, url: &str) -> Request<Vec<u8>> {
        request::get(url, &[("authorization", &self.header)])
    }

    fn rrset_url(&self, zone: &Zone, name: &str) -> String {
        let relative = Some(zone.relative(name)).filter(|name| !name.is_empty()).unwrap_or("@");
        format!("{}/domains/{}/records/{}/TXT", self.url, segment(&zone.id), segment(relative))
    }

    async fn read_one(&self, api: &Api, zone: &Zone, name: &str) -> Result<Rrset, DnsError> {
        let reply = api.send(self.get(&self.rrset_url(zone, name))).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(Rrset::default()),
            status if status.is_success() => rrset(&reply.json()).ok_or_else(|| api.unclear("values")),
            _ => Err(api.refusal(&reply)),
        }
    }

    async fn write_one(&self, api: &Api, zone: &Zone, edit: &Edit) -> Result<(), DnsError> {
        let (url, headers) = (self.rrset_url(zone, &edit.name), [("authorization", &self.header)]);
        if edit.after.is_empty() {
            let reply = api.send(request::delete(&url, &headers)).await?;
            // Somebody else was faster.
            let is_gone = reply.status == StatusCode::NOT_FOUND;
            return if reply.status.is_success() || is_gone { Ok(()) } else { Err(api.refusal(&reply)) };
        }
        let body = json!({
            "rrset_values": edit.after.iter().map(|value| quoted(value)).collect::<Vec<_>>(),
            "rrset_ttl": edit.before.ttl.unwrap_or(self.ttl),
        });
        api.call(request::json("PUT", &url, &headers, &body)).await.map(drop)
    }
}

impl DnsProvider for Gandi {
    fn profile(&self) -> Profile {
        let needs = "a personal access token that may manage the domain's technical configuration";
        Profile::new("Gandi", needs, detail, &[&self.secret])
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let mut zones: Vec<Zone> = Vec::new();
            for page in 1..=Api::MAX_PAGES {
                let url = format!("{}/domains?per_page=100&page={page}", self.url);
                let reply = api.call(self.get(&url)).await?.json();
                let listed = reply.as_array().ok_or_else(|| api.unclear("a list of domains"))?;
                let names = listed.iter().filter_map(|domain| domain["fqdn"].as_str());
                let found = names.map(|name| Zone::new(name, name)).filter(|zone| !zones.contains(zone));
                let new: Vec<Zone> = found.collect();
                // How many domains a page may have at most is nowhere said.
                if new.is_empty() {
                    break;
                }
                zones.extend(new);
            }
            Ok(zones)
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(rewrite(self, api, zone, change))
    }
}

impl Rrsets for Gandi {
    fn read<'a>(&'a self, api: &'a Api, zone: &'a Zone, names: &'a [&'a str]) -> Task<'a, Vec<Rrset>> {
        Box::pin(async move {
            all(names.iter().map(|name| self.read_one(api, zone, name))).await.into_iter().collect()
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, edits: &'a [Edit]) -> Task<'a, Written> {
        Box::pin(async move {
            let written = all(edits.iter().map(|edit| self.write_one(api, zone, edit))).await;
            written.into_iter().collect::<Result<(), _>>()?;
            Ok(Written::Unseen)
        })
    }
}

impl fmt::Debug for Gandi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gandi")
    }
}

fn rrset(rrset: &Value) -> Option<Rrset> {
    let values = rrset["rrset_values"].as_array()?.iter().filter_map(Value::as_str).map(unquoted).collect();
    Some(Rrset::new(values, rrset["rrset_ttl"].as_u64()))
}

fn detail(reply: &Reply) -> Option<String> {
    let json = reply.json();
    let faults = json["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let faults = faults.iter().filter_map(|fault| fault["description"].as_str());
    let words: Vec<&str> = json["message"].as_str().into_iter().chain(faults).collect();
    (!words.is_empty()).then(|| words.join(": "))
}

const TOKEN: Variable = Variable::usual("GANDIV5_PERSONAL_ACCESS_TOKEN", "a personal access token");
const KEY: Variable =
    Variable::optional("GANDIV5_API_KEY", "an API key, which Gandi is giving up, where there is no token");
const URL: Variable = Variable::optional("GANDIV5_API_URL", "another address of the API");
const TTL: Variable =
    Variable::optional("GANDIV5_TTL", "seconds that resolvers keep the records, at least 300 [300]");

/// In seconds; the service takes none below.
const SMALLEST_TTL: u64 = 300;
