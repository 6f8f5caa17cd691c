//! Azure DNS.
//!
//! <https://learn.microsoft.com/en-us/rest/api/dns/>

mod identity;

use std::fmt;
use std::sync::Arc;

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};

use self::identity::{Cloud, Identity};
use crate::dns::api::{Api, Reply, Task, all};
use crate::dns::change::Change;
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::DnsError;
use crate::dns::oauth::{self, Tokens};
use crate::dns::provider::{DnsProvider, Profile};
use crate::dns::request::{self, segment};
use crate::dns::rrset::{Edit, Rrset, Rrsets, Written, rewrite};
use crate::dns::secret::Secret;
use crate::dns::zone::{Zone, normal};

/// Azure DNS.
pub(super) struct Azure {
    tokens: Tokens,
    secret: Option<Secret>,
    url: String,
    /// The path of the resource that has the zones.
    scope: String,
    /// The only zone to write, if it is given.
    zone: Option<String>,
    ttl: u64,
}

impl Azure {
    pub(super) const VARIABLES: &'static [Variable] = &[
        SUBSCRIPTION,
        identity::TENANT,
        identity::CLIENT,
        identity::SECRET,
        GROUP,
        identity::METHOD,
        identity::CLOUD,
        ZONE,
        identity::LOGIN,
        identity::METADATA,
        URL,
        TTL,
    ];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let subscription = lookup.require(&SUBSCRIPTION)?;
        let cloud = Cloud::new(lookup)?;
        let identity = Identity::new(lookup, &cloud)?;
        let group = lookup.text(&GROUP).map(|group| format!("/resourceGroups/{}", segment(&group)));
        Ok(Arc::new(Self {
            secret: identity.secret().cloned(),
            tokens: Tokens::new(identity),
            url: lookup.url(&URL, cloud.management)?,
            scope: format!("/subscriptions/{}{}", segment(&subscription), group.unwrap_or_default()),
            zone: lookup.text(&ZONE).map(|name| normal(&name)),
            ttl: lookup.ttl(&TTL, 60)?,
        }))
    }

    fn rrset_url(&self, zone: &Zone, name: &str) -> String {
        let relative = Some(zone.relative(name)).filter(|name| !name.is_empty()).unwrap_or("@");
        format!("{}{}/TXT/{}?{VERSION}", self.url, zone.id, segment(relative))
    }

    /// A link of the service as a URL of its own, wherever it leads: the token goes nowhere else.
    fn own_url(&self, link: &str) -> Option<String> {
        let link: Uri = link.parse().ok()?;
        Some(format!("{}{}", self.url, link.path_and_query()?))
    }

    async fn read_one(&self, api: &Api, zone: &Zone, name: &str) -> Result<Rrset, DnsError> {
        let reply = self.tokens.send(api, request::get(&self.rrset_url(zone, name), &[])).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(Rrset::default());
        }
        if !reply.status.is_success() {
            return Err(api.refusal(&reply));
        }
        let json = reply.json();
        let tag = json["etag"].as_str().or_else(|| reply.header(&ETAG)).map(str::to_owned);
        let records = json["properties"]["TXTRecords"].as_array().into_iter().flatten();
        let values = records.filter_map(value).collect();
        let ttl = json["properties"]["TTL"].as_u64();
        Ok(Rrset { tag: Some(tag.ok_or_else(|| api.unclear("an etag"))?), ..Rrset::new(values, ttl) })
    }

    async fn write_one(&self, api: &Api, zone: &Zone, edit: &Edit) -> Result<Written, DnsError> {
        let url = self.rrset_url(zone, &edit.name);
        let (condition, tag) = match &edit.before.tag {
            Some(tag) => (IF_MATCH, HeaderValue::from_str(tag).map_err(|_| api.unclear("a plain etag"))?),
            None => (IF_NONE_MATCH, HeaderValue::from_static("*")),
        };
        let mut request = if edit.after.is_empty() {
            request::delete(&url, &[])
        } else {
            request::json("PUT", &url, &[], &self.body(edit))
        };
        request.headers_mut().insert(condition, tag);
        let reply = self.tokens.send(api, request).await?;
        match reply.status {
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Ok(Written::Conflict),
            status if status.is_success() => Ok(Written::Surely),
            _ => Err(api.refusal(&reply)),
        }
    }

    fn body(&self, edit: &Edit) -> Value {
        let records: Vec<Value> = edit.after.iter().map(|value| json!({ "value": pieces(value) })).collect();
        json!({ "properties": { "TTL": edit.before.ttl.unwrap_or(self.ttl), "TXTRecords": records } })
    }
}

impl DnsProvider for Azure {
    fn profile(&self) -> Profile {
        let needs = "an identity with the role DNS Zone Contributor for the zone";
        let secrets: Vec<&Secret> = self.secret.iter().collect();
        Profile::new("Azure DNS", needs, detail, &secrets).with_fault(oauth::fault).with_tokens(&self.tokens)
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let path = "providers/Microsoft.Network/dnsZones";
            let (mut zones, mut url) = (Vec::new(), format!("{}{}/{path}?{VERSION}", self.url, self.scope));
            for _ in 0..Api::MAX_PAGES {
                let reply = self.tokens.call(api, request::get(&url, &[])).await?.json();
                let listed = reply["value"].as_array().ok_or_else(|| api.unclear("a list of zones"))?;
                zones.extend(listed.iter().filter_map(zone));
                let Some(link) = reply["nextLink"].as_str().filter(|link| !link.is_empty()) else { break };
                url = self.own_url(link).ok_or_else(|| api.unclear("a nextLink that is a URL"))?;
            }
            zones.retain(|zone| self.zone.as_ref().is_none_or(|only| *only == zone.name));
            Ok(zones)
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(rewrite(self, api, zone, change))
    }
}

impl Rrsets for Azure {
    fn read<'a>(&'a self, api: &'a Api, zone: &'a Zone, names: &'a [&'a str]) -> Task<'a, Vec<Rrset>> {
        Box::pin(async move {
            all(names.iter().map(|name| self.read_one(api, zone, name))).await.into_iter().collect()
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, edits: &'a [Edit]) -> Task<'a, Written> {
        Box::pin(async move {
            let written = all(edits.iter().map(|edit| self.write_one(api, zone, edit))).await;
            let written = written.into_iter().collect::<Result<Vec<_>, _>>()?;
            let is_conflict = written.contains(&Written::Conflict);
            Ok(if is_conflict { Written::Conflict } else { Written::Surely })
        })
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Azure")
    }
}

/// A public zone, by the path of its resource.
fn zone(listed: &Value) -> Option<Zone> {
    let id = listed["id"].as_str().filter(|id| id.starts_with("/subscriptions/"))?;
    let is_private = listed["properties"]["zoneType"] == "Private";
    let name = listed["name"].as_str().filter(|_| !is_private)?;
    Some(Zone::new(name, id))
}

/// A record's value, which is there in pieces.
fn value(record: &Value) -> Option<String> {
    Some(record["value"].as_array()?.iter().filter_map(Value::as_str).collect())
}

fn pieces(value: &str) -> Vec<String> {
    let characters: Vec<char> = value.chars().collect();
    characters.chunks(MAX_PIECE).map(|piece| piece.iter().collect()).collect()
}

fn detail(reply: &Reply) -> Option<String> {
    let json = reply.json();
    let error = &json["error"];
    let words = error["message"].as_str().map(|message| {
        let code = error["code"].as_str().unwrap_or_default();
        format!("{code}: {message}")
    });
    words.or_else(|| oauth::detail(reply))
}

const VERSION: &str = "api-version=2018-05-01";
/// Most characters of a piece of a value.
const MAX_PIECE: usize = 255;
const SUBSCRIPTION: Variable =
    Variable::required("AZURE_SUBSCRIPTION_ID", "the id of the subscription that has the zone");
const GROUP: Variable =
    Variable::optional("AZURE_RESOURCE_GROUP", "the resource group of the zone [all of the subscription]");
const ZONE: Variable = Variable::optional("AZURE_ZONE_NAME", "the only zone to write");
const URL: Variable =
    Variable::optional("AZURE_MANAGEMENT_URL", "another address of the API [that of the environment]");
const TTL: Variable = Variable::optional("AZURE_TTL", "seconds that resolvers keep the records [60]");
