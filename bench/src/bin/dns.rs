//! What it is worth to put all records of an order in place together.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acme_bench::distance::Distance;
use acme_bench::table::{lay_out, median, milliseconds};
use acme_conformance::pdns::{API_KEY, PowerDns};
use acme_http::Client;
use acme_lib::{Account, DirectoryUrl, IssueRequest};
use acme_proto::{Challenge, ChallengeType, Identifier, Solver, SolverError};
use acme_solver::dns::{self, DnsSolver};
use acme_solver::{Propagated, Resolver};
use acme_testca::TestCa;

const HELP: &str = "\
dns [--names N] [--rounds N] [--distance MILLISECONDS]

Has acme-lib obtain a certificate for N names (100) by dns-01, with the records put in place together
and one after the other, in turn, N times (3). The records are written to a real PowerDNS server,
whose API is a round trip of so many milliseconds (50) away, and the test CA looks there.";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut names, mut rounds, mut distance) = (100, 3, Duration::from_millis(50));
    for pair in arguments.chunks(2) {
        let [option, value] = pair else { return Err(HELP.into()) };
        match option.as_str() {
            "--names" => names = value.parse()?,
            "--rounds" => rounds = value.parse()?,
            "--distance" => distance = Duration::from_millis(value.parse()?),
            _ => return Err(HELP.into()),
        }
    }
    let world = World::start(distance)?;
    let mut runs: [Vec<Duration>; 2] = Default::default();
    for round in 1..=rounds {
        for (order, runs) in Presentation::ALL.into_iter().zip(&mut runs) {
            eprintln!("round {round} of {rounds}: {}", order.name());
            runs.push(world.issue(order, names)?);
        }
    }
    let middle = runs.map(|runs| median(runs.into_iter().map(milliseconds).collect()));
    let [_, one_by_one] = middle;
    let row = |(order, figure): (Presentation, f64)| {
        vec![order.name().to_owned(), format!("{figure:.0}"), format!("{:.3}", figure / one_by_one)]
    };
    let rows: Vec<_> = Presentation::ALL.into_iter().zip(middle).map(row).collect();
    print!("{}", lay_out(&["records", "wall ms", "x one after the other"], &rows));
    Ok(())
}

/// In which order records are put in place.
#[derive(Clone, Copy)]
enum Presentation {
    Together,
    OneByOne,
}

impl Presentation {
    const ALL: [Self; 2] = [Self::Together, Self::OneByOne];

    fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::OneByOne => "one after the other",
        }
    }
}

/// Where everything is.
struct World {
    server: PowerDns,
    api: Distance,
    ca: TestCa,
    account: Account,
}

impl World {
    fn start(distance: Duration) -> Result<Self, Box<dyn Error>> {
        let server = PowerDns::start(ZONE)?;
        let path = format!("/api/v1/servers/localhost/zones/{ZONE}.");
        let reply = server.ask("PATCH", &path, OWN_RECORDS)?;
        if !reply.contains(" 204 ") {
            return Err(reply.into());
        }
        let api = server.api_url();
        let api: SocketAddr = api.trim_start_matches("http://").parse()?;
        let ca = TestCa::builder().gentle().dns(server.address()).start()?;
        let account = Account::builder(DirectoryUrl::Other(ca.directory_url()))
            .agree_to_terms()
            .root_pem(ca.root_pem())
            .open()?;
        Ok(Self { server, api: Distance::start(api, distance)?, ca, account })
    }

    /// The time from the order to the certificate, with all records taken away again.
    fn issue(&self, order: Presentation, names: usize) -> Result<Duration, Box<dyn Error>> {
        let solver = Propagated::new(
            self.solver()?,
            Resolver::new([self.server.address()]).authoritative_port(self.server.address().port()),
        );
        let names = (1..=names).map(|number| format!("host-{number}.{ZONE}"));
        let request = IssueRequest::new(names);
        let started = Instant::now();
        match order {
            Presentation::Together => self.account.issue(&request, &mut { solver })?,
            Presentation::OneByOne => self.account.issue(&request, &mut OneByOne(solver))?,
        };
        Ok(started.elapsed())
    }

    fn solver(&self) -> Result<DnsSolver, Box<dyn Error>> {
        let find = |name: &str| match name {
            "PDNS_API_URL" => Some(format!("http://{}", self.api.address())),
            "PDNS_API_KEY" => Some(API_KEY.to_owned()),
            _ => None,
        };
        let provider = dns::service("pdns").ok_or("no such service")?.provider(&find)?;
        let client = Client::builder().root_pem(self.ca.root_pem()).danger_allow_http().build()?;
        Ok(DnsSolver::new(Arc::clone(&provider), client))
    }
}

/// A solver that puts one record in place, waits until it can be seen, and only then the next one.
struct OneByOne<S>(S);

impl<S: Solver> Solver for OneByOne<S> {
    fn challenge_types(&self, identifier: &Identifier) -> Vec<ChallengeType> {
        self.0.challenge_types(identifier)
    }

    fn present(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().flat_map(|one| self.0.present(std::slice::from_ref(one))).collect()
    }

    fn withdraw(&mut self, challenges: &[Challenge]) -> Vec<Result<(), SolverError>> {
        challenges.iter().flat_map(|one| self.0.withdraw(std::slice::from_ref(one))).collect()
    }
}

const ZONE: &str = "example.test";
const OWN_RECORDS: &str = r#"{"rrsets": [{"name": "example.test.", "type": "NS", "ttl": 60,
    "changetype": "REPLACE", "records": [{"content": "ns.example.test.", "disabled": false}]},
    {"name": "ns.example.test.", "type": "A", "ttl": 60, "changetype": "REPLACE",
    "records": [{"content": "127.0.0.1", "disabled": false}]}]}"#;
