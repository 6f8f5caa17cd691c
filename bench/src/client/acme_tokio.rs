//! acme-tokio, as its first page shows it, on the cheapest runtime there is.

use std::error::Error;
use std::path::Path;

use acme_proto::{Challenge, SolverFuture};
use acme_tokio::{Account, AsyncSolver, ChallengeType, DirectoryUrl, Identifier, IssueRequest};
use tokio::runtime::{self, Runtime};

use super::Client;

pub(super) struct AcmeTokio {
    runtime: Runtime,
    account: Account,
}

impl AcmeTokio {
    pub(super) fn connect(url: &str, root: &Path) -> Result<Self, Box<dyn Error>> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let builder = Account::builder(DirectoryUrl::Other(url)).agree_to_terms();
        let account = runtime.block_on(builder.root_pem(std::fs::read(root)?).open())?;
        Ok(Self { runtime, account })
    }
}

impl Client for AcmeTokio {
    fn issue(&mut self, names: &[String]) -> Result<(), Box<dyn Error>> {
        let request = IssueRequest::new(names);
        self.runtime.block_on(self.account.issue(&request, &mut Unneeded))?;
        Ok(())
    }
}

/// A solver for a CA that validates nothing.
#[derive(Clone)]
struct Unneeded;

impl AsyncSolver for Unneeded {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Http01]
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { challenges.iter().map(|_| Ok(())).collect() })
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { challenges.iter().map(|_| Ok(())).collect() })
    }
}
