//! What an issuance costs: requests, nonces, round trips and waits.

use std::fmt::Write as _;
use std::time::Duration;

use acme_proto::Session;
use acme_testca::{Config, Finalize, Operation};

use crate::in_process::{World, account_key, names};

/// What one issuance costs.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    /// Signed requests: all but directory and nonces.
    signed: usize,
    nonces: usize,
    directories: usize,
    round_trips: usize,
    waited: Duration,
}

fn gentle() -> Config {
    let mut config = Config::gentle();
    config.always_valid = true;
    config
}

fn warm(config: Config) -> (World, Session) {
    let mut world = World::new(config);
    let mut session = world.session();
    world.open(&mut session, &account_key()).unwrap();
    (world, session)
}

fn cost(world: &mut World, act: impl FnOnce(&mut World)) -> Cost {
    let from = world.ca.requests().len();
    (world.round_trips, world.waited) = (0, Duration::ZERO);
    act(world);
    let nonces = world.count(Operation::NewNonce, from);
    let directories = world.count(Operation::Directory, from);
    Cost {
        signed: world.ca.requests().len() - from - nonces - directories,
        nonces,
        directories,
        round_trips: world.round_trips,
        waited: world.waited,
    }
}

fn issue(world: &mut World, session: &mut Session, count: usize) -> Cost {
    cost(world, |world| {
        world.issue(session, &names(count)).unwrap();
    })
}

#[test]
fn one_name_costs_six_requests_and_no_wait() {
    let (mut world, mut session) = warm(gentle());
    let cost = issue(&mut world, &mut session, 1);
    assert_eq!((cost.signed, cost.nonces, cost.directories), (6, 0, 0));
    assert_eq!((cost.round_trips, cost.waited), (6, Duration::ZERO));
    let operations: Vec<_> =
        world.ca.requests().iter().rev().take(6).rev().map(|one| one.operation).collect();
    assert_eq!(
        operations,
        [
            Operation::NewOrder,
            Operation::Authorization,
            Operation::Challenge,
            Operation::Order,
            Operation::Finalize,
            Operation::Certificate
        ]
    );
}

/// Most CAs take a moment to issue: the order has to be read once more.
#[test]
fn one_name_costs_seven_requests_where_the_ca_takes_its_time() {
    let mut config = gentle();
    config.finalize = Finalize::AfterPolls(0);
    let (mut world, mut session) = warm(config);
    let cost = issue(&mut world, &mut session, 1);
    assert_eq!((cost.signed, cost.nonces, cost.directories, cost.round_trips), (7, 0, 0, 7));
    assert_eq!(cost.waited, acme_proto::limits::FIRST_POLL_WAIT);
}

#[test]
fn a_hundred_names_fetch_their_nonces_once() {
    let (mut world, mut session) = warm(gentle());
    let first = issue(&mut world, &mut session, 100);
    assert_eq!(first.nonces, 15);
    let second = issue(&mut world, &mut session, 100);
    assert_eq!(second.nonces, 0);
    assert_eq!((first.signed, second.signed), (204, 204));
    assert_eq!((first.waited, second.waited), (Duration::ZERO, Duration::ZERO));
    // newOrder (and nonces), seven rounds of reads, seven of answers, order, finalize, certificate;
    // and one more round where the nonces have yet to come.
    assert_eq!(second.round_trips, 1 + 7 + 7 + 3);
    assert!(first.round_trips <= second.round_trips + 1, "{first:?}");
}

/// Without a nonce at hand newOrder fetches its own beside the others.
#[test]
fn a_hundred_names_with_an_empty_pool_fetch_one_nonce_more() {
    let (mut world, session) = warm(gentle());
    let mut session = {
        let account = session.account_url().unwrap().to_owned();
        let mut fresh = world.session();
        let key = account_key();
        // Another account, so that its key is known here: only its nonces are of interest.
        world.open(&mut fresh, &key).unwrap();
        let url = fresh.account_url().unwrap().to_owned();
        assert_ne!(url, account);
        let mut empty = fresh.for_another_account(1);
        empty.sign_in(&url, key).unwrap();
        empty
    };
    let cost = issue(&mut world, &mut session, 100);
    assert_eq!((cost.nonces, cost.directories, cost.signed), (16, 0, 204));
}

#[test]
fn the_table_of_what_issuances_cost() {
    let mut table = String::from("                        signed nonces directory trips waited\n");
    let mut row = |name: &str, cost: &Cost| {
        let Cost { signed, nonces, directories, round_trips, waited } = cost;
        writeln!(table, "{name:24}{signed:6}{nonces:7}{directories:10}{round_trips:6} {waited:?}").unwrap();
    };
    for (count, label) in [(1, "1 name"), (2, "2 names"), (10, "10 names"), (100, "100 names")] {
        let mut world = World::new(gentle());
        let mut session = world.session();
        let cold = cost(&mut world, |world| {
            world.open(&mut session, &account_key()).unwrap();
            world.issue(&mut session, &names(count)).unwrap();
        });
        row(&format!("{label}, cold, account"), &cold);
        row(&format!("{label}, warm"), &issue(&mut world, &mut session, count));
        row(&format!("{label}, again"), &issue(&mut world, &mut session, count));
    }
    println!("{table}");
}
