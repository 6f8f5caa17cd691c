//! A solver per name.

use std::cmp::Reverse;
use std::fmt;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};

use crate::response::ResponseError;

/// Chooses among solvers by the name that is to be proved.
///
/// An exact name goes before a suffix, a long suffix before a short one, and
/// [`PerName::otherwise`] takes what is left. Solvers work one after another.
///
/// ```
/// use acme_solver::{Http01, PerName};
///
/// let solver = PerName::new()
///     .route("*.example.com".parse()?, Http01::bind("127.0.0.1:0")?)
///     .otherwise(Http01::bind("127.0.0.1:0")?);
/// # let _ = solver;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct PerName {
    routes: Vec<Route>,
}

impl PerName {
    /// Starts with no solver at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives names to a solver: a name itself, or with `*.example.com` every name that ends in
    /// `.example.com`, at any depth and the wildcard itself included. Of two solvers for the same
    /// pattern the first counts.
    #[must_use]
    pub fn route(mut self, pattern: Identifier, solver: impl Solver + Send + 'static) -> Self {
        self.routes.push(Route { pattern: Some(pattern), solver: Box::new(solver) });
        self
    }

    /// Gives all other names to a solver.
    #[must_use]
    pub fn otherwise(mut self, solver: impl Solver + Send + 'static) -> Self {
        self.routes.push(Route { pattern: None, solver: Box::new(solver) });
        self
    }

    /// The place of the solver for a name of an order.
    fn find(&self, identifier: &Identifier) -> Option<usize> {
        let ranks = self.routes.iter().map(|route| route.rank(identifier));
        let ranks = ranks.enumerate().filter_map(|(at, rank)| Some((rank?, at)));
        ranks.min_by_key(|(rank, _)| Reverse(*rank)).map(|(_, at)| at)
    }

    /// Gives each solver its challenges, and puts the results back in order.
    fn each(
        &mut self,
        challenges: &[Challenge],
        act: impl Fn(&mut dyn Solver, &[Challenge]) -> Vec<Result<(), SolverError>>,
    ) -> Vec<Result<(), SolverError>> {
        let found: Vec<Option<usize>> = challenges.iter().map(|c| self.find(&c.order_identifier())).collect();
        let mut results: Vec<Result<(), SolverError>> = challenges
            .iter()
            .zip(&found)
            .map(|(challenge, found)| match found {
                Some(_) => Err(ResponseError::Missing.into()),
                None => Err(ResponseError::NoSolver(challenge.order_identifier()).into()),
            })
            .collect();
        for (at, route) in self.routes.iter_mut().enumerate() {
            let own = |index: &usize| found.get(*index) == Some(&Some(at));
            let indexes: Vec<usize> = (0..challenges.len()).filter(own).collect();
            let own: Vec<Challenge> =
                indexes.iter().filter_map(|index| challenges.get(*index).cloned()).collect();
            if own.is_empty() {
                continue;
            }
            for (index, result) in indexes.into_iter().zip(act(&mut *route.solver, &own)) {
                if let Some(place) = results.get_mut(index) {
                    *place = result;
                }
            }
        }
        results
    }
}

impl Solver for PerName {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        let route = self.find(identifier).and_then(|at| self.routes.get(at));
        route.map(|route| route.solver.challenge_types(identifier)).unwrap_or_default()
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.each(challenges, |solver, own| solver.present(own))
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.each(challenges, |solver, own| solver.withdraw(own))
    }
}

impl fmt::Debug for PerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|route| &route.pattern)).finish()
    }
}

struct Route {
    /// `None` for all names.
    pattern: Option<Identifier>,
    solver: Box<dyn Solver + Send>,
}

impl Route {
    /// How well the pattern fits a name, or `None`.
    fn rank(&self, identifier: &Identifier) -> Option<Rank> {
        let Some(pattern) = &self.pattern else { return Some(Rank::Any) };
        if let (Identifier::Dns(pattern), Identifier::Dns(name)) = (pattern, identifier)
            && let Some(suffix) = pattern.strip_prefix('*')
        {
            return name.ends_with(suffix).then_some(Rank::Suffix(suffix.len()));
        }
        (pattern == identifier).then_some(Rank::Exact)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Any,
    Suffix(usize),
    Exact,
}
