//! `account show`: what there is to say of an account, without asking the CA.

use acme_proto::{Signer as _, Thumbprint};
use acme_store::Account as StoredAccount;
use serde_json::json;

use super::{ca_word, choose, reachable};
use crate::account;
use crate::args::AccountChoice;
use crate::ca::{self, Kind};
use crate::commands::sheet::Sheet;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::moment;

pub(super) fn run(context: &Context, choice: &AccountChoice) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let stored = choose(&store, choice)?;
    print(context, &stored)?;
    Ok(Status::Done)
}

/// Prints an account, for people and for programs.
pub(super) fn print(context: &Context, stored: &StoredAccount) -> Result<(), Error> {
    let key = account::key_of(stored)?;
    let thumbprint = Thumbprint::new(key.jwk(), acme_keys::sha256);
    let record = stored.url.as_deref().and_then(|url| caa(stored, url));
    context.output.event(
        "account",
        json!({
            "ca": ca_word(stored),
            "directory_url": stored.directory_url,
            "label": stored.label,
            "outcome": if stored.url.is_some() { "registered" } else { "unfinished" },
            "url": stored.url,
            "contacts": stored.contacts,
            "key_algorithm": key.algorithm().as_str(),
            "thumbprint": thumbprint.as_str(),
            "caa": record,
            "terms_agreed_at": stored.terms_agreed_at.map(moment::for_programs),
            "external_account": stored.external_account,
            "created": moment::for_programs(stored.created),
        }),
    );
    let (now, mut sheet) = (context.now(), Sheet::default());
    let ca = ca::parse(&stored.directory_url).map_or_else(|_| ca_word(stored), |ca| ca::title(&ca));
    sheet.add("CA", if ca_word(stored) == ca { ca } else { format!("{ca} ({})", ca_word(stored)) });
    if !stored.label.is_empty() {
        sheet.add("label", stored.label.as_str());
    }
    sheet.add("account", stored.url.as_deref().unwrap_or("not registered yet"));
    if stored.contacts.is_empty() {
        sheet.add("contact", "none");
    }
    sheet.add_all("contact", stored.contacts.iter().map(|contact| reachable(contact)));
    if let Some(kid) = &stored.external_account {
        sheet.add("bound to", format!("the external account {kid}"));
    }
    sheet.add("key", key.algorithm().as_str());
    sheet.add("thumbprint", thumbprint.as_str());
    sheet.go_on("answers http-01 without state: TOKEN.THUMBPRINT");
    if let Some(record) = record {
        sheet.add("CAA record", record);
        sheet.go_on("keeps other accounts from getting certificates for the name");
    }
    if let Some(at) = stored.terms_agreed_at {
        sheet.add("terms", format!("agreed to {}", moment::for_people(at, now)));
    }
    sheet.add("created", moment::for_people(stored.created, now));
    sheet.print(&context.output);
    Ok(())
}

/// The record that allows this account alone (RFC 8657).
fn caa(stored: &StoredAccount, url: &str) -> Option<String> {
    let known = ca::parse(&stored.directory_url).ok().and_then(|settings| ca::known(&settings));
    // The test CA looks at no records.
    if known.is_some_and(|known| known.kind == Kind::Dev) {
        return None;
    }
    let domain = known.and_then(|known| known.caa).unwrap_or("DOMAIN-OF-THE-CA");
    Some(format!("example.com. CAA 0 issue \"{domain}; accounturi={url}\""))
}
