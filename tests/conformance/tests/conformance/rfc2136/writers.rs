//! What is written, and what others wrote.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use acme_conformance::pebble::{self, Settings};
use acme_conformance::primary::Program;
use acme_lib::{Account, DirectoryUrl, IssueRequest};
use acme_solver::Resolver;

use super::{challenge, each_server, present, solver, start, withdraw};

each_server!(
    apex_and_wildcard_are_certified_and_nothing_is_left,
    large_orders_go_over_tcp_and_larger_ones_in_pieces,
    same_again_is_no_error,
    cname_is_followed,
    writers_at_once_lose_nothing
);

const NAME: &str = "_acme-challenge.example.test";

fn apex_and_wildcard_are_certified_and_nothing_is_left(program: Program) {
    let server = Arc::new(start(program));
    let settings = Settings { dns: Some(server.address()), ..Settings::default() };
    pebble::with(&settings, move |pebble| {
        let url = pebble.directory_url();
        let account = Account::builder(DirectoryUrl::Other(&url))
            .agree_to_terms()
            .root_pem(pebble.root_pem().unwrap())
            .open()
            .unwrap();
        let request = IssueRequest::new(["example.test", "*.example.test", "www.example.test"]);
        let certificate = account.issue(&request, &mut solver(server.address())).unwrap();
        assert_eq!(certificate.info().names.len(), 3);
        assert_eq!(server.texts(NAME).unwrap(), ["of somebody else"]);
        assert!(server.texts("_acme-challenge.www.example.test").unwrap().is_empty());
    });
}

fn large_orders_go_over_tcp_and_larger_ones_in_pieces(program: Program) {
    let server = start(program);
    let mut solver = solver(server.address());
    for count in [100, 1500] {
        let names: Vec<_> =
            (0..count).map(|number| format!("a-somewhat-long-name-{number}.example.test")).collect();
        let challenges: Vec<_> = names.iter().map(|name| challenge(name, 1)).collect();
        present(&mut solver, &challenges);
        let is_there = |name: &&String| server.texts(&format!("_acme-challenge.{name}")).unwrap().len() == 1;
        assert_eq!(names.iter().filter(is_there).count(), count);
        withdraw(&mut solver, &challenges);
        assert_eq!(names.iter().filter(is_there).count(), 0);
    }
}

fn same_again_is_no_error(program: Program) {
    let server = start(program);
    let mut solver = solver(server.address()).with_ttl(7);
    let challenges = [challenge("example.test", 1), challenge("example.test", 2)];
    for _ in 0..2 {
        present(&mut solver, &challenges);
        assert_eq!(server.texts(NAME).unwrap().len(), 3);
    }
    withdraw(&mut solver, &challenges[..1]);
    assert_eq!(server.texts(NAME).unwrap(), [challenges[1].dns_value(), "of somebody else".to_owned()]);
    for _ in 0..2 {
        withdraw(&mut solver, &challenges);
        assert_eq!(server.texts(NAME).unwrap(), ["of somebody else"]);
    }
}

fn cname_is_followed(program: Program) {
    let server = start(program);
    let resolver = Resolver::new([server.address()]);
    let mut solver = solver(server.address()).with_delegation(Arc::new(resolver));
    let challenges = [challenge("alias.example.test", 1)];
    present(&mut solver, &challenges);
    assert_eq!(server.texts("written.here.example.test").unwrap(), [challenges[0].dns_value()]);
    withdraw(&mut solver, &challenges);
    assert!(server.texts("written.here.example.test").unwrap().is_empty());
}

fn writers_at_once_lose_nothing(program: Program) {
    let server = start(program);
    let address = server.address();
    let each = |act: fn(usize, SocketAddr)| {
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                scope.spawn(move || act(writer, address));
            }
        });
    };
    each(|writer, address| {
        for number in 0..VALUES {
            present(&mut solver(address), &[challenge("example.test", writer * VALUES + number)]);
        }
    });
    let mut expected: Vec<_> =
        (0..WRITERS * VALUES).map(|number| challenge("example.test", number).dns_value()).collect();
    expected.push("of somebody else".to_owned());
    expected.sort_unstable();
    assert_eq!(server.texts(NAME).unwrap(), expected);
    each(|writer, address| {
        let own: Vec<_> =
            (0..VALUES).map(|number| challenge("example.test", writer * VALUES + number)).collect();
        withdraw(&mut solver(address), &own);
    });
    assert_eq!(server.texts(NAME).unwrap(), ["of somebody else"]);
}

const WRITERS: usize = 8;
const VALUES: usize = 4;
