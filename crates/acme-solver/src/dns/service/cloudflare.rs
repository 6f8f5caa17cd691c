//! Cloudflare, by API tokens or the key of an account.
//!
//! <https://developers.cloudflare.com/api/resources/dns/subresources/records/>

use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::dns::api::{Api, Reply, Task};
use crate::dns::change::{Change, quoted, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::DnsError;
use crate::dns::provider::{DnsProvider, Fault, Profile};
use crate::dns::records::{Held, Records, Work, edit};
use crate::dns::request::{self, segment};
use crate::dns::rrset::Written;
use crate::dns::secret::Secret;
use crate::dns::zone::{Zone, normal};

/// Cloudflare.
pub(super) struct Cloudflare {
    secrets: [Secret; 2],
    /// For records.
    records: Login,
    /// For the list of zones.
    zones: Login,
    url: String,
    ttl: u64,
}

/// The headers that say who asks.
#[derive(Clone)]
struct Login(Vec<(&'static str, HeaderValue)>);

impl Cloudflare {
    pub(super) const VARIABLES: &'static [Variable] = &[TOKEN, ZONE_TOKEN, EMAIL, KEY, URL, TTL];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let is_key = lookup.text(&TOKEN).is_none() && lookup.text(&KEY).is_some();
        let (secrets, records, zones) = if is_key {
            let (email, key) = (Secret::new(&lookup.require(&EMAIL)?), lookup.secret(&KEY)?);
            let headers = [
                ("x-auth-email", email.to_header(EMAIL.name, "")?),
                ("x-auth-key", key.to_header(KEY.name, "")?),
            ];
            let login = Login(headers.to_vec());
            ([key.clone(), key], login.clone(), login)
        } else {
            let token = lookup.secret(&TOKEN)?;
            let zone_token =
                lookup.text(&ZONE_TOKEN).map_or_else(|| token.clone(), |text| Secret::new(&text));
            let records = Login(vec![("authorization", token.to_header(TOKEN.name, "Bearer ")?)]);
            let zones = Login(vec![("authorization", zone_token.to_header(ZONE_TOKEN.name, "Bearer ")?)]);
            ([token, zone_token], records, zones)
        };
        let url = lookup.url(&URL, "https://api.cloudflare.com/client/v4")?;
        Ok(Arc::new(Self { secrets, records, zones, url, ttl: lookup.ttl(&TTL, 120)? }))
    }

    /// All items of a list, page by page.
    async fn list_all(&self, api: &Api, url: &str, login: &Login) -> Result<Vec<Value>, DnsError> {
        let mut items = Vec::new();
        for page in 1..=Api::MAX_PAGES {
            let url = format!("{url}&page={page}");
            let reply = api.call(request::get(&url, &login.headers())).await?.json();
            items.extend(reply["result"].as_array().ok_or_else(|| api.unclear("a result"))?.iter().cloned());
            let pages = reply["result_info"]["total_pages"].as_u64().unwrap_or(1);
            if u64::try_from(page).is_ok_and(|page| page >= pages) {
                break;
            }
        }
        Ok(items)
    }
}

impl Login {
    fn headers(&self) -> Vec<(&'static str, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (*name, value)).collect()
    }
}

impl DnsProvider for Cloudflare {
    fn profile(&self) -> Profile {
        let [secret, other] = &self.secrets;
        let needs = "an API token with Zone / DNS / Edit and Zone / Zone / Read for the zone";
        Profile::new("Cloudflare", needs, detail, &[secret, other]).with_fault(fault)
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let zones = self.list_all(api, &format!("{}/zones?per_page=50", self.url), &self.zones).await?;
            // A zone that went elsewhere is still listed.
            let kept = zones.iter().filter(|zone| zone["status"] != "moved");
            Ok(kept
                .filter_map(|zone| Some(Zone::new(zone["name"].as_str()?, zone["id"].as_str()?)))
                .collect())
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(edit(self, api, zone, change))
    }
}

impl Records for Cloudflare {
    fn list<'a>(&'a self, api: &'a Api, zone: &'a Zone, name: &'a str) -> Task<'a, Vec<Held>> {
        Box::pin(async move {
            let (zone, filter) = (segment(&zone.id), segment(name));
            let url = format!("{}/zones/{zone}/dns_records?type=TXT&name={filter}&per_page=100", self.url);
            let records = self.list_all(api, &url, &self.records).await?;
            let own =
                records.iter().filter(|record| record["name"].as_str().is_some_and(|n| normal(n) == name));
            Ok(own.filter_map(held).collect())
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, work: &'a Work) -> Task<'a, Written> {
        Box::pin(async move {
            let url = format!("{}/zones/{}/dns_records/batch", self.url, segment(&zone.id));
            let post = |(name, value): &(String, String)| json!({ "type": "TXT", "name": name, "content": quoted(value), "ttl": self.ttl });
            let posts = work.create.iter().map(post).map(|post| ("posts", post));
            let deletes = work.delete.iter().map(|id| ("deletes", json!({ "id": id })));
            for batch in posts.chain(deletes).collect::<Vec<_>>().chunks(MAX_BATCH) {
                let of =
                    |kind: &str| batch.iter().filter(|(k, _)| *k == kind).map(|(_, item)| item).collect();
                let (posts, deletes): (Vec<&Value>, Vec<&Value>) = (of("posts"), of("deletes"));
                let body = json!({ "posts": posts, "deletes": deletes });
                let reply = api.send(request::json("POST", &url, &self.records.headers(), &body)).await?;
                if codes(&reply).iter().any(|code| OUTDATED.contains(code)) {
                    return Ok(Written::Conflict);
                }
                if !reply.status.is_success() {
                    return Err(api.refusal(&reply));
                }
            }
            Ok(Written::Surely)
        })
    }
}

impl fmt::Debug for Cloudflare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cloudflare")
    }
}

fn held(record: &Value) -> Option<Held> {
    let id = record["id"].as_str()?.to_owned();
    Some(Held { id, value: unquoted(record["content"].as_str()?) })
}

fn codes(reply: &Reply) -> Vec<u64> {
    let reply = reply.json();
    let errors = reply["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(|error| error["code"].as_u64()).collect()
}

fn detail(reply: &Reply) -> Option<String> {
    let reply = reply.json();
    let one = |error: &Value| Some(format!("{} ({})", error["message"].as_str()?, error["code"].as_u64()?));
    Some(reply["errors"].as_array()?.iter().filter_map(one).collect::<Vec<_>>().join("; "))
}

/// A token that can't be one is a bad request there.
fn fault(reply: &Reply) -> Option<Fault> {
    let is_refused = reply.status == StatusCode::BAD_REQUEST && codes(reply).contains(&INVALID_HEADERS);
    is_refused.then_some(Fault::Credentials)
}

/// Most changes of a batch; what the smallest plan allows.
const MAX_BATCH: usize = 200;
/// "Invalid request headers".
const INVALID_HEADERS: u64 = 6003;
/// The record is there already; the record is not there.
const OUTDATED: [u64; 3] = [81057, 81058, 81044];
const TOKEN: Variable = Variable::usual("CF_DNS_API_TOKEN", "an API token with Zone / DNS / Edit")
    .or(&["CLOUDFLARE_DNS_API_TOKEN"]);
const ZONE_TOKEN: Variable =
    Variable::optional("CF_ZONE_API_TOKEN", "one with Zone / Zone / Read, where the first lacks it")
        .or(&["CLOUDFLARE_ZONE_API_TOKEN"]);
const EMAIL: Variable =
    Variable::optional("CF_API_EMAIL", "the address of the account, to its key").or(&["CLOUDFLARE_EMAIL"]);
const KEY: Variable =
    Variable::optional("CF_API_KEY", "the global key of the account, where there is no token")
        .or(&["CLOUDFLARE_API_KEY"]);
const URL: Variable =
    Variable::optional("CLOUDFLARE_BASE_URL", "another address of the API").or(&["CF_BASE_URL"]);
const TTL: Variable =
    Variable::optional("CLOUDFLARE_TTL", "seconds that resolvers keep the records [120]").or(&["CF_TTL"]);
