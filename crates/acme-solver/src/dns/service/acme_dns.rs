//! acme-dns, a name server for nothing but challenges.
//!
//! <https://github.com/joohoi/acme-dns#api>

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use serde_json::{Map, Value, json};

use crate::dns::api::{Api, Reply, Task};
use crate::dns::change::{Action, Change};
use crate::dns::credentials::{CredentialError, Lookup, Variable};
use crate::dns::error::{DnsError, DnsErrorKind};
use crate::dns::provider::{DnsProvider, Profile};
use crate::dns::request;
use crate::dns::secret::Secret;
use crate::dns::zone::{Zone, normal};

/// acme-dns.
///
/// An account writes one name, its full domain, and the server keeps the last two values there:
/// nothing is read and nothing removed. A zone is such a name, or one that should lead there and
/// does not.
pub(super) struct AcmeDns {
    url: String,
    accounts: Vec<Account>,
}

struct Account {
    /// The domain that it is for; `None` for any.
    domain: Option<String>,
    full_domain: String,
    subdomain: String,
    username: HeaderValue,
    password: HeaderValue,
    secret: Secret,
}

impl AcmeDns {
    pub(super) const VARIABLES: &'static [Variable] = &[URL, ACCOUNTS, FULL_DOMAIN, USERNAME, PASSWORD];

    pub(super) fn provider(lookup: &Lookup<'_>) -> Result<Arc<dyn DnsProvider>, CredentialError> {
        let url = lookup.url(&URL, "")?;
        if url.is_empty() {
            return Err(CredentialError::Missing { variable: URL.name, meaning: URL.meaning });
        }
        let accounts = match lookup.text(&ACCOUNTS) {
            Some(text) => stored(&text).ok_or(MALFORMED)?,
            None => vec![Account::new(
                None,
                &lookup.require(&FULL_DOMAIN)?,
                &lookup.require(&USERNAME)?,
                &lookup.secret(&PASSWORD)?,
            )?],
        };
        Ok(Arc::new(Self { url, accounts }))
    }

    fn zone(&self, name: &str) -> Option<Zone> {
        if let Some(account) = self.accounts.iter().find(|account| account.full_domain == name) {
            return Some(Zone::new(name, &account.subdomain));
        }
        let (_, domain) = name.split_once("_acme-challenge.")?;
        let is_for = |account: &&Account| account.domain.as_deref().is_none_or(|own| own == domain);
        let account = self.accounts.iter().find(is_for)?;
        Some(Zone::new(name, &account.subdomain).with_note(&account.full_domain))
    }

    /// Puts values in place, all of them anew after a failure: a value that was written twice would
    /// push another out.
    async fn update(&self, api: &Api, account: &Account, values: &[String]) -> Result<(), DnsError> {
        let mut wait = Api::FIRST_WAIT;
        for _ in 1..Api::MAX_TRIES {
            let error = match self.update_once(api, account, values).await {
                Err(error) if error.is_temporary() => error,
                outcome => return outcome,
            };
            let time = error.retry_after().unwrap_or(wait);
            if time > Api::MAX_WAIT {
                return Err(error);
            }
            // The server tells older values from newer ones by the second.
            api.wait(time.max(Api::FIRST_WAIT)).await;
            wait *= 2;
        }
        self.update_once(api, account, values).await
    }

    async fn update_once(&self, api: &Api, account: &Account, values: &[String]) -> Result<(), DnsError> {
        let headers = [("x-api-user", &account.username), ("x-api-key", &account.password)];
        for value in values {
            let body = json!({ "subdomain": account.subdomain, "txt": value });
            let request = request::json("POST", &format!("{}/update", self.url), &headers, &body);
            let reply = api.send_once(request).await?;
            if !reply.status.is_success() {
                return Err(api.refusal(&reply));
            }
        }
        Ok(())
    }
}

impl DnsProvider for AcmeDns {
    fn profile(&self) -> Profile {
        let needs = "an account whose full domain the name leads to by CNAME: register one at the server's \
            /register, and store it under the domain";
        let secrets: Vec<&Secret> = self.accounts.iter().map(|account| &account.secret).collect();
        Profile::new("acme-dns", needs, detail, &secrets)
    }

    fn zones<'a>(&'a self, _api: &'a Api, names: &'a [String]) -> Task<'a, Vec<Zone>> {
        Box::pin(async move { Ok(names.iter().filter_map(|name| self.zone(name)).collect()) })
    }

    fn change<'a>(&'a self, api: &'a Api, zone: &'a Zone, change: &'a Change) -> Task<'a, ()> {
        Box::pin(async move {
            if change.action == Action::Remove {
                return Ok(());
            }
            if let Some(target) = &zone.note {
                let (name, target) = (zone.name.clone(), target.clone());
                return Err(api.error(DnsErrorKind::Cname { name, target }));
            }
            let account = self.accounts.iter().find(|account| account.full_domain == zone.name);
            for record in &change.records {
                let (name, most) = (record.name.clone(), MAX_VALUES);
                match account.filter(|account| account.full_domain == name) {
                    None => {
                        let target = zone.name.clone();
                        return Err(api.error(DnsErrorKind::Cname { name, target }));
                    }
                    Some(_) if record.values.len() > most => {
                        return Err(api.error(DnsErrorKind::TooMany { name, most }));
                    }
                    Some(account) => self.update(api, account, &record.values).await?,
                }
            }
            Ok(())
        })
    }
}

impl fmt::Debug for AcmeDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcmeDns")
    }
}

impl Account {
    fn new(
        domain: Option<&str>,
        full_domain: &str,
        username: &str,
        secret: &Secret,
    ) -> Result<Self, CredentialError> {
        let full_domain = normal(full_domain);
        let what = "the full domain of an account";
        let malformed = CredentialError::Malformed { variable: FULL_DOMAIN.name, what };
        let (subdomain, _) = full_domain.split_once('.').ok_or(malformed)?;
        Ok(Self {
            domain: domain.map(normal),
            subdomain: subdomain.to_owned(),
            username: Secret::new(username).to_header(USERNAME.name, "")?,
            password: secret.to_header(PASSWORD.name, "")?,
            secret: secret.clone(),
            full_domain,
        })
    }

    /// An account as /register gives it out; some programs store its members with capital letters.
    fn stored(domain: &str, account: &Map<String, Value>) -> Option<Self> {
        let member = |name: &str| {
            let mut members = account.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            members.find_map(|(_, value)| value.as_str())
        };
        let domain = domain.strip_prefix("_acme-challenge.").unwrap_or(domain);
        let secret = Secret::new(member("password")?);
        Self::new(Some(domain), member("fulldomain")?, member("username")?, &secret).ok()
    }
}

/// The accounts of a file that has them by their domain.
fn stored(text: &str) -> Option<Vec<Account>> {
    let json: Value = serde_json::from_str(text).ok()?;
    let accounts = json.as_object()?.iter();
    accounts.map(|(domain, account)| Account::stored(domain, account.as_object()?)).collect()
}

fn detail(reply: &Reply) -> Option<String> {
    reply.json()["error"].as_str().map(str::to_owned)
}

const URL: Variable = Variable::required("ACME_DNS_API_BASE", "the URL of the server's API");
const ACCOUNTS: Variable = Variable::usual(
    "ACME_DNS_ACCOUNTS",
    "the accounts by their domain, as JSON; or one account in the variables below",
)
.or_file(&["ACME_DNS_STORAGE_PATH"]);
const FULL_DOMAIN: Variable =
    Variable::optional("ACME_DNS_FULLDOMAIN", "the full domain of the account, where CNAMEs lead");
const USERNAME: Variable = Variable::optional("ACME_DNS_USERNAME", "the username of the account");
const PASSWORD: Variable = Variable::optional("ACME_DNS_PASSWORD", "the password of the account");

const MALFORMED: CredentialError = CredentialError::Malformed {
    variable: ACCOUNTS.name,
    what: "JSON with fulldomain, username and password for each domain",
};

/// How many values the server keeps.
const MAX_VALUES: usize = 2;
