//! A solver for threads, used from tokio.

use std::fmt;
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acme_proto::{AsyncSolver, Challenge, ChallengeType, Identifier, Solver, SolverError, SolverFuture};

/// Runs a [`Solver`] on tokio's threads for work that blocks.
///
/// Work that has begun goes on to its end when its future is dropped; what is asked for next waits
/// for it.
pub struct Threaded<S> {
    solver: Arc<Mutex<S>>,
}

impl<S: Solver + Send + 'static> Threaded<S> {
    /// Takes a solver over.
    #[must_use]
    pub fn new(solver: S) -> Self {
        Self { solver: Arc::new(Mutex::new(solver)) }
    }

    fn run<'a>(
        &mut self,
        challenges: &'a [Challenge],
        act: impl FnOnce(&mut S, &[Challenge]) -> Vec<Result<(), SolverError>> + Send + 'static,
    ) -> SolverFuture<'a> {
        let solver = Arc::clone(&self.solver);
        let own = challenges.to_vec();
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || act(&mut lock(&solver), &own)).await {
                Ok(results) => results,
                Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
                Err(_) => {
                    challenges.iter().map(|_| Err(SolverError::temporary("the runtime ended"))).collect()
                }
            }
        })
    }
}

impl<S: Solver + Send + 'static> AsyncSolver for Threaded<S> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        lock(&self.solver).challenge_types(identifier)
    }

    fn present<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        self.run(challenges, |solver, challenges| solver.present(challenges))
    }

    fn withdraw<'a>(&'a mut self, challenges: &'a [Challenge]) -> SolverFuture<'a> {
        self.run(challenges, |solver, challenges| solver.withdraw(challenges))
    }
}

impl<S> fmt::Debug for Threaded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Threaded")
    }
}

/// A solver that panicked is as good as any other that failed.
fn lock<S>(solver: &Mutex<S>) -> MutexGuard<'_, S> {
    solver.lock().unwrap_or_else(PoisonError::into_inner)
}
