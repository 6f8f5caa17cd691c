//! Amazon Route 53.
//!
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53.html>

mod signature;
mod xml;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, StatusCode};

use self::signature::Signer;
use crate::dns::api::{Api, Reply, Task, all};
use crate::dns::change::{Change, quoted, unquoted};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::{DnsError, DnsErrorKind};
use crate::dns::provider::{DnsProvider, Fault, Profile};
use crate::dns::request::segment;
use crate::dns::rrset::{Edit, Rrset, Rrsets, Written, rewrite};
use crate::dns::secret::Secret;
use crate::dns::zone::{Zone, normal};

/// Route 53.
pub(super) struct Route53 {
    signer: Signer,
    secrets: Vec<Secret>,
    /// The only zone to write, if it is given.
    zone: Option<String>,
    url: String,
    ttl: u64,
}

/// Who asks.
struct Keys {
    key_id: String,
    key: Secret,
    session: Option<Secret>,
}

impl Keys {
    /// Those of a profile in a credentials file.
    ///
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>
    fn shared(text: &str, profile: &str) -> Result<Self, CredentialError> {
        let lines = text.lines().map(str::trim).skip_while(|line| !is_heading(line, profile)).skip(1);
        let settings: Vec<(&str, &str)> = lines
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let setting =
            |wanted: &str| settings.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        let what = "a credentials file with aws_access_key_id and aws_secret_access_key for the profile";
        let malformed = CredentialError::Malformed { variable: SHARED.name, what };
        let keys = setting("aws_access_key_id").zip(setting("aws_secret_access_key"));
        let (key_id, key) = keys.ok_or(malformed)?;
        let session = setting("aws_session_token").map(Secret::new);
        Ok(Self { key_id: key_id.to_owned(), key: Secret::new(key), session })
    }
}

fn is_heading(line: &str, profile: &str) -> bool {
    let heading = line.strip_prefix('[').and_then(|line| line.split_once(']'));
    heading.is_some_and(|(name, _)| name.trim() == profile)
}

impl Route53 {
    pub(super) const VARIABLES: &'static [Variable] =
        &[KEY_ID, KEY, SESSION, SHARED, PROFILE, ZONE, URL, TTL];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let profile = lookup.text(&SHARED).filter(|_| lookup.text(&KEY_ID).is_none());
        let Keys { key_id, key, session } = match profile {
            Some(text) => Keys::shared(&text, lookup.text(&PROFILE).as_deref().unwrap_or("default"))?,
            None => Keys {
                key_id: lookup.require(&KEY_ID)?,
                key: lookup.secret(&KEY)?,
                session: lookup.text(&SESSION).map(|text| Secret::new(&text)),
            },
        };
        let token = session.as_ref().map(|token| token.to_header(SESSION.name, "")).transpose()?;
        if HeaderValue::from_str(&key_id).is_err() {
            let what = "an access key id";
            return Err(CredentialError::Malformed { variable: KEY_ID.name, what });
        }
        let secrets = std::iter::once(key.clone()).chain(session).collect();
        let signer = Signer::new(key_id, key, token);
        let url = lookup.url(&URL, "https://route53.amazonaws.com")?;
        Ok(Arc::new(Self { signer, secrets, zone: lookup.text(&ZONE), url, ttl: lookup.ttl(&TTL, 10)? }))
    }

    /// A request, signed for now; the query has its parameters in order.
    fn request(&self, api: &Api, method: Method, path: &str, query: &str, body: String) -> Request<Vec<u8>> {
        let mut request = Request::new(body.into_bytes());
        *request.method_mut() = method;
        let mark = if query.is_empty() { "" } else { "?" };
        *request.uri_mut() = format!("{}{VERSION}{path}{mark}{query}", self.url).parse().unwrap_or_default();
        self.signer.sign(&mut request, api.now());
        request
    }

    async fn get(&self, api: &Api, path: &str, query: &str) -> Result<String, DnsError> {
        let reply = api.call(self.request(api, Method::GET, path, query, String::new())).await?;
        String::from_utf8(reply.body).map_err(|_| api.unclear("a text"))
    }

    async fn read_one(&self, api: &Api, zone: &Zone, name: &str) -> Result<Rrset, DnsError> {
        let query = format!("maxitems=1&name={}.&type=TXT", segment(name));
        let path = format!("/hostedzone/{}/rrset", segment(&zone.id));
        let reply = self.get(api, &path, &query).await?;
        // The list begins at the name, and has what comes next where there is nothing.
        let rrsets = xml::elements(&reply, "ResourceRecordSet");
        Ok(rrsets.into_iter().find(|one| is_text_at(one, name)).map(rrset).unwrap_or_default())
    }

    /// Reads page by page: the service answers five requests a second.
    async fn read_many(&self, api: &Api, zone: &Zone, names: &[&str]) -> Result<Vec<Rrset>, DnsError> {
        let path = format!("/hostedzone/{}/rrset", segment(&zone.id));
        let (mut read, mut query) = (vec![Rrset::default(); names.len()], "maxitems=300".to_owned());
        for _ in 0..Api::MAX_PAGES {
            let reply = self.get(api, &path, &query).await?;
            for listed in xml::elements(&reply, "ResourceRecordSet") {
                let pairs = names.iter().zip(&mut read);
                if let Some((_, place)) = pairs.into_iter().find(|(name, _)| is_text_at(listed, name)) {
                    *place = rrset(listed);
                }
            }
            let Some(name) = xml::text(&reply, "NextRecordName") else { break };
            let identifier = xml::text(&reply, "NextRecordIdentifier");
            let identifier = identifier.map(|text| format!("identifier={}&", segment(&text)));
            let kind = xml::text(&reply, "NextRecordType").map(|text| format!("&type={}", segment(&text)));
            query = format!(
                "{}maxitems=300&name={}{}",
                identifier.unwrap_or_default(),
                segment(&name),
                kind.unwrap_or_default()
            );
        }
        Ok(read)
    }

    /// Waits until all of the service's servers have a change.
    async fn wait_for(&self, api: &Api, change: &str) -> Result<(), DnsError> {
        let id = change.strip_prefix("/change/").unwrap_or(change);
        for _ in 0..MAX_LOOKS {
            let reply = self.get(api, &format!("/change/{}", segment(id)), "").await?;
            if xml::text(&reply, "Status").as_deref() == Some("INSYNC") {
                return Ok(());
            }
            api.wait(LOOK_WAIT).await;
        }
        Err(api.error(DnsErrorKind::Unfinished))
    }
}

impl DnsProvider for Route53 {
    fn profile(&self) -> Profile {
        let needs = "an access key with route53:ListHostedZones, route53:ListResourceRecordSets, \
            route53:ChangeResourceRecordSets and route53:GetChange";
        let secrets: Vec<&Secret> = self.secrets.iter().collect();
        Profile::new("Route 53", needs, detail, &secrets).with_fault(fault)
    }

    fn zones<'a>(&'a self, api: &'a Api, _names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move {
            let (mut zones, mut query) = (Vec::new(), "maxitems=100".to_owned());
            if let Some(id) = &self.zone {
                let reply = self.get(api, &format!("/hostedzone/{}", segment(id)), "").await?;
                return Ok(xml::elements(&reply, "HostedZone").into_iter().filter_map(zone).collect());
            }
            for _ in 0..Api::MAX_PAGES {
                let reply = self.get(api, "/hostedzone", &query).await?;
                zones.extend(xml::elements(&reply, "HostedZone").into_iter().filter_map(zone));
                let Some(marker) = xml::text(&reply, "NextMarker") else { break };
                query = format!("marker={}&maxitems=100", segment(&marker));
            }
            Ok(zones)
        })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(rewrite(self, api, zone, change))
    }
}

impl Rrsets for Route53 {
    fn read<'a>(&'a self, api: &'a Api, zone: &'a Zone, names: &'a [&'a str]) -> Task<'a, Vec<Rrset>> {
        Box::pin(async move {
            if names.len() > Api::WIDTH {
                return self.read_many(api, zone, names).await;
            }
            all(names.iter().map(|name| self.read_one(api, zone, name))).await.into_iter().collect()
        })
    }

    fn write<'a>(&'a self, api: &'a Api, zone: &'a Zone, edits: &'a [Edit]) -> Task<'a, Written> {
        Box::pin(async move {
            let path = format!("/hostedzone/{}/rrset", segment(&zone.id));
            let mut changes = Vec::new();
            for batch in edits.chunks(MAX_EDITS) {
                let body = self.batch(batch);
                let reply = api.send(self.request(api, Method::POST, &path, "", body)).await?;
                let text = String::from_utf8_lossy(&reply.body);
                if reply.status == StatusCode::BAD_REQUEST && text.contains("InvalidChangeBatch") {
                    return Ok(Written::Conflict);
                }
                if !reply.status.is_success() {
                    return Err(api.refusal(&reply));
                }
                changes.push(xml::text(&text, "Id").ok_or_else(|| api.unclear("the change's id"))?);
            }
            let waits = all(changes.iter().map(|change| self.wait_for(api, change))).await;
            waits.into_iter().collect::<Result<(), _>>()?;
            Ok(Written::Surely)
        })
    }
}

impl Route53 {
    /// A batch is carried out as a whole or not at all: deleting what was read finds out whether it
    /// is still there.
    fn batch(&self, edits: &[Edit]) -> String {
        let mut changes = String::new();
        for edit in edits {
            let ttl = edit.before.ttl.unwrap_or(self.ttl);
            for (action, values) in [("DELETE", &edit.before.values), ("CREATE", &edit.after)] {
                if !values.is_empty() {
                    changes.push_str(&change(action, &edit.name, ttl, values));
                }
            }
        }
        format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"{NAMESPACE}\"><ChangeBatch><Changes>{changes}</Changes>\
             </ChangeBatch></ChangeResourceRecordSetsRequest>"
        )
    }
}

/// Whether a listed RRset is the TXT one of a name.
fn is_text_at(listed: &str, name: &str) -> bool {
    xml::text(listed, "Name").is_some_and(|other| normal(&other) == name)
        && xml::text(listed, "Type").as_deref() == Some("TXT")
}

fn rrset(listed: &str) -> Rrset {
    let values = xml::elements(listed, "Value");
    Rrset::new(
        values.into_iter().map(|value| unquoted(&xml::unescaped(value))).collect(),
        xml::text(listed, "TTL").and_then(|ttl| ttl.parse().ok()),
    )
}

impl fmt::Debug for Route53 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route53")
    }
}

fn change(action: &str, name: &str, ttl: u64, values: &[String]) -> String {
    let record = |value: &String| {
        format!("<ResourceRecord><Value>{}</Value></ResourceRecord>", xml::escaped(&quoted(value)))
    };
    let (name, records) = (xml::escaped(name), values.iter().map(record).collect::<String>());
    format!(
        "<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}.</Name><Type>TXT</Type>\
         <TTL>{ttl}</TTL><ResourceRecords>{records}</ResourceRecords></ResourceRecordSet></Change>"
    )
}

/// A public zone; nobody outside of a private cloud sees one of its own.
fn zone(listed: &str) -> Option<Zone> {
    let is_private = xml::text(listed, "PrivateZone").as_deref() == Some("true");
    let (name, id) = (xml::text(listed, "Name")?, xml::text(listed, "Id")?);
    (!is_private).then(|| Zone::new(&name, id.strip_prefix("/hostedzone/").unwrap_or(&id)))
}

fn detail(reply: &Reply) -> Option<String> {
    let text = String::from_utf8_lossy(&reply.body);
    let (code, message) = (xml::text(&text, "Code")?, xml::text(&text, "Message").unwrap_or_default());
    Some(format!("{code}: {message}"))
}

fn fault(reply: &Reply) -> Option<Fault> {
    let text = String::from_utf8_lossy(&reply.body);
    let code = xml::text(&text, "Code").filter(|_| reply.status == StatusCode::BAD_REQUEST)?;
    BUSY.contains(&code.as_str()).then_some(Fault::Busy)
}

/// Too many requests, and a change of the same zone that is not through.
const BUSY: [&str; 2] = ["Throttling", "PriorRequestNotComplete"];
/// Most RRsets of a batch; a batch takes 1000 records and 32,000 characters of values.
const MAX_EDITS: usize = 100;
/// How often a change is looked at.
const MAX_LOOKS: u32 = 60;
/// The wait between two looks.
const LOOK_WAIT: Duration = Duration::from_secs(3);
const VERSION: &str = "/2013-04-01";
const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";
const KEY_ID: Variable = Variable::usual("AWS_ACCESS_KEY_ID", "the id of an access key");
const KEY: Variable = Variable::usual("AWS_SECRET_ACCESS_KEY", "the access key");
const SESSION: Variable = Variable::optional("AWS_SESSION_TOKEN", "the token of temporary credentials");
const SHARED: Variable = Variable::optional(
    "AWS_SHARED_CREDENTIALS",
    "the credentials file of the AWS tools, in place of keys; its path in AWS_SHARED_CREDENTIALS_FILE",
);
const PROFILE: Variable = Variable::optional("AWS_PROFILE", "which credentials of the file [default]");
const ZONE: Variable = Variable::optional("AWS_HOSTED_ZONE_ID", "the only zone to write");
const URL: Variable = Variable::optional("AWS_ENDPOINT_URL_ROUTE_53", "another address of the API");
const TTL: Variable = Variable::optional("AWS_TTL", "seconds that resolvers keep the records [10]");
