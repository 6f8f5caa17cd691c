//! DigitalOcean.
//!
//! <https://docs.digitalocean.com/reference/api/reference/domain-records/>

use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::dns::api::{Api, Reply, Task, all};
use crate::dns::change::{Change, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::DnsError;
use crate::dns::provider::{DnsProvider, Profile};
use crate::dns::records::{Held, Records, Work, edit};
use crate::dns::request::{self, segment};
use crate::dns::rrset::Written;
use crate::dns::secret::Secret;
use crate::dns::zone::Zone;

/// DigitalOcean.
pub(super) struct DigitalOcean {
    token: Secret,
    header: HeaderValue,
    url: String,
    ttl: u64,
}

impl DigitalOcean {
    pub(super) const VARIABLES: &'static [Variable] = &[TOKEN, URL, TTL];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let token = lookup.secret(&TOKEN)?;
        let header = token.to_header(TOKEN.name, "Bearer ")?;
        let url = lookup.url(&URL, "https://api.digitalocean.com")?;
        Ok(Arc::new(Self { token, header, url, ttl: lookup.ttl(&TTL, 30)? }))
    }

    /// All items of a list, page by page.
    async fn list_all(&self, api: &Api, url: &str, member: &str) -> Result<Vec<Value>, DnsError> {
        let mut items = Vec::new();
        for page in 1..=Api::MAX_PAGES {
            let url = format!("{url}&page={page}");
            let reply = api.call(request::get(&url, &[("authorization", &self.header)])).await?.json();
            items.extend(reply[member].as_array().ok_or_else(|| api.unclear("a list"))?.iter().cloned());
            if reply["links"]["pages"]["next"].is_null() {
                break;
            }
        }
        Ok(items)
    }

    fn records_url(&self, zone: &Zone) -> String {
        format!("{}/v2/domains/{}/records", self.url, segment(&zone.id))
    }

    async fn create(&self, api: &Api, zone: &Zone, name: &str, value: &str) -> Result<(), DnsError> {
        let relative = Some(zone.relative(name)).filter(|name| !name.is_empty()).unwrap_or("@");
        let record = json!({ "type": "TXT", "name": relative, "data": value, "ttl": self.ttl });
        let headers = [("authorization", &self.header)];
        api.call(request::json("POST", &self.records_url(zone), &headers, &record)).await.map(drop)
    }

    async fn delete(&self, api: &Api, zone: &Zone, id: &str) -> Result<(), DnsError> {
        let url = format!("{}/{}", self.records_url(zone), segment(id));
        let reply = api.send(request::delete(&url, &[("authorization", &self.header)])).await?;
        // Somebody else was faster.
        let is_gone = reply.status == StatusCode::NOT_FOUND;
        if reply.status.is_success() || is_gone { Ok(()) } else { Err(api.refusal(&reply)) }
    }
}

impl DnsProvider for DigitalOcean {
    fn profile(&self) -> Profile {
        let needs = "a token with the scopes domain:read, domain:create and domain:delete";
        Profile::new("DigitalOcean", needs, detail, &[&self.token])
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let domains =
                self.list_all(api, &format!("{}/v2/domains?per_page=200", self.url), "domains").await?;
            let names = domains.iter().filter_map(|domain| domain["name"].as_str());
            Ok(names.map(|name| Zone::new(name, name)).collect())
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(edit(self, api, zone, change))
    }
}

impl Records for DigitalOcean {
    fn list<'a>(&'a self, api: &'a Api, zone: &'a Zone, name: &'a str) -> Task<'a, Vec<Held>> {
        Box::pin(async move {
            let url = format!("{}?type=TXT&name={}&per_page=200", self.records_url(zone), segment(name));
            let records = self.list_all(api, &url, "domain_records").await?;
            let held = |record: &Value| {
                let id = record["id"].as_u64()?.to_string();
                Some(Held { id, value: unquoted(record["data"].as_str()?) })
            };
            Ok(records.iter().filter_map(held).collect())
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

impl fmt::Debug for DigitalOcean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigitalOcean")
    }
}

fn detail(reply: &Reply) -> Option<String> {
    reply.json()["message"].as_str().map(str::to_owned)
}

const TOKEN: Variable = Variable::required("DO_AUTH_TOKEN", "a personal access token");
const URL: Variable = Variable::optional("DO_API_URL", "another address of the API");
const TTL: Variable = Variable::optional("DO_TTL", "seconds that resolvers keep the records [30]");
