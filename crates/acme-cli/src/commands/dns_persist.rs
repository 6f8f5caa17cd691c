//! `dns-persist`: the records by which an account may have certificates for as long as they stay.

use acme_proto::{Identifier, PersistRecord};
use acme_solver::{PersistSight, PersistWitness};
use acme_store::{CaSettings, Timestamp};
use serde_json::json;

use super::sheet::Sheet;
use crate::args::{DnsPersistCommand, PersistChoice, RecordArgs};
use crate::ca;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::moment;
use crate::names;
use crate::settings;
use crate::standing_record::{self, Parties, Wanted};
use crate::validity::NotAfter;

pub(crate) fn run(context: &Context, command: DnsPersistCommand) -> Result<Status, Error> {
    match command {
        DnsPersistCommand::Record(args) => record(context, &args),
        DnsPersistCommand::Verify(choice) => verify(context, &choice),
    }
}

fn record(context: &Context, args: &RecordArgs) -> Result<Status, Error> {
    let now = context.now();
    let until = args.persist_until.as_deref().map(NotAfter::parse).transpose()?;
    let until = until.map(|until| until.resolve(None, now)).transpose()?;
    let (domains, parties) = resolve(context, &args.choice)?;
    for (index, (domain, wildcard)) in domains.iter().enumerate() {
        let mut record = parties.record(domain);
        record.wildcard = *wildcard;
        record.until = until;
        if index > 0 {
            context.output.result("");
        }
        tell_record(context, &record);
    }
    Ok(Status::Done)
}

fn tell_record(context: &Context, record: &PersistRecord) {
    let (name, value) = (record.name(), record.to_string());
    context.output.event(
        "record",
        json!({
            "name": name,
            "type": "TXT",
            "value": value,
            "line": standing_record::line(record),
            "persist_until": record.until.map(moment::for_programs),
        }),
    );
    let mut sheet = Sheet::default();
    sheet.add("name", name);
    sheet.add("type", "TXT");
    sheet.add("value", value);
    sheet.add("line", standing_record::line(record));
    sheet.print(&context.output);
}

fn verify(context: &Context, choice: &PersistChoice) -> Result<Status, Error> {
    let (domains, parties) = resolve(context, choice)?;
    let mut status = Status::Done;
    for (domain, wildcard) in &domains {
        let policy = parties.policy(domain);
        let policy = if *wildcard { policy.for_wildcard() } else { policy };
        let mut record = parties.record(domain);
        record.wildcard = *wildcard;
        let now = context.now();
        let sight = PersistSight::look(&context.settings.resolver, domain, &policy, now);
        let verdict = Verdict::of(&sight.as_ref().map_err(ToString::to_string), now);
        tell(
            context,
            &record,
            sight.as_ref().map(|sight| sight.servers.as_slice()).unwrap_or_default(),
            &verdict,
        );
        if !verdict.permits {
            status = Status::Failed;
        }
    }
    Ok(status)
}

/// What all servers of a domain come to.
struct Verdict {
    permits: bool,
    until: Option<Timestamp>,
    words: String,
    warning: Option<String>,
}

impl Verdict {
    fn of(sight: &Result<&PersistSight, String>, now: Timestamp) -> Self {
        let refusal = |words: String| Self { permits: false, until: None, words, warning: None };
        let sight = match sight {
            Ok(sight) => sight,
            Err(error) => return refusal(format!("can't be looked at: {error}")),
        };
        match sight.permitted() {
            Some(until) => {
                let words = match until {
                    Some(until) => format!("permits until {}", moment::for_people(until, now)),
                    None => "permits, for as long as it stays".to_owned(),
                };
                Self { permits: true, until, words, warning: standing_record::lapse(until, now) }
            }
            None if sight.servers.is_empty() => {
                refusal("none of the zone's servers has an address".to_owned())
            }
            None if sight.servers.iter().all(|witness| witness.findings.is_err()) => {
                refusal("no server of the zone answers".to_owned())
            }
            None => refusal("does not permit".to_owned()),
        }
    }
}

fn tell(context: &Context, record: &PersistRecord, servers: &[PersistWitness], verdict: &Verdict) {
    let output = &context.output;
    let name = record.name();
    output.result(format_args!("{name}: {}", verdict.words));
    for witness in servers {
        output.result(format_args!("  {witness}"));
    }
    if let Some(warning) = &verdict.warning {
        output.warn(format_args!("{name}: {warning}"));
    }
    if !verdict.permits {
        output.result("  add this record, or put it in the place of one that is wrong:");
        output.result(format_args!("    {}", standing_record::line(record)));
    }
    let server = |witness: &PersistWitness| {
        json!({
            "server": witness.server,
            "address": witness.address.ip(),
            "permits": witness.permitted().is_some(),
            "until": witness.permitted().flatten().map(moment::for_programs),
            "seen": witness.to_string(),
        })
    };
    output.event(
        "dns_persist",
        json!({
            "name": name,
            "outcome": if verdict.permits { "permits" } else { "refused" },
            "until": verdict.until.map(moment::for_programs),
            "lapses_soon": verdict.warning.is_some(),
            "servers": servers.iter().map(server).collect::<Vec<_>>(),
            "wanted": record.to_string(),
        }),
    );
}

/// The domains, each once and with whether it is for its wildcard, and who is to have certificates.
fn resolve(context: &Context, choice: &PersistChoice) -> Result<(Vec<(String, bool)>, Parties), Error> {
    let names = names::parse_all(&choice.domains)?;
    let names: Vec<Identifier> = names.into_iter().map(|name| name.identifier).collect();
    let mut domains: Vec<(String, bool)> = Vec::new();
    for name in names.iter().filter(|name| matches!(name, Identifier::Dns(_))) {
        let (domain, wildcard) = (name.base().to_string(), choice.wildcard || name.is_wildcard());
        match domains.iter_mut().find(|(known, _)| *known == domain) {
            Some((_, known)) => *known |= wildcard,
            None => domains.push((domain, wildcard)),
        }
    }
    let (ca, account) = place(context, choice, &names)?;
    let wanted = Wanted {
        ca: &ca,
        account: &account,
        account_uri: choice.account_uri.as_deref(),
        issuer: choice.issuer.as_deref(),
    };
    Ok((domains, Parties::find(context, &wanted)?))
}

/// The CA and the account's label: as given, else of the certificate that has one of the names.
fn place(
    context: &Context,
    choice: &PersistChoice,
    names: &[Identifier],
) -> Result<(CaSettings, String), Error> {
    let kept = if context.has_store() {
        let records = context.existing_store()?.certificates()?.records;
        let has_name = |one: &Identifier| names.contains(one);
        records.into_iter().map(|record| record.settings).find(|kept| kept.names.iter().any(has_name))
    } else {
        None
    };
    let (mut ca, mut account) = match (&choice.ca, kept) {
        (None, Some(kept)) => (kept.ca, kept.account),
        (given, _) => (ca::parse(given.as_deref().unwrap_or(ca::DEFAULT))?, String::new()),
    };
    if let Some(path) = &choice.ca_root {
        ca.root_pem = Some(ca::read_root(&settings::absolute(path)?)?);
    }
    if let Some(label) = &choice.account {
        account.clone_from(label);
    }
    Ok((ca, account))
}
