//! The door to what proves control of a name: signatures only, the work is in `acme-solver`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;

use crate::challenge::{Challenge, ChallengeType};
use crate::error::SolverError;
use crate::identifier::Identifier;

/// Puts challenge responses in place and takes them away, on the calling thread.
///
/// Both operations take all challenges of an order at once, so that waits overlap, and answer
/// with one result for each challenge, in the same order.
pub trait Solver {
    /// The challenge types that can prove control of an identifier, the best one first; empty
    /// where there is none. Asked before a CA hears of the name.
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType>;
    /// Puts the responses in place and returns when the CA can see them. A record of dns-persist-01
    /// may be there already; nobody asks to take it away.
    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>>;
    /// Takes the responses away; one that is not there is no error.
    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>>;
}

impl<S: Solver + ?Sized> Solver for Box<S> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        (**self).challenge_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        (**self).present(challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        (**self).withdraw(challenges)
    }
}

/// What an [`AsyncSolver`] returns: one result for each challenge, in the same order.
pub type SolverFuture<'a> = Pin<Box<dyn Future<Output = Vec<Result<(), SolverError>>> + Send + 'a>>;

/// Puts challenge responses in place and takes them away, as futures.
pub trait AsyncSolver: Send {
    /// As [`Solver::challenge_types`].
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType>;
    /// As [`Solver::present`].
    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a>;
    /// As [`Solver::withdraw`].
    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a>;
}

impl<S: AsyncSolver + ?Sized> AsyncSolver for Box<S> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        (**self).challenge_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        (**self).present(challenges)
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        (**self).withdraw(challenges)
    }
}
