//! acme-lib, as its first page shows it.

use std::error::Error;
use std::path::Path;

use acme_lib::{Account, ChallengeType, DirectoryUrl, Identifier, IssueRequest, Solver};
use acme_proto::{Challenge, SolverError};

use super::Client;

pub(super) struct AcmeLib {
    account: Account,
}

impl AcmeLib {
    pub(super) fn connect(url: &str, root: &Path) -> Result<Self, Box<dyn Error>> {
        let account = Account::builder(DirectoryUrl::Other(url))
            .agree_to_terms()
            .root_pem(std::fs::read(root)?)
            .open()?;
        Ok(Self { account })
    }
}

impl Client for AcmeLib {
    fn issue(&mut self, names: &[String]) -> Result<(), Box<dyn Error>> {
        self.account.issue(&IssueRequest::new(names), &mut Unneeded)?;
        Ok(())
    }
}

/// A solver for a CA that validates nothing.
struct Unneeded;

impl Solver for Unneeded {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Http01]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }
}
