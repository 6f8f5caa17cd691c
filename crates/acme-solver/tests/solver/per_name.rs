use std::sync::{Arc, Mutex};

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
        .route(identifier("b.a.example.com"), noting("second"))
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
    let notes = notes.lock().unwrap().join("\n");
    assert_eq!(
        notes,
        "short presents x.example.com *.example.com y.example.com\nexact presents b.a.example.com\n\
         short withdraws x.example.com *.example.com y.example.com\nexact withdraws b.a.example.com"
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
