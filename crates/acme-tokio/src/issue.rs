//! One certificate in one call.

use std::fmt;
use std::ops::DerefMut;
use std::sync::Arc;

use acme_keys::{IssueFlow, IssueRequest, Issued, IssuedChain, PrivateKey};
use acme_proto::{
    AsyncSolver, Challenge, ChallengeType, Checkpoint, Event, Identifier, Intent, Issue, SolverFuture,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::account::Account;
use crate::driver::{Hands, Observer};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::journal::Journal;

/// An issuance with everything that it can be given.
///
/// With a [`Journal`], an issuance that was interrupted at whatever instant goes on where it was:
/// run it again with the same request. What an earlier one left in place is taken away.
#[must_use = "nothing happens before run"]
pub struct Issuance<'a> {
    account: &'a Account,
    request: &'a IssueRequest,
    journal: Option<&'a mut dyn Journal>,
    observer: Option<Observer<'a>>,
    interrupt: Option<&'a Interrupt>,
}

impl<'a> Issuance<'a> {
    pub(crate) fn new(account: &'a Account, request: &'a IssueRequest) -> Self {
        Self { account, request, journal: None, observer: None, interrupt: None }
    }

    /// Makes progress durable here.
    pub fn journal(mut self, journal: &'a mut dyn Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Tells what is about to happen.
    pub fn observe(mut self, observer: &'a mut (dyn FnMut(&Event<'_>) + Send)) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Ends early when this is triggered.
    pub fn interrupt(mut self, interrupt: &'a Interrupt) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// Obtains the certificate with a solver whose clones are one and the same solver, as those of
    /// [`Http01`](crate::Http01) and [`Http01Responder`](crate::Http01Responder) are.
    ///
    /// # Errors
    /// As [`Account::issue`]. A request with a CSR of one's own has no key to give:
    /// [`run_for_chain`](Self::run_for_chain) is for that.
    pub async fn run<S: AsyncSolver + Clone + 'static>(self, solver: &mut S) -> Result<Issued> {
        self.issued(Box::new(solver.clone())).await
    }

    /// Obtains the certificate with a solver that is one of a kind.
    ///
    /// It is locked until the issuance ends. When the future is dropped, the lock goes with what
    /// is in place to the task that takes it away, so that nobody comes between.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_locked<S: AsyncSolver + 'static>(self, solver: &Arc<Mutex<S>>) -> Result<Issued> {
        let guard = Arc::clone(solver).lock_owned().await;
        self.issued(Box::new(Locked(guard))).await
    }

    /// Obtains the chain, and the key where there is one.
    ///
    /// # Errors
    /// As [`Account::issue`].
    pub async fn run_for_chain<S: AsyncSolver + Clone + 'static>(
        self,
        solver: &mut S,
    ) -> Result<IssuedChain> {
        let (issued, key) = self.obtain(Box::new(solver.clone())).await?;
        Ok(IssuedChain::new(issued, key.as_ref()))
    }

    async fn issued(self, solver: Box<dyn AsyncSolver>) -> Result<Issued> {
        if !self.request.has_key() {
            return Err(Error::NoPrivateKey);
        }
        let (issued, key) = self.obtain(solver).await?;
        Ok(Issued::new(issued, &key.ok_or(Error::NoPrivateKey)?)?)
    }

    async fn obtain(
        mut self,
        solver: Box<dyn AsyncSolver>,
    ) -> Result<(acme_proto::Issued, Option<PrivateKey>)> {
        let identifiers = self.request.identifiers().map_err(acme_proto::Error::from)?;
        let choices: Vec<_> =
            identifiers.iter().map(|name| (name.clone(), solver.challenge_types(name))).collect();
        let (flow, key) = self.flow(identifiers, choices.clone()).await?;
        let flow = IssueFlow::new(self.request, flow, choices, key.as_ref());
        let hands = Hands { journal: self.journal, observer: self.observer, interrupt: self.interrupt };
        Ok((self.account.driver().run(flow, Some(solver), hands).await?, key))
    }

    /// Goes on with what the journal has, if it is of the same request.
    async fn flow(
        &mut self,
        identifiers: Vec<Identifier>,
        choices: Vec<(Identifier, Vec<ChallengeType>)>,
    ) -> Result<(Issue, Option<PrivateKey>)> {
        let left = match &mut self.journal {
            Some(journal) => journal.load().await.map_err(acme_proto::Error::Store)?,
            None => None,
        };
        let Some(left) = left else {
            let (intent, key) = intent(self.request, identifiers).await?;
            return Ok((Issue::new(intent, choices)?, key));
        };
        if self.request.is_of(&left.intent, &identifiers) {
            let pem = left.intent.private_key.as_ref();
            let key = pem.map(|pem| PrivateKey::from_pem(pem.expose())).transpose()?;
            return Ok((Issue::resume_from(left, choices)?, key));
        }
        let (intent, key) = intent(self.request, identifiers).await?;
        let mut checkpoint = Checkpoint::new(intent);
        checkpoint.presented = left.presented;
        Ok((Issue::start_from(checkpoint, choices)?, key))
    }
}

impl fmt::Debug for Issuance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuance").field("request", self.request).finish_non_exhaustive()
    }
}

/// What to order; an RSA key, which takes its time, is made beside the other tasks.
async fn intent(
    request: &IssueRequest,
    identifiers: Vec<Identifier>,
) -> Result<(Intent, Option<PrivateKey>)> {
    if !request.makes_rsa_key() {
        return Ok(request.intent(identifiers)?);
    }
    let request = request.clone();
    let intent = tokio::task::spawn_blocking(move || request.intent(identifiers));
    Ok(intent.await.map_err(Error::Runtime)??)
}

/// A solver for as long as it is locked.
struct Locked<S>(OwnedMutexGuard<S>);

impl<S: AsyncSolver> AsyncSolver for Locked<S> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        self.0.challenge_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        self.0.deref_mut().present(challenges)
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        self.0.deref_mut().withdraw(challenges)
    }
}
