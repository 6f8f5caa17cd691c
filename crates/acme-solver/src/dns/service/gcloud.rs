//! Google Cloud DNS.
//!
//! <https://cloud.google.com/dns/docs/reference/rest/v1>

mod account;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use self::account::ServiceAccount;
use crate::dns::api::{Api, Reply, Task, all};
use crate::dns::change::{Change, quoted, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::{DnsError, DnsErrorKind};
use crate::dns::oauth::{self, Grant, Tokens};
use crate::dns::provider::{DnsProvider, Fault, Profile};
use crate::dns::request::{self, segment};
use crate::dns::rrset::{Edit, Rrset, Rrsets, Written, rewrite};
use crate::dns::zone::{Zone, normal};

/// Google Cloud DNS.
pub(super) struct GoogleCloud {
    tokens: Tokens,
    /// The URL of the project's zones.
    zones: String,
    /// The only zone to write, if it is given.
    zone: Option<String>,
    takes_private: bool,
    ttl: u64,
}

impl GoogleCloud {
    pub(super) const VARIABLES: &'static [Variable] = &[ACCOUNT, PROJECT, ZONE, PRIVATE, METADATA, URL, TTL];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let (tokens, own_project) = match lookup.text(&ACCOUNT) {
            Some(text) => {
                let what = "the key of a service account, as JSON";
                let malformed = CredentialError::Malformed { variable: ACCOUNT.name, what };
                let (account, project) = ServiceAccount::from_json(&text).ok_or(malformed)?;
                (Tokens::new(account), project)
            }
            // Who names a project and no account is on a machine that has one.
            None if lookup.text(&PROJECT).is_some() => (Tokens::new(Metadata::new(lookup)?), None),
            None => {
                return Err(CredentialError::Missing { variable: ACCOUNT.name, meaning: ACCOUNT.meaning });
            }
        };
        let missing = CredentialError::Missing { variable: PROJECT.name, meaning: PROJECT.meaning };
        let project = lookup.text(&PROJECT).or(own_project).ok_or(missing)?;
        let url = lookup.url(&URL, "https://dns.googleapis.com")?;
        Ok(Arc::new(Self {
            tokens,
            zones: format!("{url}/dns/v1/projects/{}/managedZones", segment(&project)),
            zone: lookup.text(&ZONE),
            takes_private: lookup.flag(&PRIVATE)?,
            ttl: lookup.ttl(&TTL, 120)?,
        }))
    }

    async fn get(&self, api: &Api, url: &str) -> Result<Value, DnsError> {
        Ok(self.tokens.call(api, request::get(url, &[])).await?.json())
    }

    fn zone_url(&self, zone: &Zone) -> String {
        format!("{}/{}", self.zones, segment(&zone.id))
    }

    /// A zone that may be written. Nobody outside of a private cloud sees one of its own.
    fn zone(&self, listed: &Value) -> Option<(Visibility, Zone)> {
        let visibility = match listed["visibility"].as_str() {
            Some("private") if self.takes_private => Visibility::Private,
            Some("private") => return None,
            _ => Visibility::Public,
        };
        Some((visibility, Zone::new(listed["dnsName"].as_str()?, listed["name"].as_str()?)))
    }

    async fn read_one(&self, api: &Api, zone: &Zone, name: &str) -> Result<Rrset, DnsError> {
        let url = format!("{}/rrsets?name={}.&type=TXT", self.zone_url(zone), segment(name));
        let reply = self.get(api, &url).await?;
        let rrsets = reply["rrsets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_it = |rrset: &&Value| {
            rrset["type"] == "TXT" && rrset["name"].as_str().is_some_and(|other| normal(other) == name)
        };
        let Some(rrset) = rrsets.iter().find(is_it) else { return Ok(Rrset::default()) };
        // A routing policy takes their place; who writes values would take it away.
        let values = rrset["rrdatas"].as_array().ok_or_else(|| api.unclear("rrdatas"))?;
        Ok(Rrset::new(values.iter().filter_map(Value::as_str).map(unquoted).collect(), rrset["ttl"].as_u64()))
    }

    /// A change is carried out as a whole or not at all: deleting what was read finds out whether it
    /// is still there.
    fn body(&self, edits: &[Edit]) -> Value {
        let rrset = |edit: &Edit, values: &[String]| {
            (!values.is_empty()).then(|| {
                json!({
                    "name": format!("{}.", edit.name),
                    "type": "TXT",
                    "ttl": edit.before.ttl.unwrap_or(self.ttl),
                    "rrdatas": values.iter().map(|value| quoted(value)).collect::<Vec<_>>(),
                })
            })
        };
        let deletions: Vec<Value> =
            edits.iter().filter_map(|edit| rrset(edit, &edit.before.values)).collect();
        let additions: Vec<Value> = edits.iter().filter_map(|edit| rrset(edit, &edit.after)).collect();
        json!({ "additions": additions, "deletions": deletions })
    }

    /// Waits until all of the service's servers are told of a change.
    async fn wait_for(&self, api: &Api, zone: &Zone, mut change: Value) -> Result<(), DnsError> {
        let id = change["id"].as_str().ok_or_else(|| api.unclear("the change's id"))?.to_owned();
        let url = format!("{}/changes/{}", self.zone_url(zone), segment(&id));
        for _ in 0..MAX_LOOKS {
            if change["status"] == "done" {
                return Ok(());
            }
            api.wait(LOOK_WAIT).await;
            change = self.get(api, &url).await?;
        }
        Err(api.error(DnsErrorKind::Unfinished))
    }
}

impl DnsProvider for GoogleCloud {
    fn profile(&self) -> Profile {
        let needs = "a service account with dns.managedZones.list, dns.resourceRecordSets.list, \
            dns.resourceRecordSets.create, dns.resourceRecordSets.delete, dns.changes.create and \
            dns.changes.get in the project, as the role DNS Administrator has them";
        Profile::new("Google Cloud DNS", needs, detail, &[]).with_fault(fault).with_tokens(&self.tokens)
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            if let Some(id) = &self.zone {
                let reply = self.get(api, &format!("{}/{}", self.zones, segment(id))).await?;
                return Ok(self.zone(&reply).into_iter().map(|(_, zone)| zone).collect());
            }
            let (mut zones, mut url) = (Vec::new(), self.zones.clone());
            for _ in 0..Api::MAX_PAGES {
                let reply = self.get(api, &url).await?;
                let page = reply.as_object().ok_or_else(|| api.unclear("managedZones"))?;
                let listed = page.get("managedZones").and_then(Value::as_array).into_iter().flatten();
                zones.extend(listed.filter_map(|listed| self.zone(listed)));
                let Some(token) = reply["nextPageToken"].as_str() else { break };
                url = format!("{}?pageToken={}", self.zones, segment(token));
            }
            // Of two with the same name the last is taken.
            zones.sort_by_key(|(visibility, _)| *visibility);
            Ok(zones.into_iter().map(|(_, zone)| zone).collect())
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(rewrite(self, api, zone, change))
    }
}

impl Rrsets for GoogleCloud {
    fn read<'a>(&'a self, api: &'a Api, zone: &'a Zone, names: &'a [&'a str]) -> Task<'a, Vec<Rrset>> {
        Box::pin(async move {
            all(names.iter().map(|name| self.read_one(api, zone, name))).await.into_iter().collect()
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, edits: &'a [Edit]) -> Task<'a, Written> {
        Box::pin(async move {
            let url = format!("{}/changes", self.zone_url(zone));
            let mut changes = Vec::new();
            for part in edits.chunks(MAX_EDITS) {
                let reply = self.tokens.send(api, request::json("POST", &url, &[], &self.body(part))).await?;
                if CONFLICTS.contains(&reply.status) {
                    return Ok(Written::Conflict);
                }
                if !reply.status.is_success() {
                    return Err(api.refusal(&reply));
                }
                changes.push(reply.json());
            }
            let waits = all(changes.into_iter().map(|change| self.wait_for(api, zone, change))).await;
            waits.into_iter().collect::<Result<(), _>>()?;
            Ok(Written::Surely)
        })
    }
}

impl fmt::Debug for GoogleCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GoogleCloud")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Visibility {
    Private,
    Public,
}

/// The account of a machine of Google's, by its metadata server.
///
/// <https://cloud.google.com/compute/docs/access/authenticate-workloads>
struct Metadata {
    url: String,
}

impl Metadata {
    fn new(lookup: &Lookup<'_>) -> Result<Self, CredentialError> {
        let host = lookup.text(&METADATA).unwrap_or_else(|| "metadata.google.internal".to_owned());
        if host.parse::<http::uri::Authority>().is_err() {
            let what = "a host, with or without a port";
            return Err(CredentialError::Malformed { variable: METADATA.name, what });
        }
        let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
        Ok(Self { url })
    }
}

impl Grant for Metadata {
    fn request(&self, _now: jiff::Timestamp) -> Result<Request<Vec<u8>>, acme_proto::SignError> {
        Ok(request::get(&self.url, &[("metadata-flavor", &HeaderValue::from_static("Google"))]))
    }
}

fn detail(reply: &Reply) -> Option<String> {
    let words = reply.json()["error"]["message"].as_str().map(str::to_owned);
    words.or_else(|| oauth::detail(reply))
}

fn fault(reply: &Reply) -> Option<Fault> {
    let body = reply.json();
    let reason = body["error"]["errors"][0]["reason"].as_str().unwrap_or_default();
    if BUSY.contains(&reason) { Some(Fault::Busy) } else { oauth::fault(reply) }
}

/// What is deleted is not there, or what is added is; or what is deleted is not what is there.
const CONFLICTS: [StatusCode; 3] =
    [StatusCode::NOT_FOUND, StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED];
/// Comes with status 403.
const BUSY: [&str; 3] = ["quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"];
/// Most RRsets of a change.
const MAX_EDITS: usize = 100;
/// How often a change is looked at.
const MAX_LOOKS: u32 = 60;
/// The wait between two looks.
const LOOK_WAIT: Duration = Duration::from_secs(3);
const ACCOUNT: Variable = Variable::usual(
    "GCE_SERVICE_ACCOUNT",
    "the key of a service account, as JSON; with a project alone, the account of this machine is used",
)
.or_file(&["GOOGLE_APPLICATION_CREDENTIALS"]);
const PROJECT: Variable = Variable::optional("GCE_PROJECT", "the project [that of the service account]");
const ZONE: Variable = Variable::optional("GCE_ZONE_ID", "the name of the only zone to write");
const PRIVATE: Variable = Variable::optional("GCE_ALLOW_PRIVATE_ZONE", "true to write private zones, too");
const METADATA: Variable =
    Variable::optional("GCE_METADATA_HOST", "the metadata server [metadata.google.internal]");
const URL: Variable = Variable::optional("GCE_API_URL", "another address of the API");
const TTL: Variable = Variable::optional("GCE_TTL", "seconds that resolvers keep the records [120]");
