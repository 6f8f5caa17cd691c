//! `delete`: forget a certificate.

use serde_json::json;

use super::show;
use crate::args::DeleteArgs;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Status;
use crate::moment;

pub(crate) fn run(context: &Context, args: &DeleteArgs) -> Result<Status, Error> {
    let store = context.existing_store()?;
    let record = show::find(&store, &args.certificate)?;
    let _lock = store.lock_certificate(&record.name)?;
    store.delete_certificate(&record.name)?;
    context.output.result(format_args!("{}: deleted; it is not renewed any more", record.name));
    context.output.event("certificate", json!({"certificate": record.name, "outcome": "deleted"}));
    let now = context.now();
    if let Some(current) = record.current.filter(|current| current.not_after > now)
        && record.revocation.is_none()
    {
        let until = moment::for_people(current.not_after, now);
        context.output.progress(format_args!("note: it was not revoked, and is valid until {until}"));
    }
    Ok(Status::Done)
}
