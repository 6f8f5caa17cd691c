//! The directory of a CA, fetched without an account.

use acme_proto::{Directory, Flow as _, Input, Session, Step};
use acme_store::Timestamp;

use crate::account::PRODUCT;
use crate::context::{Context, ReachedCa};
use crate::error::Error;

/// Fetches what a CA says of itself.
pub(crate) fn fetch(context: &Context, ca: &ReachedCa) -> Result<Directory, Error> {
    fetch_with_date(context, ca).map(|(directory, _)| directory)
}

/// Fetches what a CA says of itself, and what time it is there.
pub(crate) fn fetch_with_date(
    context: &Context,
    ca: &ReachedCa,
) -> Result<(Directory, Option<Timestamp>), Error> {
    let mut date = None;
    let mut client = acme_http::Client::builder();
    if let Some(pem) = &ca.root_pem {
        client = client.root_pem(pem.clone());
    }
    let client = client.build().map_err(acme_lib::Error::from)?;
    let seed = context.dice()?.u64(..);
    let mut session =
        Session::new(&ca.directory_url, PRODUCT, acme_keys::sha256, seed).map_err(acme_lib::Error::from)?;
    let mut flow = Directory::fetch();
    let mut input = Input::Start;
    loop {
        let step = flow.resume(&mut session, input, context.now()).map_err(acme_lib::Error::from)?;
        input = match step {
            Step::Exchange(exchanges) => {
                let responses = client.perform(exchanges);
                let mut dates = responses.iter().flatten().map(|response| response.headers().get("date"));
                date = dates.find_map(|header| parse_date(header?.to_str().ok()?)).or(date);
                Input::Responses(responses)
            }
            Step::Wait(time) => {
                context.signals.wait(time)?;
                Input::Elapsed
            }
            Step::Done(directory) => return Ok((directory, date)),
            // It has nothing else to do.
            Step::Sign(_) | Step::Save(_) | Step::Present(_) | Step::Withdraw(_) => Input::Cancel,
        };
    }
}

/// The time of a `Date` header: the server's clock.
fn parse_date(date: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp())
}
