//! A solver per name.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::thread;

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};

use crate::response::ResponseError;

/// Chooses among solvers by the name that is to be proved.
///
/// An exact name goes before a suffix, a long suffix before a short one, and
/// [`PerName::otherwise`] takes what is left; a pattern none of whose solvers can prove the name is
/// passed over. A pattern may have several solvers, in order of preference: the next one proves
/// the name where the CA does not offer what the one before can answer. All challenges of an order are
/// given to their solvers at the same time, on a thread for each solver.
///
/// ```
/// use acme_solver::{Http01, PerName, TlsAlpn01};
///
/// let solver = PerName::new()
///     .route("*.example.com".parse()?, Http01::bind("127.0.0.1:0")?)
///     .otherwise(Http01::bind("127.0.0.1:0")?)
///     .otherwise(TlsAlpn01::bind("127.0.0.1:0")?);
/// # let _ = solver;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct PerName {
    solvers: Vec<Box<dyn Solver + Send>>,
    routes: Vec<Route>,
}

/// A solver of a [`PerName`], which several patterns can share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member(usize);

impl PerName {
    /// Starts with no solver at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives names to a solver: a name itself, or with `*.example.com` every name that ends in
    /// `.example.com`, at any depth and the wildcard itself included. A second solver for the same
    /// pattern comes after the first.
    #[must_use]
    pub fn route(mut self, pattern: Identifier, solver: impl Solver + Send + 'static) -> Self {
        let member = self.add(solver);
        self.route_to(pattern, member);
        self
    }

    /// Gives all other names to a solver. A second one comes after the first.
    #[must_use]
    pub fn otherwise(mut self, solver: impl Solver + Send + 'static) -> Self {
        let member = self.add(solver);
        self.otherwise_to(member);
        self
    }

    /// Takes a solver in that has no names yet.
    pub fn add(&mut self, solver: impl Solver + Send + 'static) -> Member {
        self.solvers.push(Box::new(solver));
        Member(self.solvers.len() - 1)
    }

    /// Gives names to a solver that may have others, as [`route`](Self::route).
    ///
    /// # Panics
    /// When the solver is another one's.
    pub fn route_to(&mut self, pattern: Identifier, member: Member) {
        self.push(Some(pattern), member);
    }

    /// Gives all other names to a solver that may have others, as [`otherwise`](Self::otherwise).
    ///
    /// # Panics
    /// When the solver is another one's.
    pub fn otherwise_to(&mut self, member: Member) {
        self.push(None, member);
    }

    fn push(&mut self, pattern: Option<Identifier>, member: Member) {
        assert!(member.0 < self.solvers.len(), "the solver is not one of these");
        self.routes.push(Route { pattern, solver: member.0 });
    }

    /// The places of the solvers for a name of an order, the preferred one first.
    fn find(&self, identifier: &Identifier) -> Vec<usize> {
        let ranks = self.routes.iter().filter_map(|route| Some((route.rank(identifier)?, route.solver)));
        let mut groups: BTreeMap<Reverse<Rank>, Vec<usize>> = BTreeMap::new();
        for (rank, solver) in ranks {
            groups.entry(Reverse(rank)).or_default().push(solver);
        }
        let can_prove = |at: &usize| {
            self.solvers.get(*at).is_some_and(|solver| !solver.challenge_types(identifier).is_empty())
        };
        let able = groups.into_values().map(|mut group| {
            group.retain(can_prove);
            group
        });
        able.into_iter().find(|group| !group.is_empty()).unwrap_or_default()
    }

    /// The place of the solver for a challenge.
    fn find_for(&self, challenge: &Challenge) -> Option<usize> {
        let identifier = challenge.order_identifier();
        let found = self.find(&identifier);
        let answers = |at: &&usize| {
            let solver = self.solvers.get(**at);
            solver.is_some_and(|solver| solver.challenge_types(&identifier).contains(&challenge.kind))
        };
        found.iter().find(answers).or_else(|| found.first()).copied()
    }

    /// Gives each solver its challenges, and puts the results back in order.
    fn each(
        &mut self,
        challenges: &[Challenge],
        act: impl Fn(&mut dyn Solver, &[Challenge]) -> Vec<Result<(), SolverError>> + Sync,
    ) -> Vec<Result<(), SolverError>> {
        let found: Vec<Option<usize>> = challenges.iter().map(|c| self.find_for(c)).collect();
        let mut results: Vec<Result<(), SolverError>> = challenges
            .iter()
            .zip(&found)
            .map(|(challenge, found)| match found {
                Some(_) => Err(ResponseError::Missing.into()),
                None => Err(ResponseError::NoSolver(challenge.order_identifier()).into()),
            })
            .collect();
        let solvers = self.solvers.iter_mut().enumerate();
        let shares = solvers.filter_map(|(at, solver)| Share::new(at, &mut **solver, challenges, &found));
        for Done { indexes, outcomes } in all_at_once(shares.collect(), &act) {
            for (index, outcome) in indexes.into_iter().zip(outcomes) {
                if let Some(place) = results.get_mut(index) {
                    *place = outcome;
                }
            }
        }
        results
    }
}

impl Solver for PerName {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        let found = self.find(identifier).into_iter().filter_map(|at| self.solvers.get(at));
        let mut types = Vec::new();
        for kind in found.flat_map(|solver| solver.challenge_types(identifier)) {
            if !types.contains(&kind) {
                types.push(kind);
            }
        }
        types
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

/// The challenges of one solver.
struct Share<'a> {
    solver: &'a mut (dyn Solver + Send),
    challenges: Vec<Challenge>,
    /// Where the results belong.
    indexes: Vec<usize>,
}

impl<'a> Share<'a> {
    fn new(
        at: usize,
        solver: &'a mut (dyn Solver + Send),
        challenges: &[Challenge],
        found: &[Option<usize>],
    ) -> Option<Self> {
        let own = challenges.iter().zip(found).enumerate().filter(|(_, (_, found))| **found == Some(at));
        let (indexes, challenges): (Vec<_>, Vec<_>) =
            own.map(|(index, (challenge, _))| (index, challenge.clone())).unzip();
        (!indexes.is_empty()).then_some(Self { solver, challenges, indexes })
    }
}

/// What came of a share.
struct Done {
    indexes: Vec<usize>,
    outcomes: Vec<Result<(), SolverError>>,
}

/// Lets all solvers work, the last one on this thread. What one says that panics is not known.
fn all_at_once(
    mut shares: Vec<Share<'_>>,
    act: &(impl Fn(&mut dyn Solver, &[Challenge]) -> Vec<Result<(), SolverError>> + Sync),
) -> Vec<Done> {
    let Some(last) = shares.pop() else { return Vec::new() };
    thread::scope(|scope| {
        let span = tracing::Span::current();
        let at_work: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let span = span.clone();
                let work = move || span.in_scope(|| act(share.solver, &share.challenges));
                (share.indexes, thread::Builder::new().name("acme-solver".into()).spawn_scoped(scope, work))
            })
            .collect();
        let outcomes = act(last.solver, &last.challenges);
        let others = at_work.into_iter().map(|(indexes, thread)| {
            let outcomes = thread.ok().and_then(|thread| thread.join().ok()).unwrap_or_default();
            Done { indexes, outcomes }
        });
        others.chain([Done { indexes: last.indexes, outcomes }]).collect()
    })
}

struct Route {
    /// `None` for all names.
    pattern: Option<Identifier>,
    /// Its place.
    solver: usize,
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
