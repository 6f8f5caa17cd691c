//! One certificate in one call.

use std::fmt;

use acme_keys::{IssueFlow, IssueRequest, Issued, IssuedChain, PrivateKey};
use acme_proto::{ChallengeType, Checkpoint, Event, Identifier, Issue, Solver};

use crate::account::Account;
use crate::driver::{Hands, Interrupt, Journal};
use crate::error::{Error, Result};
use crate::persist::Persist;

/// An issuance with everything that it can be given.
///
/// With a [`Journal`], an issuance that was interrupted at whatever instant goes on where it was:
/// run it again with the same request. What an earlier one left in place is taken away.
#[must_use = "nothing happens before run"]
pub struct Issuance<'a, P: Persist> {
    account: &'a Account<P>,
    request: &'a IssueRequest,
    journal: Option<&'a mut dyn Journal>,
    observer: Option<&'a mut dyn FnMut(&Event<'_>)>,
    interrupt: Option<&'a Interrupt>,
}

impl<'a, P: Persist> Issuance<'a, P> {
    pub(crate) fn new(account: &'a Account<P>, request: &'a IssueRequest) -> Self {
        Self { account, request, journal: None, observer: None, interrupt: None }
    }

    /// Makes progress durable here.
    pub fn journal(mut self, journal: &'a mut dyn Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Tells what is about to happen.
    pub fn observe(mut self, observer: &'a mut dyn FnMut(&Event<'_>)) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Ends early when this is triggered.
    pub fn interrupt(mut self, interrupt: &'a Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// Obtains the certificate, and keeps it under its primary name where the account has a
    /// [`Persist`].
    ///
    /// # Errors
    /// As [`Account::issue`]. [`Error::NoPrivateKey`] for a request with a CSR of one's own:
    /// [`run_for_chain`](Self::run_for_chain) is for that.
    pub fn run(self, solver: &mut dyn Solver) -> Result<Issued> {
        if !self.request.has_key() {
            return Err(Error::NoPrivateKey);
        }
        let account = self.account;
        let primary = self.request.primary_name().to_string();
        let (issued, key) = self.obtain(solver)?;
        let issued = Issued::new(issued, &key.ok_or(Error::NoPrivateKey)?)?;
        account.parts.keep(&primary, &issued.certificate)?;
        Ok(issued)
    }

    /// Obtains the chain, and the key where there is one.
    ///
    /// # Errors
    /// As [`Account::issue`].
    pub fn run_for_chain(self, solver: &mut dyn Solver) -> Result<IssuedChain> {
        let (issued, key) = self.obtain(solver)?;
        Ok(IssuedChain::new(issued, key.as_ref()))
    }

    fn obtain(mut self, solver: &mut dyn Solver) -> Result<(acme_proto::Issued, Option<PrivateKey>)> {
        let identifiers = self.request.identifiers().map_err(acme_proto::Error::from)?;
        let choices: Vec<_> =
            identifiers.iter().map(|name| (name.clone(), solver.challenge_types(name))).collect();
        let (flow, key) = self.flow(identifiers, choices.clone())?;
        let flow = IssueFlow::new(self.request, flow, choices, key.as_ref());
        let hands = Hands {
            solver: Some(solver),
            journal: self.journal.map(|journal| journal as _),
            observer: self.observer.map(|observer| observer as _),
            interrupt: self.interrupt,
        };
        Ok((self.account.parts.driver.run(flow, hands)?, key))
    }

    /// Goes on with what the journal has, if it is of the same request.
    fn flow(
        &mut self,
        identifiers: Vec<Identifier>,
        choices: Vec<(Identifier, Vec<ChallengeType>)>,
    ) -> Result<(Issue, Option<PrivateKey>)> {
        let left = match &mut self.journal {
            Some(journal) => journal.load().map_err(acme_proto::Error::Store)?,
            None => None,
        };
        let Some(left) = left else {
            let (intent, key) = self.request.intent(identifiers)?;
            return Ok((Issue::new(intent, choices)?, key));
        };
        if self.request.is_of(&left.intent, &identifiers) {
            let pem = left.intent.private_key.as_ref();
            let key = pem.map(|pem| PrivateKey::from_pem(pem.expose())).transpose()?;
            return Ok((Issue::resume_from(left, choices)?, key));
        }
        let (intent, key) = self.request.intent(identifiers)?;
        let mut checkpoint = Checkpoint::new(intent);
        checkpoint.presented = left.presented;
        Ok((Issue::start_from(checkpoint, choices)?, key))
    }
}

impl<P: Persist> fmt::Debug for Issuance<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuance").field("request", self.request).finish_non_exhaustive()
    }
}
