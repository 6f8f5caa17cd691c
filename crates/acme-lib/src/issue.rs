//! One certificate in one call.

use std::fmt;

use acme_keys::{Certificate, IssueFlow, IssueRequest, PrivateKey};
use acme_proto::{
    Challenge, ChallengeType, Checkpoint, Identifier, Issue, LeftOut, SecretText, Solver, SolverError,
};

use crate::account::Account;
use crate::driver::{Event, Hands, Interrupt, Journal};
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

/// What an issuance ends in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Issued {
    /// The certificate with its key.
    pub certificate: Certificate,
    /// The URL of the order.
    pub order_url: String,
    /// The profile of the order, where it has one.
    pub profile: Option<String>,
    /// The names that it is not for, since the CA refused them; only with
    /// [`IssueRequest::allow_partial`].
    pub left_out: Vec<LeftOut>,
    /// The responses that could not be taken away, and why; they stay in the journal's last
    /// checkpoint, to be taken away later.
    pub left_in_place: Vec<(Challenge, SolverError)>,
}

/// The chain for a CSR whose key is elsewhere.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedChain {
    /// The chain as PEM, the leaf first.
    pub chain_pem: String,
    /// The private key, PKCS#8 PEM, unless the request came with a CSR.
    pub private_key_pem: Option<SecretText>,
    /// The URL of the order.
    pub order_url: String,
    /// The profile of the order, where it has one.
    pub profile: Option<String>,
    /// The names that it is not for, since the CA refused them; only with
    /// [`IssueRequest::allow_partial`].
    pub left_out: Vec<LeftOut>,
    /// As [`Issued::left_in_place`].
    pub left_in_place: Vec<(Challenge, SolverError)>,
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
        let certificate = Certificate::new(&key.ok_or(Error::NoPrivateKey)?, &issued.chain)?;
        account.parts.keep(&primary, &certificate)?;
        Ok(Issued {
            certificate,
            order_url: issued.order_url,
            profile: issued.profile,
            left_out: issued.left_out,
            left_in_place: issued.left_in_place,
        })
    }

    /// Obtains the chain, and the key where there is one.
    ///
    /// # Errors
    /// As [`Account::issue`].
    pub fn run_for_chain(self, solver: &mut dyn Solver) -> Result<IssuedChain> {
        let (issued, key) = self.obtain(solver)?;
        Ok(IssuedChain {
            chain_pem: issued.chain.to_pem(),
            private_key_pem: key.map(|key| key.as_ref().to_pem()),
            order_url: issued.order_url,
            profile: issued.profile,
            left_out: issued.left_out,
            left_in_place: issued.left_in_place,
        })
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
