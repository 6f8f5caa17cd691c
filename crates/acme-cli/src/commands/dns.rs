//! `dns`: the DNS services whose APIs can prove control, and what each needs.

use acme_proto::Identifier;
use acme_solver::dns::{Exercise, Need, Variable};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::sheet::Sheet;
use crate::args::{DnsArgs, ResponderArgs};
use crate::challenge::ChallengeError;
use crate::context::Context;
use crate::dns::Way;
use crate::error::Error;
use crate::exit::Status;
use crate::names;
use crate::responder::{self, Responder};
use crate::scripts::{self, Kind};

pub(crate) fn run(context: &Context, args: &DnsArgs) -> Result<Status, Error> {
    match &args.provider {
        Some(name) if name == responder::NAME => builtin(context, args)?,
        Some(name) => {
            let way = Way::find(name).map_err(ChallengeError::from)?;
            context.output.event("dns", members(way));
            sheet(way).print(&context.output);
        }
        None => all(context),
    }
    Ok(Status::Done)
}

fn all(context: &Context) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["NAME", "SERVICE", "TRIED WITH", "NEEDS"]);
    for way in Way::all() {
        context.output.event("dns", members(way));
        let needed = way.variables().iter().filter(|variable| variable.need != Need::Optional);
        let needed: Vec<&str> = needed.map(|variable| variable.name).collect();
        let needs = if let Way::Script(kind) = way { kind.named().to_owned() } else { needed.join(" ") };
        table.add_row([way.name(), way.title(), exercise(way.exercise()), &needs]);
    }
    table.add_row([responder::NAME, responder::TITLE, exercise(Exercise::Real), ""]);
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    for line in table.to_string().lines() {
        context.output.result(line.trim_end());
    }
    context.output.progress("  more of one: acmectl dns PROVIDER");
}

/// What the DNS server in this program needs: records, once.
fn builtin(context: &Context, args: &DnsArgs) -> Result<(), Error> {
    let names = match args.domains.as_slice() {
        [] => vec![EXAMPLE.to_owned()],
        domains => domains.to_vec(),
    };
    let names: Vec<Identifier> = names::parse_all(&names)?.into_iter().map(|name| name.identifier).collect();
    let ResponderArgs { dns_listen, dns_name, dns_zone } = &args.responder;
    let responder = Responder::new(dns_listen.as_deref(), dns_name.as_deref(), dns_zone.as_deref());
    let records = responder.map_err(ChallengeError::from)?.records(&names);
    context.output.progress(format_args!(
        "  {}: it needs no credentials, and these records once; issue with --dns {}:",
        responder::TITLE,
        responder::NAME
    ));
    for record in records {
        context
            .output
            .event("record", json!({"name": record.name, "type": record.kind, "value": record.value}));
        context.output.result(record);
    }
    Ok(())
}

fn sheet(way: Way) -> Sheet {
    let mut sheet = Sheet::default();
    if let Way::Script(kind) = way {
        script(&mut sheet, kind);
    } else {
        sheet.add("service", format!("{} (--dns {})", way.title(), way.name()));
    }
    sheet.add("tried with", exercise(way.exercise()));
    for variable in way.variables() {
        sheet.add(variable.name, meaning(variable));
        for alias in variable.aliases {
            sheet.go_on(format!("or {alias}"));
        }
        for path in variable.paths {
            sheet.go_on(format!("or the path of a file with it in {path}"));
        }
    }
    if !matches!(way, Way::Script(_)) {
        sheet.add("files", "each can be the path of a file with it instead, with _FILE behind its name");
    }
    sheet
}

fn script(sheet: &mut Sheet, kind: Kind) {
    sheet.add("calls", kind.title());
    sheet.add("option", format!("--dns {}", kind.named()));
    sheet.go_on(format!("or --dns {}", kind.named_otherwise()));
    let [present, cleanup] = kind.calls();
    sheet.add("to prove", present);
    sheet.add("afterwards", cleanup);
    sheet.go_on("NAME is where the record has to be: where a CNAME leads to, if there is one");
    sheet.go_on("one call at a time, 300 s each at most, or what --hook-timeout says");
    let (first, rest) = scripts::VARIABLES.split_at(scripts::VARIABLES.len() / 2);
    sheet.add("it is told", first.join(" "));
    sheet.go_on(rest.join(" "));
    sheet.add("remembered", kind.remembered());
}

fn meaning(variable: &Variable) -> String {
    match variable.need {
        Need::Optional => format!("{} (optional)", variable.meaning),
        Need::Usual => format!("{} (the usual way)", variable.meaning),
        Need::Required | _ => variable.meaning.to_owned(),
    }
}

fn members(way: Way) -> Value {
    let variable = |variable: &Variable| {
        json!({
            "name": variable.name,
            "aliases": variable.aliases,
            "paths": variable.paths,
            "meaning": variable.meaning,
            "required": variable.need == Need::Required,
        })
    };
    json!({
        "provider": way.name(),
        "title": way.title(),
        "tried_with": exercise(way.exercise()),
        "variables": way.variables().iter().map(variable).collect::<Vec<_>>(),
    })
}

fn exercise(exercise: Exercise) -> &'static str {
    match exercise {
        Exercise::Nothing => "nothing",
        Exercise::Real => "the real one",
        Exercise::Description | _ => "a stand-in",
    }
}

/// For which records are shown where nobody says.
const EXAMPLE: &str = "example.com";
