//! PowerDNS's authoritative server, by its HTTP API.
//!
//! <https://doc.powerdns.com/authoritative/http-api/>

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, Request};
use serde_json::{Value, json};

use crate::dns::api::{Api, Reply, Task, all};
use crate::dns::change::{Change, quoted, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::{DnsError, DnsErrorKind};
use crate::dns::provider::{DnsProvider, Profile};
use crate::dns::request::{self, segment};
use crate::dns::rrset::{Edit, Rrset, Rrsets, Written, rewrite};
use crate::dns::secret::Secret;
use crate::dns::zone::{Zone, candidates, normal};

/// PowerDNS's authoritative server.
pub(super) struct PowerDns {
    key: Secret,
    header: HeaderValue,
    /// The URL of the server's resource.
    server: String,
    ttl: u64,
}

impl PowerDns {
    pub(super) const VARIABLES: &'static [Variable] = &[KEY, URL, SERVER, TTL];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let url = lookup.url(&URL, "")?;
        if url.is_empty() {
            return Err(CredentialError::Missing { variable: URL.name, meaning: URL.meaning });
        }
        let name = lookup.text(&SERVER).unwrap_or_else(|| "localhost".to_owned());
        let key = lookup.secret(&KEY)?;
        let header = key.to_header(KEY.name, "")?;
        let server = format!("{url}/api/v1/servers/{}", segment(&name));
        Ok(Arc::new(Self { key, header, server, ttl: lookup.ttl(&TTL, 120)? }))
    }

    fn get(&self, url: &str) -> Request<Vec<u8>> {
        request::get(url, &[("x-api-key", &self.header)])
    }

    fn zone_url(&self, zone: &Zone) -> String {
        format!("{}/zones/{}", self.server, segment(&zone.id))
    }
}

impl DnsProvider for PowerDns {
    fn profile(&self) -> Profile {
        Profile::new(
            "PowerDNS",
            "the api-key of the server, and that the zone exists there",
            detail,
            &[&self.key],
        )
    }

    fn zones<'a>(&'a self, api: &'a Api, names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let names = candidates(names);
            if names.len() > Api::WIDTH
                && let Some(zones) = unless_too_much(self.all_zones(api).await)?
            {
                return Ok(zones);
            }
            let url = |name: &String| format!("{}/zones?zone={}.", self.server, segment(name));
            let found = all(names.iter().map(|name| api.call(self.get(&url(name))))).await;
            let mut zones = Vec::new();
            for reply in found {
                zones.extend(zones_of(api, &reply?)?);
            }
            Ok(zones)
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(async move {
            rewrite(self, api, zone, change).await?;
            if zone.note.as_deref().is_some_and(notifies) {
                // The secondaries hear of it sooner; where that fails they ask of their own accord.
                let url = format!("{}/notify", self.zone_url(zone));
                drop(api.send(request::json("PUT", &url, &[("x-api-key", &self.header)], &json!({}))).await);
            }
            Ok(())
        })
    }
}

impl Rrsets for PowerDns {
    fn read<'a>(&'a self, api: &'a Api, zone: &'a Zone, names: &'a [&'a str]) -> Task<'a, Vec<Rrset>> {
        Box::pin(async move {
            if names.len() > Api::WIDTH
                && let Some(rrsets) = unless_too_much(self.read_all(api, zone, names).await)?
            {
                return Ok(rrsets);
            }
            all(names.iter().map(|name| self.read_one(api, zone, name))).await.into_iter().collect()
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, edits: &'a [Edit]) -> Task<'a, Written> {
        Box::pin(async move {
            let rrsets: Vec<Value> = edits.iter().map(|edit| self.rrset(edit)).collect();
            let headers = [("x-api-key", &self.header)];
            let body = json!({ "rrsets": rrsets });
            api.call(request::json("PATCH", &self.zone_url(zone), &headers, &body)).await?;
            Ok(Written::Unseen)
        })
    }
}

impl PowerDns {
    /// All zones of the server, in one reply; that of a very large server is refused.
    async fn all_zones(&self, api: &Api) -> Result<Vec<Zone>, DnsError> {
        let reply = api.call(self.get(&format!("{}/zones?dnssec=false", self.server))).await?;
        zones_of(api, &reply)
    }

    /// What is at some names, out of all of a zone; one that is very large is refused.
    async fn read_all(&self, api: &Api, zone: &Zone, names: &[&str]) -> Result<Vec<Rrset>, DnsError> {
        let reply = api.call(self.get(&self.zone_url(zone))).await?.json();
        let rrsets = reply["rrsets"].as_array().ok_or_else(|| api.unclear("rrsets"))?;
        let texts = rrsets.iter().filter(|rrset| rrset["type"] == "TXT");
        let texts: BTreeMap<String, &Value> =
            texts.filter_map(|rrset| Some((normal(rrset["name"].as_str()?), rrset))).collect();
        Ok(names.iter().map(|name| texts.get(*name).copied().map(rrset).unwrap_or_default()).collect())
    }

    async fn read_one(&self, api: &Api, zone: &Zone, name: &str) -> Result<Rrset, DnsError> {
        // Older servers know no filter and send all of the zone.
        let url = format!("{}?rrset_name={}.&rrset_type=TXT", self.zone_url(zone), segment(name));
        let reply = api.call(self.get(&url)).await?.json();
        let rrsets = reply["rrsets"].as_array().ok_or_else(|| api.unclear("rrsets"))?;
        let is_it = |rrset: &&Value| {
            rrset["type"] == "TXT" && rrset["name"].as_str().is_some_and(|other| normal(other) == name)
        };
        Ok(rrsets.iter().find(is_it).map(rrset).unwrap_or_default())
    }

    fn rrset(&self, edit: &Edit) -> Value {
        let name = format!("{}.", edit.name);
        if edit.after.is_empty() {
            return json!({ "name": name, "type": "TXT", "changetype": "DELETE" });
        }
        let records = edit.after.iter().map(|value| json!({ "content": quoted(value), "disabled": false }));
        json!({
            "name": name,
            "type": "TXT",
            "ttl": edit.before.ttl.unwrap_or(self.ttl),
            "changetype": "REPLACE",
            "records": records.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Debug for PowerDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PowerDns")
    }
}

/// What was read at once; `None` where it has to be read name by name: there is too much of it, or
/// whoever stands in front of the server lets nobody read all. A server that is busy, or that does not
/// know the key, is not asked a hundred times more.
fn unless_too_much<T>(read: Result<T, DnsError>) -> Result<Option<T>, DnsError> {
    let is_final = |kind: &DnsErrorKind| {
        matches!(kind, DnsErrorKind::Busy { .. } | DnsErrorKind::Credentials { status: 401, .. })
    };
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if is_final(&error.kind) => Err(error),
        Err(_) => Ok(None),
    }
}

fn zones_of(api: &Api, reply: &Reply) -> Result<Vec<Zone>, DnsError> {
    let reply = reply.json();
    let listed = reply.as_array().ok_or_else(|| api.unclear("a list of zones"))?;
    Ok(listed.iter().filter_map(zone).collect())
}

fn zone(listed: &Value) -> Option<Zone> {
    let zone = Zone::new(listed["name"].as_str()?, listed["id"].as_str()?);
    Some(zone.with_note(listed["kind"].as_str()?))
}

/// Disabled records are left out: whoever adds to them would switch them on, and nobody sees them.
fn rrset(rrset: &Value) -> Rrset {
    let records = rrset["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    let enabled = records.iter().filter(|record| record["disabled"] != true);
    Rrset::new(
        enabled.filter_map(|record| record["content"].as_str()).map(unquoted).collect(),
        rrset["ttl"].as_u64(),
    )
}

fn notifies(kind: &str) -> bool {
    ["master", "primary", "producer"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

fn detail(reply: &Reply) -> Option<String> {
    let words = reply.json()["error"].as_str().map(str::to_owned);
    words.or_else(|| String::from_utf8(reply.body.clone()).ok())
}

const KEY: Variable = Variable::required("PDNS_API_KEY", "the api-key of the server's configuration");
const URL: Variable =
    Variable::required("PDNS_API_URL", "the URL of its webserver, as http://127.0.0.1:8081");
const SERVER: Variable = Variable::optional("PDNS_SERVER_NAME", "the server's name in URLs [localhost]");
const TTL: Variable = Variable::optional("PDNS_TTL", "seconds that resolvers keep the records [120]");
