//! `show`: everything there is to say of one certificate.

use acme_store::{
    Attempt, CertificateName, CertificateRecord, ChallengeMethod, Hook, Outcome, Settings, Store, Timestamp,
};
use serde_json::{Value, json};

use super::list;
use crate::args::ShowArgs;
use crate::ca;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::invocation::quoted;
use crate::moment;
use crate::settings::SettingError;
use crate::standing::{self, Standing};
use crate::timer::{self, Renewer};

pub(crate) fn run(context: &Context, args: &ShowArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let record = find(&store, &args.certificate)?;
    let attempts = store.attempts(&record.name)?;
    let now = context.now();
    context.output.event("certificate", members(context, &store, &record, &attempts, now));
    let show = Show { context, store: &store, record: &record, now };
    show.certificate();
    show.settings();
    show.hooks();
    show.attempts(&attempts);
    show.next();
    Ok(Status::Done)
}

/// The certificate with a name that somebody gave.
pub(crate) fn find(store: &Store, name: &str) -> Result<CertificateRecord, Error> {
    let name = CertificateName::new(name).map_err(SettingError::from)?;
    Ok(store.certificate(&name)?.ok_or(acme_store::Error::NoSuchCertificate { name })?)
}

struct Show<'a> {
    context: &'a Context,
    store: &'a Store,
    record: &'a CertificateRecord,
    now: Timestamp,
}

impl Show<'_> {
    fn certificate(&self) {
        let record = self.record;
        self.line("certificate", record.name.as_str());
        self.line("state", Standing::of(record, self.now).words());
        self.line("names", &joined(&record.settings.names));
        let Some(current) = &record.current else {
            self.line("asked for", &self.moment(record.created));
            return;
        };
        if current.names != record.settings.names {
            self.line("certified", &joined(&current.names));
        }
        self.line("valid from", &self.moment(current.not_before));
        self.line("valid until", &self.moment(current.not_after));
        self.line("serial", &current.serial);
        self.line("issuer", &current.issuer);
        if let Some(revocation) = &record.revocation {
            self.line("revoked", &self.moment(revocation.at));
        }
        let directory = self.store.current_directory(&record.name);
        for file in ["fullchain.pem", "privkey.pem", "cert.pem", "chain.pem", "combined.pem"] {
            let path = directory.join(file);
            // With a request of one's own there is no key here.
            if path.exists() {
                self.line("file", &path.display().to_string());
            }
        }
    }

    fn settings(&self) {
        let settings = &self.record.settings;
        self.line("ca", &ca::title(&settings.ca));
        if let Some(root) = &settings.ca.root_file {
            self.line("ca root", &root.display().to_string());
        }
        if !settings.account.is_empty() {
            self.line("account", &settings.account);
        }
        self.line("challenge", &challenge(&settings.challenge));
        for (name, method) in &settings.challenges {
            self.line("challenge", &format!("{} for {name}", challenge(method)));
        }
        self.line("key type", settings.key_type.as_deref().unwrap_or(DEFAULT_KEY_TYPE));
    }

    fn hooks(&self) {
        let settings = &self.record.settings;
        let hooks = [
            ("deploy hook", &settings.deploy_hook, Hook::Deploy),
            ("reload", &settings.reload, Hook::Reload),
        ];
        for (label, command, hook) in hooks {
            let Some(command) = command else { continue };
            self.line(label, command);
            if let Some(pending) = self.record.pending_hooks.iter().find(|pending| pending.hook == hook) {
                let error = pending.last_error.as_deref().unwrap_or("it has not run yet");
                self.line("", &format!("owed; failed {} times: {error}", pending.failures));
            }
        }
    }

    fn attempts(&self, attempts: &[Attempt]) {
        for attempt in attempts.iter().take(SHOWN_ATTEMPTS) {
            let at = self.moment(attempt.at);
            match attempt.outcome {
                Outcome::Succeeded => self.line("attempt", &format!("{at}: obtained")),
                Outcome::Failed | Outcome::Temporary | _ => self.failure(attempt, &at),
            }
        }
        if attempts.len() > SHOWN_ATTEMPTS {
            self.line("", &format!("and {} earlier ones", attempts.len() - SHOWN_ATTEMPTS));
        }
    }

    fn failure(&self, attempt: &Attempt, at: &str) {
        let how =
            if attempt.outcome == Outcome::Temporary { "failed, perhaps only for now" } else { "failed" };
        self.line("attempt", &format!("{at}: {how} ({})", attempt.step));
        for error in &attempt.errors {
            self.line("", error);
        }
        for problem in attempt.problem.iter().chain(&attempt.other_problems) {
            self.line("", &problem.to_string());
        }
        for help in &attempt.help {
            self.line("", &format!("help: {help}"));
        }
    }

    fn next(&self) {
        self.line("next", &standing::next(self.record, self.now));
        let renewer = match Renewer::find() {
            Some(Renewer::Timer) => format!("{} runs acmectl renew", timer::UNIT),
            Some(Renewer::Cron(path)) => format!("{} runs acmectl renew", path.display()),
            Some(Renewer::TimerDisabled) => {
                format!("{} is not enabled: nothing runs acmectl renew", timer::UNIT)
            }
            None => "nothing here runs acmectl renew".to_owned(),
        };
        self.line("", &renewer);
        self.line("same again", &line(self.context, self.record));
    }

    fn line(&self, label: &str, text: &str) {
        let label = if label.is_empty() { String::new() } else { format!("{label}:") };
        self.context.output.result(format_args!("{label:<LABEL_WIDTH$} {text}"));
    }

    fn moment(&self, at: Timestamp) -> String {
        moment::for_people(at, self.now)
    }
}

/// What programs get to see: what the list has, and the rest.
fn members(
    context: &Context,
    store: &Store,
    record: &CertificateRecord,
    attempts: &[Attempt],
    now: Timestamp,
) -> Value {
    let mut members = list::members(record, now);
    let settings = &record.settings;
    members["issuer"] = json!(record.current.as_ref().map(|current| &current.issuer));
    members["directory"] = json!(store.current_directory(&record.name));
    members["account"] = json!(settings.account);
    members["challenge"] = json!(settings.challenge);
    members["challenges"] = json!(settings.challenges);
    members["key_type"] = json!(settings.key_type.as_deref().unwrap_or(DEFAULT_KEY_TYPE));
    members["deploy_hook"] = json!(settings.deploy_hook);
    members["reload"] = json!(settings.reload);
    members["attempts"] = attempts.iter().map(attempt_members).collect();
    members["next"] = json!(standing::next(record, now));
    members["line"] = json!(line(context, record));
    members
}

fn attempt_members(attempt: &Attempt) -> Value {
    json!({
        "at": moment::for_programs(attempt.at),
        "step": attempt.step,
        "outcome": attempt.outcome,
        "errors": attempt.errors,
        "problem": attempt.problem,
        "help": attempt.help,
        "next_allowed_at": attempt.next_allowed_at.map(moment::for_programs),
    })
}

/// The line that would make the same certificate.
fn line(context: &Context, record: &CertificateRecord) -> String {
    let settings = &record.settings;
    let mut words: Vec<String> = vec!["acmectl".into(), "issue".into()];
    words.extend(settings.names.iter().map(ToString::to_string));
    let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
    add("--ca", settings.ca.name.as_deref().unwrap_or(&settings.ca.directory_url));
    if let Some(root) = &settings.ca.root_file {
        add("--ca-root", &root.display().to_string());
    }
    if !settings.account.is_empty() {
        add("--account", &settings.account);
    }
    for (option, value) in challenge_options(&settings.challenge) {
        add(option, &value);
    }
    for (option, value) in optional(settings) {
        add(option, value);
    }
    if let Some(csr) = &settings.csr {
        add("--csr", &csr.display().to_string());
    }
    let usual = settings.names.first().and_then(|name| CertificateName::from_identifier(name).ok());
    if usual.as_ref() != Some(&record.name) {
        add("--name", record.name.as_str());
    }
    if context.settings.dir_is_given {
        add("--dir", &context.settings.dir.display().to_string());
    }
    if settings.reuse_key {
        words.push("--reuse-key".into());
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn optional(settings: &Settings) -> impl Iterator<Item = (&'static str, &String)> {
    let options = [
        ("--key-type", &settings.key_type),
        ("--deploy-hook", &settings.deploy_hook),
        ("--reload", &settings.reload),
    ];
    options.into_iter().filter_map(|(option, value)| Some((option, value.as_ref()?)))
}

fn challenge_options(method: &ChallengeMethod) -> Vec<(&'static str, String)> {
    match method {
        ChallengeMethod::Http { listen } => {
            listen.iter().map(|address| ("--http-listen", address.to_string())).collect()
        }
        ChallengeMethod::Webroot { dir } => vec![("--webroot", dir.display().to_string())],
        ChallengeMethod::TlsAlpn { .. } | _ => Vec::new(),
    }
}

fn challenge(method: &ChallengeMethod) -> String {
    match method {
        ChallengeMethod::Http { listen } if listen.is_empty() => "http-01, answered on port 80".to_owned(),
        ChallengeMethod::Http { listen } => {
            let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
            format!("http-01, answered at {}", listen.join(", "))
        }
        ChallengeMethod::Webroot { dir } => format!("http-01, through files below {}", dir.display()),
        ChallengeMethod::TlsAlpn { .. } | _ => "one that this version does not know".to_owned(),
    }
}

fn joined(names: &[acme_proto::Identifier]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

const DEFAULT_KEY_TYPE: &str = "ecdsa-p256";
const LABEL_WIDTH: usize = 12;
const SHOWN_ATTEMPTS: usize = 5;
