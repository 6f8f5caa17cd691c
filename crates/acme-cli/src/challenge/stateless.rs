//! http-01 answered by web servers that know the thumbprint of the account's key.

use acme_proto::{Identifier, Signer as _, Thumbprint};
use acme_solver::{Finding, SelfCheck, StatelessHttp01};
use acme_store::{ChallengeMethod, Settings};

use super::ChallengeError;
use crate::account;
use crate::advice::Advice;
use crate::context::Context;
use crate::error::Error;
use crate::invocation::{Invocation, quoted};
use crate::output::Output;

/// Why web servers can't answer for an account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatelessError {
    #[error("a throw-away account has another thumbprint than the web servers answer with")]
    DryRun,
    #[error("the account can't be read")]
    Account(#[source] Box<Error>),
    #[error("there is no account yet whose thumbprint web servers could answer with")]
    NoAccount { choice: String },
    #[error("{}", .seen.join("; "))]
    Unanswered { choice: String, seen: Vec<String> },
}

/// Refuses to try it with an account that no web server knows.
pub(crate) fn refuse_dry_run(settings: &Settings) -> Result<(), ChallengeError> {
    if is_stateless(settings) { Err(StatelessError::DryRun.into()) } else { Ok(()) }
}

/// Tells whether web servers have to know the account's key.
pub(crate) fn is_stateless(settings: &Settings) -> bool {
    let mut methods = std::iter::once(&settings.challenge).chain(settings.challenges.values());
    methods.any(|methods| methods.iter().any(|method| *method == ChallengeMethod::HttpStateless))
}

impl StatelessError {
    pub(crate) fn advice(&self, invocation: &Invocation) -> Vec<Advice> {
        let snippet =
            |choice: &str| Advice::paste(format!("acmectl account thumbprint --web-server nginx {choice}"));
        match self {
            Self::DryRun => vec![
                Advice::text("leave it out; whether the servers answer is looked at before a CA is asked:"),
                Advice::paste(invocation.without_flags(&["--dry-run"]).line()),
            ],
            Self::Account(_) => Vec::new(),
            Self::NoAccount { choice } => vec![
                Advice::text(
                    "make the account, and have the web server answer; the second line prints what to configure:",
                ),
                Advice::paste(format!("acmectl account register --agree-tos {choice}")),
                snippet(choice),
            ],
            Self::Unanswered { choice, .. } => vec![
                Advice::text("have the web server answer; this prints what to configure:"),
                snippet(choice),
            ],
        }
    }
}

/// Finds out whether each name answers a token that nobody else knows, as it will one of the CA's.
pub(super) fn set_up(
    context: &Context,
    settings: &Settings,
    names: &[Identifier],
    check: &SelfCheck,
) -> Result<StatelessHttp01, StatelessError> {
    let failed = |error| StatelessError::Account(Box::new(error));
    let choice = choice(settings);
    let Some(thumbprint) = thumbprint(context, settings).map_err(failed)? else {
        return Err(StatelessError::NoAccount { choice });
    };
    let token = made_up_token(context).map_err(failed)?;
    let findings = check.check_thumbprint(names, &token, &thumbprint);
    let seen: Vec<String> =
        findings.iter().filter(|finding| finding.is_warning()).map(ToString::to_string).collect();
    if !seen.is_empty() {
        return Err(StatelessError::Unanswered { choice, seen });
    }
    tell_unknown(&context.output, &findings);
    Ok(StatelessHttp01::new(thumbprint))
}

/// What was not looked at is no reason to give up: the CA may see more than this machine.
fn tell_unknown(output: &Output, findings: &[Finding]) {
    let is_unknown = |finding: &&Finding| !matches!(finding.outcome, acme_solver::Outcome::Same);
    findings.iter().filter(is_unknown).for_each(|finding| output.warn(format_args!("{finding}")));
}

fn thumbprint(context: &Context, settings: &Settings) -> Result<Option<Thumbprint>, Error> {
    if !context.has_store() {
        return Ok(None);
    }
    let stored = context.existing_store()?.account(&settings.ca.directory_url, &settings.account)?;
    let Some(stored) = stored else { return Ok(None) };
    let key = account::key_of(&stored)?;
    Ok(Some(Thumbprint::new(key.jwk(), acme_keys::sha256)))
}

/// As long as the tokens of CAs are.
fn made_up_token(context: &Context) -> Result<String, Error> {
    let mut dice = context.dice()?;
    Ok((0..TOKEN_LENGTH).map(|_| dice.alphanumeric()).collect())
}

/// The options that say which account.
fn choice(settings: &Settings) -> String {
    let ca = quoted(settings.ca.name.as_deref().unwrap_or(&settings.ca.directory_url));
    if settings.account.is_empty() {
        return format!("--ca {ca}");
    }
    format!("--ca {ca} --account {}", quoted(&settings.account))
}

const TOKEN_LENGTH: usize = 43;
