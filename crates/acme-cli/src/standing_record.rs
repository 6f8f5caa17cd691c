//! The records of dns-persist-01: what they have to be for an account at a CA.

use acme_proto::{Directory, PersistPolicy, PersistRecord, Signer as _, Thumbprint};
use acme_solver::dns::quoted;
use acme_store::{CaSettings, Timestamp};

use crate::account;
use crate::advice::Advice;
use crate::ca;
use crate::commands::CommandError;
use crate::context::Context;
use crate::conversation::Conversation;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::moment;

/// Why it can't be told what a record has to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("there is no account at {ca} here for which a record could be")]
    NoAccount { ca: String },
    #[error("{ca} does not say by which names records mean it")]
    NoIssuer { ca: String },
}

impl RecordError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        match self {
            Self::NoAccount { ca } => vec![
                Advice::text("make the account first, or give its URL:"),
                Advice::paste(format!("acmectl account register --ca {ca} --agree-tos")),
                Advice::paste(invocation.with("--account-uri URL")),
            ],
            Self::NoIssuer { .. } => vec![
                Advice::text("give a name that the CA's documents have for CAA records:"),
                Advice::paste(invocation.with("--issuer NAME")),
                Advice::text("acmectl issue DOMAIN --dns-persist asks the CA, and prints what it wants"),
            ],
        }
    }
}

/// For which CA and account a record is to be.
pub(crate) struct Wanted<'a> {
    pub(crate) ca: &'a CaSettings,
    /// The label of the account.
    pub(crate) account: &'a str,
    /// What stands for the account, if somebody said.
    pub(crate) account_uri: Option<&'a str>,
    /// What stands for the CA, if somebody said.
    pub(crate) issuer: Option<&'a str>,
}

/// What stands for a CA and an account in records.
pub(crate) struct Parties {
    issuers: Vec<String>,
    account: Party,
}

/// What stands for an account.
enum Party {
    /// Something that is the same for every domain.
    Plain(String),
    /// A hash over each domain, since revision 02.
    Hashed { prefix: String, thumbprint: Thumbprint, url: String },
}

impl Parties {
    /// Finds out, of the CA and of what is kept here, as far as nobody said.
    pub(crate) fn find(context: &Context, wanted: &Wanted<'_>) -> Result<Self, Error> {
        if let (Some(uri), Some(issuer)) = (wanted.account_uri, wanted.issuer) {
            return Ok(Self { issuers: vec![issuer.to_owned()], account: Party::Plain(uri.to_owned()) });
        }
        let directory = directory(context, wanted.ca)?;
        Ok(Self {
            issuers: issuers(wanted, directory.as_ref()).map_err(CommandError::from)?,
            account: party(context, wanted, directory)?,
        })
    }

    /// The record of a domain.
    pub(crate) fn record(&self, domain: &str) -> PersistRecord {
        let issuer = self.issuers.first().map(String::as_str).unwrap_or_default();
        let uris = self.account.uris(domain);
        PersistRecord::new(domain, issuer, uris.into_iter().next().unwrap_or_default())
    }

    /// What the CA takes for a domain.
    pub(crate) fn policy(&self, domain: &str) -> PersistPolicy {
        PersistPolicy::new(self.issuers.clone(), self.account.uris(domain))
    }
}

impl Party {
    /// All forms that a CA takes, the one to write first.
    fn uris(&self, domain: &str) -> Vec<String> {
        match self {
            Self::Plain(uri) => vec![uri.clone()],
            Self::Hashed { prefix, thumbprint, url } => {
                PersistRecord::hashed_account_uris(prefix, domain, thumbprint, url).into()
            }
        }
    }
}

/// What the CA says of itself; without an answer, what is known of it has to do.
fn directory(context: &Context, ca: &CaSettings) -> Result<Option<Directory>, Error> {
    let fetched = context.reach(ca).and_then(|reached| Conversation::new(context, &reached)?.directory());
    match fetched {
        Ok(directory) => Ok(Some(directory)),
        Err(error) if ca::known(ca).is_some_and(|known| known.caa.is_some()) => {
            let title = ca::title(ca);
            context
                .output
                .warn(format_args!("{title} does not answer ({error}): this is as it was known to be"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn issuers(wanted: &Wanted<'_>, directory: Option<&Directory>) -> Result<Vec<String>, RecordError> {
    if let Some(issuer) = wanted.issuer {
        return Ok(vec![issuer.to_owned()]);
    }
    let meta = directory.map(|directory| &directory.meta);
    let said = meta.map(|meta| [&meta.issuer_domain_names, &meta.caa_identities]);
    let said = said.into_iter().flatten().find(|names| !names.is_empty());
    let known = || ca::known(wanted.ca).and_then(|known| known.caa).map(|name| vec![name.to_owned()]);
    let missing = || RecordError::NoIssuer { ca: ca::title(wanted.ca).to_owned() };
    said.cloned().or_else(known).ok_or_else(missing)
}

fn party(context: &Context, wanted: &Wanted<'_>, directory: Option<Directory>) -> Result<Party, Error> {
    if let Some(uri) = wanted.account_uri {
        return Ok(Party::Plain(uri.to_owned()));
    }
    let word = wanted.ca.name.clone().unwrap_or_else(|| wanted.ca.directory_url.clone());
    let missing = || CommandError::from(RecordError::NoAccount { ca: word.clone() });
    if !context.has_store() {
        return Err(missing().into());
    }
    let stored = context.existing_store()?.account(&wanted.ca.directory_url, wanted.account)?;
    let stored = stored.ok_or_else(missing)?;
    let url = stored.url.clone().ok_or_else(missing)?;
    let Some(prefix) = directory.and_then(|directory| directory.meta.account_hash_prefix) else {
        return Ok(Party::Plain(url));
    };
    let key = account::key_of(&stored)?;
    Ok(Party::Hashed { prefix, thumbprint: Thumbprint::new(key.jwk(), acme_keys::sha256), url })
}

/// A record as a line of a zone file.
pub(crate) fn line(record: &PersistRecord) -> String {
    format!("{}. {TTL} IN TXT {}", record.name(), quoted(&record.to_string()))
}

/// What to say of a record that is good for a short time only.
pub(crate) fn lapse(until: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let until = until.filter(|until| until.duration_since(now) < SOON)?;
    Some(format!(
        "the record lapses {}; put one with a later persistUntil in its place",
        moment::for_people(until, now)
    ))
}

/// Seconds.
const TTL: u32 = 3600;

/// Renewals come some weeks apart: somebody has to act before the last one.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(45 * 24);
