//! What is asked of a CA without an account.

use acme_http::Client;
use acme_proto::{Directory, Flow, Input, Session, Step};
use acme_store::Timestamp;

use crate::account::PRODUCT;
use crate::context::{Context, ReachedCa};
use crate::error::Error;

/// A conversation with one CA.
pub(crate) struct Conversation<'a> {
    context: &'a Context,
    client: Client,
    session: Session,
    date: Option<Timestamp>,
}

impl<'a> Conversation<'a> {
    /// Gets ready; nothing is sent yet.
    pub(crate) fn new(context: &'a Context, ca: &ReachedCa) -> Result<Self, Error> {
        let mut client = Client::builder();
        if let Some(pem) = &ca.root_pem {
            client = client.root_pem(pem.clone());
        }
        let client = client.build().map_err(acme_lib::Error::from)?;
        let seed = context.dice()?.u64(..);
        let session = Session::new(&ca.directory_url, PRODUCT, acme_keys::sha256, seed);
        Ok(Self { context, client, session: session.map_err(acme_lib::Error::from)?, date: None })
    }

    /// Fetches what the CA says of itself.
    pub(crate) fn directory(&mut self) -> Result<Directory, Error> {
        self.call(Directory::fetch())
    }

    /// What time it was there at the last response that said so.
    pub(crate) fn date(&self) -> Option<Timestamp> {
        self.date
    }

    /// Runs a flow that needs nothing but the network and time.
    pub(crate) fn call<F: Flow<Context = Session>>(&mut self, mut flow: F) -> Result<F::Output, Error> {
        let mut input = Input::Start;
        loop {
            let step = flow.resume(&mut self.session, input, self.context.now());
            input = match step.map_err(acme_lib::Error::from)? {
                Step::Exchange(exchanges) => {
                    let responses = self.client.perform(exchanges);
                    let mut dates = responses.iter().flatten().map(|response| response.headers().get("date"));
                    self.date = dates.find_map(|header| parse_date(header?.to_str().ok()?)).or(self.date);
                    Input::Responses(responses)
                }
                Step::Wait(time) => match self.context.signals.wait(time) {
                    Ok(()) => Input::Elapsed,
                    Err(_) => Input::Cancel,
                },
                Step::Done(output) => return Ok(output),
                // Such a flow has nothing else to do.
                Step::Sign(_) | Step::Save(_) | Step::Present(_) | Step::Withdraw(_) => Input::Cancel,
            };
        }
    }
}

/// The time of a `Date` header: the server's clock.
fn parse_date(date: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp())
}
