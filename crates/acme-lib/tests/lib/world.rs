//! A CA and whoever talks to it.

use std::sync::{Arc, Mutex};

use acme_lib::order::{CsrOrder, NewOrder};
use acme_lib::persist::{MemoryPersist, Persist};
use acme_lib::{Account, AccountBuilder, Certificate, ChallengeType, Checkpoint, Directory, DirectoryUrl};
use acme_lib::{Journal, create_p256_key, proto};
use acme_testca::{Operation, TestCa, TestCaBuilder};

pub(crate) const EMAIL: &str = "admin@example.com";

/// A CA that does nothing unexpected, and takes every answer for right.
pub(crate) fn gentle() -> TestCaBuilder {
    TestCa::builder().gentle().always_valid()
}

pub(crate) fn directory<P: Persist>(ca: &TestCa, persist: P) -> Directory<P> {
    let url = DirectoryUrl::Other(ca.directory_url());
    Directory::builder(url).root_pem(ca.root_pem()).persist(persist).connect().unwrap()
}

pub(crate) fn account(ca: &TestCa) -> Account {
    directory(ca, MemoryPersist::new()).account(EMAIL).unwrap()
}

pub(crate) fn builder(ca: &TestCa) -> AccountBuilder {
    Account::builder(DirectoryUrl::Other(ca.directory_url())).root_pem(ca.root_pem())
}

/// How many requests for an operation the CA saw.
pub(crate) fn count(ca: &TestCa, operation: Operation) -> usize {
    ca.requests().iter().filter(|request| request.operation == operation).count()
}

/// The operations from the nth request on.
pub(crate) fn operations(ca: &TestCa, from: usize) -> Vec<Operation> {
    ca.requests().iter().skip(from).map(|request| request.operation).collect()
}

/// Proves all names of an order at a CA that takes every answer for right.
pub(crate) fn prove<P: Persist>(mut order: NewOrder<P>) -> CsrOrder<P> {
    for _ in 0..=ROUNDS {
        if let Some(order) = order.confirm_validations() {
            return order;
        }
        let authorizations = order.authorizations().unwrap();
        authorizations[0].challenge(ChallengeType::Dns01).unwrap().validate(1).unwrap();
        order.refresh().unwrap();
    }
    panic!("the loop has no end");
}

/// A certificate, step by step.
pub(crate) fn certificate<P: Persist>(account: &Account<P>, primary: &str, others: &[&str]) -> Certificate {
    let order = prove(account.new_order(primary, others).unwrap());
    order.finalize_pkey(create_p256_key(), 1).unwrap().download_and_save_cert().unwrap()
}

/// The CA's refusal in an error.
pub(crate) fn refusal(error: &acme_lib::Error) -> &proto::Refusal {
    error.as_acme().and_then(proto::Error::refusal).unwrap_or_else(|| panic!("no refusal: {error:?}"))
}

/// A journal whose copies are the same journal.
#[derive(Clone, Default)]
pub(crate) struct Notebook {
    pub(crate) page: Arc<Mutex<Option<Checkpoint>>>,
    /// Which save fails, the first being 1.
    pub(crate) fails_at: Option<usize>,
    pub(crate) saves: usize,
}

impl Notebook {
    pub(crate) fn read(&self) -> Option<Checkpoint> {
        self.page.lock().unwrap().clone()
    }
}

impl Journal for Notebook {
    fn load(&mut self) -> Result<Option<Checkpoint>, proto::StoreError> {
        Ok(self.read())
    }

    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), proto::StoreError> {
        self.saves += 1;
        if self.fails_at == Some(self.saves) {
            return Err(proto::StoreError::temporary("the disk is full"));
        }
        *self.page.lock().unwrap() = Some(checkpoint.clone());
        Ok(())
    }
}

/// More rounds than any loop of these tests needs.
const ROUNDS: usize = 20;
