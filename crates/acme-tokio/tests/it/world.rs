//! A CA and whoever talks to it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acme_testca::{Operation, TestCa, TestCaBuilder};
use acme_tokio::proto::{Challenge, SolverError, SolverFuture, StoreError};
use acme_tokio::{
    Account, AccountBuilder, AsyncSolver, ChallengeType, Checkpoint, DirectoryUrl, Identifier, Journal,
    JournalFuture, proto,
};
use tokio::task::yield_now;
use tokio::time::timeout;

/// A CA that does nothing unexpected, and takes every answer for right.
pub(crate) fn gentle() -> TestCaBuilder {
    TestCa::builder().gentle().always_valid()
}

pub(crate) fn builder(ca: &TestCa) -> AccountBuilder {
    Account::builder(DirectoryUrl::Other(ca.directory_url())).root_pem(ca.root_pem())
}

/// How many requests for an operation the CA saw.
pub(crate) fn count(ca: &TestCa, operation: Operation) -> usize {
    ca.requests().iter().filter(|request| request.operation == operation).count()
}

/// Waits for something that other tasks do.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.expect("it does not happen");
}

/// Gives other tasks every chance to go too far.
pub(crate) async fn settle() {
    for _ in 0..1000 {
        yield_now().await;
    }
}

/// Somebody who puts nothing anywhere, and knows what would be there. Its clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Desk {
    in_place: Arc<Mutex<BTreeSet<String>>>,
    kind: Option<ChallengeType>,
}

impl Desk {
    /// One that knows one type of challenge only.
    pub(crate) fn of_type(self, kind: ChallengeType) -> Self {
        Self { kind: Some(kind), ..self }
    }

    fn types(&self) -> Vec<ChallengeType> {
        self.kind.clone().map_or_else(|| vec![ChallengeType::Http01, ChallengeType::Dns01], |kind| vec![kind])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_place.lock().unwrap().is_empty()
    }

    fn put(&self, challenge: &Challenge) -> Result<(), SolverError> {
        self.in_place.lock().unwrap().insert(challenge.url.clone());
        Ok(())
    }

    fn take(&self, challenge: &Challenge) -> Result<(), SolverError> {
        self.in_place.lock().unwrap().remove(&challenge.url);
        Ok(())
    }
}

impl AsyncSolver for Desk {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        self.types()
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async move {
            let mut results = Vec::new();
            for challenge in challenges {
                results.push(self.put(challenge));
                yield_now().await;
            }
            results
        })
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async move {
            let mut results = Vec::new();
            for challenge in challenges {
                yield_now().await;
                results.push(self.take(challenge));
            }
            results
        })
    }
}

/// The same for threads.
impl proto::Solver for Desk {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        self.types()
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|challenge| self.put(challenge)).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|challenge| self.take(challenge)).collect()
    }
}

/// A journal whose copies are the same journal.
#[derive(Clone, Default)]
pub(crate) struct Notebook {
    pub(crate) page: Arc<Mutex<Option<Checkpoint>>>,
    /// Whether nothing more can be written.
    pub(crate) is_full: bool,
}

impl Journal for Notebook {
    fn load(&mut self) -> JournalFuture<'_, Option<Checkpoint>> {
        Box::pin(async move {
            yield_now().await;
            Ok(self.page.lock().unwrap().clone())
        })
    }

    fn save<'a>(&'a mut self, checkpoint: &'a Checkpoint) -> JournalFuture<'a, ()> {
        Box::pin(async move {
            yield_now().await;
            if self.is_full {
                return Err(StoreError::temporary("the disk is full"));
            }
            *self.page.lock().unwrap() = Some(checkpoint.clone());
            Ok(())
        })
    }
}
