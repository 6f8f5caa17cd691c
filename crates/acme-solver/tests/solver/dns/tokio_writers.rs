//! The solver for tokio over real sockets.

use acme_http::AsyncClient;
use acme_proto::{AsyncSolver, SolverError};
use acme_solver::dns::{AsyncDnsSolver, Delegation};
use tokio::task::JoinSet;

use super::powerdns_fake::PowerDnsFake;
use super::served::Served;
use super::world::{Fake, SECRET};
use super::writers::{NAME, WRITERS, challenges, numbered, provider};
use crate::solver::challenge::good;

fn solver_at(served: &Served<PowerDnsFake>, secret: &str) -> AsyncDnsSolver {
    let client = AsyncClient::builder().danger_allow_http().build_async().unwrap();
    AsyncDnsSolver::new(provider(served, secret), client)
}

#[tokio::test]
async fn tasks_lose_no_value_and_write_once_each() {
    let served = Served::start(PowerDnsFake::default());
    served.fake(|fake| fake.put(NAME, "of-somebody-else"));
    let solver = solver_at(&served, SECRET);
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let mut solver = solver.clone();
        tasks.spawn(async move { good(&solver.present(&challenges(writer)).await) });
    }
    while let Some(results) = tasks.join_next().await {
        assert_eq!(results.unwrap(), [true; 3]);
    }
    assert_eq!(served.fake(|fake| fake.values(NAME)).len(), 1 + 2 * usize::from(WRITERS));
    assert_eq!(served.count("PATCH"), usize::from(WRITERS));
    for writer in 0..WRITERS {
        let mut solver = solver.clone();
        tasks.spawn(async move { good(&solver.withdraw(&challenges(writer)).await) });
    }
    while let Some(results) = tasks.join_next().await {
        assert_eq!(results.unwrap(), [true; 3]);
    }
    assert_eq!(served.fake(|fake| fake.values(NAME)), ["of-somebody-else"]);
}

#[tokio::test]
async fn busy_service_is_asked_again_and_a_refusal_is_told() {
    let served = Served::start(PowerDnsFake::default());
    let busy = http::Response::builder().status(429).header("retry-after", "0").body(Vec::new());
    served.answer_first(busy.unwrap());
    let mut solver = solver_at(&served, SECRET);
    let challenge = [numbered("example.com", 1)];
    assert_eq!(good(&solver.present(&challenge).await), [true]);
    assert_eq!(served.fake(|fake| fake.values(NAME)), [challenge[0].dns_value()]);

    let mut wrong = solver_at(&served, "not-the-secret-at-all");
    let results = wrong.present(&challenge).await;
    assert_eq!(good(&results), [false]);
    let error = results[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("PowerDNS does not take the credentials"), "{error}");
    assert!(!error.contains("not-the-secret"), "{error}");
}

#[derive(Debug)]
struct Elsewhere;

impl Delegation for Elsewhere {
    fn canonical(&self, name: &str) -> Result<String, SolverError> {
        match name {
            "_acme-challenge.example.com" => Ok("challenges.example.org".to_owned()),
            _ => Err(SolverError::permanent("the alias leads nowhere")),
        }
    }
}

#[tokio::test]
async fn records_are_written_where_names_lead_and_each_name_has_its_result() {
    let served = Served::start(PowerDnsFake::default());
    let mut solver = solver_at(&served, SECRET).with_delegation(std::sync::Arc::new(Elsewhere));
    let challenges = [numbered("example.com", 1), numbered("lost.example.com", 2)];
    assert_eq!(good(&solver.present(&challenges).await), [true, false]);
    assert_eq!(served.fake(|fake| fake.values("challenges.example.org")), [challenges[0].dns_value()]);
    assert!(served.fake(|fake| fake.values(NAME)).is_empty());
}
