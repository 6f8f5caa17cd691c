use std::sync::{Arc, Barrier, Mutex};

use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::{PerName, ResponseError};

use super::challenge::{TOKEN, good, http, identifier};

/// Notes what it is asked, and answers with as many results as it is told to.
struct Noting {
    name: &'static str,
    notes: Arc<Mutex<Vec<String>>>,
    answers: usize,
}

impl Noting {
    fn note(&self, verb: &str, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let names: Vec<String> = challenges.iter().map(|c| c.order_identifier().to_string()).collect();
        self.notes.lock().unwrap().push(format!("{} {verb} {}", self.name, names.join(" ")));
        challenges.iter().take(self.answers).map(|_| Ok(())).collect()
    }
}

impl Solver for Noting {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Other(self.name.to_owned())]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.note("presents", challenges)
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.note("withdraws", challenges)
    }
}

fn routes(answers: usize) -> (PerName, Arc<Mutex<Vec<String>>>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let noting = |name| Noting { name, notes: Arc::clone(&notes), answers };
    let solver = PerName::new()
        .route(identifier("*.example.com"), noting("short"))
        .route(identifier("*.a.example.com"), noting("long"))
        .route(identifier("b.a.example.com"), noting("exact"))
        .route(identifier("192.0.2.1"), noting("address"));
    (solver, notes)
}

#[test]
fn the_most_exact_pattern_counts() {
    let (solver, notes) = routes(9);
    let solver = solver.otherwise(Noting { name: "rest", notes, answers: 9 });
    for (name, expected) in [
        ("b.a.example.com", "exact"),
        ("c.a.example.com", "long"),
        ("*.a.example.com", "long"),
        ("a.example.com", "short"),
        ("x.y.z.example.com", "short"),
        ("*.example.com", "short"),
        ("example.com", "rest"),
        ("notexample.com", "rest"),
        ("192.0.2.1", "address"),
        ("192.0.2.2", "rest"),
    ] {
        let types = solver.challenge_types(&identifier(name));
        assert_eq!(types, [ChallengeType::Other(expected.to_owned())], "{name}");
    }
}

#[test]
fn each_solver_gets_its_challenges_once_and_results_keep_the_order() {
    let (mut solver, notes) = routes(9);
    let names = ["x.example.com", "example.org", "b.a.example.com", "*.example.com", "y.example.com"];
    let challenges = names.map(|name| http(name, TOKEN));
    assert_eq!(good(&solver.present(&challenges)), [true, false, true, true, true]);
    assert_eq!(good(&solver.withdraw(&challenges)), [true, false, true, true, true]);
    let mut notes = notes.lock().unwrap().clone();
    notes.sort_unstable();
    assert_eq!(
        notes,
        [
            "exact presents b.a.example.com",
            "exact withdraws b.a.example.com",
            "short presents x.example.com *.example.com y.example.com",
            "short withdraws x.example.com *.example.com y.example.com",
        ]
    );
}

#[test]
fn a_name_without_a_solver_is_refused_for_good() {
    let (mut solver, _notes) = routes(9);
    assert_eq!(solver.challenge_types(&identifier("example.org")), []);
    let error = solver.present(&[http("example.org", TOKEN)]).remove(0).unwrap_err();
    let expected = ResponseError::NoSolver(identifier("example.org"));
    assert_eq!(error.get_ref().downcast_ref(), Some(&expected));
}

#[test]
fn a_solver_that_says_too_little_has_not_solved() {
    let (mut solver, _notes) = routes(1);
    let challenges = ["x.example.com", "b.a.example.com", "y.example.com"].map(|name| http(name, TOKEN));
    assert_eq!(good(&solver.present(&challenges)), [true, true, false]);
}

/// Can prove names by one type of challenge, wildcards or others, and gives its name.
struct Able {
    kind: ChallengeType,
    has_wildcards: bool,
    given: Arc<Mutex<Vec<String>>>,
}

impl Solver for Able {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        let is_able = self.has_wildcards || !identifier.is_wildcard();
        if is_able { vec![self.kind.clone()] } else { Vec::new() }
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        let names = challenges.iter().map(|challenge| format!("{} {}", self.kind, challenge.identifier));
        self.given.lock().unwrap().extend(names);
        challenges.iter().map(|_| Ok(())).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().map(|_| Ok(())).collect()
    }
}

#[test]
fn a_pattern_has_its_solvers_in_order_and_what_can_not_prove_a_name_is_passed_over() {
    let given = Arc::new(Mutex::new(Vec::new()));
    let able = |kind, has_wildcards| Able { kind, has_wildcards, given: Arc::clone(&given) };
    let mut solver = PerName::new().route(identifier("*.example.com"), able(ChallengeType::TlsAlpn01, false));
    let http = solver.add(able(ChallengeType::Http01, false));
    let dns = solver.add(able(ChallengeType::Dns01, true));
    solver.otherwise_to(http);
    solver.otherwise_to(dns);
    solver.route_to(identifier("a.example"), dns);
    solver.route_to(identifier("a.example"), http);
    for (name, expected) in [
        ("example.org", vec![ChallengeType::Http01, ChallengeType::Dns01]),
        ("*.example.org", vec![ChallengeType::Dns01]),
        ("a.example", vec![ChallengeType::Dns01, ChallengeType::Http01]),
        ("www.example.com", vec![ChallengeType::TlsAlpn01]),
        ("*.example.com", vec![ChallengeType::Dns01]),
    ] {
        assert_eq!(solver.challenge_types(&identifier(name)), expected, "{name}");
    }
    let results = solver.present(&[http_challenge("a.example"), http_challenge("www.example.com")]);
    assert_eq!(good(&results), [true, true]);
    let mut given = given.lock().unwrap().clone();
    given.sort_unstable();
    assert_eq!(given, ["http-01 a.example", "tls-alpn-01 www.example.com"]);
}

fn http_challenge(name: &str) -> Challenge {
    http(name, TOKEN)
}

/// Waits for the other one.
struct Meeting(Arc<Barrier>);

impl Solver for Meeting {
    fn challenge_types(&self, _: &Identifier) -> Vec<ChallengeType> {
        vec![ChallengeType::Http01]
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.0.wait();
        challenges.iter().map(|_| Ok(())).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        self.present(challenges)
    }
}

#[test]
fn solvers_work_at_the_same_time() {
    let both = Arc::new(Barrier::new(2));
    let mut solver = PerName::new()
        .route(identifier("a.example"), Meeting(Arc::clone(&both)))
        .otherwise(Meeting(Arc::clone(&both)));
    let challenges = ["a.example", "b.example"].map(http_challenge);
    assert_eq!(good(&solver.present(&challenges)), [true, true]);
    assert_eq!(good(&solver.withdraw(&challenges)), [true, true]);
}
