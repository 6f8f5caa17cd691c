//! What a certificate is made with, so that it can be made again.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use acme_proto::{Challenge, ChallengeType, Identifier};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings of one certificate.
///
/// Start from [`Settings::new`] and assign the rest. Members that this version does not know
/// are kept when the settings are stored again. No secret belongs in here, only the name of the
/// file or variable that holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Settings {
    /// The names to certify, the first one first.
    pub names: Vec<Identifier>,
    /// The CA to ask.
    pub ca: CaSettings,
    /// The label of the account; empty for the CA's first one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// How control is proved of names that [`challenges`](Self::challenges) says nothing of.
    pub challenge: ChallengeMethods,
    /// How control is proved of some names, by patterns: a name itself, or with `*.example.com`
    /// every name that ends in `.example.com`, the wildcard itself included.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub challenges: BTreeMap<String, ChallengeMethods>,
    /// Whether dns-account-01 is preferred to dns-01.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dns_account: bool,
    /// Where the DNS server in the command listens, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_listen: Option<String>,
    /// The name of the DNS server in the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<String>,
    /// The zone of the DNS server in the command that names lead into as CNAMEs, if they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_zone: Option<String>,
    /// The kind of key, as the command names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_type: Option<String>,
    /// The CA's profile, without which no certificate is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The CA's profile, if it has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_profile: Option<String>,
    /// The common name of the root that the chain should end in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_chain: Option<String>,
    /// The end of validity to ask for, as it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// The certificate signing request to use instead of one of our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csr: Option<PathBuf>,
    /// Whether the next certificate keeps the key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reuse_key: bool,
    /// The command to run for each published generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_hook: Option<String>,
    /// The command to run once after a run that published something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reload: Option<String>,
    /// The group that may read the key files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_group: Option<String>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

impl Settings {
    /// Settings for some names at a CA, all else as it comes.
    #[must_use]
    pub fn new(names: Vec<Identifier>, ca: CaSettings) -> Self {
        Self { names, ca, ..Self::default() }
    }

    /// How control of a name is proved.
    ///
    /// The name's own entry comes before that of a wildcard's base name, then the longest pattern
    /// that fits, and [`challenge`](Self::challenge) last; what can't prove the name is passed over as
    /// long as something else can.
    #[must_use]
    pub fn challenge_for(&self, identifier: &Identifier) -> &ChallengeMethods {
        let name = identifier.to_string();
        let fits = |pattern: &str| pattern.strip_prefix('*').is_some_and(|suffix| name.ends_with(suffix));
        let mut patterns: Vec<_> = self.challenges.iter().filter(|(pattern, _)| fits(pattern)).collect();
        patterns.sort_by_key(|(pattern, _)| Reverse(pattern.len()));
        let own = [name.clone(), identifier.base().to_string()];
        let own = own.iter().filter_map(|name| self.challenges.get(name));
        let mut entries = own.chain(patterns.into_iter().map(|(_, methods)| methods));
        let default = &self.challenge;
        match entries.clone().chain([default]).find(|methods| methods.for_name(identifier).next().is_some()) {
            Some(methods) => methods,
            None => entries.next().unwrap_or(default),
        }
    }

    /// What puts a challenge in place.
    #[must_use]
    pub fn method_of(&self, challenge: &Challenge) -> &ChallengeMethod {
        let methods = self.challenge_for(&challenge.order_identifier());
        methods.iter().find(|method| method.proves(&challenge.kind)).unwrap_or_else(|| methods.first())
    }

    /// Lists what differs in `other`, member by member.
    #[must_use]
    pub fn changes(&self, other: &Self) -> Vec<Change> {
        let (before, after) = (self.members(), other.members());
        let mut fields: Vec<&String> = before.keys().chain(after.keys()).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
            .into_iter()
            .filter(|field| before.get(*field) != after.get(*field))
            .map(|field| Change {
                field: field.clone(),
                before: before.get(field).map(text),
                after: after.get(field).map(text),
            })
            .collect()
    }

    pub(crate) fn adopt_unknown(&mut self, stored: &Self) {
        for (member, value) in &stored.unknown {
            self.unknown.entry(member.clone()).or_insert_with(|| value.clone());
        }
    }

    fn members(&self) -> BTreeMap<String, Value> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(self) else { return BTreeMap::new() };
        // People think of a way to prove control as one thing.
        members.insert("challenge".into(), self.challenge.words());
        if !self.challenges.is_empty() {
            let words = self.challenges.iter().map(|(name, methods)| (name.clone(), methods.words()));
            members.insert("challenges".into(), Value::Object(words.collect()));
        }
        flat(members)
    }
}

/// The CA that a certificate comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CaSettings {
    /// What the command calls it, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The URL of its directory.
    pub directory_url: String,
    /// The file with the root to trust for the connection, instead of the system's roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_file: Option<PathBuf>,
    /// That root itself, as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_pem: Option<String>,
}

impl CaSettings {
    /// A CA without a name, trusted through the system's roots.
    #[must_use]
    pub fn new(directory_url: impl Into<String>) -> Self {
        Self { directory_url: directory_url.into(), ..Self::default() }
    }
}

/// How control of a name is proved: ways in order of preference, of which the next is for where the
/// CA does not offer the one before. There is at least one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOrMore", into = "OneOrMore")]
pub struct ChallengeMethods {
    first: ChallengeMethod,
    others: Vec<ChallengeMethod>,
}

impl ChallengeMethods {
    /// Takes the methods in order; `None` if there are none.
    #[must_use]
    pub fn new(methods: impl IntoIterator<Item = ChallengeMethod>) -> Option<Self> {
        let mut methods = methods.into_iter();
        Some(Self { first: methods.next()?, others: methods.collect() })
    }

    /// The preferred one.
    #[must_use]
    pub fn first(&self) -> &ChallengeMethod {
        &self.first
    }

    /// All of them, the preferred one first.
    pub fn iter(&self) -> impl Iterator<Item = &ChallengeMethod> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Those that can prove control of a name, the preferred one first.
    pub fn for_name(&self, identifier: &Identifier) -> impl Iterator<Item = &ChallengeMethod> + Clone {
        self.iter().filter(move |method| method.can_prove(identifier))
    }

    fn words(&self) -> Value {
        self.iter().map(ChallengeMethod::in_full).collect::<Vec<_>>().into()
    }
}

impl Default for ChallengeMethods {
    fn default() -> Self {
        ChallengeMethod::default().into()
    }
}

impl From<ChallengeMethod> for ChallengeMethods {
    fn from(method: ChallengeMethod) -> Self {
        Self { first: method, others: Vec::new() }
    }
}

/// How it is stored: a single method is not in an array.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(ChallengeMethod),
    More(Vec<ChallengeMethod>),
}

impl From<ChallengeMethods> for OneOrMore {
    fn from(methods: ChallengeMethods) -> Self {
        if methods.others.is_empty() {
            return Self::One(methods.first);
        }
        Self::More(methods.iter().cloned().collect())
    }
}

impl TryFrom<OneOrMore> for ChallengeMethods {
    type Error = NoMethod;

    fn try_from(stored: OneOrMore) -> Result<Self, NoMethod> {
        match stored {
            OneOrMore::One(method) => Ok(method.into()),
            OneOrMore::More(methods) => Self::new(methods).ok_or(NoMethod),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("there is no method to prove control of a name by")]
struct NoMethod;

/// A way to prove control of a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChallengeMethod {
    /// dns-01 by the API of a DNS service.
    Dns {
        /// What the command calls the service.
        provider: String,
        /// The files with its credentials, by the variables whose place they take.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        files: BTreeMap<String, PathBuf>,
    },
    /// dns-persist-01, by records that somebody has put in place to stay.
    DnsPersist,
    /// http-01 by a listener of our own.
    Http {
        /// Where it listens; port 80 of both address families if empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        listen: Vec<SocketAddr>,
    },
    /// http-01 by web servers that know the thumbprint of the account's key.
    HttpStateless,
    /// http-01 or dns-01 by programs that are called as certbot calls its manual hooks.
    Manual {
        /// Which of them.
        challenge: ChallengeType,
        /// The program that puts a response in place.
        auth_hook: String,
        /// The program that takes it away.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cleanup_hook: Option<String>,
    },
    /// tls-alpn-01 by a listener of our own.
    TlsAlpn {
        /// Where it listens; port 443 of both address families if empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        listen: Vec<SocketAddr>,
    },
    /// http-01 by files that a running server serves.
    Webroot {
        /// The directory that is the server's `/`.
        dir: PathBuf,
    },
}

impl ChallengeMethod {
    /// Tells whether it answers challenges of a type.
    #[must_use]
    pub fn proves(&self, kind: &ChallengeType) -> bool {
        if let Self::Manual { challenge, .. } = self {
            return challenge == kind;
        }
        match kind {
            ChallengeType::Http01 => {
                matches!(self, Self::Http { .. } | Self::HttpStateless | Self::Webroot { .. })
            }
            ChallengeType::TlsAlpn01 => matches!(self, Self::TlsAlpn { .. }),
            ChallengeType::Dns01 | ChallengeType::DnsAccount01 => matches!(self, Self::Dns { .. }),
            ChallengeType::DnsPersist01 => matches!(self, Self::DnsPersist),
            ChallengeType::Other(_) | _ => false,
        }
    }

    /// Tells whether it can prove control of a name: wildcards are for DNS, and addresses are not.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc8555#section-7.1.3>,
    /// <https://www.rfc-editor.org/rfc/rfc8738#section-7>
    #[must_use]
    pub fn can_prove(&self, identifier: &Identifier) -> bool {
        match self {
            Self::Dns { .. } | Self::DnsPersist => !matches!(identifier, Identifier::Ip(_)),
            Self::Manual { challenge: ChallengeType::Dns01, .. } => !matches!(identifier, Identifier::Ip(_)),
            Self::Http { .. }
            | Self::HttpStateless
            | Self::Manual { .. }
            | Self::TlsAlpn { .. }
            | Self::Webroot { .. } => !identifier.is_wildcard(),
        }
    }

    /// What it is, with the files that have credentials.
    fn in_full(&self) -> String {
        let mut text = self.to_string();
        if let Self::Dns { files, .. } = self {
            text.extend(files.iter().map(|(name, path)| format!(" with {name} from {}", path.display())));
        }
        text
    }
}

impl fmt::Display for ChallengeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listener = |f: &mut fmt::Formatter<'_>, name: &str, listen: &[SocketAddr]| {
            f.write_str(name)?;
            listen.iter().try_for_each(|address| write!(f, ":{address}"))
        };
        match self {
            Self::Dns { provider, .. } => write!(f, "dns:{provider}"),
            Self::DnsPersist => f.write_str("dns-persist"),
            Self::Http { listen } => listener(f, "http", listen),
            Self::HttpStateless => f.write_str("http-stateless"),
            Self::Manual { challenge, auth_hook, .. } => write!(f, "{challenge} by {auth_hook}"),
            Self::TlsAlpn { listen } => listener(f, "tls-alpn", listen),
            Self::Webroot { dir } => write!(f, "webroot:{}", dir.display()),
        }
    }
}

impl Default for ChallengeMethod {
    fn default() -> Self {
        Self::Http { listen: Vec::new() }
    }
}

/// A setting that differs, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The setting, with a dot before a member of it.
    pub field: String,
    /// What it was, if it was set.
    pub before: Option<String>,
    /// What it is, if it is set.
    pub after: Option<String>,
}

fn flat(members: serde_json::Map<String, Value>) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (member, value) in members {
        match value {
            Value::Object(inner) => {
                flat.extend(inner.into_iter().map(|(name, value)| (format!("{member}.{name}"), value)));
            }
            value
            @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                flat.insert(member, value);
            }
        }
    }
    flat
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(members) => match members.get("value") {
            Some(Value::String(name)) => name.clone(),
            Some(_) | None => members.values().map(text).collect::<Vec<_>>().join(" "),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
