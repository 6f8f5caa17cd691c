//! `account register`: make an account, or find the one that there is.

use acme_proto::AccountStatus;

use super::{ca_of, show};
use crate::account;
use crate::args::RegisterArgs;
use crate::ca;
use crate::context::{Context, ReachedCa};
use crate::error::Error;
use crate::exit::Status;
use crate::settings::Registration;

pub(super) fn run(context: &Context, args: RegisterArgs) -> Result<Status, Error> {
    let ca = ca_of(&args.place)?;
    let registration = Registration::resolve(args.agree_tos, args.email.as_deref(), args.binding)?;
    let label = args.place.account.unwrap_or_default();
    if !context.has_store() {
        account::check_binding(None, &ca, &label, &registration)?;
    }
    let store = context.store()?;
    account::check_binding(Some(&store), &ca, &label, &registration)?;
    let title = ca::title(&ca);
    context.output.progress(format_args!("asking {title}"));
    let ca = context.reach(&ca)?;
    let account = account::open(context, &store, &ca, &label, &registration)?;
    // One that was stored is known by its URL; whether the CA still knows it is another matter.
    let found = match account.read() {
        Err(error) if is_unknown(&error) => {
            account::reopen(context, &store, &ca, &label, &registration)?.read()?
        }
        found => found?,
    };
    if found.status != AccountStatus::Valid {
        context.output.warn(format_args!("{title} says that the account is {}", word(&found.status)));
    }
    let missing = || no_such_account(&ca, &label);
    let stored = store.account(&ca.key, &label)?.ok_or_else(missing)?;
    show::print(context, &stored)?;
    Ok(if found.status == AccountStatus::Valid { Status::Done } else { Status::Failed })
}

fn no_such_account(ca: &ReachedCa, label: &str) -> Error {
    acme_store::Error::NoSuchAccount { directory_url: ca.key.clone(), label: label.to_owned() }.into()
}

fn is_unknown(error: &acme_lib::Error) -> bool {
    let refusal = error.as_acme().and_then(acme_proto::Error::refusal);
    refusal.is_some_and(|refusal| refusal.problem.kind == acme_proto::ProblemKind::AccountDoesNotExist)
}

fn word(status: &AccountStatus) -> &str {
    match status {
        AccountStatus::Valid => "valid",
        AccountStatus::Deactivated => "deactivated",
        AccountStatus::Revoked => "revoked",
        AccountStatus::Other(text) => text,
        _ => "of an unknown status",
    }
}
