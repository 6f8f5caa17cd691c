//! `ca`: the CAs that have a name here, what is known of each, and what it offers now.

use acme_proto::Directory;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::sheet::Sheet;
use crate::args::CaArgs;
use crate::ca::{self, Binding, KNOWN, Kind, KnownCa};
use crate::context::{Context, ReachedCa};
use crate::conversation::Conversation;
use crate::dev_ca::DevCa;
use crate::error::Error;
use crate::exit::Status;
use crate::report;
use crate::settings;

pub(crate) fn run(context: &Context, args: &CaArgs) -> Result<Status, Error> {
    match &args.ca {
        Some(text) => one(context, text, args),
        None => {
            all(context);
            Ok(Status::Done)
        }
    }
}

/// The table, without asking anybody.
fn all(context: &Context) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["NAME", "CA", "EXTERNAL ACCOUNT", "DIRECTORY"]);
    for known in &KNOWN {
        context.output.event("ca", members(known));
        let binding = match known.binding {
            Binding::ByEmail(_) => "needs --email",
            Binding::Needed(_) => "needed",
            Binding::NotNeeded => "-",
        };
        let url = if known.kind == Kind::Dev { "in this process" } else { known.directory_url };
        table.add_row([known.name, known.title, binding, url]);
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    for line in table.to_string().lines() {
        context.output.result(line.trim_end());
    }
    context.output.progress("  more of one: acmectl ca NAME");
}

/// One CA: what is known of it first, so that it is there if the CA does not answer.
fn one(context: &Context, text: &str, args: &CaArgs) -> Result<Status, Error> {
    let mut settings = ca::parse(text)?;
    if let Some(path) = &args.ca_root {
        settings.root_pem = Some(ca::read_root(&settings::absolute(path)?)?);
    }
    let known = ca::known(&settings);
    if let Some(known) = known {
        known_sheet(known).print(&context.output);
    }
    context.output.progress(format_args!("asking {}", ca::title(&settings)));
    // What can be known of the test CA is not a matter of what it keeps.
    let reached = match known.map(|known| known.kind) {
        Some(Kind::Dev) => DevCa::fresh().map(ReachedCa::dev),
        Some(Kind::Production | Kind::Staging) | None => context.reach(&settings),
    }?;
    let fetched = Conversation::new(context, &reached)?.directory();
    let mut event = known.map_or_else(|| json!({"directory_url": settings.directory_url}), members);
    if let Value::Object(event) = &mut event {
        event.insert("offers".to_owned(), fetched.as_ref().map_or(Value::Null, offers));
    }
    context.output.event("ca", event);
    match fetched {
        Ok(directory) => {
            offers_sheet(&directory).print(&context.output);
            Ok(Status::Done)
        }
        Err(error) => Ok(report::failure(&context.output, &context.invocation, None, &error)),
    }
}

fn known_sheet(known: &KnownCa) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.add("CA", format!("{} ({})", known.title, known.name));
    if known.kind != Kind::Dev {
        sheet.add("directory", known.directory_url);
    }
    match known.binding {
        Binding::ByEmail(place) => {
            sheet.add("external account", "needed; --email is enough, or --eab-kid and --eab-hmac-key-file");
            sheet.go_on(place);
        }
        Binding::Needed(place) => {
            sheet.add("external account", "needed: --eab-kid and --eab-hmac-key-file");
            sheet.go_on(place);
        }
        Binding::NotNeeded => sheet.add("external account", "not needed"),
    }
    if let Some(staging) = known.staging {
        sheet.add("for tests", staging);
    }
    if let Some(domain) = known.caa {
        sheet.add("CAA", domain);
    }
    let mut last = "";
    for fact in known.facts {
        let text = format!("{} [{}]", fact.text, fact.as_of);
        if fact.about == last {
            sheet.go_on(text);
        } else {
            sheet.add(fact.about, text);
        }
        last = fact.about;
    }
    sheet
}

/// What a directory says, for people.
fn offers_sheet(directory: &Directory) -> Sheet {
    let (meta, mut sheet) = (&directory.meta, Sheet::default());
    sheet.add("now", "what its directory says");
    sheet.add("terms", meta.terms_of_service.as_deref().unwrap_or("none: nothing has to be agreed to"));
    if let Some(website) = &meta.website {
        sheet.add("website", website.as_str());
    }
    let binding = if meta.external_account_required { "needed" } else { "not needed" };
    sheet.add("external account", binding);
    if !meta.caa_identities.is_empty() {
        sheet.add("CAA", meta.caa_identities.join(", "));
    }
    sheet.add_all("profiles", profiles(directory).map(|(name, text)| format!("{name}: {text}")));
    if profiles(directory).next().is_none() {
        sheet.add("profiles", "none");
    }
    let has = directory.has_renewal_info();
    sheet.add(
        "renewal",
        if has { "it says when to renew (ARI)" } else { "it does not say when to renew (no ARI)" },
    );
    sheet.add("account key", if directory.has_key_change() { "can be changed" } else { "can't be changed" });
    let has = directory.has_new_authz();
    sheet.add("authorization", if has { "also before an order" } else { "only in an order" });
    sheet
}

fn profiles(directory: &Directory) -> impl Iterator<Item = (&str, &str)> {
    directory.meta.profiles.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

/// What is known of a CA, for programs.
fn members(known: &KnownCa) -> Value {
    let facts: Vec<Value> = known
        .facts
        .iter()
        .map(|fact| json!({"about": fact.about, "text": fact.text, "as_of": fact.as_of}))
        .collect();
    json!({
        "name": known.name,
        "title": known.title,
        "directory_url": known.directory_url,
        "kind": match known.kind {
            Kind::Dev => "dev",
            Kind::Production => "production",
            Kind::Staging => "staging",
        },
        "staging": known.staging,
        "external_account": match known.binding {
            Binding::ByEmail(_) => "by_email",
            Binding::Needed(_) => "needed",
            Binding::NotNeeded => "not_needed",
        },
        "caa": known.caa,
        "facts": facts,
    })
}

/// What a directory says, for programs.
fn offers(directory: &Directory) -> Value {
    let meta = &directory.meta;
    json!({
        "terms_of_service": meta.terms_of_service,
        "website": meta.website,
        "external_account_required": meta.external_account_required,
        "caa_identities": meta.caa_identities,
        "profiles": meta.profiles,
        "renewal_info": directory.has_renewal_info(),
        "key_change": directory.has_key_change(),
        "new_authz": directory.has_new_authz(),
    })
}
