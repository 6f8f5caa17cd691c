//! The directory of a CA, fetched without an account.

use acme_proto::{Directory, Flow as _, Input, Session, Step};

use crate::account::PRODUCT;
use crate::context::{Context, ReachedCa};
use crate::error::Error;

/// Fetches what a CA says of itself.
pub(crate) fn fetch(context: &Context, ca: &ReachedCa) -> Result<Directory, Error> {
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
            Step::Exchange(exchanges) => Input::Responses(client.perform(exchanges)),
            Step::Wait(time) => {
                context.signals.wait(time)?;
                Input::Elapsed
            }
            Step::Done(directory) => return Ok(directory),
            // It has nothing else to do.
            Step::Sign(_) | Step::Save(_) | Step::Present(_) | Step::Withdraw(_) => Input::Cancel,
        };
    }
}
