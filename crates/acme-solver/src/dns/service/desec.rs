//! deSEC.
//!
//! <https://desec.readthedocs.io/en/latest/dns/rrsets.html>

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use http::header::LINK;
use serde_json::{Value, json};

use crate::dns::api::{Api, Reply, Task};
use crate::dns::change::{Change, quoted, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::DnsError;
use crate::dns::provider::{DnsProvider, Profile};
use crate::dns::request::{self, segment};
use crate::dns::rrset::{Edit, Rrset, Rrsets, Written, rewrite};
use crate::dns::secret::Secret;
use crate::dns::zone::{Zone, normal};

/// deSEC.
pub(super) struct Desec {
    token: Secret,
    header: HeaderValue,
    url: String,
    /// `None` for the smallest that the zone allows.
    ttl: Option<u64>,
}

impl Desec {
    pub(super) const VARIABLES: &'static [Variable] = &[TOKEN, URL, TTL];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let token = lookup.secret(&TOKEN)?;
        let header = token.to_header(TOKEN.name, "Token ")?;
        let url = lookup.url(&URL, "https://desec.io/api/v1")?;
        let ttl = lookup.text(&TTL).is_some().then(|| lookup.ttl(&TTL, 0)).transpose()?;
        Ok(Arc::new(Self { token, header, url, ttl }))
    }

    /// All items of a list. Reads are what the service counts, so lists are better than items.
    async fn list_all(&self, api: &Api, url: &str) -> Result<Vec<Value>, DnsError> {
        let (mut items, mut next) = (Vec::new(), Some(url.to_owned()));
        for _ in 0..Api::MAX_PAGES {
            let Some(url) = next else { break };
            let reply = api.call(request::get(&url, &[("authorization", &self.header)])).await?;
            let page = reply.json();
            items.extend(page.as_array().ok_or_else(|| api.unclear("a list"))?.iter().cloned());
            // A token goes to this service only, whatever the link says.
            next = next_page(&reply).filter(|url| url.starts_with(&format!("{}/", self.url)));
        }
        Ok(items)
    }
}

impl DnsProvider for Desec {
    fn profile(&self) -> Profile {
        let needs = "a token that may write TXT records of the domain";
        Profile::new("deSEC", needs, detail, &[&self.token])
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let domains = self.list_all(api, &format!("{}/domains/?cursor=", self.url)).await?;
            let zone = |domain: &Value| {
                let name = domain["name"].as_str()?;
                Some(Zone::new(name, name).with_note(domain["minimum_ttl"].as_u64().unwrap_or(0).to_string()))
            };
            Ok(domains.iter().filter_map(zone).collect())
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(rewrite(self, api, zone, change))
    }
}

impl Rrsets for Desec {
    fn read<'a>(&'a self, api: &'a Api, zone: &'a Zone, names: &'a [&'a str]) -> Task<'a, Vec<Rrset>> {
        Box::pin(async move {
            let url = format!("{}/domains/{}/rrsets/?type=TXT&cursor=", self.url, segment(&zone.id));
            let rrsets = self.list_all(api, &url).await?;
            let at = |name: &&str| {
                let is_it = |rrset: &&Value| rrset["name"].as_str().is_some_and(|n| normal(n) == **name);
                rrsets.iter().find(is_it).map(rrset).unwrap_or_default()
            };
            Ok(names.iter().map(at).collect())
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, edits: &'a [Edit]) -> Task<'a, Written> {
        Box::pin(async move {
            let smallest = zone.note.as_deref().and_then(|note| note.parse().ok()).unwrap_or(0);
            let ttl = self.ttl.unwrap_or(smallest).max(smallest);
            let rrset = |edit: &Edit| {
                json!({
                    "subname": zone.relative(&edit.name),
                    "type": "TXT",
                    "ttl": edit.before.ttl.unwrap_or(ttl),
                    "records": edit.after.iter().map(|value| quoted(value)).collect::<Vec<_>>(),
                })
            };
            let url = format!("{}/domains/{}/rrsets/", self.url, segment(&zone.id));
            let body = Value::Array(edits.iter().map(rrset).collect());
            api.call(request::json("PATCH", &url, &[("authorization", &self.header)], &body)).await?;
            Ok(Written::Unseen)
        })
    }
}

impl fmt::Debug for Desec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desec")
    }
}

fn rrset(rrset: &Value) -> Rrset {
    let records = rrset["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    Rrset::new(records.iter().filter_map(Value::as_str).map(unquoted).collect(), rrset["ttl"].as_u64())
}

/// <https://www.rfc-editor.org/rfc/rfc8288#section-3>
fn next_page(reply: &Reply) -> Option<String> {
    let link = reply.header(&LINK)?.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (_, url) = link.split_once('<')?;
    Some(url.split_once('>')?.0.to_owned())
}

fn detail(reply: &Reply) -> Option<String> {
    let json = reply.json();
    let words = json["detail"].as_str().map(str::to_owned);
    words.or_else(|| (!json.is_null()).then(|| json.to_string()))
}

const TOKEN: Variable = Variable::required("DESEC_TOKEN", "a token of the account");
const URL: Variable = Variable::optional("DESEC_API_URL", "another address of the API");
const TTL: Variable =
    Variable::optional("DESEC_TTL", "seconds that resolvers keep the records [as few as the domain allows]");
