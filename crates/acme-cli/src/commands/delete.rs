//! `delete`: forget a certificate.

use serde_json::json;

use super::show;
use crate::args::DeleteArgs;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::invocation::quoted;
use crate::moment;

pub(crate) fn run(context: &Context, args: DeleteArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let record = show::find(&store, args.certificate.or(args.cert_name))?;
    let _lock = store.lock_certificate(&record.name)?;
    store.delete_certificate(&record.name)?;
    let current = store.current_directory(&record.name);
    let directory = current.parent().unwrap_or(&current);
    let (output, now) = (&context.output, context.now());
    output.result(format_args!("{}: deleted; it is not renewed any more", record.name));
    if record.current.is_some() {
        output.result(format_args!("{}: removed, keys included", directory.display()));
    }
    let valid = record.current.filter(|current| current.not_after > now && record.revocation.is_none());
    output.event(
        "certificate",
        json!({
            "certificate": record.name,
            "outcome": "deleted",
            "directory": directory,
            "serial": valid.as_ref().map(|current| &current.serial),
            "valid_until": valid.as_ref().map(|current| moment::for_programs(current.not_after)),
        }),
    );
    if let Some(current) = valid {
        let until = moment::for_people(current.not_after, now);
        let ca = &record.settings.ca;
        let ca = quoted(ca.name.as_ref().unwrap_or(&ca.directory_url));
        output.progress(format_args!("note: it was not revoked, and is valid until {until};"));
        output.progress("      where a server still has a copy of it, that can be revoked:");
        output.progress(format_args!("      acmectl revoke --cert FILE --ca {ca}"));
    }
    Ok(Status::Done)
}
