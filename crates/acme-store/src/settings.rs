//! What a certificate is made with, so that it can be made again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use acme_proto::Identifier;
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
    /// How control is proved of names that [`challenges`](Self::challenges) does not list.
    pub challenge: ChallengeMethod,
    /// How control is proved of single names, by their text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub challenges: BTreeMap<String, ChallengeMethod>,
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

    /// How control of a name is proved; a wildcard's own entry comes before its base name's.
    #[must_use]
    pub fn challenge_for(&self, identifier: &Identifier) -> &ChallengeMethod {
        self.challenges
            .get(&identifier.to_string())
            .or_else(|| self.challenges.get(&identifier.base().to_string()))
            .unwrap_or(&self.challenge)
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
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => flat(members),
            Ok(_) | Err(_) => BTreeMap::new(),
        }
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

/// How control of a name is proved.
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
    /// http-01 by a listener of our own.
    Http {
        /// Where it listens; port 80 of both address families if empty.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        listen: Vec<SocketAddr>,
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
