//! http-01 answered by a web server that knows the thumbprint of the account's key.

use acme_proto::{
    AsyncSolver, Challenge, ChallengeType, Identifier, Solver, SolverError, SolverFuture, Thumbprint,
};

use crate::response::{ResponseError, http_token, http_types};

/// http-01 without anything to put in place: a web server answers for every token alike, with the
/// token, a dot and the thumbprint of the account's key.
///
/// [`SelfCheck::check_thumbprint`](crate::SelfCheck::check_thumbprint) finds out whether it does. A
/// challenge of another account is refused, since the server's answer would be wrong.
///
/// <https://www.rfc-editor.org/rfc/rfc8555#section-8.1>
#[derive(Clone, Debug)]
pub struct StatelessHttp01 {
    thumbprint: Thumbprint,
}

impl StatelessHttp01 {
    /// Takes the thumbprint that the web server answers with.
    #[must_use]
    pub fn new(thumbprint: Thumbprint) -> Self {
        Self { thumbprint }
    }

    fn check(&self, challenge: &Challenge) -> Result<(), SolverError> {
        let token = http_token(challenge)?;
        if challenge.key_authorization() != self.thumbprint.key_authorization(token) {
            return Err(ResponseError::Thumbprint.into());
        }
        Ok(())
    }
}

impl Solver for StatelessHttp01 {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        http_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|challenge| self.check(challenge)).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }
}

impl AsyncSolver for StatelessHttp01 {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        http_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { Solver::present(self, challenges) })
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        Box::pin(async { Solver::withdraw(self, challenges) })
    }
}
