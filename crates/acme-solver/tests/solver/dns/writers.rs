//! Several writers at one zone at the same time, over real sockets.

use std::sync::{Arc, Barrier};
use std::thread;

use acme_http::Client;
use acme_proto::{Challenge, Solver};
use acme_solver::dns::{DnsProvider, DnsSolver, service};

use super::powerdns_fake::PowerDnsFake;
use super::served::Served;
use super::world::{Fake, SECRET};
use crate::solver::challenge::{TOKEN, good, of_kind};

/// A challenge whose value is like no other's.
pub(super) fn numbered(name: &str, number: u8) -> Challenge {
    let mut json = serde_json::to_value(of_kind("dns-01", name, TOKEN)).unwrap();
    json["digest"] = vec![number; 32].into();
    serde_json::from_value(json).unwrap()
}

pub(super) fn provider(served: &Served<PowerDnsFake>, secret: &str) -> Arc<dyn DnsProvider> {
    let (url, secret) = (served.url(), secret.to_owned());
    let find = move |name: &str| match name {
        "PDNS_API_URL" => Some(url.clone()),
        "PDNS_API_KEY" => Some(secret.clone()),
        _ => None,
    };
    service("pdns").unwrap().provider(&find).unwrap()
}

/// The challenges of a writer: two at one name, and one that is its own.
pub(super) fn challenges(writer: u8) -> Vec<Challenge> {
    let own = format!("host{writer}.example.com");
    vec![
        numbered("example.com", writer),
        numbered("*.example.com", 100 + writer),
        numbered(&own, 200 + writer),
    ]
}

pub(super) const WRITERS: u8 = 8;
pub(super) const NAME: &str = "_acme-challenge.example.com";

#[test]
fn threads_lose_no_value_and_write_once_each() {
    let served = Served::start(PowerDnsFake::default());
    served.fake(|fake| fake.put(NAME, "of-somebody-else"));
    let client = Client::builder().danger_allow_http().build().unwrap();
    let solver = DnsSolver::new(provider(&served, SECRET), client);
    let together = |act: fn(&mut DnsSolver, &[Challenge]) -> Vec<bool>| {
        let start = Barrier::new(usize::from(WRITERS));
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (mut solver, start) = (solver.clone(), &start);
                scope.spawn(move || {
                    let challenges = challenges(writer);
                    start.wait();
                    assert_eq!(act(&mut solver, &challenges), [true; 3]);
                });
            }
        });
    };
    together(|solver, challenges| good(&solver.present(challenges)));
    let values = served.fake(|fake| fake.values(NAME));
    assert_eq!(values.len(), 1 + 2 * usize::from(WRITERS), "{values:?}");
    for challenge in (0..WRITERS).flat_map(challenges) {
        let values = served.fake(|fake| fake.values(&challenge.dns_name()));
        assert!(values.contains(&challenge.dns_value()), "{}", challenge.dns_name());
    }
    // Had somebody written between a read and its write, a second write would have been needed.
    assert_eq!(served.count("PATCH"), usize::from(WRITERS));

    together(|solver, challenges| good(&solver.withdraw(challenges)));
    assert_eq!(served.fake(|fake| fake.values(NAME)), ["of-somebody-else"]);
    assert_eq!(served.count("PATCH"), 2 * usize::from(WRITERS));
}

#[test]
fn zones_are_written_at_the_same_time() {
    let served = Served::start(PowerDnsFake::default());
    let client = Client::builder().danger_allow_http().build().unwrap();
    let solver = DnsSolver::new(provider(&served, SECRET), client);
    let names = ["example.com", "example.org", "sub.example.com"];
    thread::scope(|scope| {
        for (number, name) in (1..).zip(names) {
            let mut solver = solver.clone();
            scope.spawn(move || assert_eq!(good(&solver.present(&[numbered(name, number)])), [true]));
        }
    });
    for name in names {
        assert_eq!(served.fake(|fake| fake.values(&format!("_acme-challenge.{name}"))).len(), 1, "{name}");
    }
    assert_eq!(served.count("PATCH"), names.len());
}
