//! Hetzner, by its Cloud API.
//!
//! The API of the DNS Console before it has ended, and its keys with it.
//!
//! <https://docs.hetzner.cloud/reference/cloud#dns>

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use crate::dns::api::{Api, Reply, Task, all};
use crate::dns::change::{Change, quoted, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::{DnsError, DnsErrorKind};
use crate::dns::provider::{DnsProvider, Fault, Profile};
use crate::dns::request::{self, segment};
use crate::dns::rrset::{Edit, Rrset, Rrsets, Written, rewrite};
use crate::dns::secret::Secret;
use crate::dns::zone::Zone;

/// Hetzner.
pub(super) struct Hetzner {
    token: Secret,
    header: HeaderValue,
    url: String,
    ttl: u64,
}

impl Hetzner {
    pub(super) const VARIABLES: &'static [Variable] = &[TOKEN, URL, TTL];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let token = lookup.secret(&TOKEN)?;
        let header = token.to_header(TOKEN.name, "Bearer ")?;
        let url = lookup.url(&URL, "https://api.hetzner.cloud/v1")?;
        Ok(Arc::new(Self { token, header, url, ttl: lookup.ttl(&TTL, 120)?.max(SMALLEST_TTL) }))
    }

    fn get(&self, url: &str) -> Request<Vec<u8>> {
        request::get(url, &[("authorization", &self.header)])
    }

    fn rrset_url(&self, zone: &Zone, name: &str) -> String {
        let relative = Some(zone.relative(name)).filter(|name| !name.is_empty()).unwrap_or("@");
        format!("{}/zones/{}/rrsets/{}/TXT", self.url, segment(&zone.id), segment(relative))
    }

    async fn read_one(&self, api: &Api, zone: &Zone, name: &str) -> Result<Rrset, DnsError> {
        let reply = api.send(self.get(&self.rrset_url(zone, name))).await?;
        match reply.status {
            StatusCode::NOT_FOUND => Ok(Rrset::default()),
            status if status.is_success() => {
                rrset(&reply.json()["rrset"]).ok_or_else(|| api.unclear("records"))
            }
            _ => Err(api.refusal(&reply)),
        }
    }

    /// Adds or removes values, whatever else is there, and gives back the action that does it.
    async fn start(&self, api: &Api, zone: &Zone, edit: &Edit) -> Result<Vec<Value>, DnsError> {
        let mut actions = Vec::new();
        let ttl = edit.before.values.is_empty().then_some(self.ttl);
        for (verb, from, to) in [
            ("add_records", &edit.after, &edit.before.values),
            ("remove_records", &edit.before.values, &edit.after),
        ] {
            let values = from.iter().filter(|value| !to.contains(value));
            let records: Vec<Value> = values.map(|value| json!({ "value": quoted(value) })).collect();
            if records.is_empty() {
                continue;
            }
            let mut body = json!({ "records": records });
            // An RRset that is there has a TTL, which is not ours.
            if let Some(ttl) = ttl.filter(|_| verb == "add_records") {
                body["ttl"] = json!(ttl);
            }
            let url = format!("{}/actions/{verb}", self.rrset_url(zone, &edit.name));
            let reply =
                api.send(request::json("POST", &url, &[("authorization", &self.header)], &body)).await?;
            if !reply.status.is_success() {
                self.bear(api, zone, edit, &reply).await?;
                continue;
            }
            actions.push(reply.json()["action"].clone());
        }
        Ok(actions)
    }

    /// Bears a refusal when what was asked for is so already: a request that was repeated, or
    /// somebody else who was faster.
    async fn bear(&self, api: &Api, zone: &Zone, edit: &Edit, refusal: &Reply) -> Result<(), DnsError> {
        let now = self.read_one(api, zone, &edit.name).await?.values;
        let has = |value: &String| now.contains(value);
        let is_added = edit.after.iter().filter(|value| !edit.before.values.contains(value)).all(has);
        let mut removed = edit.before.values.iter().filter(|value| !edit.after.contains(value));
        if is_added && !removed.any(has) { Ok(()) } else { Err(api.refusal(refusal)) }
    }

    /// Waits until an action has come to its end.
    async fn finish(&self, api: &Api, mut action: Value) -> Result<(), DnsError> {
        for _ in 0..MAX_POLLS {
            match action["status"].as_str() {
                Some("success") => return Ok(()),
                Some("running") => {}
                Some("error") => {
                    return Err(api.failure(action["error"]["message"].as_str().unwrap_or_default()));
                }
                _ => return Err(api.unclear("an action's status")),
            }
            api.wait(POLL_INTERVAL).await;
            let id = action["id"].as_u64().ok_or_else(|| api.unclear("an action's id"))?;
            let reply = api.call(self.get(&format!("{}/actions/{id}", self.url))).await?;
            action = reply.json()["action"].clone();
        }
        Err(api.error(DnsErrorKind::Unfinished))
    }
}

impl DnsProvider for Hetzner {
    fn profile(&self) -> Profile {
        let needs = "an API token with Read & Write of the project that has the zone, made in the Hetzner \
            Console (keys of the DNS Console before it have ended)";
        Profile::new("Hetzner", needs, detail, &[&self.token]).with_fault(fault)
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let (mut zones, mut page) = (Vec::new(), 1);
            for _ in 0..Api::MAX_PAGES {
                let url = format!("{}/zones?per_page=50&page={page}", self.url);
                let reply = api.call(self.get(&url)).await?.json();
                let listed = reply["zones"].as_array().ok_or_else(|| api.unclear("a list of zones"))?;
                zones.extend(listed.iter().filter_map(zone));
                let Some(next) = reply["meta"]["pagination"]["next_page"].as_u64() else { break };
                page = next;
            }
            Ok(zones)
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(rewrite(self, api, zone, change))
    }
}

impl Rrsets for Hetzner {
    fn read<'a>(&'a self, api: &'a Api, zone: &'a Zone, names: &'a [&'a str]) -> Task<'a, Vec<Rrset>> {
        Box::pin(async move {
            all(names.iter().map(|name| self.read_one(api, zone, name))).await.into_iter().collect()
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, edits: &'a [Edit]) -> Task<'a, Written> {
        Box::pin(async move {
            let mut actions = Vec::new();
            // One after the other: while an action runs, the service may keep its zone locked.
            for edit in edits {
                actions.extend(self.start(api, zone, edit).await?);
            }
            let ends = all(actions.into_iter().map(|action| self.finish(api, action))).await;
            ends.into_iter().collect::<Result<(), _>>()?;
            Ok(Written::Surely)
        })
    }
}

impl fmt::Debug for Hetzner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hetzner")
    }
}

fn zone(listed: &Value) -> Option<Zone> {
    Some(Zone::new(listed["name"].as_str()?, listed["id"].as_u64()?.to_string()))
}

fn rrset(rrset: &Value) -> Option<Rrset> {
    let records = rrset["records"].as_array()?.iter();
    let values = records.filter_map(|record| record["value"].as_str()).map(unquoted).collect();
    Some(Rrset::new(values, rrset["ttl"].as_u64()))
}

/// <https://docs.hetzner.cloud/reference/cloud#errors>
fn fault(reply: &Reply) -> Option<Fault> {
    match reply.json()["error"]["code"].as_str()? {
        "conflict" | "locked" | "rate_limit_exceeded" => Some(Fault::Busy),
        "forbidden" | "token_readonly" | "unauthorized" => Some(Fault::Credentials),
        _ => None,
    }
}

fn detail(reply: &Reply) -> Option<String> {
    let json = reply.json();
    let fields = json["error"]["details"]["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let messages = fields.iter().filter_map(|field| field["messages"].as_array()).flatten();
    let words: Vec<&str> =
        std::iter::once(&json["error"]["message"]).chain(messages).filter_map(Value::as_str).collect();
    (!words.is_empty()).then(|| words.join(": "))
}

const TOKEN: Variable = Variable::required(
    "HETZNER_API_TOKEN",
    "an API token of the Hetzner Console; HETZNER_API_KEY was for the DNS Console, which has ended",
);
const URL: Variable = Variable::optional("HETZNER_API_URL", "another address of the API");
const TTL: Variable =
    Variable::optional("HETZNER_TTL", "seconds that resolvers keep the records, at least 60 [120]");

/// In seconds; the service takes none below.
const SMALLEST_TTL: u64 = 60;
/// The wait before an action is asked after again.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often an action is asked after at most.
const MAX_POLLS: u32 = 120;
