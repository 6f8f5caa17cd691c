//! `show`: everything there is to say of one certificate.

mod attempts;
mod recipe;

use std::net::SocketAddr;

use acme_proto::Identifier;
use acme_store::{
    Account, Attempt, CertificateName, CertificateRecord, ChallengeMethod, ChallengeMethods, Hook,
    PendingHook, PublishedGeneration, Store, Timestamp,
};
use serde_json::{Value, json};

use super::CommandError;
use super::list::Row;
use super::sheet::Sheet;
use crate::args::ShowArgs;
use crate::ca::{self, Kind};
use crate::context::Context;
use crate::dns;
use crate::error::Error;
use crate::exit::Status;
use crate::moment;
use crate::schedule;
use crate::settings::{self, SettingError};
use crate::standing::{self, Standing};
use crate::timer::{self, Renewer};

pub(crate) fn run(context: &Context, args: ShowArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let record = find(&store, args.certificate.or(args.cert_name))?;
    let attempts = store.attempts(&record.name)?;
    let account = store.account(&record.settings.ca.directory_url, &record.settings.account)?;
    let now = context.now();
    let standing = Standing::of(&store, &record, now);
    let failing_since = standing::failing_since(&attempts);
    let row = Row { record, standing, failing_since, now };
    let show = Show { context, store: &store, row: &row, account: account.as_ref(), attempts: &attempts };
    context.output.event("certificate", show.members()?);
    show.sheet()?.print(&context.output);
    Ok(Status::Done)
}

/// The certificate with a name that somebody gave.
pub(super) fn find(store: &Store, name: Option<String>) -> Result<CertificateRecord, Error> {
    let name = CertificateName::new(name.ok_or(CommandError::NoCertificate)?).map_err(SettingError::from)?;
    Ok(store.certificate(&name)?.ok_or(acme_store::Error::NoSuchCertificate { name })?)
}

struct Show<'a> {
    context: &'a Context,
    store: &'a Store,
    row: &'a Row,
    account: Option<&'a Account>,
    /// The newest first.
    attempts: &'a [Attempt],
}

impl Show<'_> {
    fn sheet(&self) -> Result<Sheet, Error> {
        let mut sheet = Sheet::default();
        let record = &self.row.record;
        sheet.add("certificate", record.name.as_str());
        sheet.add("state", self.row.standing.words(self.row.failing_since));
        sheet.add_all("names", words(&record.settings.names));
        match &record.current {
            Some(current) => self.add_certificate(&mut sheet, current),
            None => sheet.add("asked for", self.moment(record.created)),
        }
        self.add_settings(&mut sheet)?;
        self.add_hooks(&mut sheet);
        attempts::add(&mut sheet, self.attempts, self.row.now);
        self.add_next(&mut sheet);
        Ok(sheet)
    }

    fn add_certificate(&self, sheet: &mut Sheet, current: &PublishedGeneration) {
        let record = &self.row.record;
        if current.names.iter().any(|name| !record.settings.names.contains(name))
            || current.names.len() != record.settings.names.len()
        {
            sheet.add_all("certified", words(&current.names));
        }
        sheet.add("serial", current.serial.as_str());
        sheet.add("issuer", current.issuer.as_str());
        sheet.add("valid from", self.moment(current.not_before));
        sheet.add("valid until", self.moment(current.not_after));
        if let Some(revocation) = &record.revocation {
            let reason = revocation.reason.and_then(reason).map(|word| format!(": {word}"));
            sheet.add("revoked", self.moment(revocation.at) + &reason.unwrap_or_default());
        }
        if self.row.standing != Standing::Retired
            && let Some(due) = record.due
        {
            sheet.add("renewal due", self.moment(due));
            let moment = record.renewal.as_ref().and_then(|renewal| renewal.moment);
            sheet.go_on(match (record.revocation, moment) {
                (Some(_), _) => "at once, since it was revoked".to_owned(),
                (None, Some(moment)) => format!(
                    "drawn between {} and {}, as the CA wants it",
                    minute(moment.window.start),
                    minute(moment.window.end)
                ),
                (None, None) => schedule::why(current.not_before, current.not_after).to_owned(),
            });
            if let Some(url) = record.renewal.as_ref().and_then(|renewal| renewal.explanation_url.as_ref()) {
                sheet.go_on(format!("the CA says why: {url}"));
            }
        }
        let directory = self.store.current_directory(&record.name);
        // With a request of one's own there is no key here.
        let files = FILES.map(|file| directory.join(file));
        let there = files.iter().filter(|path| path.exists());
        sheet.add_all("files", there.map(|path| path.display().to_string()));
    }

    fn add_settings(&self, sheet: &mut Sheet) -> Result<(), Error> {
        let settings = &self.row.record.settings;
        let title = ca::title(&settings.ca);
        sheet.add(
            "CA",
            match &settings.ca.name {
                Some(name) => format!("{title} ({name})"),
                None => title,
            },
        );
        if let Some(root) = &settings.ca.root_file {
            sheet.go_on(format!("trusted through {}", root.display()));
        }
        let url = self.account.and_then(|account| account.url.clone());
        let label = Some(&settings.account).filter(|label| !label.is_empty());
        sheet.add("account", url.unwrap_or_else(|| "none yet".to_owned()));
        if let Some(label) = label {
            sheet.go_on(format!("labelled {label}"));
        }
        let is_dev = ca::kind(&settings.ca) == Kind::Dev;
        sheet.add("challenge", methods(&settings.challenge, is_dev));
        for (name, other) in &settings.challenges {
            sheet.go_on(format!("for {name}: {}", methods(other, is_dev)));
        }
        sheet.add("key", self.key()?);
        if let Some(profile) = &settings.profile {
            sheet.add("profile", profile.as_str());
        }
        if let Some(profile) = &settings.preferred_profile {
            sheet.add("profile", format!("{profile}, if the CA gives it"));
        }
        if let Some(name) = &settings.preferred_chain {
            sheet.add("chain", format!("to {name}, if the CA has one"));
        }
        if let Some(text) = &settings.not_after {
            sheet.add("asked to end", text.as_str());
        }
        Ok(())
    }

    fn key(&self) -> Result<String, Error> {
        let settings = &self.row.record.settings;
        if let Some(csr) = &settings.csr {
            return Ok(format!("that of the request {}", csr.display()));
        }
        let key_type = settings::key_type(settings)?;
        let how = if settings.reuse_key { "kept at each renewal" } else { "a new one at each renewal" };
        Ok(format!("{key_type}, {how}"))
    }

    fn add_hooks(&self, sheet: &mut Sheet) {
        let record = &self.row.record;
        let hooks = [
            ("deploy hook", &record.settings.deploy_hook, Hook::Deploy),
            ("reload", &record.settings.reload, Hook::Reload),
        ];
        for (label, command, hook) in hooks {
            let Some(command) = command else { continue };
            sheet.add(label, command.as_str());
            if let Some(pending) = record.pending_hooks.iter().find(|pending| pending.hook == hook) {
                sheet.go_on(match &pending.last_error {
                    Some(error) => format!("it failed, {}: {error}", times(pending.failures)),
                    None => "it has yet to run".to_owned(),
                });
            }
        }
    }

    fn add_next(&self, sheet: &mut Sheet) {
        sheet.add("next", standing::next(self.store, &self.row.record, self.row.now));
        sheet.go_on(match Renewer::find() {
            Some(Renewer::Timer) => format!("{} runs acmectl renew", timer::UNIT),
            Some(Renewer::Cron(path)) => format!("{} runs acmectl renew", path.display()),
            Some(Renewer::TimerDisabled) => {
                format!("{} is not enabled: nothing runs acmectl renew", timer::UNIT)
            }
            None => "nothing here runs acmectl renew".to_owned(),
        });
        sheet.add("same again", self.recipe());
    }

    /// What programs get to see: what the list has, and the rest.
    fn members(&self) -> Result<Value, Error> {
        let record = &self.row.record;
        let settings = &record.settings;
        let mut members = self.row.members(self.store);
        let rest = json!({
            "issuer": record.current.as_ref().map(|current| &current.issuer),
            "certified_names": record.current.as_ref().map(|current| words(&current.names)),
            "generation": record.current.as_ref().map(|current| current.generation),
            "created": moment::for_programs(record.created),
            "directory_url": settings.ca.directory_url,
            "ca_root": settings.ca.root_file,
            "account": self.account.and_then(|account| account.url.as_ref()),
            "account_label": settings.account,
            "challenge": settings.challenge,
            "challenges": settings.challenges,
            "key_type": settings::key_type(settings)?.as_str(),
            "reuse_key": settings.reuse_key,
            "csr": settings.csr,
            "profile": settings.profile,
            "preferred_profile": settings.preferred_profile,
            "preferred_chain": settings.preferred_chain,
            "asked_not_after": settings.not_after,
            "deploy_hook": settings.deploy_hook,
            "reload": settings.reload,
            "pending_hooks": record.pending_hooks.iter().map(hook_members).collect::<Vec<_>>(),
            "revocation_reason": record.revocation.and_then(|revocation| revocation.reason).and_then(reason),
            "attempts": self.attempts.iter().map(attempts::members).collect::<Vec<_>>(),
            "next": standing::next(self.store, record, self.row.now),
            "line": self.recipe(),
        });
        if let (Value::Object(members), Value::Object(rest)) = (&mut members, rest) {
            members.extend(rest);
        }
        Ok(members)
    }

    fn recipe(&self) -> String {
        recipe::line(&self.context.settings, &self.row.record, self.account)
    }

    fn moment(&self, at: Timestamp) -> String {
        moment::for_people(at, self.row.now)
    }
}

/// `2026-12-24 03:17`.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn methods(methods: &ChallengeMethods, is_dev: bool) -> String {
    let methods = methods.iter().map(|one| method(one, is_dev));
    methods.collect::<Vec<_>>().join("; or else ")
}

fn method(method: &ChallengeMethod, is_dev: bool) -> String {
    match method {
        ChallengeMethod::Http { listen } => listener("http-01", 80, listen, is_dev),
        ChallengeMethod::HttpStateless => "http-01, by web servers that know the account".to_owned(),
        ChallengeMethod::TlsAlpn { listen } => listener("tls-alpn-01", 443, listen, is_dev),
        ChallengeMethod::Dns { provider, .. } => format!("dns-01, through {}", dns::title(provider)),
        ChallengeMethod::Manual { challenge, auth_hook, .. } => format!("{challenge}, through {auth_hook}"),
        ChallengeMethod::DnsPersist => "dns-persist-01, by a record that stays".to_owned(),
        ChallengeMethod::Webroot { dir } => format!("http-01, through files below {}", dir.display()),
        _ => "one that this version does not know".to_owned(),
    }
}

fn listener(challenge: &str, port: u16, listen: &[SocketAddr], is_dev: bool) -> String {
    if listen.is_empty() && is_dev {
        return format!("{challenge}, answered on a free port of this machine");
    }
    if listen.is_empty() {
        return format!("{challenge}, answered on port {port}");
    }
    let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
    format!("{challenge}, answered at {}", listen.join(", "))
}

fn hook_members(pending: &PendingHook) -> Value {
    let hook = if pending.hook == Hook::Deploy { "deploy_hook" } else { "reload" };
    json!({"hook": hook, "failures": pending.failures, "last_error": pending.last_error})
}

/// The word of RFC 5280, section 5.3.1, for a reason code.
fn reason(code: u32) -> Option<&'static str> {
    REASONS.iter().find(|(known, _)| *known == code).map(|(_, word)| *word)
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn words(names: &[Identifier]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

const FILES: [&str; 5] = ["fullchain.pem", "privkey.pem", "cert.pem", "chain.pem", "combined.pem"];

const REASONS: [(u32, &str); 6] = [
    (0, "unspecified"),
    (1, "key-compromise"),
    (3, "affiliation-changed"),
    (4, "superseded"),
    (5, "cessation-of-operation"),
    (9, "privilege-withdrawn"),
];
